"""Generators of distributions over fixed values."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from qml_qdl.circuits import AngleEncoding, HardwareEfficient
from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.models import DistributionGenerator, generator_loss


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear_discriminator() -> nn.Module:
    layer = nn.Linear(1, 1)
    with torch.no_grad():
        layer.weight.fill_(0.3)
        layer.bias.fill_(-1)
    return layer


@pytest.mark.parametrize("objective", ["minimax", "non-saturating", "wasserstein"])
def test_distribution_loss_is_the_mean_over_samples(objective: str) -> None:
    model = DistributionGenerator(
        HardwareEfficient(3), torch.arange(8.0), generator=seeded()
    )
    discriminator = linear_discriminator()
    loss = model.loss(discriminator, objective).item()  # type: ignore[arg-type]
    samples = model.sample(50_000, seeded())
    estimate = generator_loss(discriminator(samples), objective)  # type: ignore[arg-type]
    assert loss == pytest.approx(estimate.item(), abs=0.02)


def test_distribution_generator_means() -> None:
    model = DistributionGenerator(HardwareEfficient(2), torch.arange(4.0))
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
    assert model.mean(torch.tensor([7.0, 0, 0, 0])).item() == pytest.approx(7)
    assert model.sample(3).tolist() == [[0.0]] * 3


def test_what_a_distribution_cannot_use_is_reported() -> None:
    circuit = HardwareEfficient(2)
    with pytest.raises(ShapeError, match=r"values: .* got \(4, 0\)"):
        DistributionGenerator(circuit, torch.zeros(4, 0))
    model = DistributionGenerator(circuit, torch.arange(4.0))
    for shape in ((3,), (4, 1)):
        with pytest.raises(ShapeError, match=r"function_values: .* \(4,\), got"):
            model.mean(torch.ones(shape))
    with pytest.raises(ShapeError, match=r"discriminator: .* got \(4, 2\)"):
        model.loss(nn.Linear(1, 2))


def test_a_discriminator_may_have_another_type() -> None:
    model = DistributionGenerator(HardwareEfficient(2), torch.arange(4.0))
    first = model.loss(lambda values: values.double())
    torch.testing.assert_close(first, model.loss(nn.Identity()))


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        pytest.param(
            lambda: DistributionGenerator(HardwareEfficient(2), torch.arange(3.0)),
            ShapeError,
            r"values: expected \(4,\) or \(4, features\) for 2 wires, got \(3,\)",
            id="values",
        ),
        pytest.param(
            lambda: DistributionGenerator(
                HardwareEfficient(1), torch.tensor([0.0, math.nan])
            ),
            DataError,
            "values: expected finite numbers",
            id="nan",
        ),
        pytest.param(
            lambda: DistributionGenerator(
                HardwareEfficient(1) @ AngleEncoding(1), torch.arange(2.0)
            ),
            ArgumentError,
            "expected one without inputs",
            id="inputs",
        ),
    ],
)
def test_bad_arguments_are_refused(
    make: object, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        make()  # type: ignore[operator]
