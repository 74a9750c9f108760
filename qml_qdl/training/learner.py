"""What the trainer trains: a model with its losses, and what an epoch is judged by."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from lightning.pytorch import LightningModule
from torchmetrics import MeanMetric, Metric


class Learner(LightningModule):
    """A model in training.

    Numbers of an epoch are kept in metrics that are part of the state, so that an epoch
    continued from a checkpoint reports what it would have reported.

    Args:
        model: The model whose weights are kept; in a checkpoint they are called
            "model.…".
    """

    columns: ClassVar[tuple[str, ...]]
    """The numbers of an epoch, as they are logged and written to `metrics.csv`."""

    monitor: ClassVar[str]
    """The column that early stopping watches; lower is better."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    @property
    def trained(self) -> torch.nn.Module:
        """What runs in a training step; not the kept model where that is an average."""
        return self.model

    @staticmethod
    @abstractmethod
    def merit(row: dict[str, float]) -> tuple[float, ...]:
        """How good an epoch was.

        Args:
            row: The numbers of the epoch.

        Returns:
            Numbers that compare: the highest is the best epoch.
        """

    def add_metric(self, name: str, metric: Metric | None = None) -> None:
        """Adds a metric that checkpoints keep, as an attribute.

        Args:
            name: Its name.
            metric: The metric; None for a mean.
        """
        metric = MeanMetric(nan_strategy="disable") if metric is None else metric
        metric.persistent(True)
        setattr(self, name, metric)

    def log_metrics(self, *names: str) -> None:
        """Logs what metrics have come to in this epoch, and begins them anew.

        Args:
            *names: Names of metrics, which are columns.
        """
        for name in names:
            metric = getattr(self, name)
            self.log(name, metric.compute(), prog_bar=True)
            metric.reset()
