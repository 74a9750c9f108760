"""What all generators that draw from noise share, and what a new one has to define."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.generative import (
    ClassicalGenerator,
    ConvGenerator,
    NoiseGenerator,
    PatchGenerator,
    StyleGenerator,
)

DTYPES = [torch.float32, torch.float64]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def classical(dtype: torch.dtype, noise: Any) -> ClassicalGenerator:
    return ClassicalGenerator(nn.Linear(3, 2, dtype=dtype), 3, noise)


MAKES: dict[str, Callable[[torch.dtype], NoiseGenerator]] = {
    "patch": lambda dtype: PatchGenerator((2, 2), (1, 2), layers=1, dtype=dtype),
    "conv": lambda dtype: ConvGenerator((2, 4), 3, channels=(2,), dtype=dtype),
    "style": lambda dtype: StyleGenerator(2, 3, dtype=dtype),
    "classical": lambda dtype: classical(dtype, "normal"),
    "classical uniform": lambda dtype: classical(dtype, "uniform"),
}
UNIFORM = {"patch", "classical uniform"}


class Doubled(NoiseGenerator):
    """The least a generator must be."""

    def generate(self, noise: Tensor) -> Tensor:
        return 2 * noise


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MAKES)
def test_noise_is_drawn_as_torch_draws_it(name: str, dtype: torch.dtype) -> None:
    """Number for number, so that old seeds give the old samples."""
    model = MAKES[name](dtype)
    noise = model.draw_noise(4, seeded(1))
    empty = torch.empty(4, model.noise_size, dtype=dtype)
    if name in UNIFORM:
        expected = empty.uniform_(0, math.pi / 2, generator=seeded(1))
    else:
        expected = empty.normal_(generator=seeded(1))
    assert noise.dtype == dtype
    assert torch.equal(noise, expected)
    assert model.draw_noise(0).shape == (0, model.noise_size)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MAKES)
def test_generators_are_modules_with_explicit_noise(
    name: str, dtype: torch.dtype
) -> None:
    model, other = MAKES[name](dtype), MAKES[name](dtype)
    samples = model.sample(4, seeded(3))
    assert samples.dtype == dtype
    assert not samples.requires_grad
    assert torch.equal(samples, model(model.draw_noise(4, seeded(3))))
    assert not torch.equal(samples, model.sample(4, seeded(4)))
    assert not torch.equal(samples, other.sample(4, seeded(3)))
    other.load_state_dict(model.state_dict())
    assert torch.equal(samples, other.sample(4, seeded(3)))
    again = pickle.loads(pickle.dumps(model))
    assert torch.equal(samples, again.sample(4, seeded(3)))


@pytest.mark.parametrize("name", MAKES)
def test_noise_of_another_shape_is_refused(name: str) -> None:
    model = MAKES[name](torch.float32)
    size = model.noise_size
    for shape in ((3, size + 1), (size,), (1, 3, size)):
        with pytest.raises(ShapeError) as error:
            model(torch.zeros(shape))
        assert str(error.value) == (
            f"noise: expected the shape (rows, {size}), got {shape}; draw it with "
            "draw_noise"
        )
    with pytest.raises(ArgumentError, match="rows: expected at least 0, got -1"):
        model.sample(-1)


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
    assert model.draw_noise(2).dtype == torch.float64


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
