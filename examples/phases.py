"""Phases: where order ends, learnt from snapshots, beside what needs no network.

`python examples/phases.py FOLDER` also writes its pictures there.
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console

from qml_qdl.cli.options import table_of
from qml_qdl.phases import ClusterIsing, Ising2D, System
from qml_qdl.training.phases import PhaseStudy
from qml_qdl.training.plots import plot_phases, save_figure

EPOCHS = {"ising2d": 8, "cluster_ising": 60}  # a chain has few rows
SYSTEMS: dict[str, System] = {
    # Small ones: the command `qml-qdl phases` takes larger ones.
    "ising2d": Ising2D(8, points=12, chains=30),
    "cluster_ising": ClusterIsing(7, points=12, snapshots=60, states=24, sets=5),
}


def study(name: str) -> PhaseStudy:
    """Prepares, learns and judges: networks, and all their rivals."""
    found = PhaseStudy(SYSTEMS[name], epochs=EPOCHS[name])
    found.run([0])
    for title, rows in found.tables():
        Console(width=100).print(table_of(title, rows))
    return found


def picture(found: PhaseStudy) -> Figure:
    """How likely order is along the coupling, by the order parameter and a network."""
    chosen = {
        name: findings[-1].boundary
        for name, findings in found.findings.items()
        if name in ("|m|", "CNN", "string order", "QCNN")
    }
    return plot_phases(chosen, found.system.coupling, found.system.boundary)


def main(folder: str | None = None) -> None:
    """Both systems."""
    for name in SYSTEMS:
        found = study(name)
        if folder is not None:
            save_figure(picture(found), Path(folder) / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
