"""The whole comparison: every seed, the quantum model and its twin, then the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qml_qdl.circuits.errors import DataError, TargetError
from qml_qdl.data.parts import Split
from qml_qdl.nn.jobs import remote_executors
from qml_qdl.training import pictures
from qml_qdl.training.building import (
    build_quantum,
    build_twin,
    load_data,
    model_kind,
    split_data,
)
from qml_qdl.training.checkpoints import load_best
from qml_qdl.training.fitting import Fit, fit
from qml_qdl.training.generation.experiment import carry_on_generating
from qml_qdl.training.generation.families import family_of
from qml_qdl.training.generation.report import GenerativeReport
from qml_qdl.training.generation.sampling import LEAST_MEASURED
from qml_qdl.training.kinds import generates
from qml_qdl.training.loop import check_accelerator
from qml_qdl.training.options import RunOptions
from qml_qdl.training.report import Report, make_report
from qml_qdl.training.rivals import fit_rivals
from qml_qdl.training.run import Kind, Run

Tell = Callable[[str], object]


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
    options.check_applicable()
    check_accelerator(options.training.accelerator)
    dataset = load_data(options.data)
    # Whatever is wrong with split or model shows before a folder is made.
    kind = model_kind(options.model, dataset)
    split = split_data(dataset, options.data, kind)
    if generates(kind):
        _check_measurable(split)
        model = family_of(options.model, split).build(False, options.first_seed)
    else:
        model = build_quantum(options.model, dataset, options.first_seed)
    if remote_executors(model):
        raise TargetError(
            f"target: a run is trained on exact results, which the machine "
            f"{options.model.target!r} has not; train on 'auto', then move the run "
            "there with qml-qdl evaluate or qml-qdl sample"
        )
    return Run.create(options, dataset, runs_dir=runs_dir, name=name)


def _check_measurable(split: Split) -> None:
    """Refuses parts too small for the report of a generative model."""
    parts = {
        "train": len(split.train),
        "validate": len(split.validation),
        "test": len(split.test),
    }
    if min(parts.values()) < LEAST_MEASURED:
        rows = ", ".join(f"{rows} to {part}" for part, rows in parts.items())
        raise DataError(
            f"dataset: samples are measured with {LEAST_MEASURED} rows or more in each "
            f"part, got {rows}; add rows, raise limit, or change the fractions"
        )


def train(
    options: RunOptions,
    *,
    runs_dir: str | Path = "runs",
    name: str | None = None,
    progress: bool = False,
    tell: Tell | None = None,
) -> tuple[Run, Report | GenerativeReport]:
    """Trains quantum model and twin for every seed, and compares them with rivals.

    Args:
        options: What is asked.
        runs_dir: The folder of all runs.
        name: The run's name; None makes one of data and time.
        progress: Whether a progress bar is shown.
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


def carry_on(
    run: Run, *, progress: bool = False, tell: Tell | None = None
) -> Report | GenerativeReport:
    """Does what a run still lacks: the exact continuation after an interruption.

    Finished trainings are kept, one that was interrupted goes on from its last
    checkpoint and ends with the weights and numbers it would have had anyway.

    Args:
        run: The run; see `Run.open`.
        progress: Whether a progress bar is shown.
        tell: Called with a line of text after each training.

    Returns:
        The report.

    Raises:
        RunError: A file of the run is damaged, or the data have changed.
    """
    tell = tell or _silent
    if run.generates:
        return carry_on_generating(run, progress=progress, tell=tell)
    dataset = run.load_data()
    split = split_data(dataset, run.options.data)
    fits: dict[Kind, list[Fit]] = {kind: [] for kind in run.kinds}
    for seed in run.options.all_seeds:
        for kind in run.kinds:
            whole = run.is_whole(kind, seed)
            result = run.read_fit(kind, seed) if whole else None
            if result is None:
                tell(f"{kind}, seed {seed}: training …")
                result = _fit_one(run, split, kind, seed, progress)
                run.write_fit(kind, seed, result)
            fits[kind].append(result)
            tell(
                f"{kind}, seed {seed}: test accuracy {result.test_accuracy:.1%}, best "
                f"epoch {result.best_epoch + 1} of {result.epochs}, "
                f"{result.seconds:.1f} s"
            )
    report = make_report(dataset.name, split, fits, fit_rivals(split))
    report.write(run.folder)
    draw(run, split, fits)
    return report


def _fit_one(run: Run, split: Split, kind: Kind, seed: int, progress: bool) -> Fit:
    build = build_quantum if kind == "quantum" else build_twin
    return fit(
        build(run.options.model, split.train, seed),
        split,
        run.options.training,
        seed=seed,
        folder=run.fit_folder(kind, seed),
        resume=True,
        progress=progress,
        journal=run.journal,
    )


def draw(run: Run, split: Split, fits: dict[Kind, list[Fit]]) -> None:
    """Saves the pictures of a finished run in its folder.

    Args:
        run: The run.
        split: Its data.
        fits: Its trainings, one per seed.
    """
    folder = run.folder
    histories = {kind: [fit.history for fit in fits[kind]] for kind in fits}
    pictures.save_figure(pictures.draw_curves(histories), folder / "curves.png")
    seed = run.best_seed("quantum")
    best = fits["quantum"][run.options.all_seeds.index(seed)]
    title = f"quantum, seed {seed}: {best.test_accuracy:.1%} of {len(split.test)}"
    confusion = pictures.draw_confusion(split.test, best.predictions, title)
    pictures.save_figure(confusion, folder / "confusion.png")
    model: Any = build_quantum(run.options.model, split.train, seed)
    load_best(model, run.fit_folder("quantum", seed))
    circuit = model.quantum_layers()[0].circuit
    pictures.save_circuit(circuit, folder / "circuit.png")
    if hasattr(model, "conv"):
        maps = pictures.draw_feature_maps(model.conv, split.test)
        pictures.save_figure(maps, folder / "feature-maps.png")


def _silent(line: str) -> None:
    """Says nothing."""
