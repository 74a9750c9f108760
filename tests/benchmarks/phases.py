"""Phases by networks beside their rivals, on the same data.

    .venv/bin/python -m tests.benchmarks.phases ising2d-16

runs the tasks whose names hold the text, all without one, and prints their tables: the
mean over seeds ± the standard deviation of the sample, and paired differences to the
order parameter. Each prints what the command `qml-qdl phases` would.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from attrs import field, frozen

from qml_qdl.cli import main


def _apart(text: str) -> tuple[str, ...]:
    return tuple(text.split())


@frozen
class Task:
    """One call of the command.

    Args:
        name: Its name.
        words: What follows `qml-qdl phases`.
    """

    name: str
    words: tuple[str, ...] = field(converter=_apart)


TASKS = (
    Task("ising2d-16", "ising2d --size 16 --seeds 5"),
    Task("ising2d-16-margin", "ising2d --size 16 --seeds 5 --margin 0.5"),
    Task(
        "ising2d-sizes", "ising2d --size 8 --size 16 --size 32 --no-networks --seeds 3"
    ),
    Task("cluster-9", "cluster_ising --size 9 --seeds 5"),
    Task("cluster-15", "cluster_ising --size 15 --points 12 --seeds 3"),
    Task(
        "cluster-9-noise",
        "cluster_ising --size 9 --points 12 --layers 2 --target aer:fake_torino",
    ),
)


def run(wanted: str, folder: str) -> None:
    """Runs tasks.

    Args:
        wanted: A part of their names.
        folder: Where their runs go.
    """
    for task in TASKS:
        if wanted in task.name:
            print(f"\n{task.name}: qml-qdl phases {' '.join(task.words)}", flush=True)
            code = main(["phases", *task.words, "--runs-dir", folder, "--quiet"])
            if code:
                raise SystemExit(code)


def command(arguments: Sequence[str]) -> None:
    """Reads the command line."""
    run(arguments[0] if arguments else "", arguments[1] if arguments[1:] else "runs")


if __name__ == "__main__":
    command(sys.argv[1:])
