"""Gates taken apart in ways of our own are the gates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from scipy.linalg import expm

from qml_qdl.hardware.simulator.gates.native import decomposition, is_native
from qml_qdl.hardware.simulator.tracing import native_tape


@pytest.mark.parametrize(
    "name",
    [
        "SingleExcitation",
        "SingleExcitationPlus",
        "SingleExcitationMinus",
        "DoubleExcitation",
        "DoubleExcitationPlus",
        "DoubleExcitationMinus",
    ],
)
def test_excitations_are_taken_apart_exactly(name: str) -> None:
    operation = getattr(qml, name)(0.7, range(4 if "Double" in name else 2))
    tape = qml.tape.QuantumScript(decomposition(operation))
    matrix = qml.matrix(tape, wire_order=operation.wires)
    np.testing.assert_allclose(matrix, operation.matrix(), atol=1e-14)
    assert all(is_native(gate) for gate in tape)


WORD, SUM = qml.X(0) @ qml.Y(1), qml.X(0) @ qml.Y(1) + 0.7 * qml.Z(0)


EXPONENTIALS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "evolve word": (WORD, lambda angle: qml.evolve(WORD, angle)),
    "evolve sum": (SUM, lambda angle: qml.evolve(SUM, angle)),
    "exp word": (WORD, lambda angle: qml.exp(WORD, -1j * angle)),
    "exp sum": (SUM, lambda angle: qml.exp(SUM, -1j * angle)),
    "evolve identity": (qml.I(0), lambda angle: qml.evolve(qml.I(0), angle)),
    "adjoint": (WORD, lambda angle: qml.adjoint(qml.evolve(WORD, -angle))),
}


@pytest.mark.parametrize("angle", [1e-3, 0.05, 0.7, 20.0])
@pytest.mark.parametrize("name", EXPONENTIALS)
def test_exponentials_are_exact(name: str, angle: float) -> None:
    generator, make = EXPONENTIALS[name]
    expected = expm(-1j * angle * qml.matrix(generator, wire_order=[0, 1]))
    for number in (angle, torch.tensor(angle, dtype=torch.float64)):
        tape = native_tape(qml.tape.QuantumScript([make(number)]))
        found = torch.as_tensor(qml.matrix(tape, wire_order=[0, 1]))
        matrix = found.resolve_conj().numpy()
        np.testing.assert_allclose(matrix, expected, atol=1e-11)
        unit = matrix @ matrix.conj().T
        np.testing.assert_allclose(unit, np.eye(4), atol=1e-14)


def test_exponentials_of_rows_are_unitary() -> None:
    """torch.matrix_exp errs by up to 1e-10, most for small angles."""
    angles = torch.linspace(1e-3, 3.0, 500, dtype=torch.float64)
    tape = native_tape(qml.tape.QuantumScript([qml.evolve(SUM, angles)]))
    (gate,) = tape.operations
    matrices = gate.matrix()
    unit = matrices @ matrices.mH
    eye = torch.eye(4, dtype=unit.dtype).expand_as(unit)
    torch.testing.assert_close(unit, eye, atol=1e-14, rtol=0.0)
