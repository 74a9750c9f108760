"""The quanvolutional classifier, and its twin with filters of torch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import QdlError
from qml_qdl.models import QuanvolutionClassifier


def count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def train(model: nn.Module, x: Tensor, y: Tensor, steps: int, lr: float) -> float:
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.autograd.backward([nn.functional.cross_entropy(model(x), y)])
        optimiser.step()
    return float((model(x).argmax(-1) == y).float().mean())


@pytest.mark.parametrize("channels", [1, 4, 20])
def test_the_quanvolutions_twin_has_its_shapes(channels: int) -> None:
    model = QuanvolutionClassifier((2, 5, 6), 3, channels=channels, kernel_size=(2, 1))
    twin: Any = model.classical_twin()
    assert count(twin) == 2 * channels * 2 + channels + count(model.head)
    assert twin[0].kernel_size == model.conv.kernel_size
    x = torch.rand(2, 2, 5, 6)
    assert twin[0](x).shape == model.conv(x).shape
    assert count(twin[-1]) == count(model.head)


def test_the_quanvolution_learns() -> None:
    torch.manual_seed(0)
    x = 0.2 * torch.rand(30, 1, 4, 4)
    y = torch.arange(30) % 2
    x[y == 0, :, :, 1] += 0.7  # upright bars
    x[y == 1, :, 1, :] += 0.7  # lying bars
    model = QuanvolutionClassifier((1, 4, 4), 2, stride=2)
    before = copy.deepcopy(model.conv.state_dict())
    assert train(model, x, y, 40, 0.05) == 1.0
    after = model.conv.state_dict()
    assert all(not torch.equal(before[name], after[name]) for name in before)
    assert train(model.classical_twin(), x, y, 100, 0.05) > 0.9


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: QuanvolutionClassifier((28, 28), 2),  # type: ignore[arg-type]
            r"image_shape: expected \(channels, height, width\), got \(28, 28\); a g",
        ),
        (
            lambda: QuanvolutionClassifier((1, 0, 4), 2),
            r"image_shape: expected at",
        ),
        (
            lambda: QuanvolutionClassifier((1, 4, 4), 0),
            r"num_classes: expected at",
        ),
        (
            lambda: QuanvolutionClassifier((1, 4, 4), 2, channels=0),
            r"out_channels: expected at least 1, got 0",
        ),
        (
            lambda: QuanvolutionClassifier((1, 4, 4), 2, kernel_size=5),
            r"images: a patch of kernel_size=\(5, 5\) .* image \(4, 4\)",
        ),
    ],
)
def test_errors(make: Callable[[], nn.Module], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
