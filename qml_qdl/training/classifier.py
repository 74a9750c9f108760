"""Any torch classifier as a Lightning module."""

from __future__ import annotations

from typing import TypeAlias

import torch
from lightning.pytorch import LightningModule
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from qml_qdl.training.options import TrainingOptions

Batch: TypeAlias = tuple[torch.Tensor, torch.Tensor]


class Classifier(LightningModule):
    """Fits a model that returns logits, by cross entropy.

    Loss and accuracy of an epoch are kept in metrics that are part of the state, so
    that an epoch continued from a checkpoint reports what it would have reported.

    Args:
        model: Maps inputs (rows, …) to logits (rows, classes).
        num_classes: How many classes there are.
        options: Optimiser and learning rate.
    """

    def __init__(
        self, model: torch.nn.Module, num_classes: int, options: TrainingOptions
    ) -> None:
        super().__init__()
        self.model = model
        self.options = options
        for part in ("train", "val"):
            accuracy = MulticlassAccuracy(num_classes, average="micro")
            for name, metric in (
                ("loss", MeanMetric(nan_strategy="disable")),
                ("accuracy", accuracy),
            ):
                metric.persistent(True)
                setattr(self, f"{part}_{name}", metric)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the model's logits.

        Args:
            inputs: Tensor (rows, …).

        Returns:
            Tensor (rows, classes).
        """
        logits: torch.Tensor = self.model(inputs)
        return logits

    def _step(self, batch: Batch, part: str) -> torch.Tensor:
        inputs, labels = batch
        logits = self(inputs)
        loss = torch.nn.functional.cross_entropy(logits, labels)
        getattr(self, f"{part}_loss").update(loss.detach(), weight=len(labels))
        getattr(self, f"{part}_accuracy").update(logits.detach(), labels)
        return loss

    def _log_epoch(self, part: str) -> None:
        for name in (f"{part}_loss", f"{part}_accuracy"):
            metric = getattr(self, name)
            self.log(name, metric.compute(), prog_bar=True)
            metric.reset()

    def training_step(self, batch: Batch, batch_index: int) -> torch.Tensor:
        """Returns the loss of a training batch."""
        loss = self._step(batch, "train")
        self.log("train_loss_step", loss.detach())
        return loss

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Counts a validation batch."""
        self._step(batch, "val")

    def on_train_epoch_end(self) -> None:
        """Logs the means of the training epoch."""
        self._log_epoch("train")

    def on_validation_epoch_end(self) -> None:
        """Logs the means over the validation part."""
        self._log_epoch("val")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Returns the optimiser that the options name."""
        rate = self.options.learning_rate
        if self.options.optimizer == "sgd":
            return torch.optim.SGD(self.parameters(), lr=rate, momentum=0.9)
        return torch.optim.Adam(self.parameters(), lr=rate)
