"""Every operator of PennyLane's runs as on default.qubit, or is excluded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.hardware.simulator.gates.native import decomposition, is_native

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


def test_every_operator_is_sampled_or_excluded(known: set[str]) -> None:
    assert set(qml.ops.__all_ops__) == known


def runs_as_default_qubit(
    gate: str, rows: int | None, kind: Any, agree: Callable[..., Any]
) -> None:
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


def test_gate_is_default_qubits(
    gate: str, kinds: dict[str, Any], agree: Callable[..., Any]
) -> None:
    runs_as_default_qubit(gate, None, kinds[gate], agree)


@pytest.mark.parametrize("rows", [pytest.param(3, marks=pytest.mark.slow), 20])
def test_gate_with_rows_is_default_qubits(
    turned: str, rows: int, kinds: dict[str, Any], agree: Callable[..., Any]
) -> None:
    runs_as_default_qubit(turned, rows, kinds[turned], agree)


def test_a_single_row_of_controlled_phases() -> None:
    def circuit(angle: Any) -> Any:
        qml.Hadamard(1)
        qml.ctrl(qml.GlobalPhase(angle, 0), 1)
        return qml.expval(qml.X(1))

    angle = torch.tensor([0.7], dtype=torch.float64)  # whose matrix is (1, 2, 2)
    found = qml.QNode(circuit, qml.device("qdl.simulator", wires=2))(angle)
    torch.testing.assert_close(found, angle.cos())


def test_gate_keeps_single_precision(
    turned: str, kinds: dict[str, Any], agree: Callable[..., Any]
) -> None:
    kind = kinds[turned]

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


@pytest.mark.parametrize(
    "operation",
    [
        qml.MultiControlledX(range(12), control_values=[0, 1] * 5 + [0]),
        qml.ctrl(qml.SWAP([0, 1]), range(2, 12)),
        qml.ctrl(qml.Hadamard(0), range(1, 12)),
        qml.ctrl(qml.QubitUnitary(np.eye(4), [0, 1]), range(2, 12)),
        qml.adjoint(qml.ctrl(qml.S(0), range(1, 12))),
        qml.DiagonalQubitUnitary(np.ones(2**12), range(12)),
        qml.SelectPauliRot(np.zeros(2**11), range(11), 11),
        qml.PCPhase(0.1, 5, range(12)),
        qml.QubitUnitary(np.eye(2**8), range(8)),
        qml.QFT(range(12)),
        qml.adjoint(qml.GroverOperator(range(12))),
        qml.IntegerComparator(5, range(12)),
        qml.FlipSign(3, range(12)),
        qml.Permute(range(12)[::-1], range(12)),
    ],
    ids=lambda operation: str(operation.name),
)
def test_wide_gates_are_taken_whole(operation: Any) -> None:
    assert is_native(operation)


def test_other_wide_gates_are_taken_apart() -> None:
    assert not is_native(qml.ctrl(qml.QFT(range(8)), 8))
    assert not is_native(qml.AQFT(1, range(8)))


def test_gates_without_effect_keep_their_wires() -> None:
    @qml.qnode(qml.device("qdl.simulator"))
    def circuit() -> Any:
        qml.Barrier()
        qml.Identity(["a", "b", "c"])
        qml.Barrier(only_visual=True)
        qml.I()
        return qml.probs()

    np.testing.assert_array_equal(circuit(), np.eye(8)[0])


@pytest.mark.parametrize(
    "operation",
    [
        qml.RX(0.1, 0),
        qml.ctrl(qml.RY(0.1, 0), [1, 2, 3]),
        qml.Identity(0),
        qml.adjoint(qml.QubitUnitary(np.eye(4), [0, 1])),
        qml.MultiControlledX(range(6)),
    ],
    ids=str,
)
def test_taken_as_they_are(operation: Any) -> None:
    assert is_native(operation)


@pytest.mark.parametrize(
    "operation",
    [
        qml.MottonenStatePreparation(np.array([0.6, 0, 0.48j, -0.64]), [0, 1]),
        qml.pow(qml.CRot(0.1, 0.2, 0.3, [0, 1]), 2),
        qml.ctrl(qml.exp(qml.X(0) @ qml.Y(1), 0.3j), 2),
        qml.pow(qml.evolve(qml.X(0) + qml.Z(0), 0.3), 2),
        qml.AQFT(1, range(7)),
    ],
    ids=str,
)
def test_parts_are_the_operation(operation: Any) -> None:
    assert not is_native(operation)
    tape = qml.tape.QuantumScript(decomposition(operation))
    found = qml.matrix(tape, wire_order=operation.wires)
    expected = qml.matrix(operation, wire_order=operation.wires)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_parts_keep_single_precision() -> None:
    """PennyLane multiplies with NumPy's constants, which are double."""
    angles = [torch.tensor(a) for a in (0.1, 0.2, 0.3)]
    for part in decomposition(qml.pow(qml.U3(*angles, wires=0), 2)):
        assert {number.dtype for number in part.data} == {torch.float32}
    double = decomposition(qml.pow(qml.U3(angles[0].double(), 0.2, 0.3, wires=0), 2))
    numbers = [number for part in double for number in part.data]
    assert torch.float64 in {n.dtype for n in numbers if isinstance(n, torch.Tensor)}


def test_growth_is_no_gate() -> None:
    with pytest.raises(qml.operation.DecompositionUndefinedError):
        decomposition(qml.exp(qml.X(0), 0.5))
