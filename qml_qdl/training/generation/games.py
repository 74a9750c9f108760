"""Generators that learn from a discriminator: of images, numbers, distributions."""

from __future__ import annotations

import math

import torch
from torch import nn

from qml_qdl.circuits import HardwareEfficient
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.data.parts import Split
from qml_qdl.generative import (
    ConvGenerator,
    DistributionGenerator,
    PatchGenerator,
    StyleGenerator,
)
from qml_qdl.training.generation.adversarial import DistributionGame, SampleGame
from qml_qdl.training.generation.family import Family
from qml_qdl.training.generation.learner import GenerativeLearner
from qml_qdl.training.generation.measures import RealYardstick, ValueYardstick
from qml_qdl.training.generation.twins import DistributionTable
from qml_qdl.training.options import ModelOptions, TrainingOptions

MOST_VALUES = 10
"""Up to so many bits a whole number may have."""

PATCH = 16
"""Pixels of a patch, unless a row of the image has more."""


class _SampleFamily(Family):
    """Generators of images or numbers that play against a discriminator."""

    def __init__(self, options: ModelOptions, split: Split) -> None:
        super().__init__(options, split)
        self.yardstick = RealYardstick(split)

    def learner(self, model: nn.Module, options: TrainingOptions) -> GenerativeLearner:
        """The game of generator and discriminator."""
        return SampleGame(model, math.prod(self.shape), options, self.draw)


class PatchGan(_SampleFamily):
    """`PatchGenerator`, whose patches are whole rows of the image."""

    title = "patch generator"

    def make(self) -> nn.Module:
        """Patches of up to 16 pixels, or one row of a wider image; one ancilla."""
        channels, height, width = self.shape
        if channels != 1:
            raise ArgumentError(
                f"model: patch_gan draws grey images, got {channels} channels; use "
                "conv_gan, or grey images"
            )
        rows = max(
            r
            for r in range(1, height + 1)
            if height % r == 0 and (r == 1 or r * width <= PATCH)
        )
        return PatchGenerator(
            (height, width),
            (rows, width),
            num_ancillas=1,
            layers=self.layers_or(6),
            pixels="exponential",
            target=self.options.target,
        )


class ConvGan(_SampleFamily):
    """`ConvGenerator`: transposed quantum convolutions."""

    title = "convolutional generator"

    def make(self) -> nn.Module:
        """Two convolutions of stride two."""
        channels, height, width = self.shape
        return ConvGenerator(
            (height, width),
            5,
            image_channels=channels,
            layers=self.layers_or(3),
            target=self.options.target,
        )


class StyleGan(_SampleFamily):
    """`StyleGenerator`: a wire for each column of a table."""

    title = "style generator"

    def make(self) -> nn.Module:
        """As many components of noise as columns."""
        (features,) = self.shape
        processing = HardwareEfficient(
            max(2, features), self.layers_or(3), rotations=("RY", "RZ"), entangler="CZ"
        )
        return StyleGenerator(
            features, features, processing=processing, target=self.options.target
        )


class DistributionGan(Family):
    """`DistributionGenerator`: whole numbers 0 … 2ⁿ − 1 from n wires."""

    title = "distribution generator"

    yardstick: ValueYardstick

    def __init__(self, options: ModelOptions, split: Split) -> None:
        super().__init__(options, split)
        parts = (split.train, split.validation, split.test)
        most = max(int(part.inputs.max()) for part in parts)
        self.bits = max(1, most.bit_length())
        if self.bits > MOST_VALUES:
            raise ArgumentError(
                f"model: distribution_gan reads numbers below 2^{MOST_VALUES}, got "
                f"{most}; put them into fewer classes"
            )
        self.yardstick = ValueYardstick(split, 2**self.bits)

    def make(self) -> nn.Module:
        """Layers of RY and a ring of CZ."""
        circuit = HardwareEfficient(
            self.bits,
            self.layers_or(3),
            rotations="RY",
            entangler="CZ",
            pattern="ring" if self.bits > 2 else "linear",
        )
        values = torch.arange(2.0**self.bits)
        return DistributionGenerator(circuit, values, target=self.options.target)

    def make_twin(self) -> nn.Module:
        """A softmax of as many numbers as there are values."""
        return DistributionTable(2**self.bits)

    def learner(self, model: nn.Module, options: TrainingOptions) -> GenerativeLearner:
        """The game over all values at once."""
        return DistributionGame(model, self.bits, options, self.draw)

    @torch.no_grad()
    def measure(self, model: nn.Module) -> dict[str, float]:
        """Measures the exact probabilities."""
        return self.yardstick.of_probabilities(model().cpu())
