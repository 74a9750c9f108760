"""Gates of several actions are their matrices, whatever is around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pennylane as qml
import pytest
from numpy.typing import NDArray

from qml_qdl.hardware.simulator.gates.actions import (
    Action,
    Constant,
    Controlled,
    Dense,
    Monomial,
    Rotation,
)
from qml_qdl.hardware.simulator.gates.compounds import compound, is_compound
from qml_qdl.hardware.structure import Gate

AFFINE: dict[str, tuple[int, int]] = {
    "Rot": (1, 3),
    "U2": (1, 2),
    "U3": (1, 3),
    "CRot": (2, 3),
    "PSWAP": (2, 1),
    "IsingXY": (2, 1),
    "FermionicSWAP": (2, 1),
    "SingleExcitation": (2, 1),
    "SingleExcitationPlus": (2, 1),
    "SingleExcitationMinus": (2, 1),
    "OrbitalRotation": (4, 1),
    "DoubleExcitation": (4, 1),
    "DoubleExcitationPlus": (4, 1),
    "DoubleExcitationMinus": (4, 1),
}
"""Wires and angles of each."""

AROUND: dict[str, Callable[[Any], Any]] = {
    "itself": lambda gate: gate,
    "adjoint": lambda gate: qml.adjoint(gate, lazy=True),
    "control": lambda gate: qml.ctrl(gate, ["a", "b"], [0, 1]),
    "adjoint of control": lambda gate: qml.adjoint(qml.ctrl(gate, "a"), lazy=True),
    "power": lambda gate: qml.pow(gate, -2.0, lazy=True),
    "control of power": lambda gate: qml.ctrl(qml.pow(gate, 3, lazy=True), "a"),
}


def matrix_of(
    action: Action, wires: int, angles: Sequence[float]
) -> NDArray[np.complex128]:
    """An action as PennyLane sees it, on all wires."""
    if isinstance(action, Constant):
        own: Any = qml.QubitUnitary(action.matrix, action.wire)
    elif isinstance(action, Monomial):
        size = len(action.sources)
        matrix = np.zeros((size, size), dtype=complex)
        matrix[np.arange(size), action.sources] = action.factors
        own = qml.QubitUnitary(matrix, action.wires)
    elif isinstance(action, Rotation):
        basis = np.eye(1, dtype=complex)
        for each in action.bases:
            basis = np.asarray(np.kron(basis, each))
        turn = np.exp(1j * angles[action.slot] * action.phases)
        own = qml.QubitUnitary(basis * turn @ basis.conj().T, action.wires)
    elif isinstance(action, Dense):
        assert action.matrix is not None
        own = qml.QubitUnitary(action.matrix, action.wires)
    else:
        assert isinstance(action, Controlled)
        assert action.target.matrix is not None
        target = qml.QubitUnitary(action.target.matrix, action.target.wires)
        own = qml.ctrl(target, action.controls, action.values)
    return np.asarray(qml.matrix(own, wire_order=range(wires)))


def check(operation: Any, angles: Sequence[float]) -> tuple[Action, ...]:
    assert is_compound(operation)
    wires = len(operation.wires)
    slots = tuple(range(len(angles)))
    actions = compound(operation)(Gate("key", tuple(range(wires)), slots, operation))
    product = np.eye(2**wires, dtype=complex)
    for action in actions:
        product = matrix_of(action, wires, angles) @ product
    expected = qml.matrix(operation, wire_order=operation.wires)
    np.testing.assert_allclose(product, expected, atol=1e-13)
    return actions


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("name", AFFINE)
def test_actions_are_the_matrix(name: str, around: str) -> None:
    wires, count = AFFINE[name]
    angles = np.random.default_rng(0).uniform(-1, 1, count).tolist()
    operation = AROUND[around](getattr(qml, name)(*angles, wires=range(wires)))
    if "power" in around and (count > 1 or name == "PSWAP"):
        assert not is_compound(operation)
        return
    check(operation, angles)


@pytest.mark.parametrize("wires", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("name", ["QFT", "GroverOperator"])
def test_templates_are_the_matrix(name: str, wires: int) -> None:
    if name == "GroverOperator" and wires == 1:
        return  # PennyLane wants two
    operation = getattr(qml, name)(wires=range(wires))
    check(operation, [])
    check(qml.adjoint(operation, lazy=True), [])
    assert not is_compound(qml.ctrl(operation, "a"))
    assert not is_compound(qml.pow(operation, 2, lazy=True))


def test_what_is_undone_again_needs_no_control() -> None:
    """Of CNOT, CRY, CNOT only the middle is controlled."""
    excitation = qml.SingleExcitation(0.3, [0, 1])
    first, turn, last = check(qml.ctrl(excitation, ["a", "b"]), [0.3])
    assert isinstance(turn, Rotation)
    assert len(turn.wires) == 4
    for swap in (first, last):
        assert isinstance(swap, Monomial)
        assert len(swap.wires) == 2


def test_a_power_of_another_kind_is_none() -> None:
    assert not is_compound(qml.pow(qml.IsingXY(0.1, [0, 1]), np.float32(2), lazy=True))
    assert not is_compound(qml.RX(0.1, 0))
