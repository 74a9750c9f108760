"""The classical generator: what stands beside a quantum one, with as many weights."""

from __future__ import annotations

import math

from torch import Tensor, nn

from qml_qdl.circuits.validation import check_choice
from qml_qdl.generative.noise_generator import NOISES, Noise, NoiseGenerator


class ClassicalGenerator(NoiseGenerator):
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
        super().__init__(noise_size)
        check_choice("noise", noise, NOISES)
        self.network = network
        self.noise = noise

    def extra_repr(self) -> str:
        """The arguments, as `repr` shows them."""
        return f"noise_size={self.noise_size}, noise={self.noise!r}"

    def generate(self, noise: Tensor) -> Tensor:
        """Samples from noise.

        Args:
            noise: (rows, noise_size).

        Returns:
            What the network gives.
        """
        samples: Tensor = self.network(noise)
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
