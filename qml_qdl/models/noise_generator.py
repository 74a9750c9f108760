"""Generators of samples from noise: what all of them share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ShapeError
from qml_qdl.circuits.validation import check_choice, check_count, validate_call

Noise = Literal["normal", "uniform"]
NOISES = ("normal", "uniform")


@validate_call
class NoiseGenerator(nn.Module, ABC):
    """A generator that maps noise to samples: abstract base, the G of a GAN.

    It plays against a discriminator (Goodfellow et al. 2014, arXiv:1406.2661), but
    nothing here depends on how it is trained. Noise is sampled on the device and in the
    type of the first weight, or in torch's defaults where there are no weights.

    Args:
        noise_size: Numbers in a row of noise, ≥ 1.

    Shape:
        - Input: (rows, noise_size).
        - Output: (rows, ...), what `generate` gives.

    Raises:
        ArgumentError: The size of the noise is below 1.

    Example:
        >>> import torch
        >>> from torch import Tensor
        >>> from qml_qdl.models import NoiseGenerator
        >>> class Ring(NoiseGenerator):
        ...     noise = "uniform"
        ...
        ...     def generate(self, noise: Tensor) -> Tensor:
        ...         return torch.cat([noise.cos(), noise.sin()], 1)
        >>> Ring(noise_size=1).sample(5).shape
        torch.Size([5, 2])
    """

    # ---- Must be defined: this one. ----

    @abstractmethod
    def generate(self, noise: Tensor) -> Tensor:
        """Samples from noise; calling the generator checks the noise first.

        Args:
            noise: (rows, noise_size).

        Returns:
            (rows, ...).
        """

    # ---- May be defined: this one, for a class or in its constructor. ----

    noise: Noise = "normal"
    """Which noise, "normal" (standard) or "uniform" over [0, π/2)."""

    def __init__(self, noise_size: int) -> None:
        super().__init__()
        check_count("noise_size", noise_size)
        self.noise_size = noise_size

    def forward(self, noise: Tensor) -> Tensor:
        """Samples from noise.

        Args:
            noise: (rows, noise_size).

        Returns:
            (rows, ...).

        Raises:
            ShapeError: The noise has another shape.
        """
        if noise.ndim != 2 or noise.shape[1] != self.noise_size:
            raise ShapeError(
                f"noise: expected the shape (rows, {self.noise_size}), got "
                f"{tuple(noise.shape)}; sample it with sample_noise"
            )
        return self.generate(noise)

    def sample_noise(
        self, rows: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Samples noise.

        Args:
            rows: How many, ≥ 0.
            generator: Random numbers; None for torch's own.

        Returns:
            (rows, noise_size).

        Raises:
            ArgumentError: There are fewer than 0 rows, or `noise` is unknown.
        """
        check_count("rows", rows, 0)
        check_choice("noise", self.noise, NOISES)
        like = next(self.parameters(), torch.empty(0))
        sampled = like.new_empty(rows, self.noise_size)
        if self.noise == "normal":
            return sampled.normal_(generator=generator)
        return sampled.uniform_(0, math.pi / 2, generator=generator)

    @torch.no_grad()
    def sample(self, rows: int, generator: torch.Generator | None = None) -> Tensor:
        """Generates samples from fresh noise.

        Args:
            rows: How many, ≥ 0.
            generator: Random numbers; None for torch's own.

        Returns:
            (rows, ...).

        Raises:
            ArgumentError: There are fewer than 0 rows, or `noise` is unknown.
        """
        samples: Tensor = self(self.sample_noise(rows, generator))
        return samples
