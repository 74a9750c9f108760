"""Fitting one model on one split with the Lightning trainer."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from attrs import field, frozen

from qml_qdl.data.dataset import Dataset, Integers
from qml_qdl.data.loader import ResumableLoader
from qml_qdl.data.parts import Split
from qml_qdl.nn.jobs import begin_step
from qml_qdl.training.classifier import Classifier
from qml_qdl.training.loop import claim_folder, run_trainer
from qml_qdl.training.options import TrainingOptions


@frozen(eq=False)
class Fit:
    """What a training reached.

    Args:
        epochs: How many epochs were trained.
        best_epoch: The epoch, from 0, whose weights were kept.
        validation_accuracy: Accuracy on the validation part in that epoch, 0 … 1.
        test_accuracy: Accuracy of those weights on the test part, 0 … 1.
        parameters: How many numbers were trained.
        seconds: Wall-clock seconds of training that led to the last epoch, without
            work that an interruption lost.
        predictions: Class index of each test row (rows,).
        history: One row per epoch: losses and accuracies.
    """

    epochs: int
    best_epoch: int
    validation_accuracy: float
    test_accuracy: float
    parameters: int
    seconds: float
    predictions: Integers = field(repr=False)
    history: list[dict[str, float]] = field(repr=False)

    @property
    def merit(self) -> float:
        """What trainings of different seeds are chosen by; the highest is the best."""
        return self.validation_accuracy


def fit(
    model: torch.nn.Module,
    split: Split,
    options: TrainingOptions | None = None,
    *,
    seed: int = 0,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: bool = False,
    journal: str | Path | None = None,
) -> Fit:
    """Trains a model; it ends with the weights of its best epoch.

    Args:
        model: Maps inputs (rows, …) to logits (rows, classes); changed in place.
        split: The data; see `qml_qdl.data.split`.
        options: How to train.
        seed: Fixes the order of the rows and everything random in the training. The
            global generators are seeded with it; initial weights are the caller's.
        folder: Keeps checkpoints, `metrics.csv` and TensorBoard logs; None keeps none.
        resume: Continues a training that the folder holds, exactly where its last
            checkpoint left it; a folder without one begins anew.
        progress: Whether a progress bar is shown.
        journal: The journal of a target's jobs, where several trainings share one:
            this one is known in it by its folder's name. None for one in the folder.

    Returns:
        Accuracies, parameters, seconds and the history.

    Raises:
        RunError: The folder holds a training and `resume` is False, its checkpoint
            is damaged or does not fit, or the training diverged.
        KeyboardInterrupt: The user pressed Ctrl-C; checkpoints stay.

    Example:
        >>> from qml_qdl.data import load, split
        >>> parts = split(load("iris"))
        >>> model = torch.nn.Linear(4, 3)
        >>> result = fit(model, parts, TrainingOptions(epochs=20, learning_rate=0.1))
        >>> result.test_accuracy > 0.8
        True
    """
    options = TrainingOptions() if options is None else options
    learner = Classifier(model, split.train.num_classes, options)
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            return _fit(learner, split, options, seed, Path(temporary), progress, False)
    folder = Path(folder)
    claim_folder(folder, learner, resume=resume, journal=journal)
    return _fit(learner, split, options, seed, folder, progress, True)


def _fit(
    learner: Classifier,
    split: Split,
    options: TrainingOptions,
    seed: int,
    folder: Path,
    progress: bool,
    log: bool,
) -> Fit:
    recorder = run_trainer(
        learner, split, options, seed=seed, folder=folder, progress=progress, log=log
    )
    model = learner.model
    predictions = predict(model, split.test, batch_size=options.batch_size, step="test")
    return Fit(
        epochs=len(recorder.history),
        best_epoch=int(recorder.best["epoch"]),
        validation_accuracy=recorder.best["val_accuracy"],
        test_accuracy=accuracy(predictions, split.test),
        parameters=count_parameters(model),
        seconds=recorder.seconds,
        predictions=predictions,
        history=recorder.history,
    )


def predict(
    model: torch.nn.Module,
    dataset: Dataset,
    *,
    batch_size: int = 64,
    step: str | None = None,
    first: int = 0,
) -> Integers:
    """Returns the class that a model gives to each row.

    Args:
        model: Maps inputs (rows, …) to logits (rows, classes).
        dataset: The rows.
        batch_size: Rows per call of the model.
        step: A name for this prediction in the run that the model's jobs belong to (see
            `qml_qdl.nn.record_jobs`); None if they belong to the present step.
        first: Number of the first batch in that name.

    Returns:
        Class indices (rows,).
    """
    loader = ResumableLoader(dataset, batch_size=batch_size, shuffle=False)
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    parts = []
    with torch.no_grad():
        for number, (inputs, _) in enumerate(loader, first):
            if step is not None:
                begin_step(model, f"{step}-{number}")
            parts.append(model(inputs.to(device)).argmax(dim=-1).cpu())
    model.train(was_training)
    return np.asarray(torch.cat(parts).numpy(), dtype=np.int64)


def accuracy(predictions: Integers, dataset: Dataset) -> float:
    """Returns the share of rows, 0 … 1, whose class is predicted.

    Args:
        predictions: Class indices (rows,).
        dataset: The rows with their labels.
    """
    return float(np.mean(predictions == dataset.labels))


def count_parameters(model: torch.nn.Module) -> int:
    """Returns how many numbers of a model are trained."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
