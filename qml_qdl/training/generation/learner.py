"""The learner of a generative model: judged by samples, remembered by pictures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from qml_qdl.training.learner import Learner
from qml_qdl.training.options import TrainingOptions

Draw: TypeAlias = Callable[[nn.Module, int, torch.Generator], Tensor]
Batch: TypeAlias = tuple[Tensor, Tensor]

SHOWN = 8
"""Samples that are kept of an epoch, to be shown side by side."""

GRIDS = 6
"""About so many epochs are shown, besides the beginning."""


class GenerativeLearner(Learner):
    """A generative model in training.

    Now and then it draws a few samples of the same noise; they travel in the
    checkpoints, so that a continued training shows what a whole one would.

    Args:
        model: The model whose weights are kept.
        options: How it is trained.
        draw: Draws samples of the model, (count, …).
    """

    lowest: ClassVar[bool] = True

    def __init__(self, model: nn.Module, options: TrainingOptions, draw: Draw) -> None:
        super().__init__(model)
        self.options = options
        self.draw = draw
        self.grids: dict[int, Tensor] = {}
        shares = [round(k * options.epochs / GRIDS) for k in range(GRIDS + 1)]
        self._shown_after = set(shares)
        self._seen: list[Tensor] = []

    @abstractmethod
    def judge(self, rows: Tensor) -> dict[str, float]:
        """Measures the kept model on the validation part.

        Args:
            rows: The whole part, (rows, …).

        Returns:
            Columns of the epoch.
        """

    @classmethod
    def merit(cls, row: dict[str, float]) -> tuple[float, ...]:
        """Minus the number that is watched."""
        return (-row[cls.monitor],)

    def fixed(self) -> torch.Generator:
        """Random numbers that are the same in each epoch, beside the training's."""
        return torch.Generator(self.device).manual_seed(0)

    def on_train_start(self) -> None:
        """Keeps samples of the untrained model."""
        if not self.grids:
            self._keep_samples(0)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Collects the rows of a batch."""
        self._seen.append(batch[0])

    def on_validation_epoch_end(self) -> None:
        """Measures the model, and keeps samples in some epochs."""
        rows, self._seen = torch.cat(self._seen), []
        for name, value in self.judge(rows).items():
            self.log(name, value, prog_bar=True)
        if self.current_epoch + 1 in self._shown_after:
            self._keep_samples(self.current_epoch + 1)

    @torch.no_grad()
    def _keep_samples(self, epoch: int) -> None:
        self.grids[epoch] = self.draw(self.model, SHOWN, self.fixed()).cpu()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds the samples to a checkpoint."""
        checkpoint["grids"] = self.grids

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes over the samples that an earlier process kept."""
        self.grids = checkpoint["grids"]
