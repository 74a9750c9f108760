"""Estimators of states beside each other, on the same data sets.

    .venv/bin/python -m tests.benchmarks.tomography_estimators --sets 20 "W state"

runs the tasks whose names hold the text. Each line is the mean of the fidelities with
the sample standard deviation over the data sets, the paired difference from the task's
first estimator with its standard error, and the mean seconds of a fit. `--figure FILE`
draws the fidelity of the W states against the strength of the hedge.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve, frozen

from qml_qdl.manybody import Lattice, ground_state, transverse_ising
from qml_qdl.tomography import (
    DensityMatrix,
    Estimator,
    HedgedMaximumLikelihood,
    Histogram,
    LinearInversion,
    LogLinear,
    MaximumLikelihood,
    Measurements,
    NonNegativeMPS,
    pauli_bases,
)

Estimators = Mapping[str, Callable[[Measurements], DensityMatrix]]

STRENGTHS = (0.0, *(2.0**power for power in range(-3, 7)))


@frozen(eq=False)
class Task:
    """A state, how it is measured, and who is asked.

    Args:
        name: Its name.
        state: The state.
        bases: In which it is measured.
        shots: Shots of each basis.
        estimators: By name.
        confusion: How each wire is misread.
    """

    name: str
    state: DensityMatrix
    bases: tuple[str, ...]
    shots: int
    estimators: Estimators
    confusion: Any = None


def by(estimator: Estimator) -> Callable[[Measurements], DensityMatrix]:
    """What an estimator makes of measurements."""
    return lambda data: estimator.fit(data).state


def blind(estimator: Estimator) -> Callable[[Measurements], DensityMatrix]:
    """The same where errors of reading are not known."""
    return lambda data: estimator.fit(evolve(data, confusion=None)).state


def w_states() -> list[Task]:
    """Two wires, nine bases, a hundred shots each."""
    pure = DensityMatrix([0, 1, 1, 0])
    fixed = {
        f"hedge {strength:g}": by(HedgedMaximumLikelihood(strength=strength))
        for strength in (0.5, 5.0, 60.0)
    }
    estimators: Estimators = {
        "hedge by shots left out": by(HedgedMaximumLikelihood()),
        "inversion": by(LinearInversion()),
        "maximum likelihood": by(MaximumLikelihood()),
        **fixed,
    }
    states = {"mixed": pure.depolarised(0.5), "pure": pure}
    return [
        Task(f"W state, {kind}, 9 × 100 shots", state, pauli_bases(2), 100, estimators)
        for kind, state in states.items()
    ]


def ising_chains() -> list[Task]:
    """The open critical chain of ten spins by shots in Z."""
    size = 10
    chain = Lattice.chain(size, periodic=False)
    state = DensityMatrix(ground_state(transverse_ising(chain)).vectors[:, 0])
    reflection: Any = {"permutations": "reflection"}
    tied = LogLinear(**reflection)
    symmetrised = Histogram(**reflection, spin_flip=True)
    estimators: Estimators = {
        "tied pairs and quads, ridges by shots left out": by(tied),
        "tied pairs": by(LogLinear(orders=(2,), ridges=(0.0,), **reflection)),
        "non-negative MPS, bond by shots left out": by(NonNegativeMPS()),
        "symmetrised histogram": by(symmetrised),
        "histogram": by(Histogram()),
    }
    misread: Estimators = {
        "tied pairs and quads": by(tied),
        "tied pairs and quads, errors not known": blind(tied),
        "non-negative MPS": by(NonNegativeMPS()),
        "non-negative MPS, errors not known": blind(NonNegativeMPS()),
        "symmetrised histogram": by(symmetrised),
        "symmetrised histogram, errors not known": blind(symmetrised),
    }
    confusion = np.array([[[0.98, 0.02], [0.05, 0.95]]] * size)
    bases = ("Z" * size,)
    found = []
    for shots in (100, 1_000, 10_000):
        name = f"Ising chain of {size}, {shots:,} shots"
        found.append(Task(name, state, bases, shots, estimators))
        found.append(Task(f"{name}, misread", state, bases, shots, misread, confusion))
    return found


def random_states() -> list[Task]:
    """Nearly pure states of four and six wires in all bases, misread."""
    found = []
    for size, shots in ((4, 4096), (6, 1000)):
        generator = np.random.default_rng(size)
        parts = generator.normal(size=(2, 2**size))
        state = DensityMatrix(parts[0] + 1j * parts[1]).depolarised(0.08)
        hedged = HedgedMaximumLikelihood(strength=0.5)
        estimators: dict[str, Any] = {
            "maximum likelihood": by(MaximumLikelihood()),
            "maximum likelihood, errors not known": blind(MaximumLikelihood()),
            "hedge 0.5": by(hedged),
            "inversion": by(LinearInversion()),
        }
        if size == 4:
            estimators["hedge by shots left out"] = by(HedgedMaximumLikelihood())
        confusion = np.array([[[0.98, 0.02], [0.05, 0.95]]] * size)
        bases = pauli_bases(size)
        name = f"Random state of {size} wires, {len(bases)} × {shots:,} shots, misread"
        found.append(Task(name, state, bases, shots, estimators, confusion))
    return found


def run(task: Task, sets: int) -> None:
    """Fits all estimators to the same data sets and prints their lines."""
    fidelities: dict[str, list[float]] = {name: [] for name in task.estimators}
    seconds = dict.fromkeys(task.estimators, 0.0)
    for seed in range(sets):
        data = task.state.sample(task.bases, task.shots, seed, task.confusion)
        for name, estimate in task.estimators.items():
            begin = time.process_time()
            found = estimate(data)
            seconds[name] += (time.process_time() - begin) / sets
            fidelities[name].append(found.fidelity(task.state))
    first = np.array(next(iter(fidelities.values())))
    for name, values in fidelities.items():
        lead = np.array(values) - first
        bar = lead.std(ddof=1) / np.sqrt(sets)
        print(
            f"{task.name} | {name} | {sets} sets | {np.mean(values):.5f} ± "
            f"{np.std(values, ddof=1):.5f} | {lead.mean():+.5f} ± {bar:.5f} | "
            f"{seconds[name]:.3f} s",
            flush=True,
        )


def draw(path: Path, sets: int) -> None:
    """Fidelity against the strength of the hedge, with that which is chosen."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(STRENGTHS))
    for color, task in zip(("C0", "C1"), w_states(), strict=True):
        rows, chosen = [], []
        for seed in range(sets):
            data = task.state.sample(task.bases, task.shots, seed)
            fitted = [
                HedgedMaximumLikelihood(strength=strength).fit(data).state
                for strength in STRENGTHS
            ]
            rows.append([state.fidelity(task.state) for state in fitted])
            found = HedgedMaximumLikelihood().fit(data)
            place = STRENGTHS.index(found.chosen["strength"])
            chosen.append((place, found.state.fidelity(task.state)))
        table = np.array(rows)
        label = task.name.split(",")[1].strip()
        axes.errorbar(
            places,
            table.mean(axis=0),
            table.std(axis=0, ddof=1),
            color=color,
            capsize=2,
            label=label,
        )
        spread = np.random.default_rng(0).uniform(-0.15, 0.15, size=sets)
        where, reached = np.array(chosen).T
        axes.scatter(
            where + spread,
            reached,
            s=14,
            color=color,
            edgecolor="black",
            linewidth=0.5,
            zorder=3,
            label=f"{label}, strength chosen",
        )
    axes.set_xticks(places, [f"{strength:g}" for strength in STRENGTHS])
    axes.set_ylim(0.85, 1.0)
    axes.set_xlabel("strength β of the hedge")
    axes.set_ylabel("fidelity")
    axes.set_title("W states of two wires, 9 bases × 100 shots", fontsize=10)
    axes.legend(fontsize=8, loc="lower left")
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", nargs="?", default="")
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    if options.figure:
        draw(options.figure, options.sets)
        return
    for task in [*w_states(), *ising_chains(), *random_states()]:
        if options.text in task.name:
            run(task, options.sets)


if __name__ == "__main__":
    main()
