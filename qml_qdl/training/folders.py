"""Folders of runs: how one is made and found again, and what its files are called."""

from __future__ import annotations

import time
from pathlib import Path

from qml_qdl.circuits.errors import ArgumentError, RunError
from qml_qdl.hardware.files import remove_remains

LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"
"""In a training's folder: the last checkpoint, the one before, and the best weights."""

JOURNAL = "jobs.sqlite"
"""The name of the journal of jobs."""

PREDICTIONS = "predictions.csv"
"""Where predictions of new rows go if nothing else is said."""


def new_folder(runs_dir: str | Path, name: str | None, usual: str) -> tuple[Path, bool]:
    """The empty folder of a new run.

    Args:
        runs_dir: The folder of all runs.
        name: Its name; None makes one of data and time.
        usual: With what that begins.

    Returns:
        The folder, and whether it was made here.

    Raises:
        ArgumentError: The name is no plain folder name.
        RunError: There is such a folder already, and it is not empty.
    """
    if name is not None and (not name.strip(". ") or Path(name).name != name):
        raise ArgumentError(
            f"name: expected a plain folder name, got {name!r}; use runs_dir for "
            "the place"
        )
    begun = name or f"{usual}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = Path(runs_dir) / begun
    number = 2
    while name is None and folder.exists():  # one that began in the same second
        folder = Path(runs_dir) / f"{begun}-{number}"
        number += 1
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    # A process that was killed here leaves an empty folder, which is no run.
    remove_remains(folder)
    if any(folder.iterdir()):
        raise already_taken(folder)
    return folder, made


def find_folder(run: str | Path, runs_dir: str | Path) -> Path:
    """Finds the folder of a run, and clears what killed processes left in it.

    Args:
        run: Path, or name in the folder of all runs.
        runs_dir: That folder.

    Raises:
        RunError: There is none.
    """
    folder = next(
        (place for place in (Path(run), Path(runs_dir) / run) if place.is_dir()),
        None,
    )
    if folder is None:
        raise RunError(
            f"run: expected the folder of a run, got {str(run)!r}, which is "
            f"neither there nor in {runs_dir}"
        )
    for place in (folder, *folder.glob("*-seed*")):
        remove_remains(place)
    return folder


def already_taken(folder: Path) -> RunError:
    """What is raised where a folder cannot be that of a new run."""
    return RunError(f"name: {folder} exists already; resume it, or choose another name")
