"""What gates do to amplitudes: turns, constants, moved amplitudes, matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.hardware.simulator.gates.actions import (
    Constant,
    Dense,
    Monomial,
    Rotation,
    acting,
)
from qml_qdl.hardware.simulator.gates.native import is_native
from qml_qdl.hardware.structure import Gate


def as_gate(operation: Any) -> Gate:
    slots = tuple(range(len(operation.data)))
    return Gate("key", tuple(operation.wires), slots, operation)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (qml.RX(0.1, 0), Rotation),
        (qml.PauliRot(0.1, "XIY", [0, 1, 2]), Rotation),
        (qml.ctrl(qml.RY(0.1, 0), [1, 2, 3]), Rotation),
        (qml.adjoint(qml.IsingZZ(0.1, [0, 1])), Rotation),
        (qml.GlobalPhase(0.1), Rotation),
        (qml.Hadamard(0), Constant),
        (qml.Identity([0, 1, 2]), Constant),
        (qml.CNOT([0, 1]), Monomial),
        (qml.ISWAP([0, 1]), Monomial),
        (qml.Toffoli([2, 0, 1]), Monomial),
        (qml.CH([0, 1]), Dense),
        (qml.QubitUnitary(np.eye(4), [0, 1]), Dense),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else value.name,
)
def test_action_of(operation: Any, expected: type) -> None:
    assert is_native(operation)
    (found,) = acting(operation)(as_gate(operation))
    assert isinstance(found, expected)


@pytest.mark.parametrize(
    "operation",
    [
        qml.RX(0.7, 0),
        qml.CRY(0.7, [0, 1]),
        qml.ctrl(qml.PauliRot(0.7, "YX", [2, 1]), [0, 3], control_values=[0, 1]),
        qml.pow(qml.IsingYY(0.7, [1, 0]), -1.5),
        qml.adjoint(qml.CPhaseShift10(0.7, [1, 0])),
        qml.MultiRZ(0.7, [0, 1, 2]),
        qml.ctrl(qml.GlobalPhase(0.7, 2), [0, 1], control_values=[0, 1]),
        qml.adjoint(qml.ctrl(qml.GlobalPhase(0.7), [1, 0])),
    ],
    ids=lambda operation: str(operation.name),
)
def test_rotation_is_the_matrix(operation: Any) -> None:
    """V D V† of the phases and bases is PennyLane's matrix."""
    (found,) = acting(operation)(as_gate(operation))
    assert isinstance(found, Rotation)
    basis = np.ones((1, 1), dtype=complex)
    for matrix in found.bases:
        basis = np.kron(basis, matrix)
    diagonal = np.diag(np.exp(1j * 0.7 * found.phases))
    matrix = operation.matrix(wire_order=operation.wires)
    np.testing.assert_allclose(basis @ diagonal @ basis.conj().T, matrix, atol=1e-14)
