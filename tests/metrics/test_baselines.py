"""What needs no learning: fitted to some rows, measured against them or others."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.metrics import quality, trivial_baselines
from qml_qdl.metrics.baselines import sample_baselines


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def zeros() -> Tensor:
    digits = load_digits()
    return torch.as_tensor(digits.images[digits.target == 0] / 16)


def test_baselines_have_the_known_distances() -> None:
    """One half of the zeros against what is fitted to the other."""
    found = trivial_baselines(zeros(), seeded(), num_samples=5000)
    distances = {baseline.name: baseline.frechet for baseline in found}
    floor = distances["half of the data (floor)"]
    assert floor == pytest.approx(0.23, abs=0.06)
    order = torch.randperm(len(zeros()), generator=seeded())
    half = len(zeros()) // 2
    test, train = (zeros().flatten(1)[part] for part in (order[:half], order[half:]))
    shift = (test.mean(0) - train.mean(0)).square().sum()
    assert distances["mean image"] == pytest.approx((shift + test.var(0).sum()).item())
    spectrum = torch.linalg.eigvalsh(train.T.cov())
    left_out = spectrum[:-8].sum().item()
    assert floor < distances["PCA-8 Gaussian"] < floor + left_out
    assert distances["Gaussian pixels"] == pytest.approx(0.61, abs=0.2)


def test_as_many_samples_as_the_floor_has_unless_told() -> None:
    """Fréchet distances shrink with the number of samples: fewer are not flattered."""
    images = zeros()
    same, more = (
        trivial_baselines(images[:120], seeded(), test=images[120:], num_samples=count)
        for count in (None, 5000)
    )
    assert same[0] == more[0]
    assert same[1].frechet > more[1].frechet
    again = trivial_baselines(
        images[:120], seeded(), test=images[120:], num_samples=120
    )
    assert same == again


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_baselines_of_some_rows_are_measured_against_others(dtype: torch.dtype) -> None:
    """Where the rows to measure against are moved, all distances grow by the square."""
    images = zeros().to(dtype)
    train, test = images[:120], images[120:]
    near = trivial_baselines(train, seeded(), test=test)
    floor, *_, mean = near
    assert floor == quality(test, train, "training rows (floor)")
    shift = (train.double().mean(0) - test.double().mean(0)).square().sum()
    spread = test.double().var(0).sum()
    assert mean.frechet == pytest.approx((shift + spread).item())
    moved = trivial_baselines(train, seeded(), test=test.flip(2))
    shift_now = (train.double().mean(0) - test.double().flip(2).mean(0)).square().sum()
    assert moved[-1].frechet == pytest.approx((shift_now + spread).item())
    for before, after in zip(near, moved, strict=True):
        assert before.name == after.name
        assert before.diversity == after.diversity
        assert before.frechet < after.frechet


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gaussians_have_the_moments_of_the_rows(dtype: torch.dtype) -> None:
    """The mean for both; the covariance in two directions, or on the diagonal alone."""
    mixed = torch.randn(3, 4, generator=seeded(), dtype=dtype)
    rows = torch.randn(500, 3, generator=seeded(1), dtype=dtype) @ mixed + 5
    components, alone, mean = sample_baselines(
        rows.reshape(-1, 2, 2), seeded(2), num_components=2, num_samples=100_000
    )
    wanted = rows.double()
    for sampled in (components, alone):
        torch.testing.assert_close(sampled.mean(0), wanted.mean(0), atol=0.03, rtol=0)
    values, vectors = torch.linalg.eigh(wanted.T.cov())
    kept = (vectors[:, -2:] * values[-2:]) @ vectors[:, -2:].T
    torch.testing.assert_close(components.T.cov(), kept, atol=0.1, rtol=0)
    diagonal = wanted.var(0).diag()
    torch.testing.assert_close(alone.T.cov(), diagonal, atol=0.1, rtol=0)
    torch.testing.assert_close(mean, wanted.mean(0).expand(100_000, 4))


def test_bad_arguments_are_refused() -> None:
    real = torch.rand(10, 4, generator=seeded())
    with pytest.raises(ShapeError, match=r"test: expected rows like .*\(4,\), got \(5"):
        trivial_baselines(real, test=torch.rand(10, 5), num_components=2)
    with pytest.raises(DataError, match="test: expected at least 4 rows, got 3"):
        trivial_baselines(real, test=real[:3], num_components=2)
    with pytest.raises(DataError, match="test: expected finite numbers"):
        trivial_baselines(real, test=real / 0, num_components=2)
    with pytest.raises(DataError, match="real: expected at least 8 rows, got 7"):
        trivial_baselines(real[:7], num_components=2)
    with pytest.raises(DataError, match="real: expected at least 10 rows, got 9"):
        trivial_baselines(real[:9], num_components=5)
    assert len(trivial_baselines(real[:7], test=real, num_components=2)) == 4
    with pytest.raises(ArgumentError, match="num_components: rows of 4 numbers have"):
        trivial_baselines(real.repeat(2, 1))
    with pytest.raises(ArgumentError, match="num_samples: expected at least 4, got 3"):
        trivial_baselines(real, num_samples=3, num_components=2)
    with pytest.raises(ShapeError, match=r"real: expected the shape \(rows, \.\.\.\)"):
        sample_baselines(real[0], num_components=1)


def test_rows_that_are_all_the_same_have_baselines() -> None:
    baselines = trivial_baselines(torch.ones(10, 3), num_components=2, num_samples=10)
    assert [baseline.frechet for baseline in baselines] == [0.0] * 4
