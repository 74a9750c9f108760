"""Normalising flows: densities that integrate to one, and samples that have them."""

from __future__ import annotations

import copy
import math
import pickle
import sys
from typing import Literal

import numpy as np
import pytest
import torch

from qml_qdl.circuits.errors import (
    ArgumentError,
    DataError,
    MissingPackageError,
    ShapeError,
)
from qml_qdl.data import Dataset, split
from qml_qdl.models import NormalizingFlow

Transform = Literal["spline", "affine"]


def flow(transform: Transform, features: int = 2) -> NormalizingFlow:
    torch.manual_seed(0)
    made = NormalizingFlow(
        features, layers=2, hidden=8, transform=transform, dtype=torch.float64
    )
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(2)
    return made


@pytest.mark.parametrize("transform", ["spline", "affine"])
def test_the_density_integrates_to_one(transform: Transform) -> None:
    line = torch.linspace(-12, 12, 481, dtype=torch.float64)
    rows = torch.cartesian_prod(line, line)
    chances = flow(transform).log_prob(rows).exp().detach()
    assert float(chances.sum()) * 0.05**2 == pytest.approx(1, abs=3e-3)


@pytest.mark.parametrize("transform", ["spline", "affine"])
@pytest.mark.parametrize("features", [1, 3])
def test_samples_come_of_noise_and_go_back(transform: Transform, features: int) -> None:
    made = flow(transform, features)
    sampled = made.sample(50, torch.Generator().manual_seed(1))
    noise = torch.randn(
        50, features, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    torch.testing.assert_close(made(sampled).detach(), noise)
    assert sampled.shape == (50, features)
    assert made.sample(0).shape == (0, features)


def test_the_density_is_that_of_the_change_of_variables() -> None:
    made, row = flow("spline"), torch.tensor([0.3, -1.1], dtype=torch.float64)
    jacobian = torch.func.jacrev(lambda x: made(x[None])[0])(row)
    noise = made(row[None])[0]
    expected = -noise.square().sum() / 2 - math.log(2 * math.pi)
    expected = expected + jacobian.det().abs().log()
    torch.testing.assert_close(made.log_prob(row[None])[0], expected)


def test_samples_have_the_values_of_the_data() -> None:
    random = np.random.default_rng(0)
    table = np.column_stack([random.integers(0, 3, 60), random.normal(size=60)])
    parts = split(Dataset(table, np.arange(60) % 2, "ab"))
    made = NormalizingFlow.from_data(parts, layers=1, hidden=4)
    sampled = made.sample(200)
    assert set(sampled[:, 0].tolist()) <= set(parts.train.inputs[:, 0].tolist())
    assert len(sampled[:, 1].unique()) == 200
    same = pickle.loads(pickle.dumps(copy.deepcopy(made)))
    rows = torch.tensor(parts.test.inputs)
    assert torch.equal(same.log_prob(rows), made.log_prob(rows))


def test_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError, match="layers: expected at least 1"):
        NormalizingFlow(2, layers=0)
    with pytest.raises(ShapeError, match=r"rows: expected the shape \(rows, 2\), got"):
        flow("affine").log_prob(torch.zeros(3, 4))
    for wrong in (math.nan, math.inf, 1e300):
        with pytest.raises(DataError, match="rows: expected finite numbers up to 1e"):
            flow("affine").log_prob(torch.full((1, 2), wrong, dtype=torch.float64))
    monkeypatch.setitem(sys.modules, "zuko.flows", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'qml-qdl\[flow\]'"):
        NormalizingFlow(2)
