"""The Lightning trainer on a learner: checkpoints, exact resumption."""

from __future__ import annotations

import errno
import inspect
import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning.pytorch.accelerators import CUDAAccelerator, MPSAccelerator
from lightning.pytorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    TQDMProgressBar,
)
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities.seed import isolate_rng

from qml_qdl.circuits.errors import ArgumentError, RunError
from qml_qdl.hardware.files import remove_remains
from qml_qdl.nn.jobs import record_jobs
from qml_qdl.training.checkpoints import (
    AtomicCheckpointIO,
    ExactResume,
    load_state,
    newest_checkpoint,
    restore_best,
)
from qml_qdl.training.folders import BEST, JOURNAL, LAST, PREVIOUS
from qml_qdl.training.jobs import JobSteps
from qml_qdl.training.options import TrainingOptions
from qml_qdl.training.recipes.recipe import Recipe, build_object, named_class
from qml_qdl.training.recorder import Recorder
from qml_qdl.training.specs import Spec, check_arguments

logger = logging.getLogger(__name__)

_LOGS = "tensorboard"


def check_accelerator(accelerator: str) -> None:
    """Refuses a GPU where there is none.

    Args:
        accelerator: "auto", "cpu" or "gpu".

    Raises:
        ArgumentError: "gpu" is asked for, and torch finds none.
    """
    found = CUDAAccelerator.is_available() or MPSAccelerator.is_available()
    if accelerator == "gpu" and not found:
        raise ArgumentError(
            "accelerator: expected a GPU that torch finds, got 'gpu' and none; use "
            "'auto' or 'cpu'"
        )


def claim_folder(
    folder: Path, learner: Recipe, *, resume: bool, journal: str | Path | None
) -> None:
    """Makes a folder the place of a training, and of the jobs it sends.

    Args:
        folder: The folder.
        learner: What will be trained.
        resume: Whether the folder may hold a training already.
        journal: The journal of a target's jobs; None for one in the folder.

    Raises:
        RunError: The folder holds a training and `resume` is False.
        OSError: Nothing can be written there.
    """
    if not resume and any((folder / name).exists() for name in (LAST, PREVIOUS)):
        raise RunError(
            f"folder: {folder} holds a training already; pass resume=True to continue "
            "it, or another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    # Or TensorBoard would be the first to fail, in a thread of its own.
    for place in (folder, folder / _LOGS):
        if place.exists() and not os.access(place, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))
    remove_remains(folder)
    if journal is None:
        record_jobs(learner.trained, folder / JOURNAL, "training")
    else:
        record_jobs(learner.trained, journal, folder.name)


def run_trainer(
    learner: Recipe,
    *,
    seed: int,
    folder: Path | None,
    progress: bool,
    log: bool,
) -> Recorder:
    """Trains, from the folder's last checkpoint on if there is one.

    Args:
        learner: What is trained; its model ends with the weights of the best epoch.
        seed: Seeds the global generators and the order of the rows.
        folder: Where checkpoints and `metrics.csv` go; None to keep nothing on disk,
            which a logger among the options does not allow.
        progress: Whether a progress bar is shown; lines on stderr in a pipe or a file.
        log: Whether TensorBoard logs are kept.

    Returns:
        The history.

    Raises:
        ArgumentError: There is no GPU, and the options ask for one.
        RunError: The checkpoint does not fit, or training diverged.
        KeyboardInterrupt: The user pressed Ctrl-C; a checkpoint was written.
    """
    options = learner.options
    check_accelerator(options.accelerator)
    recorder = Recorder(folder, options.checkpoint_every, learner)
    found = None if folder is None else newest_checkpoint(folder)
    if folder is not None and found is not None and not restore_best(folder, found[1]):
        logger.warning(
            "%s is missing, and there is no copy: the training begins anew",
            folder / BEST,
        )
        for name in (LAST, PREVIOUS):
            (folder / name).unlink(missing_ok=True)
        found = None
    step = None if found is None else _steps_in(found[1])
    logs = log or options.logger is not None
    seed_everything(seed, verbose=False)
    loader = learner.train_loader(seed)
    with quiet_lightning():
        trainer = Trainer(
            max_epochs=options.epochs,
            accelerator=options.accelerator,
            devices=1,
            callbacks=[
                ExactResume(loader),
                JobSteps(learner.trained),
                PlateauSteps(learner),
                *_callbacks(options, learner.watched, learner.columns, progress),
                *given_callbacks(options),
                recorder,
            ],
            plugins=[AtomicCheckpointIO()],
            logger=_logger(options, folder, step) if logs and folder else False,
            gradient_clip_val=options.gradient_clip,
            precision=options.precision,
            log_every_n_steps=1,
            num_sanity_val_steps=0,
            enable_progress_bar=progress and shows_bars(),
            enable_model_summary=False,
        )
        try:
            with recorder.signals:
                trainer.fit(
                    learner,
                    loader,
                    learner.validation_loader(),
                    ckpt_path=None if found is None else found[0],
                    weights_only=True,
                )
        except SystemExit as error:
            # The trainer makes an exit of Ctrl-C; callers expect the interrupt.
            if isinstance(error.__context__, KeyboardInterrupt):
                raise error.__context__ from None
            raise
    recorder.write_metrics()
    load_state(learner.model, recorder.best_weights, "the training")
    return recorder


def _steps_in(content: dict[str, Any]) -> int:
    return int(content["global_step"]) // max(1, len(content["optimizer_states"]))


def _callbacks(
    options: TrainingOptions, monitor: str, columns: Sequence[str], progress: bool
) -> list[Callback]:
    callbacks: list[Callback] = []
    if options.patience is not None:
        callbacks.append(EarlyStopping(monitor, patience=options.patience))
    if progress:
        bar = TQDMProgressBar(leave=False)
        callbacks.append(bar if shows_bars() else ProgressLines(columns))
    return callbacks


def shows_bars() -> bool:
    """Whether lines are drawn over: on a terminal, and in a notebook."""
    return sys.stdout.isatty() or "ipykernel" in sys.modules


class ProgressLines(Checkpoint):
    """A line on stderr every few seconds, where no bar can be drawn.

    It is one of the trainer's checkpoints, though it writes none, because those come
    when a recipe has told its numbers of the epoch.

    Args:
        columns: The numbers of an epoch that are told.
        pause: Seconds between two lines of epochs, at least.
        longest: Seconds of an epoch after which it is told how far it is.
    """

    def __init__(
        self, columns: Sequence[str], pause: float = 2.0, longest: float = 15.0
    ) -> None:
        self._columns = columns
        self._pause = pause
        self._longest = longest
        self._started = self._told = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Tells how far a long epoch is."""
        every = int(trainer.num_training_batches)
        if batch_idx + 1 < every and self._waited(self._longest):
            self._tell(trainer, f"step {batch_idx + 1} of {every}")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tells what an epoch has come to."""
        if self._waited(self._pause):
            numbers = trainer.callback_metrics
            told = (f"{name} {float(numbers[name]):.4g}" for name in self._columns)
            self._tell(trainer, ", ".join(told))

    def _waited(self, seconds: float) -> bool:
        return time.monotonic() - self._told >= seconds

    def _tell(self, trainer: Trainer, what: str) -> None:
        self._told = time.monotonic()
        epoch = f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}"
        seconds = f"{self._told - self._started:.0f} s"
        print(f"{epoch}: {what}, {seconds}", file=sys.stderr, flush=True)


class PlateauSteps(Callback):
    """Steps a scheduler that watches the validation before the epoch's checkpoint.

    The trainer would do so after it, and in an epoch that was resumed not at all.

    Args:
        learner: The recipe, which has the scheduler if there is one.
    """

    def __init__(self, learner: Recipe) -> None:
        self._learner = learner
        self._loaded: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Returns the scheduler's state."""
        plateau = self._learner.plateau
        return {} if plateau is None else {"plateau": plateau.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remembers the state until there is a scheduler."""
        self._loaded = state_dict.get("plateau")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the state over."""
        if self._learner.plateau is not None and self._loaded is not None:
            self._learner.plateau.load_state_dict(self._loaded)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Shows the scheduler what the epoch has come to."""
        if self._learner.plateau is not None:
            watched = trainer.callback_metrics[self._learner.watched]
            self._learner.plateau.step(watched)


def given_callbacks(options: TrainingOptions) -> list[Callback]:
    """Builds the callbacks that options name.

    Args:
        options: The options.

    Raises:
        ArgumentError: There is no such callback, or no such argument of it.
    """
    return [
        build_object("callbacks", each, "lightning.pytorch.callbacks", Callback)
        for each in options.callbacks
    ]


_LOGGERS = "lightning.pytorch.loggers"


def check_logger(options: TrainingOptions) -> None:
    """Refuses loggers that cannot be built, without building one.

    Args:
        options: The options.

    Raises:
        ArgumentError: There is no such logger, or no such argument of it.
    """
    if isinstance(options.logger, Spec):
        found = named_class("logger", options.logger, _LOGGERS, Logger)
        given = frozenset({"save_dir"})  # the training's folder
        check_arguments("logger", found, options.logger.init_args, given=given)


def _logger(options: TrainingOptions, folder: Path, step: int | None) -> Logger:
    given = options.logger
    if given is None:
        import_module("tensorboard")  # the logger's own error names no package
        # Purging hides what a killed process logged after its last checkpoint.
        return TensorBoardLogger(folder, name=_LOGS, version="", purge_step=step)
    if isinstance(given, Spec):
        found = named_class("logger", given, _LOGGERS, Logger)
        if "save_dir" in inspect.signature(found).parameters:
            given = given.with_defaults({"save_dir": str(folder)})
    logger: Logger = build_object("logger", given, _LOGGERS, Logger)
    return logger


@contextmanager
def generators_kept() -> Iterator[None]:
    """Leaves the global generators as they were, which a training seeds."""
    with isolate_rng():
        yield


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silences the trainer's chatter, and warnings that it cannot help.

    So does what TensorBoard's thread says of a full disk: the trainer raises it, too.
    """
    tell = threading.excepthook

    def heard(failure: threading.ExceptHookArgs) -> None:
        writing = getattr(failure.thread, "exception", None) is failure.exc_value
        if not writing or not isinstance(failure.exc_value, OSError):
            tell(failure)

    threading.excepthook = heard
    loggers = [logging.getLogger(f"lightning.{name}") for name in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Lightning 2.6 uses a name that torch 2.13 calls deprecated.
            warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)
            # Without a validation part there is nothing to validate.
            warnings.filterwarnings("ignore", "You defined a `validation_step`")
            yield
    finally:
        threading.excepthook = tell
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
