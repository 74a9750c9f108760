"""The callback that keeps best and last checkpoint and the history of a training."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from qml_qdl.circuits.errors import RunError
from qml_qdl.hardware.files import write_atomically
from qml_qdl.training.checkpoints import read_checkpoint
from qml_qdl.training.folders import BEST, LAST
from qml_qdl.training.recipes.recipe import Recipe
from qml_qdl.training.signals import HeldSignals

METRICS = "metrics.csv"


class Recorder(Checkpoint):
    """Writes `best.ckpt`, `last.ckpt` and `metrics.csv` of one training.

    The last checkpoint has a copy of the best weights, so that the two always agree.

    The history travels inside the checkpoint and `metrics.csv` is written from it,
    so the file always tells what led to the weights beside it: lines that a killed
    process wrote after its last checkpoint cannot survive.

    A loss that is no finite number, or weights that are none, stop the training before
    they reach a file: the checkpoints that are there stay good.

    A signal that ends the process waits for the end of the step, or of the validation,
    and for a checkpoint.

    Args:
        folder: Where the files go; None writes none, and keeps the best weights alone.
        every: Also writes `last.ckpt` every so many steps; None once per epoch.
        learner: Whose numbers are kept, and who says which epoch is the best (of equal
            ones it is the first): a class or an object.
    """

    def __init__(
        self,
        folder: Path | None,
        every: int | None,
        learner: type[Recipe] | Recipe,
    ) -> None:
        self.folder = folder
        self.every = every
        self.columns = ("epoch", "step", *learner.columns)
        self._merit: Callable[[dict[str, float]], tuple[float, ...]] = learner.merit
        self.history: list[dict[str, float]] = []
        self.signals = HeldSignals()
        self._best: dict[str, torch.Tensor] | None = None
        self._stopped = False
        self._told = False
        self._seconds_before = 0.0
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds of training that led here, without work that an interruption lost."""
        return self._seconds_before + time.perf_counter() - self._started

    @property
    def best(self) -> dict[str, float]:
        """The row of the best epoch so far."""
        return max(self.history, key=self._merit)

    @property
    def best_weights(self) -> dict[str, torch.Tensor]:
        """The weights of the best epoch so far, by their names in the recipe."""
        assert self._best is not None  # there is one once an epoch has ended
        return self._best

    def state_dict(self) -> dict[str, Any]:
        """Returns history, best weights, seconds, and whether training has stopped."""
        return {
            "history": self.history,
            "best": self._best,
            "seconds": self.seconds,
            "stopped": self._stopped,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what an earlier process reached."""
        self.history = state_dict["history"]
        self._best = state_dict.get("best")
        if self.history and self._best is None and self.folder is not None:
            # of an earlier version
            self._best = read_checkpoint(self.folder / BEST)["state_dict"]
        self._stopped = state_dict["stopped"]
        self._seconds_before = state_dict["seconds"]
        self._started = time.perf_counter()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops at once if early stopping had been reached before the interruption."""
        # The trainer keeps this flag nowhere.
        trainer.should_stop = self._stopped
        self.signals.deliver()
        self.signals.hold()  # the trainer has a handler of its own by now

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: torch.Tensor
    ) -> None:
        """Stops before weights are changed by a loss that is no finite number.

        Raises:
            RunError: It is NaN or infinite.
        """
        if not bool(loss.detach().isfinite().all()):
            value = float(loss.detach().reshape(-1)[0])
            raise self._diverged(trainer, f"the loss is {value}")

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Writes `last.ckpt` every so many steps, and when a signal came."""
        # The checkpoint of the last step comes after the epoch's validation.
        if batch_idx + 1 == trainer.num_training_batches:
            return
        due = self.every and steps_done(trainer) % self.every == 0
        if due or self.signals.came:
            self._save(trainer, LAST)
            self.signals.deliver()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Adds the epoch to the history and writes all three files.

        Raises:
            RunError: A weight, or a number of the epoch, is no finite number any more.
        """
        row = {
            "epoch": trainer.current_epoch,
            "step": steps_done(trainer),
            **{
                name: float(trainer.callback_metrics[name]) for name in self.columns[2:]
            },
        }
        for name, value in row.items():
            # A distance to the data may be infinite, as one that is yet to fall.
            if math.isnan(value) or ("train" in name and math.isinf(value)):
                raise self._diverged(trainer, f"{name} is {value}")
        self.history.append(row)
        self._stopped = trainer.should_stop
        if self.best is row:
            self._best = {
                name: value.detach().cpu().clone()
                for name, value in trainer.lightning_module.state_dict().items()
            }
            self._save(trainer, BEST, weights_only=True)
        self._save(trainer, LAST)
        self.write_metrics()
        self.signals.deliver()

    def _save(self, trainer: Trainer, name: str, weights_only: bool = False) -> None:
        for weight, value in trainer.lightning_module.named_parameters():
            if not bool(value.detach().isfinite().all()):
                raise self._diverged(trainer, f"the weight {weight} is not finite")
        if self.folder is None:
            return
        trainer.save_checkpoint(self.folder / name, weights_only=weights_only)

    def _kept(self) -> str:
        last = None if self.folder is None else self.folder / LAST
        if last is None or not last.exists():
            return "there is no checkpoint yet"
        return f"the last good checkpoint is {last}"

    def _diverged(self, trainer: Trainer, what: str) -> RunError:
        self._told = True
        return RunError(
            f"learning_rate: {what} in step {steps_done(trainer) + 1} (epoch "
            f"{trainer.current_epoch + 1}), training has diverged; try a smaller one "
            f"in a new run; {self._kept()}"
        )

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Says of a training that cannot go on where its last good checkpoint is."""
        if isinstance(exception, RunError) and not self._told:
            exception.add_note(self._kept())

    def write_metrics(self) -> None:
        """Writes the history as `metrics.csv`, where there is a folder."""
        if self.folder is None:
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.history)
        encoded = text.getvalue().encode()
        write_atomically(self.folder / METRICS, lambda file: file.write(encoded))


def steps_done(trainer: Trainer) -> int:
    """How many batches a trainer has learnt from.

    Args:
        trainer: It counts each step of each optimiser; every one steps once a batch.

    Returns:
        The number.
    """
    return trainer.global_step // max(1, len(trainer.optimizers))
