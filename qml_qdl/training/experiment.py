"""The whole comparison: every seed, the model and what stands beside it, the report."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve
from torch import nn

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.errors import QdlError, TargetError
from qml_qdl.circuits.validation import validate_call
from qml_qdl.data import named
from qml_qdl.data.dataset import Dataset
from qml_qdl.hardware.targets import is_service, make_device
from qml_qdl.nn import QuantumLayer
from qml_qdl.nn.jobs import sender_of
from qml_qdl.training import plots
from qml_qdl.training.baselines import Baseline
from qml_qdl.training.building import (
    Task,
    load_data,
    resolved_data,
)
from qml_qdl.training.checkpoints import load_best, read_checkpoint
from qml_qdl.training.fitting import Fit, fit
from qml_qdl.training.folders import LAST
from qml_qdl.training.measures import format_measure
from qml_qdl.training.options import RunOptions, check_heeded, default_training
from qml_qdl.training.recipes.generative import Generative
from qml_qdl.training.recipes.recipe import Recipe
from qml_qdl.training.registry import MODELS
from qml_qdl.training.report import Report, make_report
from qml_qdl.training.run import ModelKind, Run
from qml_qdl.training.specs import Spec, import_class
from qml_qdl.training.trainer import check_accelerator, check_logger, given_callbacks

_logger = logging.getLogger(__name__)

MOST_CLASSES = 20
"""More classes that are whole numbers may be meant as numbers to fit."""

Tell = Callable[[str], object]


@validate_call
def begin(
    options: RunOptions, *, runs_dir: str | Path = "runs", name: str | None = None
) -> Run:
    """Checks that data and model fit together, and makes the folder of a new run.

    Args:
        options: What is asked.
        runs_dir: The folder of all runs.
        name: The run's name; None makes one of data and time.

    Returns:
        The run, for `carry_on`.

    Raises:
        ArgumentError: The model cannot read the data, or has no such option, or there
            is no GPU and one is asked for.
        DataError: The data cannot be read or learnt from.
        RunError: There is a run of this name.
        TargetError: The target is unknown or cannot run the circuit.
    """
    options = evolve(options, data=resolved_data(options.data))
    training = options.training
    check_accelerator(training.accelerator)
    dataset = load_data(options.data)
    # Whatever is wrong with split or model shows before a folder is made.
    task = Task.of(options, dataset)
    check_heeded(options.model, task.options.model.class_path)
    target = task.options.model.init_args.get("target")
    if is_service(target) and sender_of(make_device(target, None)) is not None:
        raise TargetError(
            f"target: a run is trained on exact results, which the machine "
            f"{target!r} has not; train on 'auto', then move the run there with "
            "qml-qdl evaluate or qml-qdl sample"
        )
    model = task.build("quantum", options.first_seed)
    task.recipe.check_model(model)
    task.learner(model).check_options()
    given_callbacks(training)
    check_logger(training)
    kinds = task.kinds(model)
    run = Run.create(
        *(task.options, dataset),
        kinds=kinds,
        split=task.rows,
        runs_dir=runs_dir,
        name=name,
    )
    if task.rows is not None and options.data.source.class_path not in named.names():
        _warn_of_data(task.rows.test, run.shared_rows)
    return run


def _warn_of_data(test: Dataset, shared: int | None) -> None:
    """Warns of what may be wrong with data of one's own."""
    if shared:
        _logger.warning(
            "%s: %s of %s test rows stand in the training part, too, so that a model "
            "can know them by heart; leave out what is there twice",
            *(test.name, f"{shared:,}", f"{len(test):,}"),
        )
    if test.are_numbers and test.num_classes > MOST_CLASSES:
        _logger.warning(
            "%s: each of %s whole numbers is a class; recipe='regression' fits numbers",
            *(test.name, f"{test.num_classes:,}"),
        )


@validate_call
def train(
    options: RunOptions,
    *,
    runs_dir: str | Path = "runs",
    name: str | None = None,
    progress: bool = False,
    tell: Tell | None = None,
) -> tuple[Run, Report]:
    """Trains model and twin for every seed, and compares them with baselines.

    Args:
        options: What is asked.
        runs_dir: The folder of all runs.
        name: The run's name; None makes one of data and time.
        progress: Whether a progress bar is shown; lines on stderr in a pipe or a file.
        tell: Called with a line of text after each training.

    Returns:
        The run and its report, which also stand in the run's folder.

    Raises:
        QdlError: As `begin` says.

    Example:
        >>> from qml_qdl.training import RunOptions, TrainingOptions, train
        >>> options = RunOptions(training=TrainingOptions(epochs=1), seeds=1)
        >>> run, report = train(options)  # doctest: +SKIP
    """
    run = begin(options, runs_dir=runs_dir, name=name)
    return run, carry_on(run, progress=progress, tell=tell)


@validate_call
def carry_on(run: Run, *, progress: bool = False, tell: Tell | None = None) -> Report:
    """Does what a run still lacks: the exact continuation after an interruption.

    Finished trainings are kept, one that was interrupted goes on from its last
    checkpoint and ends with the weights and numbers it would have had anyway.

    Args:
        run: The run; see `Run.open`.
        progress: Whether a progress bar is shown; lines on stderr in a pipe or a file.
        tell: Called with a line of text after each training.

    Returns:
        The report.

    Raises:
        RunError: A file of the run is damaged, the data have changed, or a training
            diverged.
    """
    tell = tell or _silent
    task = run.task()
    split, recipe = task.split, task.recipe
    first = recipe.measures(split)[0]
    fits: dict[ModelKind, list[Fit]] = {kind: [] for kind in run.kinds}
    for seed in run.options.all_seeds:
        for kind in run.kinds:
            whole = run.is_whole(kind, seed, recipe.keeps)
            result = run.read_fit(kind, seed) if whole else None
            if result is None:
                tell(f"{kind}, seed {seed}: training …")
                model = task.build(kind, seed)
                result = fit(
                    model,
                    split,
                    recipe=task.learner(model),
                    seed=seed,
                    folder=run.fit_folder(kind, seed),
                    resume=True,
                    progress=progress,
                    journal=run.journal,
                )
                run.write_fit(kind, seed, result)
            fits[kind].append(result)
            tell(
                f"{kind}, seed {seed}: {recipe.tested(first)} "
                f"{format_measure(first, result.measures[first])}, best epoch "
                f"{result.best_epoch + 1} of {result.epochs}, {result.seconds:.1f} s"
            )
    named = {
        recipe.names.get(kind) or task.title or kind: trainings
        for kind, trainings in fits.items()
    }
    baselines = fit_likelihood(task, run.folder, progress=progress)
    report = make_report(
        recipe.data_title(task.source, run.options.data),
        recipe,
        split,
        named,
        [*baselines, *recipe.baselines(split)],
    )
    report.write(run.folder)
    plot(run, task, fits)
    return report


def fit_likelihood(task: Task, folder: Path, *, progress: bool) -> list[Baseline]:
    """Trains the autoregressive network, or the normalising flow, of a run's data.

    With the run's first seed and batches; no more epochs than its models have, nor than
    are its own by default. It is measured as they are. A training that the folder holds
    is carried on.

    Args:
        task: The run's data and models.
        folder: The run's folder.
        progress: Whether a progress bar is shown.

    Returns:
        What it reached, or why it could not be trained; nothing where the model itself
        is of this kind, where there is none for such data, and where no twin is asked
        for.
    """
    recipe = task.recipe
    if not issubclass(recipe, Generative) or recipe.rival is None:
        return []
    name, known = recipe.rival, MODELS[recipe.rival]
    if not task.options.twin or task.options.model.class_path == name:
        return []
    if known.reads == "tables" and task.split.train.is_image:
        return []
    title = known.title or name
    seed = task.options.first_seed
    own, given = default_training(name), task.options.training
    epochs = min(own.epochs, given.epochs)
    training = evolve(
        own,
        epochs=epochs,
        batch_size=given.batch_size,
        precision=given.precision,
        patience=given.patience,
        accelerator=given.accelerator,
    )
    rival = Task(
        evolve(task.options, model=Spec(name), recipe=None, training=training),
        Recipe.named(known.recipe or ""),
        import_class("model", known.class_path, nn.Module),
        recipe.rival_split(task.split),
    )
    try:
        model = rival.build("classical", seed)
        result = fit(
            model,
            rival.split,
            recipe=rival.learner(model),
            seed=seed,
            folder=folder / f"{name}-seed{seed}",
            resume=True,
            progress=progress,
        )
        measures = recipe.measure(model, task.split)
    except QdlError as error:
        return [Baseline(title, {}, note=f"left out: {error}")]
    note = f"trained once, with seed {seed}, for {epochs} epochs"
    return [Baseline(title, measures, result.parameters, result.seconds, note)]


def plot(run: Run, task: Task, fits: dict[ModelKind, list[Fit]]) -> None:
    """Saves the pictures of a finished run in its folder.

    Args:
        run: The run.
        task: Its data and models.
        fits: Its trainings of each kind, one per seed.
    """
    kind, recipe = run.kinds[0], task.recipe
    histories = {each: [fit.history for fit in fits[each]] for each in fits}
    figures = {"curves": plots.plot_curves(histories, recipe.panels())}
    seed = run.best_seed(kind)
    folder = run.fit_folder(kind, seed)
    model = task.build(kind, seed)
    load_best(model, folder)
    last: dict[str, Any] = (
        read_checkpoint(folder / LAST) if LAST in recipe.keeps else {}
    )
    figures |= recipe.pictures(task, fits, model, last)
    for name, figure in figures.items():
        plots.save_figure(figure, run.folder / f"{name}.png")
    layers = (each for each in model.modules() if isinstance(each, QuantumLayer))
    sources = (layer.execution.source for layer in layers)
    circuit = next((each for each in sources if isinstance(each, Circuit)), None)
    if circuit is not None:  # a QNode cannot be drawn without its arguments
        plots.save_circuit(circuit, run.folder / "circuit.png")


def _silent(line: str) -> None:
    """Says nothing."""
