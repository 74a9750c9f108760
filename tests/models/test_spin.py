"""Points as spins: what no rotation of space changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from qml_qdl.circuits.errors import QdlError
from qml_qdl.models import SpinClassifier
from qml_qdl.models.spin import InvariantPointNetwork, invariants, spin_circuit

EXACT = {torch.float32: 1e-5, torch.float64: 1e-12}


in_both_dtypes = pytest.mark.parametrize("dtype", list(EXACT), ids=str)


def rotated(points: Tensor, seed: int) -> Tensor:
    rotation = Rotation.random(rng=np.random.default_rng(seed))
    return points @ torch.tensor(rotation.as_matrix(), dtype=points.dtype).T


@in_both_dtypes
def test_points_may_turn(dtype: torch.dtype) -> None:
    model: Any = SpinClassifier(4, 3).to(dtype)
    points = torch.randn(5, 4, 3, dtype=dtype)
    for module in (model, model.classical_twin().to(dtype)):
        logits = module(points)
        for seed in range(3):
            change = (module(rotated(points, seed)) - logits).abs().max()
            assert change < 20 * EXACT[dtype]
        assert (module(points + 0.3) - logits).abs().max() > 1e-3
    broken = nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).to(dtype)
    assert (broken(rotated(points, 0)) - broken(points)).abs().max() > 1e-2


def train(model: nn.Module, x: Tensor, y: Tensor, steps: int, lr: float) -> float:
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.autograd.backward([nn.functional.cross_entropy(model(x), y)])
        optimiser.step()
    return float((model.eval()(x).argmax(-1) == y).float().mean())


def test_the_spin_circuit_tells_left_from_right() -> None:
    """Handedness: mirror images have the same distances, and other triple products."""
    torch.manual_seed(0)
    x = torch.randn(60, 3, 3)
    y = (torch.linalg.det(x) > 0).long()
    model = SpinClassifier(3, 2, layers=3)
    assert train(model, x, y, 50, 0.1) > 0.75
    mirrored = x * torch.tensor([1.0, 1, -1])
    assert (model(mirrored) - model(x)).abs().mean() > 0.5
    assert train(model.classical_twin(), x, y, 200, 0.1) > 0.85


def test_invariants_are_all_products() -> None:
    points = torch.randn(2, 4, 3, dtype=torch.float64)
    found = invariants(points)
    assert found.shape == (2, 10 + 4)
    torch.testing.assert_close(found[0, 1], points[0, 0] @ points[0, 1])
    torch.testing.assert_close(found[:, 10], torch.linalg.det(points[:, :3]))
    torch.testing.assert_close(invariants(rotated(points, 0)), found)
    assert invariants(points[:, :2]).shape == (2, 3)


@pytest.mark.parametrize("points", [2, 3, 5])
def test_the_twin_has_about_as_many_weights(points: int) -> None:
    model: Any = SpinClassifier(points, 3)
    ours, theirs = (
        sum(weight.numel() for weight in module.parameters())
        for module in (model, model.classical_twin())
    )
    assert theirs == pytest.approx(ours, rel=0.25, abs=12)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: SpinClassifier(1, 2), r"num_points: expected at least 2, got 1"),
        (lambda: SpinClassifier(3, 2, layers=0), r"layers: expected at least 1, got 0"),
        (
            lambda: SpinClassifier(3, 2)(torch.rand(1, 9)),
            r"points: expected \(rows, 3, 3\), x, y, z of each point, got \(1, 9\)",
        ),
        (
            lambda: InvariantPointNetwork(3, 2)(torch.rand(1, 4, 3)),
            r"points: expected \(rows, 3, 3\)",
        ),
        (lambda: InvariantPointNetwork(3, 2, 0), r"hidden: expected at least 1, got 0"),
        (lambda: spin_circuit(0), r"num_points: expected at least 2, got 0"),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
