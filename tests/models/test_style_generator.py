"""Style generators: angles affine in the noise."""

from __future__ import annotations

import pytest
import torch

from qml_qdl.circuits import HardwareEfficient
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.models import StyleGenerator

DOUBLE = torch.float64


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_style_angles_are_affine_in_the_noise() -> None:
    model = StyleGenerator(2, 3, generator=seeded(), dtype=DOUBLE)
    seen = []
    model.layer.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    for row in (torch.zeros(1, 3), torch.eye(3)[:1], torch.eye(3)[1:2]):
        model(row.double())
    base, first, second = seen
    torch.testing.assert_close(base[0], model.bias)
    component = torch.arange(len(model.weight)) % 3
    torch.testing.assert_close((first - base)[0], model.weight * (component == 0))
    torch.testing.assert_close((second - base)[0], model.weight * (component == 1))


def test_style_generator_learns_a_mean() -> None:
    model = StyleGenerator(2, 1, generator=seeded())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    wanted = torch.tensor([0.5, -2.0])
    for _ in range(100):
        optimizer.zero_grad()
        (
            model(model.sample_noise(64, seeded())).mean(0) - wanted
        ).square().sum().backward()
        optimizer.step()
    assert (model.sample(500, seeded(1)).mean(0) - wanted).abs().max().item() < 0.2


def test_a_processing_that_does_not_fit_is_reported() -> None:
    with pytest.raises(ArgumentTypeError, match="processing: expected a Processing"):
        StyleGenerator(1, 1, processing=3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="2 wires have 3 words of Z to read out"):
        StyleGenerator(4, 1, processing=HardwareEfficient(2))
