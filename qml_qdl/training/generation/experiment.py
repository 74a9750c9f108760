"""A generative run: every seed, the model and its twin, report and pictures."""

from __future__ import annotations

from collections.abc import Callable

from qml_qdl.training.building import split_data
from qml_qdl.training.generation.families import family_of
from qml_qdl.training.generation.family import Family
from qml_qdl.training.generation.fitting import GenerativeFit, fit_generator
from qml_qdl.training.generation.measures import format_measure
from qml_qdl.training.generation.pictures import draw_run
from qml_qdl.training.generation.report import (
    GenerativeReport,
    make_generative_report,
)
from qml_qdl.training.run import Kind, Run


def load_family(run: Run) -> Family:
    """Loads the data of a run, and what its model is made of.

    Args:
        run: A generative run.

    Returns:
        The family, with the split.

    Raises:
        DataError: The data cannot be read.
        RunError: They have changed since the run began.
    """
    options = run.options
    split = split_data(run.load_data(), options.data, options.model.kind)
    return family_of(options.model, split)


def carry_on_generating(
    run: Run, *, progress: bool, tell: Callable[[str], object]
) -> GenerativeReport:
    """Does what a generative run still lacks.

    Args:
        run: The run.
        progress: Whether a progress bar is shown.
        tell: Called with a line of text after each training.

    Returns:
        The report.

    Raises:
        RunError: A file of the run is damaged, the data have changed, or a training
            diverged.
    """
    family = load_family(run)
    fits: dict[Kind, list[GenerativeFit]] = {kind: [] for kind in run.kinds}
    for seed in run.options.all_seeds:
        for kind in run.kinds:
            whole = run.is_whole(kind, seed)
            result = run.read_any_fit(kind, seed) if whole else None
            if result is None:
                tell(f"{kind}, seed {seed}: training …")
                result = fit_generator(
                    family.build(kind == "twin", seed, plain=kind == "plain"),
                    family,
                    run.options.training,
                    seed=seed,
                    folder=run.fit_folder(kind, seed),
                    resume=True,
                    progress=progress,
                    journal=run.journal,
                )
                run.write_fit(kind, seed, result)
            assert isinstance(result, GenerativeFit)
            fits[kind].append(result)
            first = family.yardstick.names[0]
            tell(
                f"{kind}, seed {seed}: {first} "
                f"{format_measure(first, result.measures[first])}, best epoch "
                f"{result.best_epoch + 1} of {result.epochs}, {result.seconds:.1f} s"
            )
    report = make_generative_report(run.options.data, family, fits)
    report.write(run.folder)
    draw_run(run, family, fits)
    return report
