"""The classical generator: what stands beside a quantum one, with as many weights."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ShapeError
from qml_qdl.circuits.validation import check_choice, check_count

Noise = Literal["normal", "uniform"]
NOISES = ("normal", "uniform")


def noise_like(
    like: Tensor,
    shape: tuple[int, int],
    noise: Noise,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draws noise for a generator.

    Args:
        like: Whose device and type the noise has.
        shape: (rows, noise_size).
        noise: "normal" is standard normal, "uniform" is uniform over [0, π/2).
        generator: Random numbers; None for torch's own.

    Returns:
        (rows, noise_size).

    Raises:
        ArgumentError: There are fewer than 0 rows.

    Example:
        >>> import torch
        >>> noise_like(torch.zeros(1), (3, 2), "uniform").shape
        torch.Size([3, 2])
    """
    check_count("rows", shape[0], 0)
    drawn = like.new_empty(shape)
    if noise == "normal":
        return drawn.normal_(generator=generator)
    return drawn.uniform_(0, math.pi / 2, generator=generator)


def check_noise(noise: Tensor, size: int) -> None:
    """Checks the shape of noise.

    Args:
        noise: What came.
        size: Numbers in a row.

    Raises:
        ShapeError: The shape is another.
    """
    if noise.ndim != 2 or noise.shape[1] != size:
        raise ShapeError(
            f"noise: expected the shape (rows, {size}), got {tuple(noise.shape)}; "
            "draw it with draw_noise"
        )


class ClassicalGenerator(nn.Module):
    """A torch network that draws samples from noise, as quantum generators do.

    It is what their `classical_twin()` returns: the same noise, the same samples.

    Args:
        network: Maps (rows, noise_size) to samples.
        noise_size: Numbers in a row of noise, ≥ 1.
        noise: "normal" draws standard normal noise, "uniform" over [0, π/2).

    Shape:
        - Input: (rows, noise_size).
        - Output: what the network gives.

    Raises:
        ArgumentError: An argument does not fit.

    Example:
        >>> from torch import nn
        >>> from qml_qdl.generative import ClassicalGenerator
        >>> ClassicalGenerator(nn.Linear(2, 3), noise_size=2).sample(5).shape
        torch.Size([5, 3])
    """

    def __init__(
        self, network: nn.Module, noise_size: int, noise: Noise = "normal"
    ) -> None:
        super().__init__()
        check_count("noise_size", noise_size)
        check_choice("noise", noise, NOISES)
        self.network = network
        self.noise_size = noise_size
        self.noise: Noise = noise

    def extra_repr(self) -> str:
        """The arguments, as `repr` shows them."""
        return f"noise_size={self.noise_size}, noise={self.noise!r}"

    def forward(self, noise: Tensor) -> Tensor:
        """Draws samples.

        Args:
            noise: (rows, noise_size).

        Returns:
            What the network gives.

        Raises:
            ShapeError: The noise has another shape.
        """
        check_noise(noise, self.noise_size)
        samples: Tensor = self.network(noise)
        return samples

    def draw_noise(self, rows: int, generator: torch.Generator | None = None) -> Tensor:
        """Draws noise.

        Args:
            rows: How many, ≥ 0.
            generator: Random numbers; None for torch's own.

        Returns:
            (rows, noise_size).
        """
        like = next(self.parameters())
        return noise_like(like, (rows, self.noise_size), self.noise, generator)

    @torch.no_grad()
    def sample(self, rows: int, generator: torch.Generator | None = None) -> Tensor:
        """Draws samples from fresh noise.

        Args:
            rows: How many, ≥ 0.
            generator: Random numbers; None for torch's own.

        Returns:
            What the network gives.
        """
        samples: Tensor = self(self.draw_noise(rows, generator))
        return samples


def image_network(
    noise_size: int, image_shape: tuple[int, int], weights: int
) -> nn.Sequential:
    """A network that draws images, with about so many weights.

    A linear layer makes a map of features, and one transposed convolution, whose kernel
    is as large as its stride, makes each place of it a tile of the image. Of all maps
    that tile the image, and all numbers of channels, those are taken whose number of
    weights is nearest.

    Args:
        noise_size: Numbers in a row of noise.
        image_shape: (height, width).
        weights: How many weights are wanted.

    Returns:
        Maps (rows, noise_size) to (rows, 1, height, width), from 0 to 1.

    Example:
        >>> network = image_network(5, (8, 8), weights=120)
        >>> sum(weight.numel() for weight in network.parameters())
        121
    """
    height, width = image_shape
    best = (math.inf, 0, 0, 0)
    for down in _divisors(height):
        for across in _divisors(width):
            places = down * across
            each = places * (noise_size + 1) + height * width // places
            channels = max(1, round((weights - 1) / each))
            miss = abs(each * channels + 1 - weights)
            # Of equals the one with more channels.
            best = min(best, (miss, -channels, down, across))
    _, negative, down, across = best
    channels, tile = -negative, (height // down, width // across)
    return nn.Sequential(
        nn.Linear(noise_size, channels * down * across),
        nn.Tanh(),
        nn.Unflatten(1, (channels, down, across)),
        nn.ConvTranspose2d(channels, 1, tile, stride=tile),
        nn.Sigmoid(),
    )


def _divisors(number: int) -> list[int]:
    return [each for each in range(1, number + 1) if number % each == 0]
