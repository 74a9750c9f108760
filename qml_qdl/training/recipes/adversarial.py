"""Generators against discriminators: two optimisers that take turns."""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from typing import Any, ClassVar

import torch
from attrs import evolve
from torch import Tensor, nn
from torch.nn.functional import softplus

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import validate_call
from qml_qdl.data import all_bits
from qml_qdl.data.splitting import Split
from qml_qdl.metrics import frechet_distance, kl_divergence
from qml_qdl.models import discriminator_loss, generator_loss, slope_penalty
from qml_qdl.models.distribution_generator import value_bits
from qml_qdl.training.measures import RealYardstick, ValueYardstick
from qml_qdl.training.options import TrainingOptions
from qml_qdl.training.recipes.generative import JUDGED, Generative, listed
from qml_qdl.training.recipes.recipe import Batch

BETAS = (0.5, 0.9)


def classical_discriminator(num_features: int, *hidden: int) -> nn.Sequential:
    """A small network that tells real samples from generated ones.

    Args:
        num_features: Numbers in a sample.
        *hidden: Units of each hidden layer.

    Returns:
        Maps (rows, …) to logits (rows, 1).

    Example:
        >>> classical_discriminator(64, 16)(torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 1])
    """
    layers: list[nn.Module] = [nn.Flatten()]
    for units in hidden:
        layers += [nn.Linear(num_features, units), nn.LeakyReLU(0.2)]
        num_features = units
    return nn.Sequential(*layers, nn.Linear(num_features, 1))


@validate_call
class AdversarialRecipe(Generative):
    """Adversarial training of generator and discriminator, by manual optimisation.

    In each step the discriminator learns first, with a penalty on its slope at real
    samples, then the generator; both by Adam with betas (0.5, 0.9). What is kept and
    judged is a running average of the generator's weights, which circles less.

    Args:
        model: The generator.
        split: The data.
        options: `learning_rate` is the generator's.
    """

    automatic_optimization: bool

    penalty: ClassVar[float]
    """Weight of the slope penalty, ≥ 0."""

    rate: ClassVar[float]
    """Learning rate of the discriminator, as a multiple of the generator's."""

    def __init__(
        self, model: nn.Module, split: Split, options: TrainingOptions
    ) -> None:
        kept = copy.deepcopy(model).requires_grad_(False)
        super().__init__(kept, split, options)
        self.automatic_optimization = False
        self.generator = model
        self.discriminator = self.make_discriminator()
        for name in self.columns[:-1]:
            self.add_metric(name)

    @abstractmethod
    def make_discriminator(self) -> nn.Module:
        """What maps samples to logits."""

    @classmethod
    def panels(cls) -> list[tuple[str, ...]]:
        """Losses, what the discriminator gives, and the validation part."""
        return [("loss_d", "loss_g"), ("d_real", "d_generated"), (cls.monitor,)]

    @property
    def trained(self) -> nn.Module:
        """The generator that plays; the kept one has its average weights."""
        return self.generator

    @abstractmethod
    def critic_losses(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """The discriminator's loss, and the penalty on its slope.

        Args:
            real: Samples of the data, (rows, …).
            fake: What the generator gave; it is not to learn from this.
        """

    @abstractmethod
    def generate(self, rows: int) -> Tensor:
        """What the generator gives in a step.

        Args:
            rows: Rows of the batch.
        """

    @abstractmethod
    def generator_loss(self, fake: Tensor) -> Tensor:
        """The generator's loss.

        Args:
            fake: What it gave.
        """

    @property
    def steps_done(self) -> int:
        """Steps so far; each moves both players."""
        return self.global_step // 2

    @abstractmethod
    def share(self) -> float:
        """How far the kept weights move to the generator's in this step, 0 … 1."""

    def training_step(self, batch: Batch, batch_index: int) -> None:
        """Plays one step."""
        real = batch[0]
        of_g, of_d = self.optimizers()  # type: ignore[attr-defined]
        share = self.share()
        fake = self.generate(len(real))

        loss, slope = self.critic_losses(real, fake.detach())
        of_d.zero_grad()
        self.manual_backward(loss + self.penalty * slope)
        of_d.step()

        of_g.zero_grad()
        loss_g = self.generator_loss(fake)
        self.manual_backward(loss_g)
        of_g.step()

        self._average(share)
        self._count("loss_d", loss, len(real))
        self._count("loss_g", loss_g, len(real))
        self.after_step()

    def after_step(self) -> None:
        """What follows a step of both players; nothing unless a subclass has more."""

    def _count(self, name: str, value: Tensor, rows: int) -> None:
        getattr(self, name).update(value.detach(), weight=rows)
        self.log_step(f"{name}_step", value.detach())

    @torch.no_grad()
    def _average(self, share: float) -> None:
        pairs = zip(self.model.parameters(), self.generator.parameters(), strict=True)
        for mean, weight in pairs:
            mean.lerp_(weight, share)

    def on_train_epoch_end(self) -> None:
        """Logs the means of the epoch."""
        self.log_metrics(*self.columns[:-1])

    def configure_optimizers(self) -> Any:
        """Returns the generator's optimiser and the discriminator's."""
        rate = self.options.learning_rate
        return [
            torch.optim.Adam(players.parameters(), lr=each, betas=BETAS)
            for players, each in (
                (self.generator, rate),
                (self.discriminator, self.rate * rate),
            )
        ]


class Adversarial(AdversarialRecipe):
    """Adversarial training by differentiable samples: images, numbers.

    An epoch is judged by the Fréchet distance of samples of the averaged weights from
    the validation part.

    Args:
        model: Has `sample_noise(rows)` and maps noise to samples.
        split: The data.
        options: How it is trained.
    """

    columns: tuple[str, ...] = (
        "loss_d",
        "loss_g",
        "d_real",
        "d_generated",
        "val_frechet",
    )
    monitor: ClassVar[str] = "val_frechet"
    rival: ClassVar[str | None] = "flow"

    penalty: ClassVar[float] = 1.0
    rate: ClassVar[float] = 0.5

    def make_discriminator(self) -> nn.Module:
        """Two hidden layers."""
        size = math.prod(self.split.train.input_shape)
        return classical_discriminator(size, 64, 16)

    @classmethod
    def yardstick(cls, split: Split) -> RealYardstick:
        """Fréchet distances, diversity and manifold shares."""
        return RealYardstick(split)

    @classmethod
    def check_model(cls, model: nn.Module) -> None:
        """Noise has to be sampled.

        Raises:
            ArgumentError: The model has no `sample` or no `sample_noise`.
        """
        super().check_model(model)
        if not hasattr(model, "sample_noise"):
            raise ArgumentError(
                "model: adversarial training needs sample_noise(rows), got "
                f"{type(model).__name__} without; make it a subclass of NoiseGenerator"
            )

    def share(self) -> float:
        """A plain mean first, then an exponential one."""
        return max(0.01, 1 / (self.steps_done + 1))

    def generate(self, rows: int) -> Tensor:
        """Samples of fresh noise."""
        noise = self.generator.sample_noise(rows)  # type: ignore[operator]
        samples: Tensor = self.generator(noise)
        return samples

    def critic_losses(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Cross entropy of both, and the slope at the real samples."""
        logits = self.discriminator(real), self.discriminator(fake)
        for name, logit in zip(("d_real", "d_generated"), logits, strict=True):
            self._count(name, logit.sigmoid().mean(), len(real))
        return discriminator_loss(*logits), slope_penalty(self.discriminator, real)

    def generator_loss(self, fake: Tensor) -> Tensor:
        """The non-saturating loss."""
        return generator_loss(self.discriminator(fake))

    def judge(self, rows: Tensor) -> dict[str, float]:
        """The Fréchet distance from the validation part."""
        shape = self.split.train.input_shape
        samples = self.sample(self.model, JUDGED, self.fixed(), shape)
        return {"val_frechet": frechet_distance(rows, samples)}


@validate_call
class AdversarialDistribution(AdversarialRecipe):
    """Adversarial training of a generator of probabilities: all values at once.

    The discriminator sees numbers as their bits, ±1: a network of the number itself is
    slow to see that neighbours differ. Learning rates fall to a fiftieth, and the
    weights kept are the mean over the last half. An epoch is judged by the relative
    entropy of the validation part's histogram.

    Args:
        model: Its `forward` gives the probabilities of 0 … 2ⁿ − 1.
        split: The data.
        options: How it is trained.
    """

    columns: tuple[str, ...] = (
        "loss_d",
        "loss_g",
        "d_real",
        "d_generated",
        "val_kl",
    )
    monitor: ClassVar[str] = "val_kl"

    places: Tensor

    penalty: ClassVar[float] = 0.1
    rate: ClassVar[float] = 1.0
    standardise: ClassVar[bool] = False
    rival: ClassVar[str | None] = "autoregressive"

    def __init__(
        self, model: nn.Module, split: Split, options: TrainingOptions
    ) -> None:
        self.num_bits = value_bits(split)
        super().__init__(model, split, options)
        places = 2.0 * all_bits(self.num_bits) - 1
        self.register_buffer("places", places, persistent=False)

    def make_discriminator(self) -> nn.Module:
        """Two hidden layers."""
        return classical_discriminator(self.num_bits, 32, 32)

    @classmethod
    def yardstick(cls, split: Split) -> ValueYardstick:
        """Distances of distributions of whole numbers."""
        return ValueYardstick(split, 2 ** value_bits(split))

    @classmethod
    @torch.no_grad()
    def measure(cls, model: nn.Module, split: Split) -> dict[str, float]:
        """Measures the exact probabilities."""
        chances = listed(model, value_bits(split))
        return cls.yardstick(split).of_probabilities(chances.cpu())

    @classmethod
    def rival_split(cls, split: Split) -> Split:
        """Numbers as their bits, the highest leading."""
        bits = all_bits(value_bits(split)).numpy()
        train, validation, test = (
            evolve(part, inputs=bits[part.inputs[:, 0].astype(int)], columns=())
            for part in (split.train, split.validation, split.test)
        )
        return evolve(split, train=train, validation=validation, test=test)

    def share(self) -> float:
        """The mean since half of the steps."""
        begin = int(self.trainer.estimated_stepping_batches) // 2
        return 1 / (max(0, self.steps_done - begin) + 1)

    def generate(self, rows: int) -> Tensor:
        """The probabilities of all values."""
        probabilities: Tensor = self.generator()
        return probabilities

    def critic_losses(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Cross entropy of real values, and of all values by their probabilities."""
        bits = self.places[real[:, 0].long()]
        on_real = self.discriminator(bits)
        on_values = self.discriminator(self.places)[:, 0]
        loss = softplus(-on_real).mean() + fake @ softplus(on_values)
        self._count("d_real", on_real.sigmoid().mean(), len(real))
        self._count("d_generated", fake @ on_values.sigmoid(), len(real))
        return loss, slope_penalty(self.discriminator, bits)

    def generator_loss(self, fake: Tensor) -> Tensor:
        """The non-saturating loss, averaged over the probabilities."""
        return fake @ softplus(-self.discriminator(self.places)[:, 0])

    def after_step(self) -> None:
        """Lowers both rates."""
        for schedule in self.lr_schedulers():  # type: ignore[union-attr]
            schedule.step()

    @torch.no_grad()
    def judge(self, rows: Tensor) -> dict[str, float]:
        """The relative entropy KL(validation part ‖ model)."""
        probabilities = self.model()
        counts = torch.bincount(rows[:, 0].long(), minlength=len(probabilities))
        seen = counts.to(probabilities) / len(rows)
        return {"val_kl": float(kl_divergence(seen, probabilities.clamp_min(1e-9)))}

    def configure_optimizers(self) -> Any:
        """Returns both optimisers and their schedules."""
        optimisers = super().configure_optimizers()
        steps = int(self.trainer.estimated_stepping_batches)
        schedules = [
            torch.optim.lr_scheduler.LinearLR(each, 1.0, 0.02, max(1, steps))
            for each in optimisers
        ]
        return optimisers, schedules
