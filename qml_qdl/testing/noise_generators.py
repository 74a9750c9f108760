"""The contract of generators of samples from noise."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.models import NoiseGenerator
from qml_qdl.testing.contract import Contract

Make: TypeAlias = Callable[[torch.dtype], NoiseGenerator]


class NoiseGeneratorContract(Contract):
    """What every `NoiseGenerator` promises.

    `instances` are functions that take the floating type of the weights and make a
    generator with weights sampled anew.

    Example:
        >>> from qml_qdl.models import StyleGenerator
        >>> def style(dtype):
        ...     return StyleGenerator(2, 3, dtype=dtype)
        >>> class TestStyle(NoiseGeneratorContract):
        ...     instances = [style]
        >>> TestStyle().test_noise_of_another_shape_is_refused(style)
    """

    argument = "make"

    def parameters(self) -> Mapping[str, Sequence[Any]]:
        """Instances, in both precisions."""
        return {**super().parameters(), "dtype": (torch.float32, torch.float64)}

    def test_noise_is_sampled_as_torch_samples_it(
        self, make: Make, dtype: torch.dtype
    ) -> None:
        """Number for number, so that old seeds give the old samples."""
        model = make(dtype)
        noise = model.sample_noise(4, _seeded(1))
        empty = torch.empty(4, model.noise_size, dtype=dtype)
        if model.noise == "uniform":
            expected = empty.uniform_(0, math.pi / 2, generator=_seeded(1))
        else:
            expected = empty.normal_(generator=_seeded(1))
        assert noise.dtype == dtype
        assert torch.equal(noise, expected), (
            f"noise: sample_noise does not give torch's {model.noise} numbers"
        )
        assert model.sample_noise(0).shape == (0, model.noise_size)

    def test_generators_are_modules_with_explicit_noise(
        self, make: Make, dtype: torch.dtype
    ) -> None:
        """Samples follow from the noise and the state dict, also once it is pickled."""
        model, other = make(dtype), make(dtype)
        samples = model.sample(4, _seeded(3))
        assert samples.dtype == dtype
        assert not samples.requires_grad
        assert torch.equal(samples, model(model.sample_noise(4, _seeded(3)))), (
            "samples: made twice of the same noise they differ; all that is random "
            "comes from the noise"
        )
        assert not torch.equal(samples, model.sample(4, _seeded(4)))
        assert not torch.equal(samples, other.sample(4, _seeded(3)))
        other.load_state_dict(model.state_dict())
        assert torch.equal(samples, other.sample(4, _seeded(3))), (
            "state_dict: another generator with the same state samples other samples"
        )
        again = pickle.loads(pickle.dumps(model))
        assert torch.equal(samples, again.sample(4, _seeded(3)))

    def test_noise_of_another_shape_is_refused(self, make: Make) -> None:
        """Another size, and other dimensions than (rows, noise_size)."""
        model = make(torch.float32)
        size = model.noise_size
        for shape in ((3, size + 1), (size,), (1, 3, size)):
            with pytest.raises(ShapeError) as error:
                model(torch.zeros(shape))
            assert str(error.value) == (
                f"noise: expected the shape (rows, {size}), got {shape}; sample it "
                "with sample_noise"
            )
        with pytest.raises(ArgumentError, match="rows: expected at least 0, got -1"):
            model.sample(-1)


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
