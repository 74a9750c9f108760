"""Numbers of imported circuits belong to the circuit, on every device."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import ParameterVector
from qiskit.circuit import library as lib
from qiskit.quantum_info import Operator, random_unitary
from qiskit_ibm_runtime.fake_provider import FakeTorino

from qml_qdl import hardware
from qml_qdl.circuits import AngleEncoding
from qml_qdl.hardware.qiskit.conversion.fixed import Fixed
from qml_qdl.hardware.qiskit.conversion.structures import to_circuit
from qml_qdl.nn import QuantumLayer
from tests.hardware.qiskit.planning import planned

OPERATIONS: list[Any] = [
    qml.RX(0.3, "a"),
    qml.CRot(0.1, 0.2, 0.3, wires=["a", "b"]),
    qml.ctrl(qml.PhaseShift(0.3, 2), [0, 1], control_values=[0, 1]),
    qml.QubitUnitary(random_unitary(4, seed=1).data, [1, 0]),
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: str(one.name))
def test_operation_is_one_of_pennylane(operation: Any) -> None:
    fixed = Fixed(operation)
    qml.ops.functions.assert_valid(fixed, skip_differentiation=True)
    np.testing.assert_allclose(fixed.matrix(), operation.matrix())
    turned = qml.adjoint(operation).matrix()
    for lazy in (True, False):
        found = qml.adjoint(fixed, lazy=lazy)
        np.testing.assert_allclose(found.matrix(), turned, atol=1e-12)
    assert fixed.label(2) == operation.label(2)
    assert repr(operation) in repr(fixed)
    wires = dict(zip(operation.wires, "wxyz", strict=False))
    assert fixed.map_wires(wires).wires == operation.map_wires(wires).wires
    controlled = qml.ctrl(fixed, "c", control_values=[0])
    reference = qml.ctrl(operation, "c", control_values=[0]).matrix()
    np.testing.assert_allclose(controlled.matrix(), reference, atol=1e-12)


def program(angle: Any = 0.7) -> QuantumCircuit:
    """Numbers in gates of every sort, and two weights."""
    weights = ParameterVector("w", 2)
    circuit = QuantumCircuit(4, global_phase=0.2)
    circuit.rx(angle, 0)
    circuit.u(0.1, 0.2, angle, 1)
    circuit.ry(weights[0], 2)
    circuit.cu(0.5, 0.2, 0.3, 0.4, 0, 1)
    circuit.crz(0.3, 0, 2)
    circuit.mcp(0.8, [0, 1], 2)
    circuit.unitary(random_unitary(8, seed=1), [1, 3, 0])
    circuit.u(weights[1], 0.2, weights[0], 3)
    circuit.append(lib.RYGate(0.4).control(2, ctrl_state=1, annotated=False), [3, 0, 1])
    circuit.rzz(0.9, 2, 3)
    circuit.append(lib.UnitaryGate(random_unitary(2, seed=1)).control(1), [2, 0])
    return circuit


W = torch.tensor([0.4, 1.1], dtype=torch.float64)


@pytest.mark.parametrize(
    "name", ["default.qubit", "lightning.qubit", "qdl.simulator", "qdl.qiskit"]
)
@pytest.mark.parametrize("adjoint", [False, True])
def test_values_and_gradients_on_every_device(name: str, adjoint: bool) -> None:
    (block,) = hardware.from_qiskit(program(), weights="w").blocks
    queue = qml.adjoint(block.queue) if adjoint else block.queue
    weights = W.clone().requires_grad_()

    def function(weights: Any) -> Any:
        qml.RX(0.3, 0)
        queue(None, weights)
        return qml.probs(wires=range(4))

    found = qml.QNode(function, qml.device(name, wires=4))(weights)
    matrix = Operator(program().assign_parameters(W.numpy()).reverse_bits()).data
    start = np.kron(qml.RX.compute_matrix(0.3), np.eye(8))[:, 0]
    state = (matrix.conj().T if adjoint else matrix) @ start
    np.testing.assert_allclose(found.detach(), np.abs(state) ** 2, atol=1e-9)
    found[3].backward()
    steps = 1e-5 * torch.eye(2, dtype=torch.float64)
    node = qml.QNode(function, qml.device("default.qubit"))
    slopes = [(node(W + s)[3] - node(W - s)[3]) / 2e-5 for s in steps]
    assert weights.grad is not None
    np.testing.assert_allclose(weights.grad, torch.stack(slopes), atol=1e-7)


def test_only_weights_are_parameters() -> None:
    imported = hardware.from_qiskit(program(), weights="w")
    structures = []
    for weights in (W, 2 * W):
        tape = qml.tape.make_qscript(imported)(None, weights)
        plan = planned(tape.operations, range(4))
        structures.append(plan.structure)
        names = {
            instruction.operation.name
            for instruction in to_circuit(plan.structure).data
            if instruction.is_parameterized()
        }
        assert names == {"ry", "rz"}
        number = len(to_circuit(plan.structure).parameters)
        assert number == 3  # RY, and two of the u's RZ, RY and RZ
    assert structures[0] == structures[1]
    other = hardware.from_qiskit(program(0.8), weights="w")
    tape = qml.tape.make_qscript(other)(None, W)
    assert planned(tape.operations, range(4)).structure != structures[0]


def test_training_transpiles_once() -> None:
    imported = hardware.from_qiskit(program(), weights="w")
    circuit = imported @ AngleEncoding(4)
    device = qml.device("qdl.qiskit", wires=4, backend="aer:fake_torino", seed=1)
    layer = QuantumLayer(circuit, target=device, shots=20)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    with qml.Tracker(device) as tracker:
        for rows in (2, 3, 1):
            optimizer.zero_grad()
            layer(torch.rand(rows, 4)).square().sum().backward()
            optimizer.step()
    assert tracker.totals["transpilations"] == 1


def layered(count: int, angles: Any) -> QuantumCircuit:
    circuit, numbers = QuantumCircuit(4), iter(angles)
    for place in range(count):
        circuit.u(next(numbers), next(numbers), next(numbers), place % 4)
        circuit.cp(next(numbers), place % 4, (place + 1) % 4)
    return circuit


def test_transpiling_an_import_takes_as_long_as_qiskit_needs() -> None:
    circuit = layered(60, np.linspace(0.1, 3.0, 240))
    device = qml.device("qdl.qiskit", wires=4, backend="aer:fake_torino", seed=1)
    (block,) = hardware.from_qiskit(circuit).blocks

    @qml.qnode(device, shots=10)
    def node() -> Any:
        block.queue(None, None)
        return qml.expval(qml.Z(0))

    seconds = []
    for run in (
        lambda: transpile(circuit, FakeTorino(), optimization_level=3),
        node,
    ):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    assert seconds[1] < 5 * seconds[0] + 10


KINDS: list[Any] = [
    (qml.U3, 3, 1),
    pytest.param(qml.U2, 2, 1, marks=pytest.mark.slow),
    pytest.param(qml.PhaseShift, 1, 1, marks=pytest.mark.slow),
    pytest.param(qml.Rot, 3, 1, marks=pytest.mark.slow),
    (qml.ControlledPhaseShift, 1, 2),
]


@pytest.mark.parametrize(("kind", "count", "wires"), KINDS, ids=lambda kind: str(kind))
def test_many_gates_with_symbols_are_transpiled_soon(
    kind: Any, count: int, wires: int
) -> None:
    device = qml.device("qdl.qiskit", wires=4, backend="aer:fake_torino", seed=1)

    @qml.qnode(device, shots=10)
    def node(angles: Any) -> Any:
        for place, numbers in enumerate(angles):
            on = [(place + step) % 4 for step in range(wires)]
            kind(*numbers, wires=on)
            qml.CNOT([place % 4, (place + 1) % 4])
        return qml.expval(qml.Z(0))

    start = time.perf_counter()
    node(torch.rand(80, count))
    assert time.perf_counter() - start < 30
