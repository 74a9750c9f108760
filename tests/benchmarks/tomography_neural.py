"""Neural density matrices beside simpler ways, on the same shots.

    .venv/bin/python -m tests.benchmarks.tomography_neural --sets 10 ising

runs the tasks whose names hold the text: Ising chains measured along Z, and ground
states of J1-J2, GHZ and cluster states in random Pauli bases, a shot in each. There is
a line for each data set, then means with sample standard deviations, and differences
from the first model on the same sets. Nothing is chosen by the true state.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np
import pennylane as qml
import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.manybody import NeuralState, Problem
from qml_qdl.tomography import (
    DensityMatrix,
    Experiment,
    Folds,
    Histogram,
    LogLinear,
    Measurements,
    NeuralDensity,
    NeuralTomography,
    random_bases,
)

Figures = dict[str, float]

Model = Callable[["Task", Measurements], Figures]


@frozen(eq=False, slots=False)
class Task:
    """A state, how it is measured, and what is made of it.

    Args:
        name: Its name.
        truth: The state.
        words: Pauli words with numbers, whose sum is of interest.
        shots: How many.
        random: Whether in random Pauli bases, a shot in each; else all along Z.
        models: Finds figures from measurements, by name.
    """

    name: str
    truth: DensityMatrix
    words: Mapping[str, float]
    shots: int
    random: bool
    models: Mapping[str, Model]

    def measured(self, seed: int) -> Measurements:
        """One data set."""
        wires = self.truth.num_wires
        if not self.random:
            return self.truth.sample(["Z" * wires], self.shots, seed=seed)
        generator = np.random.default_rng(seed)
        bases = random_bases(wires, self.shots, generator)
        return self.truth.sample(bases, 1, seed=seed)

    @cached_property
    def exact(self) -> float:
        """What the sum of words is."""
        return self.truth.expectation(self.sum)

    @cached_property
    def sum(self) -> Any:
        """The sum of words as a matrix."""
        words = [qml.pauli.string_to_pauli_word(word) for word in self.words]
        whole = qml.dot([*self.words.values()], words)
        return whole.pauli_rep.to_mat(range(self.truth.num_wires))

    def judged(self, state: DensityMatrix, **more: float) -> Figures:
        """Fidelity, and how far the sum of words is off."""
        off = abs(state.expectation(self.sum) - self.exact)
        return {"fidelity": state.fidelity(self.truth), "energy off": off, **more}


def neural(task: Task, data: Measurements, **options: Any) -> Figures:
    found = NeuralTomography(**options).fit(data)
    return task.judged(found.state, held_out=found.chosen["held-out NLL"])


def histogram(task: Task, data: Measurements) -> Figures:
    return task.judged(Histogram().fit(data).state)


def log_linear(task: Task, data: Measurements) -> Figures:
    return task.judged(LogLinear(permutations="reflection").fit(data).state)


class Dense(NeuralState):
    """Every amplitude is a parameter: maximum likelihood, of a rank by ancillas."""

    def __init__(self, num_sites: int) -> None:
        super().__init__(num_sites)
        start = torch.randn(2**num_sites, dtype=torch.complex128)
        self.amplitudes = torch.nn.Parameter(start)

    def forward(self, spins: Tensor) -> Tensor:
        powers = 2 ** torch.arange(self.num_sites).flip(0)
        return self.amplitudes[((1 - spins) / 2).long() @ powers].log()


def maximum_likelihood(task: Task, data: Measurements, ancillas: int = 2) -> Figures:
    """Of rank 2ᵃ, from a random start."""
    wires = data.num_wires
    model = NeuralDensity(Dense(wires + ancillas), wires)
    folds = Folds(model, data, strongest=1e-6, iterations=400)
    folds.done = len(folds) - 1  # all shots at once
    folds.step()
    return task.judged(model.density_matrix())


def shadows(task: Task, data: Measurements) -> Figures:
    """The unbiased mean 3ᵏ · match · product of readings of each word of k letters."""
    letters = np.array([list(basis) for basis in data.bases])[data.of]
    signs = 1.0 - 2.0 * data.outcomes
    means = {}
    for word in task.words:
        there = [wire for wire, letter in enumerate(word) if letter != "I"]
        match = (letters[:, there] == [word[wire] for wire in there]).all(1)
        found = match * signs[:, there].prod(1) * 3.0 ** len(there)
        means[word] = float(data.counts @ found / data.total_shots)
    found = sum(x * means[word] for word, x in task.words.items())
    return {"energy off": abs(found - task.exact)}


def of_problem(problem: Problem) -> tuple[DensityMatrix, dict[str, float]]:
    """The ground state, and the Hamiltonian as words."""
    wires = problem.num_sites
    nothing = DensityMatrix([1, *[0] * (2**wires - 1)]).sample(["Z" * wires], 1, seed=0)
    found = Experiment.of_problem(nothing, "", problem)
    assert found.truth is not None
    assert found.hamiltonian is not None
    words = {
        qml.pauli.pauli_word_to_string(word, {k: k for k in range(wires)}): float(x)
        for word, x in zip(*reversed(found.hamiltonian.terms()), strict=True)
    }
    return found.truth, words


def stabilisers(kind: str, wires: int) -> dict[str, float]:
    """The generators of GHZ and cluster states, all of which are 1."""
    if kind == "GHZ":
        pairs = ["I" * k + "ZZ" + "I" * (wires - k - 2) for k in range(wires - 1)]
        return dict.fromkeys(["X" * wires, *pairs], 1 / wires)
    words = ["I" * (k - 1) + "Z" * (k > 0) + "XZ" for k in range(wires)]
    return dict.fromkeys([(word + "I" * wires)[:wires] for word in words], 1 / wires)


def all_tasks() -> list[Task]:
    chain = Problem.named("transverse_ising", size=10, periodic=False)
    even: dict[str, Any] = {"symmetry": "all", "spin_flip": 1}
    along_z: dict[str, Model] = {
        "log-linear": log_linear,
        "histogram": histogram,
        "Jastrow": partial(neural, state="jastrow", **even),
        "Jastrow × RBM": partial(neural, state="jastrow_rbm", alpha=3, **even),
    }
    truth, words = of_problem(chain)
    found = [
        Task(f"ising {shots}", truth, words, shots, False, along_z)
        for shots in (100, 1000, 10_000)
    ]
    for kind in ("GHZ", "cluster"):
        numbers = np.arange(256)
        bits = numbers[:, None] >> np.arange(8) & 1
        ends = (numbers == 0) | (numbers == 255)
        signs = (-1.0) ** (bits[:, 1:] * bits[:, :-1]).sum(1)
        pure = DensityMatrix(ends if kind == "GHZ" else signs)
        models: dict[str, Model] = {
            "complex": partial(neural, noise=True, alpha=2),
            "positive": partial(neural, noise=True, alpha=2, amplitudes="positive"),
            "maximum likelihood": maximum_likelihood,
            "shadows": shadows,
        }
        noisy, sums = pure.depolarised(0.02), stabilisers(kind, 8)
        found.append(Task(f"{kind}-8", noisy, sums, 10_000, True, models))
    ring = Problem.named("j1_j2", size=10, j2=0.4, marshall=False)
    models = {
        "complex": partial(neural, alpha=2),
        "positive": partial(neural, alpha=2, amplitudes="positive"),
        "maximum likelihood": partial(maximum_likelihood, ancillas=0),
        "shadows": shadows,
    }
    truth, words = of_problem(ring)
    return found + [
        Task(f"j1_j2 {shots}", truth, words, shots, True, models)
        for shots in (10_000, 100_000)
    ]


def told(values: np.ndarray) -> str:
    return f"{values.mean():.5f} ± {values.std(ddof=1) if len(values) > 1 else 0:.5f}"


def run(task: Task, sets: int) -> None:
    """Fits all models to all sets and prints the table."""
    rows: dict[str, list[Figures]] = {name: [] for name in task.models}
    for seed in range(sets):
        data = task.measured(seed)
        for name, model in task.models.items():
            begin = time.process_time()
            found = model(task, data)
            found["seconds"] = time.process_time() - begin
            rows[name].append(found)
            shown = ", ".join(f"{key} {value:.5f}" for key, value in found.items())
            print(f"  {task.name} | set {seed} | {name} | {shown}", flush=True)
    first = next(iter(rows))
    for name, made in rows.items():
        for key in made[0]:
            values = np.array([each[key] for each in made])
            line = f"{task.name} | {name} | {key} {told(values)}"
            if name != first and key in rows[first][0] and key != "seconds":
                own = np.array([each[key] for each in rows[first]])
                line += f" | {first} less this {told(own - values)}"
            print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", nargs="?", default="")
    parser.add_argument("--sets", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for task in all_tasks():
        if task.name.startswith(options.text):
            run(task, options.sets)


if __name__ == "__main__":
    main()
