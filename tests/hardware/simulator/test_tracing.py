"""A traced circuit has the angles, and the results, of the circuit itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import (
    MERA,
    AmplitudeEncoding,
    AngleEncoding,
    BasicEntangler,
    BasisEncoding,
    Circuit,
    Expectation,
    HamiltonianEncoding,
    HardwareEfficient,
    IQPEncoding,
    IsingLayers,
    QuantumPool,
    RandomLayers,
    SimCircuit,
    SimplifiedTwoDesign,
    StronglyEntangling,
    ZZFeatureMap,
    qcnn,
    reupload,
    share,
)
from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.plan import make_plan
from qml_qdl.hardware.simulator.runner import CircuitRunner
from qml_qdl.hardware.simulator.tracing import deferred, native_tape, trace_circuit
from qml_qdl.nn import QuantumLayer

TIED = share("tied", BasicEntangler(3))
CIRCUITS: dict[str, Circuit] = {
    "angles": StronglyEntangling(4, layers=2) @ AngleEncoding(4),
    "scaled angles": reupload(
        StronglyEntangling(3), AngleEncoding(3, rotation="X", scaling=2.0), layers=3
    ),
    "trained scaling": HardwareEfficient(3, rotations="Rot", pattern="brick")
    @ AngleEncoding(3, trainable_scaling=True),
    "phases": SimplifiedTwoDesign(3) @ AngleEncoding(3, rotation="Z"),
    "IQP": SimCircuit(6, 4, layers=2) @ IQPEncoding(4),
    "ZZ": SimCircuit(13, 4) @ ZZFeatureMap(4),
    "Hamiltonian": HamiltonianEncoding(4) @ AngleEncoding(3, features=[0, 1, 2]),
    "amplitudes": IsingLayers(3) @ AmplitudeEncoding(3),
    "amplitudes again": AmplitudeEncoding(2) @ AmplitudeEncoding(2),
    "basis": RandomLayers(3) @ BasisEncoding(3, scaling=0.3),
    "tied": TIED @ AngleEncoding(3) @ TIED @ AngleEncoding(3, features=[2, 0, 1]),
    "tensor network": MERA(4) @ AngleEncoding(4),
    "labels": StronglyEntangling(["b", "a"]) @ AngleEncoding(["a", "b"]),
    "words": (IsingLayers(4) @ AngleEncoding(4)).with_readout(
        Expectation(["XYZI", "IIYX", 2 * qml.X(0) + qml.Y(1) @ qml.Z(2)])
    ),
}


def numbers(circuit: Circuit, rows: int, dtype: torch.dtype) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(rows, circuit.num_inputs), *circuit.weight_shapes.values()]
    return [
        (6 * torch.rand(shape, generator=generator, dtype=dtype)).requires_grad_()
        for shape in shapes
    ]


def reference(circuit: Circuit, inputs: Tensor, weights: list[Tensor]) -> Tensor:
    device = qml.device("default.qubit", wires=circuit.wires)
    node = qml.QNode(circuit, device, interface="torch")
    results = node(inputs, dict(zip(circuit.weight_shapes, weights, strict=True)))
    return torch.stack(
        [torch.as_tensor(r).expand(len(inputs)) for r in results], dim=-1
    )


@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize("name", CIRCUITS)
def test_runs_as_default_qubit(name: str, rows: int) -> None:
    circuit = CIRCUITS[name]
    found = []
    for run in (CircuitRunner(circuit), lambda x, w: reference(circuit, x, w)):
        inputs, *weights = leaves = numbers(circuit, rows, torch.float64)
        outputs = run(inputs, weights)
        weigh = torch.Generator().manual_seed(1)
        factors = torch.rand(outputs.shape, generator=weigh, dtype=torch.float64)
        gradients = torch.autograd.grad(
            (outputs * factors).sum(), leaves, allow_unused=True
        )
        found.append(
            [
                outputs.detach(),
                *(
                    torch.zeros_like(leaf) if g is None else g
                    for leaf, g in zip(leaves, gradients, strict=True)
                ),
            ]
        )
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-11)


@pytest.mark.parametrize("name", CIRCUITS)
def test_single_precision(name: str) -> None:
    circuit = CIRCUITS[name]
    inputs, *weights = numbers(circuit, 20, torch.float32)
    outputs = CircuitRunner(circuit)(inputs, weights)
    assert outputs.dtype == torch.float32
    expected = reference(circuit, inputs.double(), [w.double() for w in weights])
    torch.testing.assert_close(outputs.double(), expected, atol=1e-5, rtol=0.0)


@pytest.mark.parametrize("name", CIRCUITS)
def test_angles_are_the_circuits(name: str) -> None:
    circuit = CIRCUITS[name]
    inputs, *weights = numbers(circuit, 1, torch.float64)
    traced = trace_circuit(circuit, torch.empty(0, dtype=torch.float64))
    angles = traced.angles(inputs, weights)
    tape = qml.tape.make_qscript(circuit)(
        inputs[0], dict(zip(circuit.weight_shapes, weights, strict=True))
    )
    plan = make_plan(native_tape(tape), circuit.wires)
    assert plan.structure == traced.plan.structure
    found: dict[int, Any] = {
        slot: array[0] if slot in angles.row_arrays else array
        for slot, array in angles.arrays.items()
    }
    scalar = [s for s in range(len(plan.angles)) if s not in found]
    batched = traced.plan.batched
    found |= dict(
        zip([s for s in scalar if batched[s]], angles.rows[:, 0], strict=True)
    )
    found |= dict(
        zip([s for s in scalar if not batched[s]], angles.common, strict=True)
    )
    for slot, angle in enumerate(plan.angles):
        np.testing.assert_allclose(
            found[slot].detach().numpy(),
            torch.as_tensor(angle).detach().numpy(),
            atol=1e-14,
        )


@pytest.mark.parametrize("name", CIRCUITS)
def test_no_rows_give_no_rows(name: str) -> None:
    circuit = CIRCUITS[name]
    inputs, *weights = numbers(circuit, 0, torch.float32)
    outputs = CircuitRunner(circuit)(inputs, weights)
    one = CircuitRunner(circuit)(torch.zeros(1, circuit.num_inputs), weights)
    assert outputs.shape == (0, one.shape[1])
    assert outputs.dtype == torch.float32


@pytest.mark.parametrize("name", CIRCUITS)
def test_nan_stays_in_its_row(name: str) -> None:
    circuit = CIRCUITS[name]
    inputs, *weights = (n.detach() for n in numbers(circuit, 20, torch.float32))
    spoilt = inputs.clone()
    spoilt[7] = torch.nan
    runner = CircuitRunner(circuit)
    expected, found = runner(inputs, weights), runner(spoilt, weights)
    rest = [row for row in range(20) if row != 7]
    torch.testing.assert_close(found[rest], expected[rest], atol=0.0, rtol=0.0)
    assert found[7].isnan().any()


@pytest.mark.parametrize("name", ["angles", "scaled angles", "phases", "Hamiltonian"])
def test_plain_angles_are_gathered(name: str) -> None:
    """Every angle is one number, a factor and an offset: no graph is left."""
    traced = trace_circuit(CIRCUITS[name], torch.empty(0))
    assert traced.rows.graph is None
    assert traced.common.graph is None


def test_products_are_computed() -> None:
    assert trace_circuit(CIRCUITS["IQP"], torch.empty(0)).rows.graph is not None


def test_gradcheck() -> None:
    circuit = StronglyEntangling(2) @ IQPEncoding(2)
    leaves = numbers(circuit, 2, torch.float64)
    runner = CircuitRunner(circuit)

    def run(inputs: Tensor, *weights: Tensor) -> Tensor:
        return runner(inputs, weights)

    assert torch.autograd.gradcheck(run, leaves)
    assert torch.autograd.gradgradcheck(run, leaves)


def test_a_tape_without_measurements_comes_back() -> None:
    tape = qml.tape.QuantumScript([qml.RX(0.1, 0)], [qml.expval(qml.Z(0))])
    assert deferred(tape, [0]) is tape


def test_bits_become_controls() -> None:
    def circuit() -> Any:
        bit = qml.measure("b")
        qml.cond(bit, qml.RX)(0.3, wires="a")
        return qml.expval(qml.Z("a"))

    tape = deferred(qml.tape.make_qscript(circuit)(), ["a", "b"])
    (operation,) = tape.operations
    assert operation.name == "CRX"
    assert list(operation.wires) == ["b", "a"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_layer_runs_it_without_a_tape(dtype: torch.dtype) -> None:
    layers: list[Any] = [
        QuantumLayer(qcnn(4, 9, measured=m) @ AngleEncoding(4), dtype=dtype)
        for m in (False, True)
    ]
    layers[1].load_state_dict(layers[0].state_dict())
    x = torch.rand(3, 4, generator=torch.Generator().manual_seed(1)).to(dtype)
    gradients = []
    for layer in layers:
        layer(x).sum().backward()
        gradients.append([w.grad for w in layer.parameters()])
    torch.testing.assert_close(layers[1](x), layers[0](x))
    torch.testing.assert_close(gradients[1], gradients[0])


def test_on_lightning_by_parameter_shift() -> None:
    circuit = qcnn(4, 1, measured=True) @ AngleEncoding(4)
    layer: Any = QuantumLayer(circuit, diff_method="parameter-shift")
    x = torch.rand(2, 4)
    expected = layer(x)
    layer.set_target("lightning.qubit")
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("again", ["read", "used"])
def test_a_measured_wire_is_not_used_again(again: str) -> None:
    circuit = QuantumPool(2, measured=True) @ AngleEncoding(2)
    if again == "used":
        circuit = StronglyEntangling(2) @ circuit
    layer = QuantumLayer(circuit)
    with pytest.raises(TargetError, match=r"circuit: a wire that is measured on the w"):
        layer(torch.rand(3, 2))
