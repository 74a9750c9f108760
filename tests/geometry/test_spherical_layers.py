"""Layers on the sphere: against NumPy's transforms, and under rotations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from qml_qdl.circuits.errors import QdlError
from qml_qdl.data import SphereGrid, rotate_coefficients
from qml_qdl.geometry import DegreeLinear, DegreeNorm, SphericalTransform
from qml_qdl.geometry.spherical_layers import by_degree

LMAX = 3
TILT = Rotation.random(rng=np.random.default_rng(0))


def fields(rows: int = 4, channels: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(rows, channels, 16, generator=generator, dtype=torch.float64)


def turned(coefficients: torch.Tensor) -> torch.Tensor:
    values = rotate_coefficients(coefficients.detach().numpy(), TILT)
    return torch.tensor(values, dtype=coefficients.dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_transforms_are_numpys(rows: int, dtype: torch.dtype) -> None:
    grid = SphereGrid(5, 9)
    transform = SphericalTransform(grid, LMAX).to(dtype).double().float()
    c = fields(rows).to(dtype)
    images = transform.synthesis(c)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-13
    expected = torch.tensor(grid.synthesis(c), dtype=dtype)
    torch.testing.assert_close(images, expected, rtol=0, atol=tolerance)
    torch.testing.assert_close(transform(images), c, rtol=0, atol=tolerance)
    assert images.dtype == dtype


def test_transforms_have_gradients() -> None:
    transform = SphericalTransform(SphereGrid(3), 2)
    x = torch.randn(2, 3, 6, dtype=torch.float64, requires_grad=True)
    c = torch.randn(2, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(transform, x)
    assert torch.autograd.gradcheck(transform.synthesis, c)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "layer", [DegreeNorm(2, LMAX), DegreeLinear(2, 3, LMAX)], ids=["norm", "linear"]
)
def test_layers_turn_with_their_fields(layer: Any, training: bool) -> None:
    layer.double().train(training)
    c = fields()
    found = layer(turned(c))
    torch.testing.assert_close(found, turned(layer(c)), rtol=0, atol=1e-12)
    wrong = found * torch.linspace(0.5, 1.5, 16, dtype=torch.float64)  # within degrees
    straight = layer(c) * torch.linspace(0.5, 1.5, 16, dtype=torch.float64)
    assert (wrong - turned(straight)).abs().max() > 1e-2


def test_norm_normalises_each_degree() -> None:
    layer = DegreeNorm(2, LMAX, momentum=0.5).double()
    c = fields(50) * torch.arange(1.0, 17)
    found = layer(c)
    sizes = by_degree(found.square().mean(0), LMAX) / torch.tensor([1, 3, 5, 7])
    torch.testing.assert_close(sizes, torch.ones_like(sizes), rtol=0, atol=1e-5)
    assert found[..., 0].mean(0).abs().max() < 1e-12
    mean = c[..., 0].mean(0)
    torch.testing.assert_close(layer.mean, mean / 2)
    same = layer.eval()(c)
    centred = torch.cat([c[..., :1] - mean[:, None] / 2, c[..., 1:]], -1)
    first = centred[..., 4:9] / (layer.square[:, 2:3] + layer.eps).sqrt()
    torch.testing.assert_close(same[..., 4:9], first)
    alone = DegreeNorm(1, 1)(torch.zeros(1, 1, 4, requires_grad=True))
    assert not alone.any()
    torch.autograd.backward([alone.sum()])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: SphericalTransform(SphereGrid(4), 4), "lmax: .* up to 3, got 4"),
        (
            lambda: SphericalTransform(SphereGrid(4))(torch.zeros(8, 4)),
            r"fields: expected \(\*batch, 4, 8\)",
        ),
        (
            lambda: SphericalTransform(SphereGrid(4), 1).synthesis(torch.zeros(9)),
            r"coefficients: expected \(\*batch, 4\)",
        ),
        (lambda: DegreeNorm(0, 1), "channels: expected at least 1"),
        (lambda: DegreeNorm(1, 1, momentum=2.0), "momentum: expected a number above"),
        (lambda: DegreeNorm(1, 1)(torch.zeros(2, 4)), r"fields: .* got \(2, 4\)"),
        (lambda: DegreeLinear(1, 0, 1), "out_channels: expected at least 1"),
        (lambda: DegreeLinear(1, 1, 1)(torch.zeros(2, 2, 4)), r"expected \(rows, 1, 4"),
    ],
)
def test_wrong_arguments_are_refused(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()


def test_a_batch_without_rows_leaves_the_running_means_alone() -> None:
    norm = DegreeNorm(2, 1)
    assert norm(torch.zeros(0, 2, 4)).shape == (0, 2, 4)
    assert norm.mean.equal(torch.zeros(2))
    assert norm.square.equal(torch.ones(2, 2))
