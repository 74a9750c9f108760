"""Models that are fitted by a likelihood, or a bound of it, with one optimiser."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from qml_qdl.generative import RBM, QuantumVAE, frequencies, kl_divergence, mmd
from qml_qdl.training.generation.learner import Batch, Draw, GenerativeLearner
from qml_qdl.training.options import TrainingOptions

LEAST_PROBABILITY = 1e-9
"""Smaller probabilities count as this, so that their logarithm is finite."""

GIBBS_STEPS = 5


class _LikelihoodLearner(GenerativeLearner):
    """A loss, one optimiser, and a learning rate that falls."""

    def __init__(self, model: nn.Module, options: TrainingOptions, draw: Draw) -> None:
        super().__init__(model, options, draw)
        self.add_metric(self.columns[0])

    def _counted(self, loss: Tensor, shown: Tensor, rows: int) -> Tensor:
        getattr(self, self.columns[0]).update(shown.detach(), weight=rows)
        self.log(f"{self.columns[0]}_step", shown.detach())
        return loss

    def on_train_epoch_end(self) -> None:
        """Logs the mean loss of the epoch."""
        self.log_metrics(self.columns[0])

    @property
    def all_steps(self) -> int:
        """How many steps the whole training has."""
        return max(1, int(self.trainer.estimated_stepping_batches))

    def configure_optimizers(self) -> Any:
        """Returns the optimiser, and a rate that falls to a hundredth."""
        rate = self.options.learning_rate
        weights = self.model.parameters()
        optimiser: torch.optim.Optimizer
        if self.options.optimizer == "sgd":
            optimiser = torch.optim.SGD(weights, lr=rate, momentum=0.9)
        else:
            optimiser = torch.optim.Adam(weights, lr=rate)
        return _scheduled(
            optimiser,
            torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.01, self.all_steps),
        )


def _scheduled(optimiser: torch.optim.Optimizer, schedule: Any) -> dict[str, Any]:
    return {
        "optimizer": optimiser,
        "lr_scheduler": {"scheduler": schedule, "interval": "step"},
    }


class BornLearner(_LikelihoodLearner):
    """Fits the probabilities of bit strings by their likelihood.

    Where a target has shots, probabilities are frequencies, and those that did not
    occur count as 10⁻⁹. An epoch is judged by KL(validation part ‖ model).

    Args:
        model: Its `forward` gives the probabilities of all bit strings.
        options: How it is trained.
        draw: Draws samples.
    """

    columns: ClassVar[tuple[str, ...]] = ("train_nll", "val_mmd", "val_kl")
    monitor: ClassVar[str] = "val_kl"

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Returns the mean negative log-likelihood of a batch."""
        seen = frequencies(batch[0].flatten(1))
        loss = -(seen * self.model().clamp_min(LEAST_PROBABILITY).log()).sum()
        return self._counted(loss, loss, len(batch[0]))

    @torch.no_grad()
    def judge(self, rows: Tensor) -> dict[str, float]:
        """Distances from the validation part's histogram."""
        seen, model = frequencies(rows.flatten(1)), self.model()
        return {
            "val_mmd": float(mmd(model, seen)),
            "val_kl": float(kl_divergence(seen, model.clamp_min(LEAST_PROBABILITY))),
        }


class RBMLearner(_LikelihoodLearner):
    """Fits a restricted Boltzmann machine, by its chains or exactly.

    With persistent chains the loss is the difference of free energies, whose value
    tells nothing; without chains it is the exact likelihood. An epoch is judged by the
    exact negative log-likelihood of the validation part.

    Args:
        model: The machine; what chains it has decides how it is trained.
        options: How it is trained.
        draw: Draws samples.
    """

    columns: ClassVar[tuple[str, ...]] = ("train_loss", "val_nll")
    monitor: ClassVar[str] = "val_nll"

    model: RBM

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


class VAELearner(_LikelihoodLearner):
    """Fits a variational autoencoder by the evidence lower bound.

    The rate rises, then falls (one cycle). An epoch is judged by minus the bound of
    the validation part.

    Args:
        model: The autoencoder.
        options: `learning_rate` is the highest.
        draw: Draws samples.
    """

    columns: ClassVar[tuple[str, ...]] = (
        "train_loss",
        "val_reconstruction",
        "val_loss",
    )
    monitor: ClassVar[str] = "val_loss"

    model: QuantumVAE

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
        optimiser = torch.optim.Adam(self.model.parameters(), lr=highest)
        return _scheduled(
            optimiser,
            torch.optim.lr_scheduler.OneCycleLR(
                optimiser, highest, total_steps=self.all_steps + 1
            ),
        )
