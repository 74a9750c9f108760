"""Structures become programs of few steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pennylane as qml
import torch

from qml_qdl.hardware.simulator.compiler import compile_structure
from qml_qdl.hardware.simulator.program import Program
from qml_qdl.hardware.simulator.tensor_options import TensorOptions
from qml_qdl.hardware.structure import make_plan
from tests.hardware.simulator.programs import CPU


def program(operations: Sequence[Any], wires: int, **options: Any) -> Program:
    usual = {"dtype": torch.complex128, "device": CPU, "few_rows": False}
    made = make_plan(qml.tape.QuantumScript(operations), range(wires))
    return compile_structure(
        made.structure,
        made.batched,
        TensorOptions(**{**usual, "whole": False, **options}),
    )


ROWS = np.linspace(0, 1, 5)


def kinds(made: Program) -> list[str]:
    return [type(step).__name__ for step in made.evolution.steps]


def test_a_layer_is_three_steps() -> None:
    """An encoding, turns and a chain of CNOTs, each at once."""
    gates: list[Any] = [qml.RZ(ROWS, wire) for wire in range(8)]
    gates += [qml.RY(0.3, wire) for wire in range(8)]
    gates += [qml.CNOT([wire, wire + 1]) for wire in range(7)]
    expected = ["PhaseStep", "ProductStep", "PermutationStep"] * 2
    assert kinds(program(gates * 2, 8)) == expected


def test_fixed_gates_at_the_beginning_are_the_first_state() -> None:
    made = program([qml.Hadamard(0), qml.CNOT([0, 1]), qml.RY(0.3, 1)], 2)
    bell = torch.tensor([1, 0, 0, 1], dtype=torch.complex128) / 2**0.5
    torch.testing.assert_close(made.initial[0, :, 0], bell)
    assert kinds(made) == ["ProductStep"]


def test_wide_rotations_of_many_wires_are_local() -> None:
    """Numbers for every amplitude are stored up to twelve wires."""
    gates = [qml.IsingZZ(ROWS, [0, 2]), qml.RZ(ROWS, 1)]
    assert kinds(program(gates, 12)) == ["PhaseStep"]
    assert kinds(program(gates, 13)) == ["PhaseStep", "LocalPhaseStep"]


def test_rows_and_slots_are_sorted_by_how_they_come() -> None:
    gates = [
        qml.RX(0.1, 0),
        qml.RY(ROWS, 1),
        qml.QubitUnitary(np.eye(2), 0),
        qml.RZ(0.2, 1),
    ]
    made = program(gates, 2)
    assert made.common_slots == (0, 3)
    assert made.row_slots == (1,)


def test_runs_of_common_gates_become_matrices() -> None:
    encoding = [qml.RZ(ROWS, wire) for wire in range(3)]
    layer = [qml.RY(0.1, 0), qml.CNOT([0, 1]), qml.CNOT([1, 2]), qml.RX(0.2, 1)]
    gates = [*encoding, *layer, *encoding, *layer]
    plain = program(gates, 3)
    assert (plain.runs, plain.last) == ((), None)
    whole = program(gates, 3, whole=True)
    assert kinds(whole) == ["PhaseStep", "ProductStep", "PhaseStep"]
    assert len(whole.runs) == 1
    assert whole.last is not None  # multiplies the states at the end
    # A run without any angle is known when it is compiled.
    fixed = [qml.Hadamard(0), qml.CNOT([0, 1]), qml.Hadamard(1), qml.CNOT([1, 2])]
    known = program([*encoding, *fixed, *encoding], 3, whole=True)
    assert kinds(known) == ["PhaseStep", "ProductStep", "PhaseStep"]
    assert (known.runs, known.last) == ((), None)


def test_only_projections_cannot_be_undone() -> None:
    assert program([qml.RX(0.1, 0)], 1).unitary
    assert not program([qml.RX(0.1, 0), qml.Projector([1], 0)], 1).unitary
