"""Kept states are those that would cost most to find again, and never too many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.hardware.plan import make_plan
from qml_qdl.hardware.simulator.compiler import compile_structure
from qml_qdl.hardware.simulator.evolution import MOST_KEPT, Keeping
from qml_qdl.hardware.simulator.setting import Setting
from qml_qdl.hardware.simulator.steps import PermutationStep, PhaseStep, Step

SETTING = Setting(torch.complex128, torch.device("cpu"), few_rows=True, whole=False)


def steps(layers: int) -> Sequence[Step]:
    """An encoding, turns and a chain of CNOTs, some times."""
    operations: list[qml.operation.Operator] = []
    for _ in range(layers):
        operations += [qml.RZ(np.array([0.1, 0.2]), wire) for wire in range(8)]
        operations += [qml.RY(0.3, wire) for wire in range(8)]
        operations += [qml.CNOT([wire, wire + 1]) for wire in range(7)]
    plan = make_plan(qml.tape.QuantumScript(operations), range(8))
    program = compile_structure(plan.structure, plan.batched, SETTING)
    return program.evolution.steps


def names(layers: int) -> list[str]:
    return [type(step).__name__ for step in steps(layers)]


def test_a_layer_is_three_steps() -> None:
    assert names(2) == ["PhaseStep", "ProductStep", "PermutationStep"] * 2


def test_nothing_is_kept_where_nothing_is_wanted() -> None:
    wanted = [False] * 4
    assert Keeping.of(steps(3), wanted) == Keeping(frozenset(), (), frozenset())


def test_states_of_all_that_ask_spare_all_undoing() -> None:
    keeping = Keeping.of(steps(2), [True, False, False])  # of the matrices
    assert keeping == Keeping(frozenset({1, 4}), (1, 4), frozenset())
    assert keeping.first == 1


@pytest.mark.parametrize("layers", [1, 3, 30])
def test_a_constant_number_is_kept(layers: int) -> None:
    run = steps(layers)
    keeping = Keeping.of(run, [True] * (layers + 1))
    assert len(keeping.kept) == min(2 * layers, MOST_KEPT + 1)
    # All others are found by undoing what comes after them.
    found = set(keeping.kept)
    for index in sorted(keeping.undone, reverse=True):
        assert index in found
        found.add(index - 1)
    assert keeping.asking <= found


def test_the_dearest_are_spared() -> None:
    """Undoing a product costs most: what is kept is the state before it."""
    run = steps(10)
    keeping = Keeping.of(run, [True] * 11, most=3)
    *kept, last = keeping.kept
    assert last == len(run) - 1
    assert all(isinstance(run[index], PhaseStep) for index in kept)
    assert not keeping.undone & {index + 1 for index in kept}
    assert isinstance(run[-1], PermutationStep)
