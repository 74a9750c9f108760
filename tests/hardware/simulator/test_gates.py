"""Every operator of PennyLane's runs as on default.qubit, or is excluded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from scipy.linalg import expm

from qml_qdl.hardware.plan import Gate
from qml_qdl.hardware.simulator.gates import (
    Constant,
    Dense,
    Monomial,
    Rotation,
    action,
)
from qml_qdl.hardware.simulator.native import decomposition, is_native
from qml_qdl.hardware.simulator.tracing import native_tape

WIRES = 4
ORDER = [3, 0, 2, 1]


def before() -> None:
    for wire in range(WIRES):
        qml.Rot(0.3 + wire, 0.5, -0.2, wires=wire)
        qml.CNOT([wire, (wire + 1) % WIRES])


def after() -> None:
    for wire in range(WIRES):
        qml.RY(0.4, wires=wire)
        qml.CZ([wire, (wire + 1) % WIRES])


def test_every_operator_is_drawn_or_excluded(known: set[str]) -> None:
    assert set(qml.ops.__all_ops__) == known


@pytest.mark.parametrize("rows", [None, 3, 20])
def test_gate_is_default_qubits(
    gate: str, rows: int | None, kinds: dict[str, Any], agree: Callable[..., Any]
) -> None:
    kind = kinds[gate]
    wires = ORDER[: kind.wires]

    def circuit(*numbers: Any) -> Any:
        before()
        kind.build(numbers, wires)
        after()
        return qml.state()

    numbers = kind.draw(np.random.default_rng(7), rows)
    if rows is None or "IsingXY" not in gate:
        # default.qubit takes torch.matrix_exp, which errs by up to 1e-9.
        inexact = gate in (
            "exp",
            "evolve",
            "ctrl(evolve)",
            "TrotterProduct",
            "SpecialUnitary",
        )
        agree(circuit, numbers, WIRES, tolerance=1e-8 if inexact else None)
        return
    # default.qubit has no batches of these on torch (PennyLane 0.45).
    node = qml.QNode(circuit, qml.device("qdl.simulator", wires=WIRES))
    alone = [node(*(torch.as_tensor(n[row]) for n in numbers)) for row in range(rows)]
    together = node(*map(torch.as_tensor, numbers))
    torch.testing.assert_close(together, torch.stack(alone), atol=1e-12, rtol=0.0)


def test_gate_keeps_single_precision(
    gate: str, kinds: dict[str, Any], agree: Callable[..., Any]
) -> None:
    kind = kinds[gate]

    def circuit(x: Any, *numbers: Any) -> Any:
        qml.RX(x, 0)
        before()
        kind.build(numbers, ORDER[: kind.wires])
        after()
        return qml.expval(qml.Z(0)), qml.expval(qml.X(3) @ qml.Y(1))

    numbers = kind.draw(np.random.default_rng(3), None)
    agree(circuit, [np.array(0.7), *numbers], WIRES, single=True)


def test_excluded_is_refused(excluded: str, reasons: dict[str, str]) -> None:
    assert reasons[excluded]
    operator = getattr(qml, excluded)
    if excluded in ("Snapshot", "WireCut"):
        assert operator(wires=[0]).decomposition() == [] if excluded == "WireCut" else 1
        return
    numbers: list[Any] | None = {
        "ControlledQutritUnitary": [np.eye(3)],
        "FockDensityMatrix": [np.eye(2) / 2],
        "GaussianState": [np.eye(2), np.zeros(2)],
        "InterferometerUnitary": [np.eye(2)],
        "QubitDensityMatrix": [np.eye(2) / 2],
        "QutritBasisState": [np.array([1])],
        "QutritUnitary": [np.eye(3)],
    }.get(excluded)
    if numbers is None:
        count = operator.num_params
        numbers = [0.3] * (count if isinstance(count, int) else 1)
    count = operator.num_wires
    wires = list(range(count)) if isinstance(count, int) and count > 0 else [0]
    options: dict[str, Any] = {"wires": wires}
    if excluded == "InterferometerUnitary":
        options["wires"] = [0, 1]
    if excluded == "ControlledQutritUnitary":
        options = {"wires": [1], "control_wires": [0]}

    @qml.qnode(qml.device("qdl.simulator", wires=3))
    def circuit() -> Any:
        qml.Hadamard(2)
        operator(*numbers, **options)
        return qml.expval(qml.Z(0))

    with pytest.raises(qml.exceptions.DeviceError, match="not supported"):
        circuit()


@pytest.mark.parametrize(
    "operation",
    [
        qml.Hermitian(np.eye(2), 0),
        qml.s_prod(2.0, qml.X(0)),
        qml.sum(qml.X(0), qml.Z(0)),
        qml.Hamiltonian([0.5, 0.5], [qml.X(0), qml.Z(0)]),
        qml.ctrl(qml.TShift(wires=0), 1),
        qml.exp(qml.X(0), 0.5),
    ],
    ids=["Hermitian", "SProd", "Sum", "LinearCombination", "qutrit", "growth"],
)
def test_what_is_no_gate_is_refused(operation: Any) -> None:
    @qml.qnode(qml.device("qdl.simulator", wires=2))
    def circuit() -> Any:
        qml.Hadamard(1)
        qml.apply(operation)
        return qml.expval(qml.Z(0))

    with pytest.raises(qml.exceptions.DeviceError, match="not supported"):
        circuit()


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
    assert isinstance(action(as_gate(operation)), expected)


@pytest.mark.parametrize(
    "operation",
    [
        qml.RX(0.7, 0),
        qml.CRY(0.7, [0, 1]),
        qml.ctrl(qml.PauliRot(0.7, "YX", [2, 1]), [0, 3], control_values=[0, 1]),
        qml.pow(qml.IsingYY(0.7, [1, 0]), -1.5),
        qml.adjoint(qml.CPhaseShift10(0.7, [1, 0])),
        qml.MultiRZ(0.7, [0, 1, 2]),
    ],
    ids=lambda operation: str(operation.name),
)
def test_rotation_is_the_matrix(operation: Any) -> None:
    """V D V† of the phases and bases is PennyLane's matrix."""
    found = action(as_gate(operation))
    assert isinstance(found, Rotation)
    basis = np.ones((1, 1), dtype=complex)
    for matrix in found.bases:
        basis = np.kron(basis, matrix)
    diagonal = np.diag(np.exp(1j * 0.7 * found.phases))
    matrix = operation.matrix(wire_order=operation.wires)
    np.testing.assert_allclose(basis @ diagonal @ basis.conj().T, matrix, atol=1e-14)


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


def test_wide_gates_are_taken_apart() -> None:
    assert not is_native(qml.QFT(range(8)))
    assert is_native(qml.MultiControlledX(range(6)))


def test_gates_without_effect_keep_their_wires() -> None:
    @qml.qnode(qml.device("qdl.simulator"))
    def circuit() -> Any:
        qml.Barrier()
        qml.Identity(["a", "b", "c"])
        qml.Barrier(only_visual=True)
        qml.I()
        return qml.probs()

    np.testing.assert_array_equal(circuit(), np.eye(8)[0])
