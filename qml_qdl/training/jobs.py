"""Trainings whose circuits are jobs of a service: every job has its step."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

from qml_qdl.nn.jobs import begin_step


class JobSteps(Callback):
    """Tells a model's layers which step of the training they are in.

    Steps are counted by the trainer, whose checkpoints keep the count: a training that
    goes on from a checkpoint asks for the same jobs again, and finds them.

    Args:
        model: The model.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins what a learner does before its first step, such as first samples."""
        begin_step(self._model, "start")

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Begins a training step."""
        begin_step(self._model, f"train-{trainer.global_step}")

    def on_validation_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Begins a batch of the validation after an epoch."""
        begin_step(self._model, f"validation-{trainer.current_epoch}-{batch_idx}")
