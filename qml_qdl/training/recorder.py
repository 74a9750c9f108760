"""The callback that keeps best and last checkpoint and the history of a training."""

from __future__ import annotations

import csv
import io
import math
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from qml_qdl.circuits.errors import RunError
from qml_qdl.training.checkpoints import write_atomically

COLUMNS = (
    "epoch",
    "step",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
)
LAST, BEST, METRICS = "last.ckpt", "best.ckpt", "metrics.csv"


class Recorder(Checkpoint):
    """Writes `best.ckpt`, `last.ckpt` and `metrics.csv` of one training.

    The history travels inside the checkpoint and `metrics.csv` is written from it,
    so the file always tells what led to the weights beside it: lines that a killed
    process wrote after its last checkpoint cannot survive.

    The best epoch has the highest validation accuracy; of equal ones, the lowest
    validation loss; of equal ones again, the first.

    Args:
        folder: Where the files go.
        every: Also writes `last.ckpt` every so many steps; None once per epoch.
    """

    def __init__(self, folder: Path, every: int | None = None) -> None:
        self.folder = folder
        self.every = every
        self.history: list[dict[str, float]] = []
        self._stopped = False
        self._seconds_before = 0.0
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds of training that led here, without work that an interruption lost."""
        return self._seconds_before + time.perf_counter() - self._started

    @property
    def best(self) -> dict[str, float]:
        """The row of the best epoch so far."""
        return max(self.history, key=_merit)

    def state_dict(self) -> dict[str, Any]:
        """Returns history, seconds, and whether training has stopped early."""
        return {
            "history": self.history,
            "seconds": self.seconds,
            "stopped": self._stopped,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what an earlier process reached."""
        self.history = state_dict["history"]
        self._stopped = state_dict["stopped"]
        self._seconds_before = state_dict["seconds"]
        self._started = time.perf_counter()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops at once if early stopping had been reached before the interruption."""
        # The trainer keeps this flag nowhere.
        trainer.should_stop = self._stopped

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Writes `last.ckpt` every so many steps."""
        # The checkpoint of the last step comes after the epoch's validation.
        at_end = batch_idx + 1 == trainer.num_training_batches
        if self.every and not at_end and trainer.global_step % self.every == 0:
            trainer.save_checkpoint(self.folder / LAST)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Adds the epoch to the history and writes all three files.

        Raises:
            RunError: The loss is no finite number any more.
        """
        row = {
            "epoch": trainer.current_epoch,
            "step": trainer.global_step,
            **{name: float(trainer.callback_metrics[name]) for name in COLUMNS[2:]},
        }
        if not math.isfinite(row["train_loss"]):
            raise RunError(
                f"learning_rate: the loss is {row['train_loss']} after epoch "
                f"{row['epoch'] + 1}, training has diverged; try a smaller one"
            )
        self.history.append(row)
        self._stopped = trainer.should_stop
        if self.best is row:
            trainer.save_checkpoint(self.folder / BEST, weights_only=True)
        trainer.save_checkpoint(self.folder / LAST)
        self.write_metrics()

    def write_metrics(self) -> None:
        """Writes the history as `metrics.csv`."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.history)
        encoded = text.getvalue().encode()
        write_atomically(self.folder / METRICS, lambda file: file.write(encoded))


def _merit(row: dict[str, float]) -> tuple[float, float]:
    return row["val_accuracy"], -row["val_loss"]
