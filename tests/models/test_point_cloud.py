"""The classifier of point clouds: rotations, mirror images, boosts, any order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import expm
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from qml_qdl.circuits.errors import QdlError
from qml_qdl.models import PointCloudClassifier, SpinClassifier
from qml_qdl.models.point_cloud import PairNetwork

EXACT = {torch.float32: 1e-4, torch.float64: 1e-12}
LORENTZ = (1, -1, -1, -1)


def count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def turned(points: Tensor, seed: int) -> Tensor:
    """Points turned, or boosted and turned, and in another order."""
    rng = np.random.default_rng(seed)
    matrix = Rotation.random(rng=rng).as_matrix() * rng.choice([-1, 1])
    if points.shape[-1] == 4:
        generator = np.zeros((4, 4))
        generator[0, 1:] = generator[1:, 0] = rng.normal(size=3) / 2
        boost, whole = expm(generator), np.eye(4)
        whole[1:, 1:] = matrix
        matrix = boost @ whole
    order = torch.randperm(
        points.shape[1], generator=torch.Generator().manual_seed(seed)
    )
    return (points.double() @ torch.tensor(matrix).T)[:, order].to(points.dtype)


@pytest.mark.parametrize(
    ("metric", "dtype"),
    [
        ((1, 1, 1), torch.float32),
        ((1, 1, 1), torch.float64),
        (LORENTZ, torch.float64),
    ],
    ids=str,
)
def test_points_may_turn_and_be_sorted(metric: Any, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model: Any = PointCloudClassifier(4, 3, metric=metric).to(dtype)
    points = 0.7 * torch.randn(5, 4, len(metric), dtype=dtype)
    for module in (model, model.classical_twin().to(dtype)):
        logits = module(points)
        assert logits.std(0).min() > 1e-3
        for seed in range(3):
            assert (module(turned(points, seed)) - logits).abs().max() < EXACT[dtype]
        assert (module(points + 0.3) - logits).abs().max() > 1e-3
    broken: list[Any] = [nn.Sequential(nn.Flatten(), nn.Linear(4 * len(metric), 3))]
    if len(metric) == 3:
        broken.append(SpinClassifier(4, 3))  # tells points apart by their order
    else:
        broken.append(PointCloudClassifier(4, 3, metric=(1, 1, 1, 1)))
    for module in broken:
        module = module.to(dtype)
        logits = module(points)
        assert (module(turned(points, 1)) - logits).abs().max() > 1e-3


def test_the_twin_has_about_as_many_weights() -> None:
    model = PointCloudClassifier(3, 4)
    assert count(model.classical_twin()) == pytest.approx(count(model), rel=0.25)


def shapes(rows: int) -> tuple[Tensor, Tensor]:
    """Four points: near a line, or near the corners of a tetrahedron; turned, mixed."""
    line = torch.tensor([[-1.5, 0, 0], [-0.5, 0, 0], [0.5, 0, 0], [1.5, 0, 0]])
    corners = torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    both = torch.stack([line, 0.65 * corners])
    labels = torch.arange(rows) % 2
    points = both[labels] + 0.15 * torch.randn(rows, 4, 3)
    each = [turned(point[None], seed) for seed, point in enumerate(points)]
    return torch.cat(each), labels


def test_it_learns_shapes() -> None:
    torch.manual_seed(0)
    points, labels = shapes(40)
    test, wanted = shapes(60)
    model = PointCloudClassifier(4, 2)
    for module in (model, model.classical_twin()):
        optimiser = torch.optim.Adam(module.parameters(), lr=0.05)
        losses = []
        for _ in range(40):
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(module(points), labels)
            torch.autograd.backward([loss])
            optimiser.step()
            losses.append(float(loss.detach()))
        assert losses[-1] < 0.5 * losses[0]
        assert (module(test).argmax(1) == wanted).float().mean() > 0.9


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: PointCloudClassifier(1, 2), r"num_points: expected at least 2, got 1"),
        (
            lambda: PointCloudClassifier(2, 0),
            r"num_classes: expected at least 1, got 0",
        ),
        (lambda: PointCloudClassifier(2, 2, metric=(1, 0)), r"metric: expected a numb"),
        (
            lambda: PointCloudClassifier(3, 2)(torch.rand(1, 3, 2)),
            r"points: expected \(rows, 3, 3\), all coordinates of each point, got \(1",
        ),
        (
            lambda: PairNetwork(3, 2)(torch.rand(1, 9)),
            r"points: expected \(rows, 3, 3\)",
        ),
        (lambda: PairNetwork(1, 2), r"num_points: expected at least 2, got 1"),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
