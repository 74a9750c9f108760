"""Measurements in the middle of a circuit: the same values and gradients anywhere."""

from __future__ import annotations

from typing import Any

import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import AngleEncoding, Probabilities, QuantumPool, qcnn
from qml_qdl.circuits.errors import TargetError
from qml_qdl.nn import QuantumLayer

MEASURED = QuantumPool(2, "zx", measured=True) @ AngleEncoding(2)
READ = MEASURED.with_readout(Probabilities([0]))


def results(circuit: Any, target: str, **options: Any) -> list[torch.Tensor]:
    """Values, and gradients of the weights and of the data."""
    layer = QuantumLayer(circuit, target=target, dtype=torch.float64, **options)
    for weight in layer.parameters():
        values = torch.linspace(0.1, 1.3, weight.numel(), dtype=torch.float64)
        weight.data.copy_(values.reshape(weight.shape))
    size = circuit.num_inputs
    x = torch.linspace(0.2, 1.1, 2 * size, dtype=torch.float64).reshape(2, size)
    x.requires_grad_()
    values = layer(x)
    torch.autograd.backward([values[:, 0].sum()])
    return [values.detach(), *(w.grad for w in layer.parameters()), x.grad]


@pytest.mark.parametrize("pooling", ["zx", "rot"])
def test_lightning_multiplies_gradients_itself(pooling: Any) -> None:
    """Its adjoint method refuses measurements, and by the name "best" it was chosen."""
    circuit = qcnn(4, 1, pooling, measured=True) @ AngleEncoding(4)
    layer = QuantumLayer(circuit, target="lightning.qubit")
    assert layer.qnode.diff_method == "adjoint"
    expected = results(circuit, "qdl.simulator")
    for method in ("best", "adjoint"):
        found = results(circuit, "lightning.qubit", diff_method=method)
        for ours, theirs in zip(expected, found, strict=True):
            torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-12)


@pytest.mark.parametrize("target", ["default.qubit", "lightning.qubit"])
def test_shifted_parameters_are_no_finite_differences(target: str) -> None:
    expected = results(READ, "qdl.simulator")
    found = results(READ, target, diff_method="parameter-shift")
    for ours, theirs in zip(expected, found, strict=True):
        # Finite differences of PennyLane's are wrong from the seventh digit on.
        torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "target", ["qdl.simulator", "default.qubit", "lightning.qubit", "aer"]
)
def test_shots_do_not_drown_gradients(target: str) -> None:
    expected = results(READ, "qdl.simulator")
    found = results(READ, target, shots=2000)
    for ours, theirs in zip(expected, found, strict=True):
        assert (theirs - ours).abs().max() < 0.15


def test_a_machine_measures() -> None:
    """What Qiskit runs has the measurement in its middle."""
    layer = QuantumLayer(READ, target="aer")
    x = torch.rand(1, 2)
    tape = qml.workflow.construct_tape(layer.qnode, level=0)(**layer.arguments(x))
    assert "MidMeasure" in {type(operation).__name__ for operation in tape.operations}
    layer.set_target("default.qubit")
    tape = qml.workflow.construct_tape(layer.qnode, level=0)(**layer.arguments(x))
    names = {type(operation).__name__ for operation in tape.operations}
    assert "MidMeasure" not in names
    assert {"CRZ", "AngleEmbedding"} <= names


@pytest.mark.parametrize("target", ["default.qubit", "lightning.qubit"])
def test_what_is_measured_is_not_read(target: str) -> None:
    layer = QuantumLayer(MEASURED, target=target)
    text = "circuit: a wire that is measured on the way is used or read again"
    with pytest.raises(TargetError, match=text):
        layer(torch.rand(2, 2))
