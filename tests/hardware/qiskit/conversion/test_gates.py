"""Every gate of the table is PennyLane's, whatever the wires are called."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import Operator

from qml_qdl.hardware.qiskit.conversion.gates import TABLE, in_table, translate

Build: TypeAlias = Callable[[Sequence[float], Sequence[Hashable]], Any]

LABELS: list[list[Hashable]] = [[0, 1, 2], ["a", "b", "c"], [1, 0, 2], [5, 7, 9]]


def plain(name: str) -> tuple[int, Build]:
    kind = getattr(qml, name)
    count = kind.num_wires if isinstance(kind.num_wires, int) else 1
    return count, lambda p, w: kind(*p[: kind.num_params], wires=w)


SPECIAL: dict[str, tuple[int, Build]] = {
    "Adjoint(S)": (1, lambda p, w: qml.adjoint(qml.S(w))),
    "Adjoint(SX)": (1, lambda p, w: qml.adjoint(qml.SX(w))),
    "Adjoint(T)": (1, lambda p, w: qml.adjoint(qml.T(w))),
    "Barrier": (2, lambda p, w: qml.Barrier(w)),
    "C(Adjoint(S))": (2, lambda p, w: qml.ctrl(qml.adjoint(qml.S(w[1])), w[0])),
    "C(PhaseShift)": (3, lambda p, w: qml.ctrl(qml.PhaseShift(p[0], w[2]), w[:2])),
    "C(S)": (2, lambda p, w: qml.ctrl(qml.S(w[1]), w[0])),
    "C(SX)": (2, lambda p, w: qml.ctrl(qml.SX(w[1]), w[0])),
    "GlobalPhase": (0, lambda p, w: qml.GlobalPhase(p[0])),
    "MultiControlledX": (
        3,
        lambda p, w: qml.MultiControlledX(w, control_values=[0, 1]),
    ),
    "MultiRZ": (3, lambda p, w: qml.MultiRZ(p[0], wires=w)),
    "PauliRot": (3, lambda p, w: qml.PauliRot(p[0], "XZY", wires=w)),
}
GATES = {name: SPECIAL.get(name) or plain(name) for name in TABLE}
ANGLES = [0.7, -1.9, 2.6]


def as_unitary(operation: Any, order: Sequence[Hashable]) -> Any:
    """The gate as Qiskit's, with symbols bound last, in PennyLane's order of bits."""
    symbols = list(ParameterVector("s", len(operation.data)))
    positions = {wire: place for place, wire in enumerate(order)}
    circuit = QuantumCircuit(len(order))
    for gate, places in translate(operation, symbols):
        circuit.append(gate, [positions[operation.wires[place]] for place in places])
    bound = dict(zip(symbols, map(float, operation.data), strict=True))
    circuit = circuit.assign_parameters(bound) if bound else circuit
    return Operator(circuit.reverse_bits()).data


def pennylane_unitary(operation: Any, order: Sequence[Hashable]) -> Any:
    idle = [qml.Identity(wire) for wire in order]
    tape = qml.tape.QuantumScript([*idle, operation])
    return qml.matrix(tape, wire_order=order)


@pytest.mark.parametrize("order", LABELS, ids=str)
@pytest.mark.parametrize("name", TABLE)
def test_gate_is_the_same_unitary(name: str, order: list[Hashable]) -> None:
    count, build = GATES[name]
    wires = [order[2], order[0], order[1]][:count]
    operation = build(ANGLES, wires)
    assert operation.name == name
    assert in_table(operation)
    expected = pennylane_unitary(operation, order)
    np.testing.assert_allclose(as_unitary(operation, order), expected, atol=1e-12)


@pytest.mark.parametrize("values", [[0, 0, 0], [0, 0, 1], [1, 0, 1], [1, 1, 0]])
def test_controls_have_their_values(values: list[int]) -> None:
    operation = qml.MultiControlledX([2, 0, 3, 1], control_values=values)
    expected = pennylane_unitary(operation, range(4))
    np.testing.assert_allclose(as_unitary(operation, range(4)), expected, atol=1e-12)


@pytest.mark.parametrize("word", ["III", "IYI", "XIX", "ZYX", "YY", "Z", "ZIIX"])
def test_pauli_rotation_of_any_word(word: str) -> None:
    operation = qml.PauliRot(0.7, word, wires=[2, 0, 3, 1][: len(word)])
    expected = pennylane_unitary(operation, range(4))
    np.testing.assert_allclose(as_unitary(operation, range(4)), expected, atol=1e-12)


def test_drawn_barrier_is_nothing() -> None:
    assert translate(qml.Barrier([0, 1], only_visual=True), []) == []


@pytest.mark.parametrize(
    "operation",
    [
        qml.ctrl(qml.PhaseShift(0.1, 2), [0, 1], control_values=[0, 1]),
        qml.ctrl(qml.S(2), [0, 1]),
        qml.ctrl(qml.SX(2), [0], control_values=[0]),
        qml.QubitUnitary(np.eye(2), 0),
        qml.TRX(0.1, wires=0),
    ],
    ids=str,
)
def test_what_is_not_in_the_table(operation: Any) -> None:
    assert not in_table(operation)
