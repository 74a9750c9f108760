"""A small circuit, layers of it and rows for them."""

from __future__ import annotations

from typing import Any

import pennylane as qml
import torch
from torch import Tensor

from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.nn import QuantumLayer

U = StronglyEntangling(2) @ AngleEncoding(2)


def make(*arguments: Any, **options: Any) -> Any:
    """A layer, of which mypy need not know that its parameters are tensors."""
    return QuantumLayer(*arguments, **options)


def rows(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def angles(inputs: Any, weight: Any) -> Any:
    qml.AngleEmbedding(inputs, wires=range(2))
    qml.RX(weight, wires=0)
    return qml.expval(qml.Z(0))
