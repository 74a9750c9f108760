"""The contract of generators that sample from noise, and what a new one has to define.

A new generator is a line of `GENERATORS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.models import (
    ClassicalGenerator,
    ConvGenerator,
    NoiseGenerator,
    PatchGenerator,
    StyleGenerator,
)
from qml_qdl.testing import NoiseGeneratorContract


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def classical(dtype: torch.dtype, noise: Any) -> ClassicalGenerator:
    return ClassicalGenerator(nn.Linear(3, 2, dtype=dtype), 3, noise)


GENERATORS = [
    pytest.param(
        lambda dtype: PatchGenerator((2, 2), (1, 2), layers=1, dtype=dtype), id="patch"
    ),
    pytest.param(
        lambda dtype: ConvGenerator((2, 4), 3, channels=(2,), dtype=dtype), id="conv"
    ),
    pytest.param(lambda dtype: StyleGenerator(2, 3, dtype=dtype), id="style"),
    pytest.param(lambda dtype: classical(dtype, "normal"), id="classical"),
    pytest.param(lambda dtype: classical(dtype, "uniform"), id="classical-uniform"),
]


class TestGenerators(NoiseGeneratorContract):
    instances = GENERATORS


@pytest.mark.parametrize(
    ("kind", "noise"), [(PatchGenerator, "uniform"), (StyleGenerator, "normal")]
)
def test_which_noise(kind: type[NoiseGenerator], noise: str) -> None:
    assert kind.noise == noise


class Doubled(NoiseGenerator):
    """The least a generator must be."""

    def generate(self, noise: Tensor) -> Tensor:
        return 2 * noise


@pytest.mark.parametrize(
    "make",
    [
        Doubled,
        lambda size: ClassicalGenerator(nn.Linear(1, 1), size),
        lambda size: ConvGenerator((4, 4), size),
        lambda size: StyleGenerator(2, size),
    ],
)
def test_noise_has_a_number_or_more(make: Callable[[int], NoiseGenerator]) -> None:
    with pytest.raises(ArgumentError, match="noise_size: expected at least 1, got 0"):
        make(0)


def test_a_generator_without_weights_has_torchs_defaults() -> None:
    samples = Doubled(3).sample(2, seeded())
    assert samples.dtype == torch.get_default_dtype()
    assert torch.equal(samples, 2 * torch.randn(2, 3, generator=seeded()))


def test_the_first_weight_says_which_type_noise_has() -> None:
    model = Doubled(3)
    model.shift = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    model.other = nn.Parameter(torch.zeros(1))
    assert model.sample_noise(2).dtype == torch.float64


def test_what_a_generator_must_define() -> None:
    class Nothing(NoiseGenerator):
        pass

    class Misspelt(Doubled):
        noise = "gaussian"  # type: ignore[assignment]

    with pytest.raises(TypeError, match=r"abstract method '?generate"):
        Nothing(2)  # type: ignore[abstract]
    with pytest.raises(
        ArgumentError, match="noise: expected one of 'normal', 'uniform', got 'gauss"
    ):
        Misspelt(2).sample(1)
