"""Renormalisation: exact decimation, blocked lattices, and machines as steps.

`python examples/renormalisation.py FOLDER` also writes its pictures there.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from qml_qdl.data import all_bits
from qml_qdl.models import RBM
from qml_qdl.renormalisation import (
    CRITICAL_COUPLING,
    BlockedLattice,
    InformationEstimate,
    IsingChain,
    IsingClusters,
    IsingModel,
    Surroundings,
    Thermometer,
    VariationalStep,
    decimation_rule,
    environment_information,
    learn_rule,
    majority_rule,
    rbm_flow,
    renormalise,
    variational_step,
)

SIDE, CHAINS = 32, 100
COUPLINGS = {"weak": 0.42, "critical": CRITICAL_COUPLING, "strong": 0.46}
COUPLINGS_KEPT = (0.0, 0.3, 0.4, CRITICAL_COUPLING, 0.5)
UNITS = (1, 2, 4, 8, 16)
LEARNT = (0.15, 0.25, 0.35, 0.4, 0.45, 0.5, 0.6, 0.75)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def print_decimation(coupling: float, steps: int) -> None:
    """Every chain ends where spins are free; correlations shrink by two each time."""
    print("chain: K, correlation length in sites, tanh K' − tanh² K")
    flow = IsingChain(coupling).flow(steps)
    for before, after in pairwise(flow):
        off = math.tanh(after.coupling) - math.tanh(before.coupling) ** 2
        print(f"{after.coupling:9.6f}  {after.correlation_length:8.4f}  {off:8.1e}")
    print()


def blocked(sweeps: int) -> dict[str, list[BlockedLattice]]:
    """Lattices at three couplings, blocked until a side of four."""
    found = {}
    for name, coupling in COUPLINGS.items():
        model = IsingModel((SIDE, SIDE), coupling)
        sampler = IsingClusters(model, CHAINS, generator=seeded())
        found[name] = renormalise(sampler, sweeps)
        print(f"{name}, K = {coupling:.4f}")
        for lattice in found[name]:
            print(f"  {lattice}")
    print()
    return found


def information(steps: int) -> dict[str, list[InformationEstimate]]:
    """What rules keep of the surroundings of blocks, at several couplings."""
    found: dict[str, list[InformationEstimate]] = {}
    for coupling in COUPLINGS_KEPT:
        model = IsingModel((16, 16), coupling)
        learnt, judged = (
            Surroundings.of_lattice(model, warm(model, seed).sample(20))
            for seed in (1, 0)
        )
        rules: dict[str, Callable[[Tensor], Tensor]] = {
            "decimation": decimation_rule,
            "majority": majority_rule,
            "learnt": learn_rule(learnt, 1, 2 * steps, generator=seeded()),
            "learnt, two spins": learn_rule(learnt, 2, 2 * steps, generator=seeded()),
        }
        print(f"blocks of 2 × 2 spins, K = {coupling:.4f}")
        for name, rule in rules.items():
            kept = environment_information(rule, judged, steps, generator=seeded())
            found.setdefault(name, []).append(kept)
            print(f"  {name:17} {kept}")
    print()
    return found


def warm(model: IsingModel, seed: int) -> IsingClusters:
    """Chains that have forgotten where they began."""
    sampler = IsingClusters(model, CHAINS, generator=seeded(seed))
    sampler.sample(30)
    return sampler


def train(model: IsingModel, units: int, steps: int) -> tuple[RBM, list[float]]:
    """A machine of the model's exact likelihood, and its divergence on the way."""
    bits = all_bits(model.num_sites).float()
    weights = (-model.energy(1 - 2 * bits)).softmax(0)
    floor = float(weights @ weights.log())
    rbm = RBM(model.num_sites, units, generator=seeded(units))
    with torch.no_grad():
        rbm.weight.mul_(10)
    adam = torch.optim.Adam(rbm.parameters(), lr=0.05)
    divergences = []
    for step in range(steps + 1):
        adam.zero_grad()
        loss = -(weights @ rbm.log_likelihood(bits))
        divergences.append(loss.item() + floor)
        if step < steps:
            loss.backward()
            adam.step()
    return rbm, divergences


def lattices_of(couplings: tuple[float, ...], rows: int, seed: int) -> Tensor:
    """Spins of 8 × 8 sites at several couplings, (couplings, rows, 64)."""
    found = []
    for coupling in couplings:
        model = IsingModel((8, 8), coupling)
        sampler = IsingClusters(model, rows, generator=seeded(seed))
        found.append(sampler.sample(50).spins[-rows:])
    return torch.stack(found)


def flows(steps: int) -> dict[str, list[list[float]]]:
    """What reconstructions look like to a thermometer, from three couplings on.

    For machines of two widths, which have learnt lattices of all couplings.
    """
    spins = lattices_of(LEARNT, 500, seed=0)
    starts = lattices_of((LEARNT[0], CRITICAL_COUPLING, LEARNT[-1]), 300, seed=1)
    thermometer = Thermometer(64, LEARNT, generator=seeded())
    thermometer.fit(spins, steps, generator=seeded())
    bits = (1 - torch.cat([spins, -spins]).flatten(0, 1)) / 2
    found = {}
    for width in (16, 64):
        rbm = RBM(64, width, num_chains=500, generator=seeded(width))
        adam = torch.optim.Adam(rbm.parameters(), lr=2e-3)
        chance = seeded(width)
        for _ in range(5 * steps):
            batch = bits[torch.randint(len(bits), (500,), generator=chance)]
            adam.zero_grad()
            rbm.contrastive_loss(batch, generator=chance).backward()
            adam.step()
        own = [rbm_flow(rbm, rows, thermometer, 60).mean(1).tolist() for rows in starts]
        found[f"{width} units"] = own
        ends = ", ".join(f"{each[0]:.3f} to {each[-1]:.3f}" for each in own)
        print(f"reconstructions by {width} units: K read goes from {ends}")
    return found


def plot_reconstructions(found: Mapping[str, list[list[float]]]) -> Figure:
    figure = Figure(figsize=(7.6, 3.2), layout="constrained")
    every = figure.subplots(1, 2, sharey=True)
    for axes, (name, own) in zip(every, found.items(), strict=True):
        for start, values in zip(COUPLINGS, own, strict=True):
            axes.plot(values, label=f"from {start} coupling")
        axes.axhline(CRITICAL_COUPLING, color="grey", ls="--", label="critical")
        mean = sum(LEARNT) / len(LEARNT)
        axes.axhline(mean, color="grey", ls=":", label="mean of what was learnt")
        axes.set(title=name, xlabel="reconstruction")
    every[0].set_ylabel("coupling read")
    every[-1].legend(fontsize="small")
    return figure


def plot_flow(found: Mapping[str, list[BlockedLattice]]) -> Figure:
    """The nearest coupling, and the exponent, lattice by lattice."""
    figure = Figure(figsize=(7.6, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, lattices in found.items():
        sides = [str(lattice.shape[0]) for lattice in lattices]
        values = [float(lattice.couplings[0]) for lattice in lattices]
        errors = [float(lattice.coupling_errors[0]) for lattice in lattices]
        left.errorbar(sides, values, errors, fmt="o-", ms=4, label=name)
    left.set(xlabel="side of the lattice", ylabel="nearest coupling")
    left.legend()
    steps = found["critical"][1:]
    names = [f"{2 * step.shape[0]} to {step.shape[0]}" for step in steps]
    nus, errors = [step.nu for step in steps], [step.nu_error for step in steps]
    right.errorbar(names, nus, errors, fmt="o", ms=4)
    right.axhline(1, color="grey", ls="--", label="exact")
    right.set(xlabel="step, at the critical coupling", ylabel="ν", ylim=(0.85, 1.15))
    right.legend()
    return figure


def plot_information(found: Mapping[str, list[InformationEstimate]]) -> Figure:
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    for name, kept in found.items():
        values, errors = [each.value for each in kept], [each.error for each in kept]
        style = "s--" if name == "learnt" else "o-"  # it lies on the majority's line
        axes.errorbar(COUPLINGS_KEPT, values, errors, fmt=style, ms=4, label=name)
    axes.axvline(CRITICAL_COUPLING, color="grey", ls="--", label="critical")
    axes.set(xlabel="coupling K", ylabel="kept of the surroundings (nats)")
    axes.legend()
    return figure


def plot_machines(found: Mapping[int, VariationalStep]) -> Figure:
    """Differences of free energies within their bounds, and the gap."""
    figure = Figure(figsize=(7.6, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    units = [str(each) for each in found]
    steps = found.values()
    middle = [step.difference for step in steps]
    below = [step.reverse_divergence for step in steps]
    above = [step.divergence for step in steps]
    left.errorbar(units, middle, [below, above], fmt="o", ms=4, capsize=4)
    left.set(xlabel="hidden units", ylabel="F' − F within its bounds")
    right.semilogy(units, above, "o-", ms=4)
    right.yaxis.set_minor_formatter("")
    right.set(xlabel="hidden units", ylabel="divergence KL(p ‖ q)")
    return figure


def main(
    folder: Path | None = None, steps: int = 400, sweeps: int = 150
) -> dict[str, list[float]]:
    """Runs all of it and returns divergences of machines while they are trained."""
    print_decimation(1.0, 5)
    lattices = blocked(sweeps)
    kept = information(steps)
    model = IsingModel((3, 4), 0.4)
    divergences, machines = {}, {}
    print("machines of 3 × 4 spins: bounds of F' − F, and their gap")
    for units in UNITS:
        rbm, divergences[f"{units} units"] = train(model, units, steps)
        machines[units] = variational_step(rbm, model.energy)
        print(f"{units:2d} units: {machines[units]}")
    print()
    reconstructions = flows(steps)
    if folder is not None:
        pictures = {
            "renormalisation.png": plot_flow(lattices),
            "renormalisation-information.png": plot_information(kept),
            "renormalisation-machines.png": plot_machines(machines),
            "renormalisation-flow.png": plot_reconstructions(reconstructions),
        }
        for name, figure in pictures.items():
            figure.savefig(folder / name, dpi=120)
    return divergences


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
