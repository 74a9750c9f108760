"""QNodes of two wires in layers, compared with formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pennylane as qml
import torch
from torch import Tensor

from qml_qdl.nn import QuantumLayer

TARGETS = ("default.qubit", "qdl.simulator", "lightning.qubit", "aer")


def numbers(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(*shape, generator=generator, dtype=torch.float64) + 0.1


def layer_of(function: Callable[..., Any], target: str, **shapes: Any) -> Any:
    node = qml.QNode(function, qml.device("default.qubit", wires=2))
    return QuantumLayer(
        node,
        shapes,
        target=target,
        generator=torch.Generator().manual_seed(1),
        dtype=torch.float64,
    )


def assert_as(layer: Any, formula: Callable[..., Tensor], x: Tensor) -> None:
    """Values and gradients for a batch, for one row of a batch and for a row alone."""
    for inputs in (x, x[:1], x[0]):
        found = []
        for run in (layer, lambda data: formula(data, layer.w)):
            data = inputs.clone().requires_grad_()
            result = run(data)
            factors = torch.arange(1.0, 1 + result.numel()).reshape(result.shape)
            gradients = torch.autograd.grad((result * factors).sum(), [data, layer.w])
            found.append([result, *gradients])
        torch.testing.assert_close(*found, atol=1e-8, rtol=0.0)
    single = layer(x.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, formula(x, layer.w).float(), atol=1e-5, rtol=0.0)
