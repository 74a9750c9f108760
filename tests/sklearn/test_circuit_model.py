"""A circuit with a linear layer."""

from __future__ import annotations

import torch

from qml_qdl.circuits import AngleEncoding, BasicEntangler, Probabilities
from qml_qdl.nn import QuantumLayer
from qml_qdl.sklearn.circuit_model import CircuitModel


def test_it_is_the_layer_and_a_linear_one() -> None:
    circuit = (BasicEntangler(2) @ AngleEncoding(2)).with_readout(Probabilities())
    model = CircuitModel(circuit, 2, 3)
    rows = torch.rand(5, 2)
    layer = QuantumLayer(circuit, init_method=dict(model.quantum.named_parameters()))
    found = layer(rows) @ model.leave.weight.T + model.leave.bias
    assert torch.allclose(model(rows), found, atol=1e-6)
