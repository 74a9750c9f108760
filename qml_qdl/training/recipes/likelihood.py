"""Models that are fitted by a likelihood, or a bound of it, with one optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from attrs import evolve
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.data import frequencies
from qml_qdl.data.dataset import Dataset
from qml_qdl.data.dequantisation import Dequantiser
from qml_qdl.data.splitting import Split
from qml_qdl.metrics import kl_divergence, mmd, mmd_of_samples
from qml_qdl.models import RBM, QuantumVAE
from qml_qdl.models.born_machine import MOST_BITS
from qml_qdl.models.classical_generators import ListedRBM
from qml_qdl.training.measures import (
    BitYardstick,
    DensityYardstick,
    ELBOYardstick,
    ManyBitsYardstick,
    Yardstick,
)
from qml_qdl.training.options import TrainingOptions
from qml_qdl.training.recipes.generative import (
    JUDGED,
    PLACES,
    Generative,
    listed,
    log_prob_of,
)
from qml_qdl.training.recipes.recipe import Batch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from qml_qdl.training.building import Task
    from qml_qdl.training.fitting import Fit

LEAST_PROBABILITY = 1e-9
"""Smaller probabilities count as this, so that their logarithm is finite."""

GIBBS_STEPS = 5

REPEATS = 5
"""Times that each row of the validation part is judged, with other noise."""

TWIN_RATE = 1 / 6
"""The twin of a Born machine learns at this share of its rate: at the whole one it
swings, and the comparison would be unfair."""


class Fitted(Generative):
    """A loss, one optimizer, and a learning rate that falls."""

    def __init__(
        self, model: nn.Module, split: Split, options: TrainingOptions
    ) -> None:
        super().__init__(model, split, options)
        self.add_metric(self.columns[0])

    def _counted(self, loss: Tensor, shown: Tensor, rows: int) -> Tensor:
        getattr(self, self.columns[0]).update(shown.detach(), weight=rows)
        self.log_step(f"{self.columns[0]}_step", shown.detach())
        return loss

    def on_train_epoch_end(self) -> None:
        """Logs the mean loss of the epoch."""
        self.log_metrics(self.columns[0])

    @property
    def all_steps(self) -> int:
        """How many steps the whole training has."""
        return max(1, int(self.trainer.estimated_stepping_batches))

    def configure_optimizers(self) -> Any:
        """Returns the optimizer, and a rate that falls to a hundredth."""
        optimizer = self.make_optimizer(self.model.parameters())
        if self.options.scheduler is not None:
            return self.make_scheduler(optimizer)
        return _scheduled(
            optimizer,
            torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, self.all_steps),
        )


def _scheduled(optimizer: torch.optim.Optimizer, schedule: Any) -> dict[str, Any]:
    return {
        "optimizer": optimizer,
        "lr_scheduler": {"scheduler": schedule, "interval": "step"},
    }


class _OfBits(Fitted):
    """Models of bit strings."""

    rival: ClassVar[str | None] = "autoregressive"
    standardise: ClassVar[bool] = False

    @classmethod
    def prepare(cls, split: Split, model: str) -> Split:
        """Zeros and ones: images are cut at 0.5.

        Raises:
            ArgumentError: A table holds other numbers.
            DataError: A part is too small for the report.
        """
        return super().prepare(split, model).each(lambda part: as_bits(part, model))

    @classmethod
    def yardstick(cls, split: Split) -> Yardstick:
        """String by string, or of many bits by samples."""
        few = math.prod(split.train.input_shape) <= MOST_BITS
        return BitYardstick(split) if few else ManyBitsYardstick(split)

    @classmethod
    @torch.no_grad()
    def measure(cls, model: nn.Module, split: Split) -> dict[str, float]:
        """Measures the exact probabilities; of many bits samples and the likelihood."""
        yardstick = cls.yardstick(split)
        if isinstance(yardstick, BitYardstick):
            return yardstick.of_probabilities(listed(model, yardstick.bits).cpu())
        found = super().measure(model, split)
        test = yardstick.test.flatten(1).to(next(model.parameters()))
        log_prob = log_prob_of(model)
        assert log_prob is not None  # or it could not have learnt so many bits
        return found | {"NLL": -float(log_prob(test).mean())}

    @classmethod
    def histograms(cls, model: nn.Module, split: Split) -> Figure:
        """Plots exact probabilities where all strings are listed."""
        from qml_qdl.training.plots import plot_distributions

        yardstick = cls.yardstick(split)
        if not isinstance(yardstick, BitYardstick):
            return super().histograms(model, split)
        return plot_distributions(
            {"real": yardstick.seen, "generated": listed(model, yardstick.bits)}
        )


def as_bits(part: Dataset, model: str) -> Dataset:
    """Makes zeros and ones of a part: images are cut at 0.5, tables must be bits.

    Args:
        part: A part of the data.
        model: What the model is called, for the message.

    Returns:
        The part with bits for inputs.

    Raises:
        ArgumentError: A table holds other numbers.
    """
    if part.is_image:
        return evolve(part, inputs=(part.inputs > 0.5).astype(np.float32))
    wrong = part.inputs[(part.inputs != 0) & (part.inputs != 1)]
    if len(wrong):
        raise ArgumentError(
            f"model: {model!r} reads bits, got {wrong[0]:g} in the table "
            f"{part.name!r}; make zeros and ones of it, or use images, which are cut "
            "at 0.5"
        )
    return part


class Likelihood(_OfBits):
    """Fits the probabilities of bit strings by their likelihood.

    A model with `log_prob(rows)` gives those of the rows of a batch. Another one gives
    those of all strings, by its `forward`; where a target has shots these are
    frequencies, and those that did not occur count as 10⁻⁹. An epoch is judged by
    KL(validation part ‖ model). The MMD of more than twelve bits is that of samples.

    Args:
        model: Has `log_prob(rows)`, or its `forward` gives the probabilities of all bit
            strings.
        options: How it is trained.
    """

    columns: tuple[str, ...] = ("train_nll", "val_mmd", "val_kl")
    monitor: ClassVar[str] = "val_kl"

    def __init__(
        self, model: nn.Module, split: Split, options: TrainingOptions
    ) -> None:
        if isinstance(model, ListedRBM):
            rate = TWIN_RATE * options.learning_rate
            options = evolve(options, learning_rate=rate)
        super().__init__(model, split, options)
        self.bits = math.prod(split.train.input_shape)
        if log_prob_of(model) is None and self.bits > MOST_BITS:
            raise ArgumentError(
                f"model: {type(model).__name__} gives the probabilities of all strings "
                f"of up to {MOST_BITS} bits, got {self.bits}; give it log_prob(rows), "
                "or use smaller images"
            )

    def nll(self, rows: Tensor) -> Tensor:
        """The mean negative log-likelihood of rows.

        Args:
            rows: Bits, (rows, n).
        """
        log_prob = log_prob_of(self.model)
        if log_prob is not None:
            return -log_prob(rows).mean()
        seen, chances = frequencies(rows), listed(self.model, self.bits)
        return -(seen * chances.clamp_min(LEAST_PROBABILITY).log()).sum()

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Returns the mean negative log-likelihood of a batch."""
        loss = self.nll(batch[0].flatten(1))
        return self._counted(loss, loss, len(batch[0]))

    @torch.no_grad()
    def judge(self, rows: Tensor) -> dict[str, float]:
        """Distances from the validation part's histogram."""
        rows = rows.flatten(1)
        if self.bits > MOST_BITS:
            samples = self.sample(self.model, JUDGED, self.fixed(), (self.bits,))
            _, counts = rows.unique(dim=0, return_counts=True)
            shares = counts.to(rows) / len(rows)
            entropy = -torch.xlogy(shares, shares).sum()
            return {
                "val_mmd": float(mmd_of_samples(samples, rows)),
                "val_kl": float(self.nll(rows) - entropy),
            }
        seen, model = frequencies(rows), listed(self.model, self.bits)
        return {
            "val_mmd": float(mmd(model, seen)),
            "val_kl": float(kl_divergence(seen, model.clamp_min(LEAST_PROBABILITY))),
        }


class DensityEstimation(Fitted):
    """Fits a density of tables by its likelihood.

    Rows get fresh uniform noise in each step, as wide as the values of a column are
    told apart (`Dequantiser`): without it the likelihood of counts, words, rounded
    numbers or columns that follow from others has no bound. An epoch is judged by the
    negative log-likelihood of the validation part, with noise that stays the same.

    Args:
        model: Has `log_prob(rows)` and `sample(rows, generator=…)`.
        options: How it is trained.
    """

    columns: tuple[str, ...] = ("train_nll", "val_nll")
    monitor: ClassVar[str] = "val_nll"
    unheeded: ClassVar[tuple[str, ...]] = ("loss",)

    def __init__(
        self, model: nn.Module, split: Split, options: TrainingOptions
    ) -> None:
        super().__init__(model, split, options)
        self.dequantiser = Dequantiser.fit(split.train)

    @classmethod
    def check_model(cls, model: nn.Module) -> None:
        """Densities have to be known.

        Raises:
            ArgumentError: The model has no `sample` or no `log_prob`.
        """
        super().check_model(model)
        if not hasattr(model, "log_prob"):
            raise ArgumentError(
                f"model: {cls.__name__} trains models with log_prob(rows), got "
                f"{type(model).__name__} without"
            )

    @classmethod
    def yardstick(cls, split: Split) -> DensityYardstick:
        """The likelihood, and measures of samples."""
        return DensityYardstick(split)

    @classmethod
    @torch.no_grad()
    def measure(cls, model: nn.Module, split: Split) -> dict[str, float]:
        """Measures the likelihood, and samples."""
        density: Any = model
        like = next(model.parameters())
        nll = cls.yardstick(split).nll(lambda rows: density.log_prob(rows.to(like)))
        return {"NLL": nll, **super().measure(model, split)}

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Returns the mean negative log-likelihood of a batch."""
        loss = self.nll(self.dequantiser.noisy(batch[0]))
        return self._counted(loss, loss, len(batch[0]))

    def nll(self, rows: Tensor) -> Tensor:
        """The mean negative log-likelihood of rows.

        Args:
            rows: Numbers, (rows, features).
        """
        density: Any = self.model
        loss: Tensor = -density.log_prob(rows).mean()
        return loss

    @torch.no_grad()
    def judge(self, rows: Tensor) -> dict[str, float]:
        """The likelihood of the validation part."""
        noisy = self.dequantiser.noisy(rows.repeat(REPEATS, 1), self.fixed())
        return {"val_nll": float(self.nll(noisy))}


class ContrastiveDivergence(_OfBits):
    """Fits a restricted Boltzmann machine, by its chains or exactly.

    With persistent chains the loss is the difference of free energies, whose value
    tells nothing; without chains it is the exact likelihood. An epoch is judged by the
    exact negative log-likelihood of the validation part.

    Args:
        model: The machine; what chains it has decides how it is trained.
        options: How it is trained.
    """

    columns: tuple[str, ...] = ("train_loss", "val_nll")
    monitor: ClassVar[str] = "val_nll"
    unheeded: ClassVar[tuple[str, ...]] = ("loss",)

    model: RBM

    @classmethod
    def pictures(
        cls,
        task: Task,
        fits: Mapping[str, list[Fit]],
        model: nn.Module,
        last: Mapping[str, Any],
    ) -> dict[str, Figure]:
        """The receptive fields of the hidden units, too."""
        from qml_qdl.training.plots import plot_fields

        machine: Any = model
        fields = plot_fields(machine, task.split.train.input_shape)
        return super().pictures(task, fits, model, last) | {"receptive-fields": fields}

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Returns the loss of a batch."""
        rows = batch[0].flatten(1)
        if len(self.model.chains):
            loss = self.model.contrastive_loss(rows, GIBBS_STEPS)
        else:
            loss = self.model.nll_loss(rows)
        return self._counted(loss, loss, len(rows))

    @torch.no_grad()
    def judge(self, rows: Tensor) -> dict[str, float]:
        """The exact likelihood of the validation part."""
        return {"val_nll": float(self.model.nll_loss(rows.flatten(1)))}


class EvidenceLowerBound(Fitted):
    """Fits a variational autoencoder by the evidence lower bound.

    The rate rises, then falls (one cycle). An epoch is judged by minus the bound of
    the validation part.

    Args:
        model: The autoencoder.
        options: `learning_rate` is the highest.
    """

    columns: tuple[str, ...] = (
        "train_loss",
        "val_reconstruction",
        "val_loss",
    )
    monitor: ClassVar[str] = "val_loss"

    names: ClassVar[Mapping[str, str]] = {
        **Generative.names,
        "plain": "plain VAE",
    }

    model: QuantumVAE

    @classmethod
    def kinds(cls, model: nn.Module) -> tuple[str, ...]:
        """The twin, and the plain autoencoder without anything in a circuit's place."""
        return *super().kinds(model), "plain"

    @classmethod
    def variant(
        cls, kind: str, model: nn.Module, seed: int, build: Callable[..., nn.Module]
    ) -> nn.Module:
        """The twin, or the plain autoencoder."""
        if kind == "plain":
            return build(quantum_part=None)
        return super().variant(kind, model, seed, build)

    @classmethod
    def yardstick(cls, split: Split) -> ELBOYardstick:
        """The bound, and measures of samples."""
        return ELBOYardstick(split)

    @classmethod
    @torch.no_grad()
    def measure(cls, model: nn.Module, split: Split) -> dict[str, float]:
        """Measures samples, and the bound as a mean over ten samples."""
        autoencoder: Any = model
        device = next(model.parameters()).device
        rows = cls.yardstick(split).test.flatten(1).repeat(10, 1).to(device)
        generator = torch.Generator(device).manual_seed(0)
        error, divergence = (
            float(t.mean()) for t in autoencoder.terms(rows, None, generator)
        )
        return {
            "−ELBO": error + divergence,
            "reconstruction": error,
            "KL term": divergence,
            **super().measure(model, split),
        }

    @classmethod
    @torch.no_grad()
    def walks(cls, model: nn.Module) -> dict[str, Tensor]:
        """Each latent variable from −2.5 to 2.5, the others at zero."""
        autoencoder: Any = model
        rows = {}
        for variable in range(autoencoder.latent_size):
            like = next(model.parameters())
            latent = like.new_zeros(PLACES, autoencoder.latent_size)
            latent[:, variable] = torch.linspace(-2.5, 2.5, PLACES)
            rows[f"z{variable + 1}"] = autoencoder.decode(latent)
        return rows

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Returns minus the bound of a batch."""
        rows = batch[0].flatten(1)
        loss = self.model.loss(rows)
        return self._counted(loss, loss, len(rows))

    @torch.no_grad()
    def judge(self, rows: Tensor) -> dict[str, float]:
        """Minus the evidence lower bound of the validation part."""
        error, divergence = self.model.terms(rows.flatten(1), generator=self.fixed())
        return {
            "val_reconstruction": float(error.mean()),
            "val_loss": float(error.mean() + divergence.mean()),
        }

    def configure_optimizers(self) -> Any:
        """Returns Adam, and a rate that rises and falls."""
        highest = self.options.learning_rate
        optimizer = torch.optim.Adam(self.model.parameters(), lr=highest)
        return _scheduled(
            optimizer,
            torch.optim.lr_scheduler.OneCycleLR(
                optimizer, highest, total_steps=self.all_steps + 1
            ),
        )
