"""Any torch classifier as a Lightning module."""

from __future__ import annotations

from typing import ClassVar, TypeAlias

import torch
from torchmetrics.classification import MulticlassAccuracy

from qml_qdl.training.learner import Learner
from qml_qdl.training.options import TrainingOptions

Batch: TypeAlias = tuple[torch.Tensor, torch.Tensor]


class Classifier(Learner):
    """Fits a model that returns logits, by cross entropy.

    Args:
        model: Maps inputs (rows, …) to logits (rows, classes).
        num_classes: How many classes there are.
        options: Optimiser and learning rate.
    """

    columns: ClassVar[tuple[str, ...]] = (
        "train_loss",
        "train_accuracy",
        "val_loss",
        "val_accuracy",
    )
    monitor: ClassVar[str] = "val_loss"

    def __init__(
        self, model: torch.nn.Module, num_classes: int, options: TrainingOptions
    ) -> None:
        super().__init__(model)
        self.options = options
        for part in ("train", "val"):
            self.add_metric(f"{part}_loss")
            accuracy = MulticlassAccuracy(num_classes, average="micro")
            self.add_metric(f"{part}_accuracy", accuracy)

    @staticmethod
    def merit(row: dict[str, float]) -> tuple[float, ...]:
        """The highest validation accuracy, and of equal ones the lowest loss."""
        return row["val_accuracy"], -row["val_loss"]

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
        self.log_metrics("train_loss", "train_accuracy")

    def on_validation_epoch_end(self) -> None:
        """Logs the means over the validation part."""
        self.log_metrics("val_loss", "val_accuracy")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Returns the optimiser that the options name."""
        rate = self.options.learning_rate
        if self.options.optimizer == "sgd":
            return torch.optim.SGD(self.parameters(), lr=rate, momentum=0.9)
        return torch.optim.Adam(self.parameters(), lr=rate)
