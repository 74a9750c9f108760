"""What the trainer has to know of a kind of generative model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from lightning.pytorch import seed_everything
from torch import Tensor, nn

from qml_qdl.data.parts import Split
from qml_qdl.training.generation.learner import GenerativeLearner
from qml_qdl.training.generation.measures import SAMPLES, Yardstick
from qml_qdl.training.options import ModelOptions, TrainingOptions


class Family(ABC):
    """One kind of generative model for one split.

    Args:
        options: What was asked.
        split: The data as the model sees them; see `prepare`.
    """

    title: str
    """What the model is called in a report."""

    yardstick: Yardstick

    def __init__(self, options: ModelOptions, split: Split) -> None:
        self.options = options
        self.split = split
        self.shape = split.train.input_shape

    @abstractmethod
    def make(self) -> nn.Module:
        """Makes the model, untrained."""

    def make_twin(self) -> nn.Module:
        """Makes its classical twin, untrained."""
        model: Any = self.make()
        twin: nn.Module = model.classical_twin()
        return twin

    def make_plain(self) -> nn.Module:
        """Makes the plain classical model of kinds that have one beside their twin."""
        raise NotImplementedError(f"{self.title} has no plain model beside its twin")

    def build(self, twin: bool, seed: int, *, plain: bool = False) -> nn.Module:
        """Builds the untrained model, or its twin, or the plain classical model.

        Args:
            twin: Whether the twin is wanted.
            seed: Seeds the global generators, and so the initial weights.
            plain: Whether the plain model is wanted; see `ModelKind.plain`.

        Returns:
            The module.

        Raises:
            ArgumentError: The model cannot be built for such data.
            TargetError: The target is unknown or cannot run the circuit.
        """
        seed_everything(seed, verbose=False)
        if plain:
            return self.make_plain()
        return self.make_twin() if twin else self.make()

    @abstractmethod
    def learner(self, model: nn.Module, options: TrainingOptions) -> GenerativeLearner:
        """What trains the model, or its twin.

        Args:
            model: What `build` returned.
            options: How it is trained.
        """

    def draw(self, model: nn.Module, count: int, generator: torch.Generator) -> Tensor:
        """Draws samples.

        Args:
            model: The model or its twin.
            count: How many, ≥ 1.
            generator: Random numbers.

        Returns:
            (count, …), shaped like the data.
        """
        drawer: Any = model
        samples: Tensor = drawer.sample(count, generator=generator)
        return samples.reshape(count, *self.shape)

    def measure(self, model: nn.Module) -> dict[str, float]:
        """Measures a trained model on the test part.

        Args:
            model: The model or its twin.

        Returns:
            Measures by name.
        """
        device = next(model.parameters()).device
        generator = torch.Generator(device).manual_seed(0)
        return self.yardstick.of_samples(self.draw(model, SAMPLES, generator))

    def layers_or(self, default: int) -> int:
        """The layers that were asked for, or a default."""
        return self.options.layers or default
