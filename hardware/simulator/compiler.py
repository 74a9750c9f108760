"""Compiling: a structure becomes a program."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pennylane as qml
import torch
from attrs import evolve
from numpy.typing import NDArray
from torch import Tensor

from qml_qdl.hardware.plan import Gate, Structure
from qml_qdl.hardware.simulator.evolution import Evolution
from qml_qdl.hardware.simulator.product_step import Block, ProductStep
from qml_qdl.hardware.simulator.program import Program, SharedPhases
from qml_qdl.hardware.simulator.schedule import (
    Permutation,
    Product,
    Stage,
    make_schedule,
    permutation,
)
from qml_qdl.hardware.simulator.setting import Setting
from qml_qdl.hardware.simulator.stage_compiler import StageCompiler
from qml_qdl.hardware.simulator.steps import PhaseStep, Step


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
    compiler = StageCompiler(
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
        setting.tensor(vector)[None, :, None],
        compiler.groups(),
        tuple(compiler.feeds),
        shared,
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
        rest.append(ProductStep((Block(places[index], 0, 1, size),)))
    return runs, rest
