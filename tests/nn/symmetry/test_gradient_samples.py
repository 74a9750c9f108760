"""Gradients at many weights at once are those of a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from qml_qdl.circuits import (
    AngleEncoding,
    BasicEntangler,
    Expectation,
    HardwareEfficient,
    permutation_equivariant,
)
from qml_qdl.circuits.errors import QdlError
from qml_qdl.nn import QuantumLayer
from qml_qdl.nn.symmetry.gradient_samples import gradient_samples


@pytest.mark.parametrize(
    "processing",
    [
        permutation_equivariant(3, 2),
        HardwareEfficient(3, layers=2),
        BasicEntangler(1, 2, rotation="RY"),
    ],
    ids=["permutations", "hardware", "one-wire"],
)
def test_gradients_of_samples_are_those_of_a_layer(processing: Any) -> None:
    if isinstance(processing, BasicEntangler):
        processing = HardwareEfficient(1, layers=2, rotations="RY")
    readout = Expectation(["Z" + "I" * (len(processing.wires) - 1)])
    generator = torch.Generator().manual_seed(3)
    gradients = gradient_samples(processing, readout, 4, generator=generator)
    generator = torch.Generator().manual_seed(3)
    shape = (4, gradients[0].numel())
    angles = 2 * torch.pi * torch.rand(shape, generator=generator, dtype=torch.float64)
    layer: Any = QuantumLayer(processing.with_readout(readout), dtype=torch.float64)
    for row, found in zip(angles, gradients, strict=True):
        with torch.no_grad():
            layer.weights_0.copy_(row.reshape(layer.weights_0.shape))
        (expected,) = torch.autograd.grad(layer().sum(), layer.weights_0)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (
            lambda: gradient_samples(AngleEncoding(1), Expectation("Z")),  # type: ignore[arg-type]
            r"processing: expected a processing, got AngleEncoding\(1\)",
        ),
        (
            lambda: gradient_samples(BasicEntangler(1), Expectation("Z"), 0),
            r"samples: expected at least 1, got 0",
        ),
    ],
)
def test_errors(act: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        act()
