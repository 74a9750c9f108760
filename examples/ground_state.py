"""Ground states: a network beside a circuit beside the exact one, on ring and square.

`python examples/ground_state.py FOLDER` also writes its pictures there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from qml_qdl.circuits import HamiltonianVariational, Singlets
from qml_qdl.manybody import (
    CircuitState,
    Descent,
    Estimate,
    FullSummation,
    GradientDescent,
    JastrowState,
    Lattice,
    Metropolis,
    Multiplied,
    NeuralState,
    RBMState,
    Sampler,
    Sector,
    SpinOperator,
    VariationalMonteCarlo,
    ground_state,
    heisenberg,
    mean_field_energy,
)


def circuit(lattice: Lattice, layers: int) -> NeuralState:
    """Singlets on every second bond, then evolutions under parts of the Hamiltonian.

    No gate singles out a direction, so the state stays a singlet at any angles.
    """
    sites = lattice.num_sites
    evolution = HamiltonianVariational(sites, heisenberg(lattice), layers=layers)
    state = CircuitState(evolution @ Singlets(sites), dtype=torch.float64)
    with torch.no_grad():
        for weight in state.parameters():
            weight.uniform_(0.15, 0.25)
    return state


def descend(
    name: str,
    operator: SpinOperator,
    state: NeuralState,
    sampler: Sampler,
    steps: int,
    exact: float,
    descent: Descent | None = None,
) -> list[float]:
    """Lowers the energy, prints where it ends, and returns all energies on the way."""
    lowering = VariationalMonteCarlo(operator, state, sampler, descent)
    history = lowering.run(steps)
    sampled = isinstance(sampler, Metropolis)
    estimate = lowering.estimate(sweeps=20 if sampled else None)
    size = sum((1 + each.is_complex()) * each.numel() for each in state.parameters())
    tell(name, size, estimate.energy, exact, estimate)
    return [*(step.estimate.energy for step in history), estimate.energy]


def tell(
    name: str, size: int, energy: float, exact: float, found: Estimate | None = None
) -> None:
    """A line of the table."""
    off = f"{abs(energy / exact - 1):.1e}"
    if found is not None and found.error:
        off += f" ± {abs(found.error / exact):.0e}"
    score = "" if found is None else f"{found.v_score:.0e}"
    print(f"{name:24}  {size:5d}  {energy:12.6f}  {off:>17}  {score:>6}")


def header(title: str) -> None:
    print(f"{title:24}  {'par':>5}  {'energy':>12}  {'relative error':>17}  V-score")


def ring(steps: int) -> tuple[dict[str, list[float]], float]:
    """Ten spins: every configuration is summed, so that only the ansatz errs."""
    lattice = Lattice.chain(10)
    plain = SpinOperator.of(heisenberg(lattice))
    # Marshall's sign on every second site: in this frame all amplitudes are positive.
    turned = plain.rotated(lattice.sublattice)
    sector = Sector(10, magnetisation=0)
    every = FullSummation(sector)
    exact = float(ground_state(plain, sector).energies[0])
    header("Heisenberg ring, N = 10")
    tell("mean field", 20, mean_field_energy(plain), exact)
    group: dict[str, Any] = {"permutations": lattice.symmetries}
    real, both = {"dtype": torch.float64, **group}, {"dtype": torch.complex128, **group}
    makers: dict[str, tuple[SpinOperator, Callable[[], NeuralState]]] = {
        "Jastrow": (turned, lambda: JastrowState(10, **real)),
        "RBM": (turned, lambda: RBMState(10, **real)),
        "RBM, alpha = 4": (turned, lambda: RBMState(10, alpha=4, **real)),
        "circuit, 2 layers": (plain, lambda: circuit(lattice, 2)),
        "circuit, 4 layers": (plain, lambda: circuit(lattice, 4)),
        "circuit of 2 × RBM": (
            plain,
            lambda: Multiplied([circuit(lattice, 2), RBMState(10, **both)]),
        ),
    }
    energies = {}
    for name, (operator, make) in makers.items():
        torch.manual_seed(0)
        energies[name] = descend(name, operator, make(), every, steps, exact)
    tell("exact", sector.num_states, exact, exact)
    return energies, exact


def square(steps: int) -> tuple[Tensor, Tensor]:
    """Sixteen spins; correlations of the network, by Markov chains, and exact ones."""
    lattice = Lattice.square(4, 4)
    plain = SpinOperator.of(heisenberg(lattice))
    turned = plain.rotated(lattice.sublattice)
    sector = Sector(16, magnetisation=0)
    exact = ground_state(plain, sector)
    energy = float(exact.energies[0])
    print()
    header("Heisenberg, 4 × 4")
    tell("mean field", 32, mean_field_energy(plain), energy)
    torch.manual_seed(0)
    deep = circuit(lattice, 3)
    adam = GradientDescent(deep, learning_rate=0.1)
    every = FullSummation(sector)
    descend("circuit, 3 layers", plain, deep, every, 2 * steps // 5, energy, adam)
    group: dict[str, Any] = {"permutations": lattice.symmetries, "dtype": torch.float64}
    chains = Metropolis.exchange(16, lattice.edges)
    jastrow = JastrowState(16, **group)
    descend("Jastrow", turned, jastrow, chains, steps, energy)
    network = RBMState(16, alpha=4, **group)
    descend("RBM, alpha = 4", turned, network, chains, steps, energy)
    tell("exact", sector.num_states, energy, energy)
    spins = chains.sample(network, 20).spins
    rows = sector.spins()
    chances = exact.amplitudes(rows).abs().square()
    return (spins[:, :1] * spins).mean(0), chances @ (rows[:, :1] * rows)


def plot_energies(energies: dict[str, list[float]], exact: float) -> Figure:
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, values in energies.items():
        style = "--" if "circuit" in name else "-"
        axes.semilogy([abs(each / exact - 1) for each in values], style, label=name)
    axes.set_xlabel("step")
    axes.set_ylabel("relative error of the energy")
    axes.set_title("Heisenberg ring, 10 spins")
    axes.legend(fontsize="small")
    return figure


def plot_correlations(sampled: Tensor, exact: Tensor) -> Figure:
    """Correlations over the square, and network against exact, site by site."""
    figure = Figure(figsize=(7.2, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    image = left.imshow(sampled.reshape(4, 4).numpy(), cmap="RdBu_r", vmin=-1, vmax=1)
    figure.colorbar(image, ax=left, label="⟨s₀ s⟩")
    left.set_title("network, from one corner")
    left.set_xticks(range(4))
    left.set_yticks(range(4))
    right.plot(exact[1:].numpy(), sampled[1:].numpy(), "o", label="one site each")
    ends = [float(exact[1:].min()), float(exact[1:].max())]
    right.plot(ends, ends, color="grey", label="equal")
    right.set_xlabel("exact")
    right.set_ylabel("network")
    right.legend()
    return figure


def main(folder: Path | None = None, steps: int = 150) -> dict[str, list[float]]:
    """Runs all of it and returns the energies of the ring's states."""
    energies, exact = ring(steps)
    sampled, wanted = square(steps)
    if folder is not None:
        pictures = {
            "ground-state.png": plot_energies(energies, exact),
            "ground-state-square.png": plot_correlations(sampled, wanted),
        }
        for name, figure in pictures.items():
            figure.savefig(folder / name, dpi=120)
    return energies


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
