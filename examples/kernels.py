"""Kernels: bandwidth, alignment and what a machine would take, beside RBF.

`python examples/kernels.py FOLDER` also writes its picture there.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import torch
from matplotlib.figure import Figure
from sklearn.svm import SVC

from qml_qdl.circuits import AngleEncoding, StronglyEntangling, ZZFeatureMap
from qml_qdl.data import load, split
from qml_qdl.kernels import (
    FidelityKernel,
    Kernel,
    LocalKernel,
    ProjectedKernel,
    align,
    describe,
)
from qml_qdl.training.kernels import KernelStudy
from qml_qdl.training.plots import save_figure

SCALINGS = [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0]
SHOTS = 1024

PARTS = split(load("two_moons"), seed=0, limit=150)
X, Y = (torch.tensor(part.inputs) for part in (PARTS.train, PARTS.validation))
X_LABELS, Y_LABELS = (
    torch.tensor(part.labels) for part in (PARTS.train, PARTS.validation)
)


def accuracy(kernel: Kernel) -> float:
    """Of a support vector machine, on the validation part."""
    with torch.no_grad():
        own, others = kernel(X), kernel(Y, X)
    machine = SVC(kernel="precomputed", C=10.0).fit(own, X_LABELS)
    return float(machine.score(others, Y_LABELS))


def bandwidths() -> dict[str, list[tuple[float, float, float]]]:
    """Accuracy, variance and effective rank at each bandwidth."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for name, kind in (
        ("fidelity", FidelityKernel),
        ("projected", ProjectedKernel),
        ("local", LocalKernel),
    ):
        found[name] = []
        for scaling in SCALINGS:
            kernel = kind(ZZFeatureMap(2, repeats=3), scaling=scaling)
            with torch.no_grad():
                report = describe(kernel(X), X_LABELS)
            told = (accuracy(kernel), report.variance, report.effective_rank)
            found[name].append(told)
    return found


def aligned(steps: int = 60) -> tuple[FidelityKernel, list[float], float]:
    """A kernel trained by alignment, how that went, and accuracy without training."""
    torch.manual_seed(0)
    circuit = (
        AngleEncoding(2, trainable_scaling=True)
        @ StronglyEntangling(2)
        @ AngleEncoding(2, trainable_scaling=True)
    )
    kernel = FidelityKernel(circuit)
    before = accuracy(kernel)
    history = align(kernel, X, X_LABELS, steps=steps, batch_size=64, seed=0)
    return kernel, history, before


def costs(points: int = 500) -> None:
    """Prints what Gram matrices take of a machine; nothing is sent."""
    print(f"{points} points       rows  jobs  executions  QPU seconds")
    for name, kind in (("fidelity", FidelityKernel), ("projected", ProjectedKernel)):
        kernel = kind(ZZFeatureMap(2), target="aer:fake_torino", shots=SHOTS)
        cost = kernel.cost(points)
        print(
            f"{name:10}{cost.rows:>12,}{cost.jobs:>6}{cost.executions:>12,}"
            f"{cost.seconds:>13,.0f}"
        )


def picture(found: dict[str, list[tuple[float, float, float]]]) -> Figure:
    """Accuracy, variance and effective rank along the bandwidth."""
    figure = Figure(figsize=(10, 3), layout="constrained")
    names = ("accuracy", "variance off the diagonal", "effective rank")
    for number, (axes, title) in enumerate(
        zip(figure.subplots(1, 3), names, strict=True)
    ):
        for name, rows in found.items():
            axes.plot(SCALINGS, [row[number] for row in rows], "o-", label=name)
        axes.set(xlabel="bandwidth (scaling)", title=title, xscale="log")
    figure.axes[1].set_yscale("log")
    figure.axes[0].legend()
    return figure


def main(folder: str | None = None) -> None:
    """Bandwidth, alignment and costs, and then all kernels beside RBF."""
    found = bandwidths()
    for name, rows in found.items():
        best = max(range(len(SCALINGS)), key=lambda i: rows[i][0])
        print(f"{name:10} {rows[best][0]:.1%} at scaling {SCALINGS[best]:g}")
    kernel, history, before = aligned()
    print(
        f"alignment  {history[0]:.2f} → {history[-1]:.2f}, accuracy "
        f"{before:.1%} → {accuracy(kernel):.1%}"
    )
    costs()
    study = KernelStudy(load("two_moons"), limit=60)
    study.run(range(2))
    for title, lines in study.tables():
        print(title)
        for row in lines:
            print(f"{row[0]:18}" + "".join(f"{cell:>16}" for cell in row[1:]))
    if folder is not None:
        save_figure(picture(found), Path(folder) / "kernels.png")
    assert math.isfinite(history[-1])


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
