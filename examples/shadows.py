"""Classical shadows beside what else could be done with the same shots.

`python examples/shadows.py FOLDER` also writes its pictures there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qml_qdl.hardware.tapes.bases import group_settings
from qml_qdl.manybody import Lattice, Sector, SpinOperator, ground_state, j1_j2
from qml_qdl.tomography import (
    CliffordShadow,
    DensityMatrix,
    Measurements,
    PauliShadow,
    Shadow,
    random_bases,
)

Numbers = NDArray[np.float64]


def chain() -> tuple[DensityMatrix, Any]:
    """The ground state of ten spins that are frustrated, and its Hamiltonian."""
    lattice = Lattice.chain(10)
    hamiltonian = j1_j2(lattice, j2=0.4)
    sector = Sector(10, magnetisation=0)
    spins = sector.spins()
    found = ground_state(SpinOperator.of(hamiltonian), sector).amplitudes(spins)
    places = ((spins < 0).long() << torch.arange(9, -1, -1)).sum(1)
    amplitudes = np.zeros(2**10)
    amplitudes[places.numpy()] = found.numpy()
    return DensityMatrix(amplitudes), hamiltonian


def pairs(wires: int) -> list[str]:
    """XX, YY and ZZ of every two wires."""
    return [
        "".join(letter if wire in pair else "I" for wire in range(wires))
        for pair in combinations(range(wires), 2)
        for letter in "XYZ"
    ]


def grouped(words: list[str]) -> list[str]:
    """Few bases in which all words can be read."""
    wanted = [{i: a for i, a in enumerate(word) if a != "I"} for word in words]
    bases, _ = group_settings(wanted)
    wires = len(words[0])
    return ["".join(each.get(wire, "Z") for wire in range(wires)) for each in bases]


def in_groups(
    state: DensityMatrix, words: list[str], shots: int, seed: int
) -> Measurements:
    """All shots in the bases that the words need, and in no others."""
    bases = grouped(words)
    return state.sample(bases, max(1, shots // len(bases)), seed)


def at_random(state: DensityMatrix, shots: int, seed: int) -> Measurements:
    """Each shot in a basis of its own."""
    generator = np.random.default_rng(seed)
    return state.sample(random_bases(state.num_wires, shots, generator), 1, seed)


def mean_and_spread(values: Any, form: str = ".4f") -> str:
    found = np.asarray(values)
    spread = f" ± {found.std(ddof=1):{form}}" if len(found) > 1 else ""
    return f"{found.mean():{form}}{spread}"


def energies(shots: list[int], sets: int) -> dict[str, list[float]]:
    """Energy and correlations of the chain: errors of the latter for each number."""
    state, hamiltonian = chain()
    words = pairs(10)
    exact = np.array([state.expectation(word) for word in words])
    energy = state.expectation(hamiltonian)
    print(f"J1-J2 chain, N = 10, J2 = 0.4: energy {energy:.4f}; {sets} data sets")
    print(f"{'':24}  {'shots':>7}  {'energy off by':>17}          correlations off by")
    found: dict[str, list[float]] = {}
    for many in shots:
        off: dict[str, list[tuple[float, float]]] = {}
        for seed in range(sets):
            data = at_random(state, many, seed)
            shadows = {
                "grouped bases": PauliShadow(in_groups(state, words, many, seed)),
                "random, all compatible": PauliShadow(data),
                "random, 3^k": PauliShadow(data, "random"),
            }
            for name, shadow in shadows.items():
                values = shadow.expectation([hamiltonian, *words], groups=1).value
                rest = float(np.sqrt(np.mean((values[1:] - exact) ** 2)))
                off.setdefault(name, []).append((abs(values[0] - energy), rest))
        for name, errors in off.items():
            of_energy, of_words = np.array(errors).T
            found.setdefault(name, []).append(float(of_words.mean()))
            print(
                f"{name:24}  {many:7d}  {mean_and_spread(of_energy):>17} "
                f"{of_energy.mean() / abs(energy):8.2%}  {mean_and_spread(of_words)}"
            )
    return found


def ghz(wires: int) -> DensityMatrix:
    amplitudes = np.zeros(2**wires)
    amplitudes[[0, -1]] = 1
    return DensityMatrix(amplitudes)


def ghz_words(wires: int) -> list[str]:
    """The Pauli words whose mean is the projector on the GHZ state, but for signs."""
    diagonal = [
        "".join("Z" if wire in chosen else "I" for wire in range(wires))
        for size in range(2, wires + 1, 2)
        for chosen in combinations(range(wires), size)
    ]
    flipped = [
        "".join("Y" if wire in chosen else "X" for wire in range(wires))
        for size in range(0, wires + 1, 2)
        for chosen in combinations(range(wires), size)
    ]
    return diagonal + flipped


def fidelities(wires: list[int], shots: int, sets: int) -> dict[str, list[float]]:
    """Fidelities with a GHZ state that is depolarised by 2%: their mean errors."""
    print()
    print(f"GHZ states, 2% depolarised, {shots} shots: fidelity of {sets} data sets")
    head = "".join(f"{f'{size} wires':>18}" for size in wires)
    print(f"{'':24}{head}")
    noisy = {size: ghz(size).depolarised(0.02) for size in wires}
    ways: dict[str, Callable[[int, int], Shadow]] = {
        "Clifford shadow": lambda size, seed: CliffordShadow.sample(
            noisy[size], shots, seed=seed
        ),
        "Pauli shadow": lambda size, seed: PauliShadow(
            at_random(noisy[size], shots, seed), "random"
        ),
        "grouped bases": lambda size, seed: PauliShadow(
            in_groups(noisy[size], ghz_words(size), shots, seed)
        ),
    }
    found: dict[str, list[float]] = {}
    exact = [0.98 + 0.02 / 2**size for size in wires]
    for name, way in ways.items():
        cells = []
        for size, wanted in zip(wires, exact, strict=True):
            values = np.array(
                [way(size, seed).fidelity(ghz(size)).value for seed in range(sets)]
            )
            error = float(np.sqrt(np.mean((values - wanted) ** 2)))
            found.setdefault(name, []).append(error)
            cells.append(mean_and_spread(values, ".3f"))
        print(f"{name:24}" + "".join(f"{cell:>18}" for cell in cells))
    print(f"{'exact':24}" + "".join(f"{value:18.3f}" for value in exact))
    return found


def bounds(sets: int, shots: int = 2000) -> tuple[Numbers, Numbers]:
    """What is promised of words of 1 … 6 letters with 95%, and what is seen."""
    state = ghz(6).depolarised(0.02)
    words = ["Z" * size + "I" * (6 - size) for size in range(1, 7)]
    exact = np.array([state.expectation(word) for word in words])
    promised, seen = [], []
    for seed in range(sets):
        shadow = PauliShadow(at_random(state, shots, seed), "random")
        found = shadow.expectation(words, confidence=0.95)
        promised.append(found.bound)
        seen.append(np.abs(found.value - exact))
    return np.mean(promised, axis=0), np.array(seen)


def plot_energies(found: dict[str, list[float]], shots: list[int]) -> Figure:
    figure = Figure(figsize=(5.6, 3.4), layout="constrained")
    axes = figure.subplots()
    for name, errors in found.items():
        axes.loglog(shots, errors, "o-", label=name)
    axes.set_xlabel("shots")
    axes.set_ylabel("error of ⟨s s'⟩ (root mean square)")
    axes.set_title("all two-spin correlations of ten spins")
    axes.legend(fontsize="small")
    return figure


def plot_fidelities(
    found: dict[str, list[float]],
    wires: list[int],
    promised: Numbers,
    seen: Numbers,
) -> Figure:
    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, errors in found.items():
        left.semilogy(wires, errors, "o-", label=name)
    left.set_xticks(wires)
    left.set_xlabel("wires of the GHZ state")
    left.set_ylabel("error of the fidelity")
    left.legend(fontsize="small")
    letters = np.arange(1, seen.shape[1] + 1)
    for errors in seen:
        right.plot(letters, errors, ".", color="tab:blue", alpha=0.5)
    right.plot(letters, promised, "k-", label="bound, 95% for all")
    right.plot([], [], ".", color="tab:blue", label="seen")
    right.set_yscale("log")
    right.set_ylim(bottom=1e-3)  # some medians are exact
    right.set_xlabel("letters of the word")
    right.set_ylabel("error, random bases")
    right.legend(fontsize="small")
    return figure


def main(
    folder: Path | None = None, steps: int = 4, sets: int = 10
) -> dict[str, list[float]]:
    """Runs all of it and returns the errors of correlations for more and more shots."""
    shots = [round(1000 * 10 ** (step / 2)) for step in range(steps + 1)]
    found = energies(shots, sets)
    wires = [2, 4, 6, 8]
    errors = fidelities(wires, 10_000, sets)
    promised, seen = bounds(2 * sets)
    missed = int((seen > promised).any(axis=1).sum())
    print()
    print(f"bounds missed in {missed} of {len(seen)} data sets; 5% would be allowed")
    if folder is not None:
        plot_energies(found, shots).savefig(
            folder / "shadows-correlations.png", dpi=120
        )
        plot_fidelities(errors, wires, promised, seen).savefig(
            folder / "shadows.png", dpi=120
        )
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
