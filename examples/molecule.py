"""Molecules: circuits that grow, beside coupled cluster and the exact energies.

`python examples/molecule.py FOLDER` also writes its pictures there.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from qml_qdl.vqe import (
    CHEMICAL_ACCURACY,
    Molecule,
    expand_subspace,
    make_pool,
    plan_shots,
    solve,
)

NAMES = ("LiH", "BeH2", "H2O")


def grow(name: str, steps: int) -> tuple[list[float], float]:
    """Errors in mHa after each operator of ADAPT, and of UCCSD; prints a line."""
    molecule = Molecule.named(name)
    problem = molecule.problem()
    assert problem.exact is not None
    exact = problem.exact.energy
    grown = solve(problem, "adapt", reference=molecule.reference, most=steps)
    cluster = solve(problem, "uccsd", reference=molecule.reference)
    errors = [1e3 * (energy - exact) for energy in grown.history]
    beside = 1e3 * (cluster.energy - exact)
    enough = [count for count, error in enumerate(errors) if error < 1.6]
    found = 1 - errors[-1] / errors[0]
    shots = plan_shots(problem, grown.state, CHEMICAL_ACCURACY)
    print(
        f"{name:5} {problem.num_sites:5d} {errors[0]:9.3f} {errors[-1]:8.4f} "
        f"{beside:8.4f} {found:8.2%} {enough[0] if enough else '–':>9} "
        f"{len(shots.deviations):6d} {shots.equal:8.1e} {shots.optimal:8.1e}"
    )
    return errors, beside


def states(distances: Sequence[float]) -> dict[str, list[float]]:
    """The three lowest states of H2 in the sector of its electrons, by distance."""
    found: dict[str, list[float]] = {"singlet": [], "triplet": [], "second singlet": []}
    for distance in distances:
        molecule = Molecule.from_xyz(f"2\n\nH 0 0 0\nH 0 0 {distance}")
        problem = molecule.problem()
        solution = solve(problem, reference=molecule.reference)
        expansion = expand_subspace(problem, solution.state, make_pool(problem))
        spins = molecule.spin_squared(expansion.states)
        singlets = [e for e, s in zip(expansion.energies, spins, strict=True) if s < 1]
        (triplet,) = (
            e for e, s in zip(expansion.energies, spins, strict=True) if s > 1
        )
        found["singlet"].append(singlets[0])
        found["triplet"].append(triplet)
        found["second singlet"].append(singlets[1])
    return found


def plot_errors(errors: Mapping[str, tuple[Sequence[float], float]]) -> Figure:
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for number, (name, (values, beside)) in enumerate(errors.items()):
        axes.semilogy(values, marker="o", markersize=3, color=f"C{number}", label=name)
        axes.axhline(beside, color=f"C{number}", linestyle=":")
    axes.axhline(1.6, color="grey", linestyle="--", label="chemical accuracy")
    axes.set_xlabel("operators of ADAPT (dotted: UCCSD, of 92 to 204)")
    axes.set_ylabel("error of the energy (mHa)")
    axes.legend(fontsize="small")
    return figure


def plot_states(
    distances: Sequence[float], found: Mapping[str, Sequence[float]]
) -> Figure:
    figure = Figure(figsize=(5.4, 3.4), layout="constrained")
    axes = figure.subplots()
    for name, energies in found.items():
        axes.plot(distances, energies, marker="o", markersize=3, label=name)
    axes.set_xlabel("distance of the nuclei (Å)")
    axes.set_ylabel("energy (Ha)")
    axes.set_title("H₂")
    axes.legend(fontsize="small")
    return figure


def main(folder: Path | None = None, steps: int = 70) -> dict[str, list[float]]:
    """Runs all of it and returns the errors of ADAPT."""
    print(
        f"{'':5} {'wires':>5} {'HF, mHa':>9} {'ADAPT':>8} {'UCCSD':>8} {'found':>8} "
        f"{'1.6 mHa by':>9} {'groups':>5} {'shots':>8} {'at best':>8}"
    )
    errors = {name: grow(name, steps) for name in NAMES}
    distances = [0.4 + 0.2 * k for k in range(12)]
    found = states(distances)
    lowest = min(range(12), key=found["singlet"].__getitem__)
    print(f"H2 is lowest at {distances[lowest]:.1f} Å: {found['singlet'][lowest]:.5f}")
    if folder is not None:
        pictures = {
            "molecule.png": plot_errors(errors),
            "molecule-states.png": plot_states(distances, found),
        }
        for name, figure in pictures.items():
            figure.savefig(folder / name, dpi=120)
    return {name: values for name, (values, _) in errors.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
