"""Fits of one model on one split with the Lightning trainer."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve, field, frozen
from torch import nn

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.dataset import Dataset
from qml_qdl.data.splitting import Split
from qml_qdl.manybody import Problem
from qml_qdl.tomography import Experiment
from qml_qdl.training.options import TrainingOptions
from qml_qdl.training.recipes.ground_state import GroundState
from qml_qdl.training.recipes.recipe import Recipe, count_parameters
from qml_qdl.training.recipes.reconstruction import StateReconstruction
from qml_qdl.training.recipes.segmentation import Segmentation
from qml_qdl.training.recipes.supervised import Classification, Regression, Supervised
from qml_qdl.training.trainer import claim_folder, run_trainer


@frozen(eq=False)
class Fit:
    """What a training reached.

    Args:
        epochs: How many epochs were trained.
        best_epoch: The epoch, from 0, whose weights were kept.
        merit: What trainings of different seeds are chosen by, on the validation part;
            the highest is the best. Of a classifier it is the accuracy, of a ground
            state minus the energy.
        measures: Measures of the kept weights on the test part, by name; none without
            a test part.
        parameters: How many numbers were trained; of a GAN the generator's.
        seconds: Wall-clock seconds of training that led to the last epoch, without
            work that an interruption lost.
        history: One row per epoch: its numbers.
        predictions: What is predicted of each test row (rows,), class indices or
            numbers; None of models that generate samples.
    """

    epochs: int
    best_epoch: int
    merit: float
    measures: dict[str, float]
    parameters: int
    seconds: float
    history: list[dict[str, float]] = field(repr=False)
    predictions: Any = field(default=None, repr=False)

    @property
    def test_accuracy(self) -> float:
        """Accuracy of a classifier on the test part, 0 … 1."""
        return self.measures["accuracy"]

    @property
    def validation_accuracy(self) -> float:
        """Accuracy of a classifier on the validation part in its best epoch, 0 … 1."""
        return self.history[self.best_epoch]["val_accuracy"]


@validate_call
def fit(
    model: nn.Module,
    split: Split | Problem | Experiment,
    options: TrainingOptions | None = None,
    *,
    recipe: type[Recipe] | Recipe | None = None,
    seed: int = 0,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: bool = False,
    journal: str | Path | None = None,
    callbacks: Sequence[Any] = (),
    logger: Any = None,
    optimizer: Any = None,
    scheduler: Any = None,
    loss: Any = None,
) -> Fit:
    """Trains a model; it ends with the weights of its best epoch.

    Args:
        model: Maps inputs (rows, …) to logits (rows, classes) or numbers (rows,), or
            what the recipe says; changed in place.
        split: The data; see `qml_qdl.data.split`. Without a validation part, as in
            `Split(rows)`, the last epoch is kept, and without a test part nothing is
            measured. Or the problem whose ground state is sought, or the measurements
            whose state is.
        options: How to train; None for the defaults.
        recipe: How the model learns and is judged: a class, or one that was made of
            this model, these data and options, which are given there alone; None for
            `Classification`, `Regression` where labels are numbers, `Segmentation`
            where places of a row have classes, `GroundState` of a
            problem, or `StateReconstruction` of measurements.
        seed: Fixes the order of the rows and everything random in the training. The
            global generators are seeded with it; initial weights are the caller's.
        folder: Keeps checkpoints, `metrics.csv` and TensorBoard logs; None keeps none.
        resume: Continues a training that the folder holds, exactly where its last
            checkpoint left it; a folder without one begins anew.
        progress: Whether a progress bar is shown; lines on stderr in a pipe or a file.
        journal: The journal of a target's jobs, where several trainings share one:
            this one is known in it by its folder's name. None for one in the folder.
        callbacks: Callbacks of the Lightning trainer, besides those of the options.
        logger: A logger of the Lightning trainer; None as the options say.
        optimizer: A class of torch, or a function of the parameters that returns an
            optimizer; None as the options say.
        scheduler: A function of the optimizer that returns a scheduler, a step of which
            follows each epoch; None as the options say.
        loss: A function of outputs and labels; None as the options say.

    Returns:
        Measures, parameters, seconds and the history.

    Raises:
        ArgumentError: The recipe has no use for something that was given, or has
            options already.
        RunError: The folder holds a training and `resume` is False, its checkpoint
            is damaged or does not fit, or the training diverged.
        KeyboardInterrupt: The user pressed Ctrl-C; checkpoints stay.

    Example:
        >>> import torch
        >>> from qml_qdl.data import load, split
        >>> parts = split(load("iris"))
        >>> model = torch.nn.Linear(4, 3)
        >>> result = fit(model, parts, TrainingOptions(epochs=20, learning_rate=0.1))
        >>> result.test_accuracy > 0.8
        True
    """
    given = {
        "optimizer": optimizer,
        "scheduler": scheduler,
        "loss": loss,
        "logger": logger,
    }
    changes = {name: each for name, each in given.items() if each is not None}
    check_count("seed", seed, 0)
    if inspect.isclass(recipe) and not issubclass(recipe, Recipe):
        raise ArgumentTypeError(f"recipe: expected a Recipe, got {recipe.__name__}")
    if isinstance(recipe, Recipe):
        learner = recipe
        if options is not None or changes or callbacks:
            raise ArgumentError(
                f"recipe: {type(recipe).__name__} was made with its options, got "
                "others beside it; give them to it, or pass its class"
            )
    else:
        options = TrainingOptions() if options is None else options
        every = (*options.callbacks, *callbacks)
        options = evolve(options, callbacks=every, **changes)
        if recipe is None:
            recipe = _by_data(split)
        recipe.check_training(options, recipe.__name__)
        learner = recipe(model, split, options)
    if folder is None and learner.options.logger is None:
        return _fit(model, learner, seed, None, progress, False)
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            return _fit(model, learner, seed, Path(temporary), progress, False)
    folder = Path(folder)
    claim_folder(folder, learner, resume=resume, journal=journal)
    return _fit(model, learner, seed, folder, progress, True)


def _by_data(split: Split | Problem | Experiment) -> type[Recipe]:
    if isinstance(split, Problem):
        return GroundState
    if isinstance(split, Experiment):
        return StateReconstruction
    return _supervised(split.train)


def _supervised(dataset: Dataset) -> type[Supervised]:
    if dataset.num_places:
        return Segmentation
    return Classification if dataset.has_classes else Regression


def _fit(
    model: nn.Module,
    learner: Recipe,
    seed: int,
    folder: Path | None,
    progress: bool,
    log: bool,
) -> Fit:
    parameters = count_parameters(model)
    recorder = run_trainer(
        learner, seed=seed, folder=folder, progress=progress, log=log
    )
    if learner.model is not model:  # adversarial training keeps an average
        model.load_state_dict(learner.model.state_dict())
    judged = not isinstance(learner.split, Split) or learner.split.has_test
    measures, predictions = learner.assess(model) if judged else ({}, None)
    return Fit(
        epochs=len(recorder.history),
        best_epoch=int(recorder.best["epoch"]),
        merit=learner.standing(recorder.best, measures),
        measures=measures,
        parameters=parameters,
        seconds=recorder.seconds,
        history=recorder.history,
        predictions=predictions,
    )


@validate_call
def predict(
    model: nn.Module,
    dataset: Dataset,
    *,
    batch_size: int = 64,
    step: str | None = None,
    first: int = 0,
) -> Any:
    """Returns what a model predicts of each row: a class, or a number.

    Args:
        model: Maps inputs (rows, …) to logits (rows, classes), or to numbers (rows,)
            where the labels of the data are numbers.
        dataset: The rows.
        batch_size: Rows per call of the model.
        step: A name for this prediction in the run that the model's jobs belong to (see
            `qml_qdl.nn.record_jobs`); None if they belong to the present step.
        first: Number of the first batch in that name.

    Returns:
        Class indices (rows,), or (rows, places) where places have classes; or numbers
        (rows,), standardised as the labels are.
    """
    recipe = _supervised(dataset)
    check_count("first", first, 0)
    return recipe.predict(model, dataset, batch_size=batch_size, step=step, first=first)


@validate_call
def accuracy(predictions: Any, dataset: Dataset) -> float:
    """Returns the share of rows, 0 … 1, whose class is predicted.

    Args:
        predictions: Class indices (rows,).
        dataset: The rows with their labels.
    """
    return float(np.mean(predictions == dataset.labels))
