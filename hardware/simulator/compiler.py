"""Compiling: a structure becomes a program."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pennylane as qml
import torch
from numpy.typing import NDArray
from torch import Tensor

from qml_qdl.hardware.plan import Gate, Structure
from qml_qdl.hardware.simulator.blocks import BlockList, BlockMaker
from qml_qdl.hardware.simulator.evolution import Evolution
from qml_qdl.hardware.simulator.gates import Dense, Rotation
from qml_qdl.hardware.simulator.local_steps import LocalPhaseStep, MatrixStep
from qml_qdl.hardware.simulator.product_step import Block, ProductStep
from qml_qdl.hardware.simulator.program import Angles, Feed, Program
from qml_qdl.hardware.simulator.schedule import (
    Diagonal,
    Matrices,
    Permutation,
    Product,
    Stage,
    make_schedule,
    permutation,
)
from qml_qdl.hardware.simulator.setting import MOST_WIRES_PATTERNS, Setting
from qml_qdl.hardware.simulator.steps import PermutationStep, PhaseStep, Step


def compile_structure(
    structure: Structure, batched: Sequence[bool], setting: Setting
) -> Program:
    """Compiles a structure.

    Args:
        structure: A structure of native gates, of which the first may prepare a state.
        batched: For each slot whether its numbers differ from row to row.
        setting: Precision, device and kind of batch.

    Returns:
        The program.
    """
    gates = structure.gates
    preparation = None
    if gates and isinstance(gates[0].operation, qml.operation.StatePrepBase):
        preparation, gates = gates[0], gates[1:]
    scalar = [
        slot
        for gate in gates
        for slot, dimension in zip(gate.slots, _dimensions(gate), strict=True)
        if dimension == 0
    ]
    common = tuple(slot for slot in scalar if not batched[slot])
    rows = tuple(slot for slot in scalar if batched[slot])
    stages = make_schedule(gates, structure.num_wires, batched)
    vector = np.zeros(2**structure.num_wires, dtype=complex)
    vector[0] = 1
    if preparation is None:
        vector, stages = _run_fixed(vector, stages, structure.num_wires)
    compiler = _Compiler(
        structure.num_wires,
        setting,
        common,
        rows,
        expanded=preparation is not None and any(batched[s] for s in preparation.slots),
    )
    compiler.run(stages)
    runs: list[Evolution] = []
    steps = compiler.steps
    last = None
    if setting.whole:
        size = 2**structure.num_wires
        runs, steps = _with_runs(steps, len(compiler.feeds), size)
        if runs and steps[-1].taken == (len(compiler.feeds) + len(runs) - 1,):
            last = runs.pop()
            steps.pop()
    return Program(
        structure.num_wires,
        common,
        rows,
        preparation,
        setting.tensor(vector)[None, :, None],
        tuple(compiler.feeds),
        tuple(runs),
        Evolution(tuple(steps)),
        last,
        setting,
        unitary=all(_is_unitary(gate) for gate in gates),
    )


def _dimensions(gate: Gate) -> tuple[int, ...]:
    return tuple(gate.operation.ndim_params) if gate.slots else ()


def _is_unitary(gate: Gate) -> bool:
    """Whether a gate can be undone; only projections cannot."""
    return not isinstance(gate.operation, qml.Projector)


def _run_fixed(
    vector: NDArray[np.complex128], stages: Sequence[Stage], num_wires: int
) -> tuple[NDArray[np.complex128], list[Stage]]:
    """Applies the stages at the beginning that have no angle; returns the others."""
    for index, stage in enumerate(stages):
        if isinstance(stage, Permutation):
            sources, factors = permutation(stage, num_wires)
            vector = factors * vector[sources]
        elif isinstance(stage, Product) and not stage.slots():
            for wire, turns in stage.turns.items():
                view = vector.reshape(2**wire, 2, -1)
                for turn in turns:
                    view = turn.first @ view
                vector = view.reshape(-1)
        else:
            return vector, list(stages[index:])
    return vector, []


def _with_runs(
    steps: Sequence[Step], count: int, size: int
) -> tuple[list[Evolution], list[Step]]:
    """Takes out the runs of steps common to all rows.

    Args:
        steps: The steps.
        count: Parameters that they take.
        size: 2ⁿ.

    Returns:
        The runs, and the steps with a product for each of them: of a matrix that is one
        more parameter.
    """
    runs: list[Evolution] = []
    rest: list[Step] = []
    many = False
    for batched, group in groupby(steps, lambda step: getattr(step, "batched", False)):
        run = tuple(group)
        many = many or batched
        if batched or not many or len(run) == 1:
            rest += run
            continue
        block = Block(count + len(runs), 0, 1, size)
        runs.append(Evolution(run))
        rest.append(ProductStep((block,)))
    return runs, rest


class _Compiler:
    """Turns stages into steps, and notes how their parameters are made."""

    def __init__(
        self,
        num_wires: int,
        setting: Setting,
        common: Sequence[int],
        rows: Sequence[int],
        expanded: bool,
    ) -> None:
        self.steps: list[Step] = []
        self.feeds: list[Feed] = []
        self._num_wires = num_wires
        self._setting = setting
        self._common = {slot: index for index, slot in enumerate(common)}
        self._rows = {slot: index for index, slot in enumerate(rows)}
        self._expanded = expanded

    def run(self, stages: Sequence[Stage]) -> None:
        blocks = BlockList(self._num_wires)
        placed = [blocks.add(s) if isinstance(s, Product) else [] for s in stages]
        makers = blocks.makers(self._common, self._setting)
        parameters = {maker.size: index for index, maker in enumerate(makers)}
        self.feeds = [_block_feed(maker) for maker in makers]
        for stage, places in zip(stages, placed, strict=True):
            if isinstance(stage, Product):
                product = [
                    Block(parameters[size], index, 2**start, 2**size)
                    for start, size, index in places
                ]
                self.steps.append(ProductStep(tuple(product)))
            elif isinstance(stage, Permutation):
                self._permutation(stage)
            elif isinstance(stage, Diagonal):
                self._diagonal(stage)
            else:
                self._matrices(stage)

    def _expands(self, batched: bool) -> bool:
        """Whether this step is the first that tells rows apart."""
        first = batched and not self._expanded
        self._expanded = self._expanded or batched
        return first

    def _permutation(self, stage: Permutation) -> None:
        sources, factors = permutation(stage, self._num_wires)
        plain = np.allclose(factors, 1, atol=1e-15, rtol=0)
        self.steps.append(
            PermutationStep(
                self._setting.tensor(sources),
                self._setting.tensor(np.argsort(sources)),
                None if plain else self._setting.tensor(factors)[:, None],
            )
        )

    def _diagonal(self, stage: Diagonal) -> None:
        """One step for all rotations, or one for each wide one among many wires."""
        wide = self._num_wires > MOST_WIRES_PATTERNS
        together = [r for r in stage.rotations if len(r.wires) == 1 or not wide]
        alone = [r for r in stage.rotations if len(r.wires) > 1 and wide]
        if together:
            self._phases(together, stage.batched)
        for rotation in alone:
            self._local_phase(rotation, stage.batched)

    def _angles(self, rotations: Sequence[Rotation], batched: bool) -> int:
        """The parameter that holds the angles of some rotations."""
        positions = self._rows if batched else self._common
        index = torch.tensor(
            [positions[r.slot] for r in rotations], device=self._setting.device
        )
        self.feeds.append(_row_feed(index) if batched else _common_feed(index))
        return len(self.feeds) - 1

    def _phases(self, rotations: Sequence[Rotation], batched: bool) -> None:
        wires, slots = self._num_wires, len(rotations)
        singles = np.zeros((2 * wires, slots))
        patterns = (
            np.zeros((2**wires, slots))
            if any(len(r.wires) > 1 for r in rotations)
            else None
        )
        stored = wires <= MOST_WIRES_PATTERNS
        sums = np.zeros((slots, 2**wires)) if stored else None
        for slot, rotation in enumerate(rotations):
            if len(rotation.wires) == 1:
                wire = rotation.wires[0]
                singles[2 * wire : 2 * wire + 2, slot] = rotation.phases
            if stored:
                pattern = _pattern(rotation, wires)
                assert sums is not None
                sums[slot] = pattern
                if len(rotation.wires) > 1:
                    assert patterns is not None
                    patterns[:, slot] = pattern
        symmetric = np.array_equal(singles[0::2], -singles[1::2])
        if symmetric:
            singles = np.ascontiguousarray(singles[1::2])
        tensor = self._setting.tensor
        self.steps.append(
            PhaseStep(
                self._angles(rotations, batched),
                batched,
                self._expands(batched),
                self._setting.few_rows,
                symmetric,
                tensor(singles) if singles.any() else None,
                None if patterns is None else tensor(patterns),
                None if sums is None else tensor(sums),
            )
        )

    def _local_phase(self, rotation: Rotation, batched: bool) -> None:
        order = np.argsort(rotation.wires)
        phases = rotation.phases.reshape((2,) * len(order)).transpose(order)
        shape, axes, last = [], [], -1
        for wire in np.sort(rotation.wires):
            shape += [2 ** int(wire - last - 1), 2]
            axes += [1, 2]
            last = int(wire)
        shape.append(2 ** (self._num_wires - 1 - last))
        self.steps.append(
            LocalPhaseStep(
                self._angles([rotation], batched),
                0,
                batched,
                self._expands(batched),
                self._setting.few_rows,
                tuple(shape),
                self._setting.tensor(np.ascontiguousarray(phases)).reshape(*axes, 1),
            )
        )

    def _matrices(self, stage: Matrices) -> None:
        for gate in stage.gates:
            self.feeds.append(self._matrix_feed(gate))
            self.steps.append(
                MatrixStep(
                    len(self.feeds) - 1,
                    gate.wires,
                    self._num_wires,
                    stage.batched,
                    self._expands(stage.batched),
                    self._setting.few_rows,
                )
            )

    def _matrix_feed(self, gate: Dense) -> Feed:
        setting = self._setting
        if gate.matrix is not None:
            fixed = setting.tensor(gate.matrix)
            return lambda angles: fixed

        def matrix(angles: Angles) -> Tensor:
            numbers = [self._number(slot, angles) for slot in gate.slots]
            operation = qml.ops.functions.bind_new_parameters(gate.operation, numbers)
            found = operation.matrix(wire_order=gate.operation.wires)
            return torch.as_tensor(found).to(dtype=setting.dtype, device=setting.device)

        return matrix

    def _number(self, slot: int, angles: Angles) -> Tensor:
        if slot in self._rows:
            return angles.rows[self._rows[slot]]
        if slot in self._common:
            return angles.common[self._common[slot]]
        return angles.arrays[slot]


def _pattern(rotation: Rotation, num_wires: int) -> NDArray[np.float64]:
    """(2ⁿ,) the phase of each amplitude at angle 1."""
    amplitudes = np.arange(2**num_wires)
    local = np.zeros_like(amplitudes)
    for wire in rotation.wires:
        local = 2 * local + (amplitudes >> (num_wires - 1 - wire) & 1)
    return rotation.phases[local]


def _block_feed(maker: BlockMaker) -> Feed:
    if maker.fixed:
        matrices = maker(maker.phases.new_zeros(1))
        return lambda angles: matrices
    return lambda angles: maker(angles.common)


def _common_feed(index: Tensor) -> Feed:
    return lambda angles: angles.common.index_select(0, index)[:, None]


def _row_feed(index: Tensor) -> Feed:
    return lambda angles: angles.rows.index_select(0, index)
