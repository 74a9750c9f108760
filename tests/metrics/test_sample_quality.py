"""Measures of samples: what they are, and that collapse does not please them."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.metrics import (
    diversity,
    frechet_distance,
    kolmogorov_smirnov,
    manifold,
    quality,
    valid_rate,
)


def zeros() -> Tensor:
    digits = load_digits()
    return torch.as_tensor(digits.images[digits.target == 0] / 16)


def test_frechet_distance_of_gaussians_is_the_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(200_000, 2, generator=generator, dtype=torch.float64)
    second = 2 * torch.randn(200_000, 2, generator=generator, dtype=torch.float64) + 3
    # |3|² for each of two dimensions, and (2 − 1)² for each standard deviation.
    assert frechet_distance(first, second) == pytest.approx(20, rel=0.02)
    first[:, 0] *= 2  # the first principal component
    assert frechet_distance(first, second, 1) == pytest.approx(9, rel=0.02)


def test_frechet_distance_of_the_mean_image_is_the_total_variance() -> None:
    real = zeros()
    mean = real.mean(0).expand_as(real)
    assert frechet_distance(real, mean) == pytest.approx(real.var(0).sum().item())
    assert frechet_distance(real, mean) == pytest.approx(1.56, abs=0.01)


def test_diversity_of_real_zeros() -> None:
    assert diversity(zeros()) == pytest.approx(1.72, abs=0.01)


def test_collapse_has_no_recall() -> None:
    real = zeros()
    noise = 1e-3 * torch.randn(real.shape, generator=torch.Generator().manual_seed(0))
    collapsed = quality(real, real[:1] + noise)
    assert collapsed.precision == 1
    assert collapsed.recall < 0.05
    assert collapsed.coverage < 0.1
    assert collapsed.diversity < 0.1


def test_noise_has_no_precision() -> None:
    real = zeros()
    noise = torch.rand(real.shape, generator=torch.Generator().manual_seed(0))
    assert manifold(real, noise).precision == 0


def test_kolmogorov_smirnov_of_shifted_uniforms() -> None:
    line = torch.linspace(0, 1, 1001)
    assert kolmogorov_smirnov(line, line + 0.25) == pytest.approx(0.25, abs=2e-3)


def test_valid_rate() -> None:
    valid = torch.tensor([[0.0, 0], [1, 1]])
    assert valid_rate(torch.tensor([[0.0, 0], [0, 1], [1, 1], [1, 1]]), valid) == 0.75
    with pytest.raises(DataError, match="at least one row of each, got 0 and 2"):
        valid_rate(torch.empty(0, 2), valid)


def test_quality_does_not_depend_on_how_many_samples_there_are() -> None:
    """Samples on a plane, whose balls shrink with their number, near thick data."""
    random = torch.Generator().manual_seed(0)
    plane = torch.randn(2, 10, generator=random)
    real = torch.randn(100, 2, generator=random) @ plane
    real += 0.2 * torch.randn(100, 10, generator=random)
    many = torch.randn(3000, 2, generator=random) @ plane
    few = quality(real, many[:100])
    all_of_them = quality(real, many)
    assert all_of_them.recall == few.recall > 0.5
    assert all_of_them.coverage == few.coverage
    assert manifold(real, many).recall < few.recall - 0.1
    assert all_of_them.frechet != few.frechet


def test_bad_arguments_are_refused() -> None:
    real = torch.rand(10, 4)
    with pytest.raises(ShapeError, match=r"got \(10, 4\) and \(10, 5\)"):
        frechet_distance(real, torch.rand(10, 5))
    with pytest.raises(DataError, match="generated: expected finite numbers"):
        quality(real, torch.full((10, 4), math.nan))
    with pytest.raises(DataError, match="generated: expected at least 4 rows, got 3"):
        manifold(real, real[:3])
    with pytest.raises(DataError, match="samples: expected at least 2 rows, got 1"):
        diversity(real[:1])
    with pytest.raises(
        ShapeError, match=r"samples: expected the shape \(rows, \.\.\.\)"
    ):
        diversity(real[0])
    with pytest.raises(ShapeError, match="rows of the same features"):
        valid_rate(real, torch.rand(2, 5))


@pytest.mark.parametrize("shape", [(4, 8), (9, 3)])
def test_more_components_than_there_are_is_reported(shape: tuple[int, int]) -> None:
    samples = torch.rand(shape)
    with pytest.raises(ArgumentError, match=r"num_components: .* got 6; ask for fewer"):
        frechet_distance(samples, samples, num_components=6)


def test_components_of_rows_that_are_all_the_same() -> None:
    """No warning of 0/0; what remains is the distance of the means."""
    real = torch.ones(9, 2)
    found = frechet_distance(real, real + torch.tensor([3.0, 4.0]), num_components=2)
    assert found == pytest.approx(25)
