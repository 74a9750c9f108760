"""A traced circuit has the angles, and the results, of the circuit itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import (
    AngleEncoding,
    QuantumPool,
    StronglyEntangling,
    qcnn,
)
from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.simulator.tracing import deferred, native_tape, trace_circuit
from qml_qdl.hardware.structure import make_plan
from qml_qdl.nn import QuantumLayer
from tests.hardware.simulator.traced import CIRCUITS, numbers


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


@pytest.mark.parametrize("name", ["angles", "scaled angles", "phases", "Hamiltonian"])
def test_plain_angles_are_gathered(name: str) -> None:
    """Every angle is one number, a factor and an offset: no graph is left."""
    traced = trace_circuit(CIRCUITS[name], torch.empty(0))
    assert traced.rows.computed is None
    assert traced.common.computed is None


@pytest.mark.parametrize("name", ["IQP", "ZZ", "trained scaling"])
def test_products_are_gathered_twice(name: str) -> None:
    traced = trace_circuit(CIRCUITS[name], torch.empty(0))
    assert traced.rows.products is not None
    assert traced.rows.computed is None


def test_what_has_no_form_is_computed() -> None:
    traced = trace_circuit(CIRCUITS["products"], torch.empty(0))
    computed = traced.rows.computed
    assert computed is not None
    assert len(computed.results) == 2


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
    with pytest.raises(TargetError, match=r"circuit: a wire that is measured on the w"):
        QuantumLayer(circuit)
