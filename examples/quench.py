"""A quench: the field of an Ising ring changes at once, and a network follows.

`python examples/quench.py FOLDER` also writes its picture there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pennylane as qml
import torch
from matplotlib.figure import Figure

from qml_qdl.manybody import (
    TDVP,
    Evolution,
    ExactDynamics,
    FullSummation,
    Lattice,
    Metropolis,
    NeuralState,
    RBMState,
    Sampler,
    Sector,
    SpinOperator,
    StochasticReconfiguration,
    Trajectory,
    VariationalMonteCarlo,
    free_fermion_energy,
    free_fermion_quench,
    ground_state,
    transverse_ising,
)
from qml_qdl.manybody.states.state import as_complex

N = 8
BEFORE, AFTER = 1.0, 0.5
RING = Lattice.chain(N)
OLD, NEW = (SpinOperator.of(transverse_ising(RING, h=h)) for h in (BEFORE, AFTER))
ORBITS = FullSummation(Sector(N, permutations=RING.symmetries))


def initial(steps: int) -> NeuralState:
    """The ground state at the old field, by a sum over orbits of configurations."""
    torch.manual_seed(0)
    state = RBMState(N, alpha=4, permutations=RING.symmetries, dtype=torch.float64)
    descent = StochasticReconfiguration(
        state, steps=steps, final_rate=0.1, final_shift=1e-7
    )
    monte_carlo = VariationalMonteCarlo(OLD, state, ORBITS, descent)
    monte_carlo.run(steps)
    exact = free_fermion_energy(N, BEFORE)
    error = monte_carlo.estimate().energy / exact - 1
    print(f"ground state: relative error {abs(error):.1e}")
    return as_complex(state)


def follow(name: str, state: NeuralState, sampler: Sampler, time: float) -> Trajectory:
    """Lets a state evolve at the new field, and says how far it is from the truth."""
    evolution = Evolution(
        TDVP(NEW, state, sampler, cutoff=1e-6),
        method="rk4",
        step_size=0.05,
        observables={"x": SpinOperator.of(qml.sum(*map(qml.X, range(N))) / N)},
        reference=ExactDynamics(NEW, ground_state(OLD).vectors[:, 0]),
        observer=ORBITS,
    )
    path = evolution.run(time)
    known = free_fermion_quench(N, path.times, BEFORE, AFTER)
    off = abs(path.means("x") - known.x).max()
    drift = path.drift / abs(path.energies[0])
    print(
        f"{name:8} x off by {off:.1e}, energy by {drift:.4%}, infidelity "
        f"{path.infidelities[-1]:.1e}, residual up to {path.residuals.max():.1e}"
    )
    return path


def plot(paths: dict[str, Trajectory]) -> Figure:
    """The magnetisation beside that of free fermions, and what is lost."""
    figure = Figure(figsize=(6, 5), layout="constrained")
    upper, lower = figure.subplots(2, sharex=True, height_ratios=(2, 1))
    times = np.linspace(0, max(path.times[-1] for path in paths.values()), 200)
    exact = free_fermion_quench(N, times, BEFORE, AFTER)
    upper.plot(times, exact.x, color="black", linewidth=0.8, label="free fermions")
    for name, path in paths.items():
        upper.plot(path.times, path.means("x"), ".", label=f"network, {name}")
        lower.plot(path.times, path.infidelities, label=name)
    upper.set_ylabel("⟨X⟩")
    lower.set_ylabel("1 − F")
    lower.set_xlabel("time")
    lower.set_yscale("log")
    for axes in (upper, lower):
        axes.legend(fontsize="small")
        axes.grid(alpha=0.3)
    return figure


def main(folder: Path | None = None) -> None:
    """By the sum over all configurations, then by samples of chains."""
    start = initial(steps=300)
    chains = Metropolis.flips(
        N, chains=500, sweeps=4, generator=torch.Generator().manual_seed(1)
    )
    paths = {}
    for name, sampler in (("sum", ORBITS), ("samples", chains)):
        state = RBMState(
            N, alpha=4, permutations=RING.symmetries, dtype=torch.complex128
        )
        state.load_state_dict(start.state_dict())
        if sampler is chains:
            chains.sample(state, 50)
        paths[name] = follow(name, state, sampler, time=0.75)
    if folder is not None:
        plot(paths).savefig(folder / "quench.png", dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
