"""Whatever PennyLane has becomes native: exact, and one structure for all numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from tests.hardware.qiskit.planning import (
    ORDER,
    WIRES,
    expected,
    native,
    numbers,
    planned,
    unitary,
)
from tests.hardware.simulator.conftest import ALL


def built(name: str, values: list[Any], around: str) -> Any:
    kind: Any = ALL[name]
    with qml.QueuingManager.stop_recording():
        operation = kind.build(values, WIRES[: kind.wires])
        if around == "adjoint":
            return qml.adjoint(operation)
        if around == "control":
            return qml.ctrl(operation, WIRES[3:], control_values=[0])
        if around == "controls":
            return qml.ctrl(operation, WIRES[2:], control_values=[1, 0])
    return operation


AROUND = {"": 4, "adjoint": 4, "control": 3, "controls": 2}


@pytest.mark.parametrize(
    ("name", "around"),
    [
        (n, a)
        for n, k in ALL.items()
        for a in AROUND
        # Where two controls fit, one is nothing else.
        if k.wires <= AROUND[a] and not (a == "control" and k.wires <= 2)
    ],
)
def test_operator_is_the_same_unitary(name: str, around: str) -> None:
    kind = ALL[name]
    values = kind.draw(np.random.default_rng(1), None)
    operation = built(name, values, around)
    plan = planned([operation])
    found = unitary(plan)
    if isinstance(operation, qml.StatePrep | qml.BasisState):
        state = operation.state_vector(wire_order=ORDER).ravel()
        np.testing.assert_allclose(found[:, 0], state, atol=1e-10)
        return
    np.testing.assert_allclose(found, expected(operation), atol=1e-10)
    other = kind.draw(np.random.default_rng(2), None)
    assert planned([built(name, other, around)]).structure == plan.structure


@pytest.mark.parametrize(
    ("name", "around"),
    [
        (n, a)
        for n, k in ALL.items()
        for a in ("", "control")
        if k.wires <= AROUND[a] and k.draw(np.random.default_rng(), None)
    ],
)
def test_batch_is_its_rows(name: str, around: str) -> None:
    kind = ALL[name]
    values = kind.draw(np.random.default_rng(1), 3)
    together = planned([built(name, [torch.as_tensor(v) for v in values], around)])
    for row in range(3):
        alone = planned([built(name, [v[row] for v in values], around)])
        assert alone.structure == together.structure
        np.testing.assert_allclose(numbers(together, row), numbers(alone), atol=1e-9)


@pytest.mark.parametrize(
    "state",
    [[1, 0, 0, 0], [0, 0, 0, 1], [0.6, 0, -0.8, 0], [0.5, 0.5j, -0.5, -0.5j]],
    ids=str,
)
def test_state_with_zeros(state: list[complex]) -> None:
    operation = qml.StatePrep(np.array(state), ["c", "a"])
    found = unitary(planned([operation]))[:, 0]
    wanted = operation.state_vector(wire_order=ORDER).ravel()
    np.testing.assert_allclose(found, wanted, atol=1e-12)


PREPARED = {
    "bits": lambda rng: qml.BasisEmbedding(rng.integers(0, 2, 4), WIRES),
    "amplitudes": lambda rng: qml.AmplitudeEmbedding(
        rng.integers(0, 3, 4) + np.eye(4)[0], ["a", "b"], normalize=True
    ),
    "phases": lambda rng: qml.DiagonalQubitUnitary(
        rng.choice([1, -1, 1j], 4), ["a", "b"]
    ),
    "controlled matrices": lambda rng: qml.ControlledQubitUnitary(
        np.diag(rng.choice([1, -1, 1j], 4)), WIRES, control_values=[0, 1]
    ),
}


@pytest.mark.parametrize("name", PREPARED)
def test_images_share_one_structure(name: str) -> None:
    rng = np.random.default_rng(0)
    structures = {planned([PREPARED[name](rng)]).structure for _ in range(8)}
    assert len(structures) == 1


@pytest.mark.parametrize(
    "operation",
    [
        qml.Hermitian(np.eye(2), "a"),
        qml.s_prod(2.0, qml.X("a")),
        qml.sum(qml.X("a"), qml.Z("a")),
        qml.exp(qml.X("a"), 0.5),
        qml.pow(qml.Hermitian(np.eye(2), "a"), 0.5),
        qml.ctrl(qml.TShift(wires="a"), "b"),
        qml.QutritUnitary(np.eye(3), wires="a"),
    ],
    ids=lambda operation: str(operation.name),
)
def test_what_is_no_gate_is_refused(operation: Any) -> None:
    with pytest.raises(qml.exceptions.DeviceError, match="not supported with qdl"):
        planned([operation])


def gradients(operations: list[Any], leaves: list[Any]) -> list[Any]:
    observables = [qml.expval(qml.Z("a")), qml.expval(qml.X("b") @ qml.Y("c"))]
    device = qml.device("default.qubit", wires=ORDER)
    tape = qml.tape.QuantumScript(operations, observables)
    (results,) = qml.execute([tape], device, diff_method="backprop", interface="torch")
    total = sum((k + 1) * value.sum() for k, value in enumerate(results))
    return [gradient.numpy() for gradient in torch.autograd.grad(total, leaves)]


DIFFERENTIABLE: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "SpecialUnitary": (
        lambda p: qml.SpecialUnitary(p, ["a", "c"]),
        np.linspace(-1, 1, 15),
    ),
    "SpecialUnitary at 1": (
        lambda p: qml.SpecialUnitary(p, ["a", "c"]),
        np.zeros(15),
    ),
    "ctrl(SpecialUnitary)": (
        lambda p: qml.ctrl(qml.SpecialUnitary(p, ["a"]), ["b", "d"], [0, 1]),
        np.array([0.1, 0.2, 0.3]),
    ),
    "evolve": (
        lambda p: qml.evolve(qml.X("a") @ qml.Y("b") + 0.3 * qml.Z("a"), p),
        np.array(0.4),
    ),
    "DiagonalQubitUnitary": (
        lambda p: qml.DiagonalQubitUnitary(torch.exp(1j * p), ["a", "b"]),
        np.linspace(-1, 1, 12).reshape(3, 4),
    ),
    "AmplitudeEmbedding": (
        lambda p: qml.AmplitudeEmbedding(p, ["a", "c"], normalize=True),
        np.array([[0.1, 0.7, -0.3, 0.4], [0.5, -0.1, 0.2, 0.2]]),
    ),
    "StatePrep": (
        lambda p: qml.StatePrep(
            torch.complex(p[0], p[1]) / torch.linalg.vector_norm(p), ["a", "c"]
        ),
        np.array([[0.1, 0.7, -0.3, 0.4], [0.5, -0.1, 0.2, 0.2]]),
    ),
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradient_flows_through_a_decomposition(name: str) -> None:
    build, start = DIFFERENTIABLE[name]
    found = []
    for ours in (False, True):
        leaf = torch.tensor(start, requires_grad=True)
        after = [qml.RX(0.3, "a"), qml.CNOT(["a", "b"]), qml.RY(0.7, "c")]
        if "Prep" in name or "Embedding" in name:
            operations = [build(leaf), *after]
        else:
            operations = [*after, build(leaf), qml.RX(0.2, "c"), qml.CNOT(["c", "a"])]
        if ours:
            kept = native(operations).operations
            operations = [gate for gate in kept if gate.name != "GlobalPhase"]
        found.append(gradients(operations, [leaf])[0])
    np.testing.assert_allclose(found[1], found[0], atol=1e-10)


def test_matrix_without_gradient_has_no_more_gates() -> None:
    matrix = torch.eye(2, dtype=torch.complex128, requires_grad=True)
    with torch.no_grad():
        plan = planned([qml.QubitUnitary(matrix, "a")])
    assert plan.structure == planned([qml.QubitUnitary(np.eye(2), "a")]).structure
    assert len(planned([qml.QubitUnitary(matrix, "a")]).structure.gates) == 5
