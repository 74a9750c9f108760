"""Classical twins of generative models: as many weights, trained in the same way."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from qml_qdl.circuits.validation import check_choice, validate_call
from qml_qdl.data.bits import all_bits
from qml_qdl.models.noise_generator import NOISES, Noise, NoiseGenerator
from qml_qdl.models.rbm import RBM


@validate_call
class ClassicalGenerator(NoiseGenerator):
    """A torch network that generates samples from noise, as quantum generators do.

    It is what their `classical_twin()` returns: the same noise, the same samples.

    Args:
        network: Maps (rows, noise_size) to samples.
        noise_size: Numbers in a row of noise, ≥ 1.
        noise: "normal" samples standard normal noise, "uniform" over [0, π/2).

    Shape:
        - Input: (rows, noise_size).
        - Output: what the network gives.

    Raises:
        ArgumentError: An argument does not fit.

    Example:
        >>> from torch import nn
        >>> from qml_qdl.models import ClassicalGenerator
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
    """A network that generates images, with about so many weights.

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


class DistributionTable(nn.Module):
    """Probabilities of values as a softmax of trained numbers.

    Args:
        values: The values, (number,).
    """

    values: Tensor

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(0.1 * torch.randn(len(values)))
        self.register_buffer("values", values, persistent=False)

    def forward(self) -> Tensor:
        """The probabilities, (values,)."""
        return self.logits.softmax(0)

    @torch.no_grad()
    def sample(self, rows: int, generator: torch.Generator | None = None) -> Tensor:
        """Samples values.

        Args:
            rows: How many, ≥ 1.
            generator: Random numbers; None for torch's own.

        Returns:
            (rows,).
        """
        sampled = torch.multinomial(self(), rows, replacement=True, generator=generator)
        return self.values[sampled]


class ListedRBM(nn.Module):
    """A restricted Boltzmann machine that gives the probabilities of all bit strings.

    So it is trained and measured in the very way of a Born machine.

    Args:
        num_bits: Its visible units, up to 12 or so.
        weights: How many weights are wanted; it gets the nearest number.

    Example:
        >>> machine = ListedRBM(3, weights=19)
        >>> machine.machine, machine().shape
        (RBM(3, 4, visible='binary'), torch.Size([8]))
    """

    strings: Tensor

    def __init__(self, num_bits: int, weights: int) -> None:
        super().__init__()
        hidden = max(1, round((weights - num_bits) / (num_bits + 1)))
        self.machine = RBM(num_bits, hidden)
        self.register_buffer("strings", all_bits(num_bits), persistent=False)

    def forward(self) -> Tensor:
        """The probabilities of all strings, (2ⁿ,)."""
        return self.machine.log_likelihood(self.strings).exp()

    @torch.no_grad()
    def sample(self, rows: int, generator: torch.Generator | None = None) -> Tensor:
        """Samples bit strings.

        Args:
            rows: How many, ≥ 1.
            generator: Random numbers; None for torch's own.

        Returns:
            Zeros and ones, (rows, n).
        """
        sampled = torch.multinomial(self(), rows, replacement=True, generator=generator)
        return self.strings[sampled]
