"""Compiling: a structure becomes a program."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import groupby
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import pennylane as qml
import torch
from attrs import evolve
from numpy.typing import NDArray
from torch import Tensor

from qml_qdl.hardware.simulator.blocks import BlockList, BlockMaker
from qml_qdl.hardware.simulator.evolution.adjoint import Evolution
from qml_qdl.hardware.simulator.evolution.block_diagonal_steps import (
    ControlledStep,
    Cut,
    EntriesStep,
)
from qml_qdl.hardware.simulator.evolution.local_steps import LocalPhaseStep, MatrixStep
from qml_qdl.hardware.simulator.evolution.product_step import Factor, ProductStep
from qml_qdl.hardware.simulator.evolution.steps import PermutationStep, PhaseStep, Step
from qml_qdl.hardware.simulator.gates.actions import (
    Controlled,
    Dense,
    Entries,
    Given,
    Rotation,
)
from qml_qdl.hardware.simulator.modes import made_to_last
from qml_qdl.hardware.simulator.program import (
    Angles,
    Feed,
    Program,
    RowGroups,
    SharedPhases,
)
from qml_qdl.hardware.simulator.schedule import (
    BlockDiagonal,
    Diagonal,
    Matrices,
    Permutation,
    Product,
    Stage,
    local_states,
    make_schedule,
    permutation,
)
from qml_qdl.hardware.simulator.tensor_options import (
    MOST_WIRES_PATTERNS,
    TensorOptions,
    in_precision,
)
from qml_qdl.hardware.structure import Gate, Structure

LEAST_REAL = 64
"""Smaller matrices are as fast if complex: views of real parts take time too."""


class StageCompiler:
    """Turns stages into steps, and notes how their parameters are made.

    Args:
        num_wires: Wires of the circuit.
        options: Precision, device and kind of batch.
        common: Slots whose angles are common to all rows.
        rows: Slots whose angles differ from row to row.
        expanded: Whether the first state differs from row to row already.
    """

    def __init__(
        self,
        num_wires: int,
        options: TensorOptions,
        common: Sequence[int],
        rows: Sequence[int],
        expanded: bool,
    ) -> None:
        self.steps: list[Step] = []
        self.feeds: list[Feed] = []
        self.fixed: dict[int, Tensor] = {}
        self._groups: list[list[int]] = []
        self._taken_by: dict[int, list[int]] = {}
        self._permutations: dict[Hashable, PermutationStep | None] = {}
        self._num_wires = num_wires
        self._options = options
        self._common = {slot: index for index, slot in enumerate(common)}
        self._rows = {slot: index for index, slot in enumerate(rows)}
        self._expanded = expanded

    def run(self, stages: Sequence[Stage]) -> None:
        """Adds the steps of stages.

        Args:
            stages: In the order of application.
        """
        blocks = BlockList(self._num_wires)
        placed = [blocks.add(s) if isinstance(s, Product) else [] for s in stages]
        makers = blocks.makers(self._common, self._options)
        parameters = {maker.size: index for index, maker in enumerate(makers)}
        for maker in makers:
            if maker.fixed:
                self.add_fixed(_real_if_close(maker(maker.phases.new_zeros(1))))
            else:
                self.feeds.append(_block_feed(maker))
        for stage, places in zip(stages, placed, strict=True):
            if isinstance(stage, Product):
                product = [
                    Factor(parameters[size], index, 2**start, 2**size)
                    for start, size, index in places
                ]
                self.steps.append(ProductStep(tuple(product)))
            elif isinstance(stage, Permutation):
                self._permutation(stage)
            elif isinstance(stage, Diagonal):
                self._diagonal(stage)
            elif isinstance(stage, BlockDiagonal):
                self._block_diagonal(stage)
            else:
                self._matrices(stage)

    def add_fixed(self, matrices: Tensor) -> int:
        """Adds a parameter that no angle changes.

        Args:
            matrices: Its value.

        Returns:
            Its index.
        """
        index = len(self.feeds)
        self.fixed[index] = matrices
        self.feeds.append(lambda angles, groups: matrices)
        return index

    def fixed_matrix(self, run: Sequence[Step]) -> Tensor:
        """(1, 2ⁿ, 2ⁿ) what steps do that take no other parameters than fixed ones."""
        state = torch.eye(
            2**self._num_wires, dtype=self._options.dtype, device=self._options.device
        )[None]
        parameters = [self.fixed.get(index, state) for index in range(len(self.feeds))]
        return _real_if_close(Evolution(tuple(run)).plainly(state, parameters))

    def singles(self, step: PhaseStep) -> Tensor:
        """(n, slots) the phases of a step on single wires, by all angles of a row."""
        assert step.singles is not None
        found = step.singles.new_zeros(len(step.singles), len(self._rows))
        index = torch.tensor(self._taken_by[step.parameter], device=found.device)
        return found.index_add(1, index, step.singles)

    def groups(self) -> RowGroups:
        """How angles that differ from row to row are cut."""
        order = [position for group in self._groups for position in group]
        index = torch.tensor(order, device=self._options.device)
        in_order = order == list(range(len(self._rows)))
        sizes = tuple(len(group) for group in self._groups)
        return RowGroups(None if in_order else index, sizes)

    def _expands(self, batched: bool) -> bool:
        """Whether this step is the first that tells rows apart."""
        first = batched and not self._expanded
        self._expanded = self._expanded or batched
        return first

    def _permutation(self, stage: Permutation) -> None:
        # Gates of one kind have the very same arrays, so that layers are known again.
        key = tuple((g.wires, id(g.sources), id(g.factors)) for g in stage.gates)
        if key not in self._permutations:
            self._permutations[key] = self._permutation_step(stage)
        step = self._permutations[key]
        if step is not None:
            self.steps.append(step)

    def _permutation_step(self, stage: Permutation) -> PermutationStep | None:
        """The step of a stage; None for one that undoes itself."""
        tensor = self._options.tensor
        sources, factors = permutation(stage, self._num_wires)
        moves = None
        if (sources != np.arange(len(sources))).any():
            there, targets = tensor(sources), np.argsort(sources)
            swaps = np.array_equal(sources, targets)
            moves = there, there if swaps else tensor(targets)
        if factors is not None:
            return PermutationStep(moves, tensor(factors)[:, None])
        return None if moves is None else PermutationStep(moves, None)

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
        if batched:
            group = len(self._groups)
            self._groups.append([self._rows[r.slot] for r in rotations])
            self._taken_by[len(self.feeds)] = self._groups[group]
            self.feeds.append(lambda angles, groups: groups[group])
        else:
            index = torch.tensor(
                [self._common[r.slot] for r in rotations], device=self._options.device
            )
            self.feeds.append(_common_feed(index))
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
                pattern = amplitude_phases(rotation, wires)
                assert sums is not None
                sums[slot] = pattern
                if len(rotation.wires) > 1:
                    assert patterns is not None
                    patterns[:, slot] = pattern
        symmetric = np.array_equal(singles[0::2], -singles[1::2])
        if symmetric:
            singles = np.ascontiguousarray(singles[1::2])
        tensor = self._options.tensor
        self.steps.append(
            PhaseStep(
                self._angles(rotations, batched),
                batched,
                self._expands(batched),
                self._options.few_rows,
                symmetric,
                tensor(singles) if singles.any() else None,
                None if patterns is None else tensor(patterns),
                None if sums is None else tensor(sums),
            )
        )

    def _local_phase(self, rotation: Rotation, batched: bool) -> None:
        cut = Cut.at(rotation.wires, self._num_wires)
        self.steps.append(
            LocalPhaseStep(
                self._angles([rotation], batched),
                batched,
                self._expands(batched),
                self._options.few_rows,
                cut.shape,
                cut.spread(self._options.tensor(rotation.phases)),
            )
        )

    def _matrices(self, stage: Matrices) -> None:
        for gate in stage.gates:
            self.steps.append(
                MatrixStep(
                    self._matrix(gate),
                    gate.wires,
                    self._num_wires,
                    stage.batched,
                    self._expands(stage.batched),
                    self._options.few_rows,
                )
            )

    def _block_diagonal(self, stage: BlockDiagonal) -> None:
        for gate in stage.gates:
            expands = self._expands(stage.batched)
            if isinstance(gate, Entries):
                cut = Cut.at(gate.wires, self._num_wires)
                self.feeds.append(self._matrix_feed(gate))
                self.steps.append(
                    EntriesStep(
                        len(self.feeds) - 1,
                        stage.batched,
                        expands,
                        self._options.few_rows,
                        cut.shape,
                        cut.order,
                    )
                )
            else:
                self._controlled(gate, stage.batched, expands)

    def _controlled(self, gate: Controlled, batched: bool, expands: bool) -> None:
        controls = sorted(zip(gate.controls, gate.values, strict=True))
        shape, last = [], -1
        for control, _ in controls:
            shape += [2 ** (control - last - 1), 2]
            last = control
        left = [w for w in range(self._num_wires) if w not in gate.controls]
        inner = MatrixStep(
            self._matrix(gate.target),
            tuple(left.index(wire) for wire in gate.target.wires),
            len(left),
            batched,
            False,
            self._options.few_rows,
        )
        self.steps.append(
            ControlledStep(
                inner,
                (*shape, 2 ** (self._num_wires - 1 - last)),
                tuple(value for _, value in controls),
                expands,
            )
        )

    def _matrix(self, gate: Dense) -> int:
        """The parameter that holds a gate's matrix."""
        if gate.matrix is not None:
            return self.add_fixed(self._options.tensor(gate.matrix))
        self.feeds.append(self._matrix_feed(gate))
        return len(self.feeds) - 1

    def _matrix_feed(self, gate: Given) -> Feed:
        return lambda angles, groups: matrix_of_gate(
            gate, angles, self._common, self._rows, self._options
        )


def matrix_of_gate(
    gate: Given,
    angles: Angles,
    common: Mapping[int, int],
    rows: Mapping[int, int],
    options: TensorOptions,
) -> Tensor:
    """The matrix of a gate, without its controls; a diagonal's entries.

    Args:
        gate: The gate.
        angles: The numbers of the structure.
        common: For each slot that is common to all rows its place among such.
        rows: The same for those that differ.
        options: Precision and device.

    Returns:
        (2ᵏ, 2ᵏ), or (rows, 2ᵏ, 2ᵏ); of a diagonal one dimension less.
    """
    if isinstance(gate, Controlled):
        gate = gate.target
    if isinstance(gate, Dense) and gate.matrix is not None:
        return options.tensor(gate.matrix)
    if gate.slots[0] in angles.matrices:
        return angles.matrices[gate.slots[0]]
    if isinstance(gate, Entries):
        array = in_precision(angles.arrays[gate.slots[0]], options.dtype)
        return gate.entries(array).to(options.dtype)

    def number(slot: int) -> Tensor:
        if slot in rows:
            return angles.rows[rows[slot]]
        if slot in common:
            return angles.common[common[slot]]
        return angles.arrays[slot]

    numbers = [number(slot) for slot in gate.slots]
    found = _matrix_of(gate.operation, numbers)
    return torch.as_tensor(found).to(dtype=options.dtype, device=options.device)


def _matrix_of(operation: Any, numbers: Sequence[Tensor]) -> Any:
    """A gate's matrix with other numbers."""
    if isinstance(operation, qml.QubitUnitary):
        return numbers[0]
    if isinstance(operation, qml.ops.op_math.Adjoint):
        matrix = torch.as_tensor(_matrix_of(operation.base, numbers))
        return matrix.mH.resolve_conj()
    operation = qml.ops.functions.bind_new_parameters(operation, numbers)
    return operation.matrix(wire_order=operation.wires)


def _real_if_close(matrices: Tensor) -> Tensor:
    """Matrices without their imaginary parts if those are rounding.

    So it often is between turns about one axis, and a large product is half the work.
    """
    rounding = 8 * torch.finfo(matrices.dtype).eps
    large = matrices.is_complex() and matrices.shape[-1] >= LEAST_REAL
    if large and bool((matrices.imag.abs() <= rounding).all()):
        return matrices.real.contiguous()
    return matrices


def amplitude_phases(rotation: Rotation, num_wires: int) -> NDArray[np.float64]:
    """The phase of each amplitude at angle 1.

    Args:
        rotation: The rotation.
        num_wires: Wires of the circuit, n.

    Returns:
        (2ⁿ,).
    """
    return rotation.phases[local_states(rotation.wires, num_wires)]


def _block_feed(maker: BlockMaker) -> Feed:
    return lambda angles, groups: maker(angles.common)


def _common_feed(index: Tensor) -> Feed:
    return lambda angles, groups: angles.common.index_select(0, index)[:, None]


_PROGRAMS: WeakValueDictionary[Hashable, Program] = WeakValueDictionary()
"""Those that anybody still has."""


def shared_program(
    structure: Structure, batched: Sequence[bool], options: TensorOptions
) -> Program:
    """The program of a structure: that which somebody has already, or a new one.

    Args:
        structure: As of `compile_structure`.
        batched: The same.
        options: The same.

    Returns:
        The program.
    """
    key = structure, tuple(batched), options
    found = _PROGRAMS.get(key)
    if found is None:
        with made_to_last():
            found = compile_structure(structure, batched, options)
            _PROGRAMS[key] = found
    return found


def compile_structure(
    structure: Structure, batched: Sequence[bool], options: TensorOptions
) -> Program:
    """Compiles a structure.

    Args:
        structure: A structure of native gates, of which the first may prepare a state.
        batched: For each slot whether its numbers differ from row to row.
        options: Precision, device and kind of batch.

    Returns:
        The program.
    """
    preparation, gates = structure.preparation, structure.gates
    if preparation is not None:
        gates = gates[1:]
    common, rows = scalar_slots(structure, batched)
    stages = make_schedule(gates, structure.num_wires, batched)
    vector = np.zeros(2**structure.num_wires, dtype=complex)
    vector[0] = 1
    if preparation is None:
        vector, stages = _run_fixed(vector, stages, structure.num_wires)
    compiler = StageCompiler(
        structure.num_wires,
        options,
        common,
        rows,
        expanded=preparation is not None and any(batched[s] for s in preparation.slots),
    )
    compiler.run(stages)
    runs: list[Evolution] = []
    steps = compiler.steps
    last = None
    if options.whole:
        size = 2**structure.num_wires
        runs, steps = _with_runs(steps, compiler, size)
        if runs and steps[-1].taken == (len(compiler.feeds) + len(runs) - 1,):
            last = runs.pop()
            steps.pop()
    steps, shared = _share_phases(steps, compiler, len(compiler.feeds) + len(runs))
    return Program(
        structure.num_wires,
        common,
        rows,
        preparation,
        options.tensor(vector)[None, :, None],
        compiler.groups(),
        tuple(compiler.feeds),
        shared,
        tuple(runs),
        Evolution(tuple(steps)),
        last,
        options,
        unitary=all(map(is_unitary, gates)),
    )


def scalar_slots(
    structure: Structure, batched: Sequence[bool]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Which slots hold single numbers.

    Args:
        structure: A structure of native gates.
        batched: For each slot whether its numbers differ from row to row.

    Returns:
        Those that are common to all rows, and those that differ, in order.
    """
    scalar = [
        slot
        for gate in structure.gates
        for slot, dimension in zip(gate.slots, _dimensions(gate), strict=True)
        if dimension == 0
    ]
    return (
        tuple(slot for slot in scalar if not batched[slot]),
        tuple(slot for slot in scalar if batched[slot]),
    )


def _dimensions(gate: Gate) -> tuple[int, ...]:
    return tuple(gate.operation.ndim_params) if gate.slots else ()


def is_unitary(gate: Gate) -> bool:
    """Whether a gate can be undone; only projections cannot."""
    return not isinstance(gate.operation, qml.Projector)


def _run_fixed(
    vector: NDArray[np.complex128], stages: Sequence[Stage], num_wires: int
) -> tuple[NDArray[np.complex128], list[Stage]]:
    """Applies the stages at the beginning that have no angle; returns the others."""
    for index, stage in enumerate(stages):
        if isinstance(stage, Permutation):
            sources, factors = permutation(stage, num_wires)
            vector = vector[sources] * (1 if factors is None else factors)
        elif isinstance(stage, Product) and not stage.slots():
            for wire, turns in stage.turns.items():
                view = vector.reshape(2**wire, 2, -1)
                for turn in turns:
                    view = turn.first @ view
                vector = view.reshape(-1)
        else:
            return vector, list(stages[index:])
    return vector, []


def _share_phases(
    steps: Sequence[Step], compiler: StageCompiler, parameter: int
) -> tuple[list[Step], SharedPhases | None]:
    """Has the phases of several steps made at once.

    Args:
        steps: The steps.
        compiler: Knows which angles each takes.
        parameter: The index that these phases will have.

    Returns:
        The steps, and what makes the phases; None for fewer than two.
    """
    singles: list[Tensor] = []
    changed: list[Step] = []
    for step in steps:
        if isinstance(step, PhaseStep) and step.is_plain:
            step = evolve(step, shared=parameter, place=len(singles))
            singles.append(compiler.singles(step))
        changed.append(step)
    if len(singles) < 2:
        return list(steps), None
    return changed, SharedPhases(torch.stack(singles))


def _with_runs(
    steps: Sequence[Step], compiler: StageCompiler, size: int
) -> tuple[list[Evolution], list[Step]]:
    """Takes out the runs of steps common to all rows.

    Args:
        steps: The steps.
        compiler: Made them, and takes the matrices of runs without any angle.
        size: 2ⁿ.

    Returns:
        The runs, and the steps with a product for each of them: of a matrix that is one
        more parameter.
    """
    groups: list[tuple[Step, ...]] = []
    many = False
    for batched, group in groupby(steps, lambda step: getattr(step, "batched", False)):
        run = tuple(group)
        many = many or batched
        if batched or not many or len(run) == 1:
            groups += [(step,) for step in run]
        else:
            groups.append(run)
    places = {
        index: compiler.add_fixed(compiler.fixed_matrix(run))
        for index, run in enumerate(groups)
        if len(run) > 1 and all(compiler.fixed.keys() >= {*step.taken} for step in run)
    }
    runs: list[Evolution] = []
    rest: list[Step] = []
    for index, run in enumerate(groups):
        if len(run) == 1:
            rest += run
            continue
        if index not in places:
            places[index] = len(compiler.feeds) + len(runs)
            runs.append(Evolution(run))
        rest.append(ProductStep((Factor(places[index], 0, 1, size),)))
    return runs, rest
