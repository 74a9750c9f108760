"""The dressed classifier: a circuit between two linear layers."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import QdlError
from qml_qdl.models import DressedClassifier


def count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def train(model: nn.Module, x: Tensor, y: Tensor, steps: int, lr: float) -> float:
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.autograd.backward([nn.functional.cross_entropy(model(x), y)])
        optimiser.step()
    return float((model(x).argmax(-1) == y).float().mean())


@pytest.mark.parametrize(("wires", "layers"), [(2, 1), (4, 1), (4, 3), (4, 12), (6, 5)])
def test_the_dressed_twin_has_as_many_weights(wires: int, layers: int) -> None:
    model = DressedClassifier(5, 3, num_wires=wires, layers=layers)
    outer = count(model.enter) + count(model.leave)
    assert count(model) == outer + 3 * wires * layers
    square = wires * wires + wires
    difference = abs(count(model.classical_twin()) - count(model))
    # No other number of square layers, at least one, comes nearer.
    assert difference <= max(square / 2, square - 3 * wires * layers)


def test_angles_stay_within_half_a_turn() -> None:
    model = DressedClassifier(3, 2)
    seen: list[Tensor] = []
    model.quantum.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    model(1000 * torch.randn(20, 3))
    assert seen[0].abs().max() <= math.pi / 2 + 1e-6
    assert seen[0].abs().max() > math.pi / 2 - 0.1


def test_the_dressed_classifier_learns() -> None:
    torch.manual_seed(0)
    x = torch.randn(60, 2)
    y = (x[:, 0] * x[:, 1] > 0).long()  # no plane separates them
    linear = nn.Linear(2, 2)
    assert train(linear, x, y, 100, 0.1) < 0.8
    model = DressedClassifier(2, 2, num_wires=2, layers=3)
    assert train(model, x, y, 60, 0.1) > 0.9
    assert train(model.classical_twin(), x, y, 100, 0.1) > 0.6


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: DressedClassifier(0, 2), r"num_features: expected at least 1, got 0"),
        (lambda: DressedClassifier(2, 0), r"num_classes: expected at least 1, got 0"),
        (lambda: DressedClassifier(2, 2, num_wires=0), r"num_wires: expected at least"),
        (lambda: DressedClassifier(2, 2, layers=0), r"layers: expected at least 1"),
        (lambda: DressedClassifier(2, 2, target="x"), r"target: unknown target 'x'"),
    ],
)
def test_errors(make: Callable[[], nn.Module], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
