"""Ground states by the defaults of stochastic reconfiguration, beside what is exact.

    .venv/bin/python -m tests.benchmarks.ground_states --seeds 5 "ring of 22"

runs the tasks whose names hold the text, all but those marked as long without one. Each
has a line for every seed, and the mean of the seeds with its bar; seconds are those of
the processor, of the descent alone. Energies are relative errors, (E − E₀)/|E₀|.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from attrs import frozen

from qml_qdl.manybody import (
    FullSummation,
    JastrowState,
    Lattice,
    Metropolis,
    NeuralState,
    RBMState,
    Sampler,
    Sector,
    SpinOperator,
    StochasticReconfiguration,
    VariationalMonteCarlo,
    bethe_energy,
    free_fermion_energy,
    ground_state,
    heisenberg,
    j1_j2,
    mean_field_energy,
    transverse_ising,
)
from qml_qdl.manybody.states.state import as_real


@frozen(eq=False)
class Task:
    """A Hamiltonian, a network, and how long it is trained.

    Args:
        name: Its name.
        operator: H, in the basis where its signs are known as far as they are.
        exact: The lowest energy.
        network: The network's name.
        state: Makes the network.
        sampler: Makes the sampler.
        steps: Steps of the descent.
        final: Configurations of the last estimate.
        long: Whether it takes more than two minutes.
    """

    name: str
    operator: SpinOperator
    exact: float
    network: str
    state: Callable[[], NeuralState]
    sampler: Callable[[], Sampler]
    steps: int
    final: int = 200_000
    long: bool = False


def machine(lattice: Lattice, group: Any, alpha: int, dtype: torch.dtype) -> RBMState:
    """A restricted Boltzmann machine, symmetrised."""
    return RBMState(lattice.num_sites, alpha=alpha, permutations=group, dtype=dtype)


def of_ring(kind: str, size: int, rows: Sequence[Any]) -> list[Task]:
    """Tasks of a ring: (alpha, with reflections, steps, final samples, long)."""
    ring = Lattice.chain(size)
    pairs = [(k, (k + 1) % size) for k in range(size)]
    if kind == "Heisenberg":
        operator = SpinOperator.of(heisenberg(ring)).rotated(ring.sublattice)
        exact, name = bethe_energy(size), f"Heisenberg ring of {size}"
    else:
        operator = SpinOperator.of(transverse_ising(ring))
        exact, name = free_fermion_energy(size), f"Ising ring of {size}, h = 1"

    def sampler() -> Sampler:
        if kind == "Heisenberg":
            return Metropolis.exchange(size, pairs)
        return Metropolis.flips(size)

    def task(label: str, state: Callable[[], NeuralState], *rest: Any) -> Task:
        steps, final, long = rest
        return Task(
            name, operator, exact, label, state, sampler, steps, final, long=long
        )

    def jastrow() -> NeuralState:
        group = ring.translations
        return JastrowState(size, permutations=group, dtype=torch.float64)

    found = [task("Jastrow", jastrow, 200, 50_000, rows[0][-1])]
    for alpha, reflected, *rest in rows:
        group = ring.symmetries if reflected else ring.translations
        label = f"RBM α={alpha}{' reflected' * reflected}"
        network = partial(machine, ring, group, alpha, torch.float64)
        found.append(task(label, network, *rest))
    return found


def of_square(j2: float) -> list[Task]:
    """Tasks of 4×4 spins: sums over orbits, and samples."""
    square = Lattice.square(4, 4)
    plain = SpinOperator.of(j1_j2(square, j2=j2) if j2 else heisenberg(square))
    operator = plain.rotated(square.sublattice)
    group = square.symmetries
    sector = Sector(16, magnetisation=0, permutations=group)
    exact = float(ground_state(operator, sector=sector).energies[0])
    dtype = torch.complex128 if j2 else torch.float64
    name = f"J1-J2 4×4, J2 = {j2}" if j2 else "Heisenberg 4×4"
    pairs = [(a, b) for a in range(16) for b in range(a)]

    def state() -> NeuralState:
        return machine(square, group, 4, dtype)

    def jastrow() -> NeuralState:
        return JastrowState(16, permutations=group, dtype=torch.float64)

    label = f"RBM α=4 of the space group{', complex' if j2 else ''}"

    def sums() -> Sampler:
        return FullSummation(sector)

    def chains() -> Sampler:
        return Metropolis.exchange(16, pairs)

    tasks: Any = [("Jastrow, sums", jastrow, sums, 200)]
    tasks += [(f"{label}, sums", state, sums, 600)]
    tasks += [(f"{label}, samples", state, chains, 300)]
    return [Task(name, operator, exact, *each) for each in tasks]


def all_tasks() -> list[Task]:
    """The table: alpha, with reflections, steps, last samples, whether it is long."""
    short, long = (200_000, False), (500_000, True)
    rings_of_22 = [(1, 0, 300, *short), (8, 0, 600, 500_000, False)]
    return [
        *of_ring("Heisenberg", 22, rings_of_22),
        *of_ring("Ising", 20, [(4, 1, 600, 500_000, False)]),
        *of_square(0.0),
        *of_square(0.5),
        *of_ring("Ising", 80, [(4, 1, 4000, *long)]),
        *of_ring("Heisenberg", 80, [(4, 0, 400, *long)]),
    ]


def run(task: Task, seed: int) -> tuple[float, float]:
    """Trains one network, prints a line, and returns its error and its bar."""
    torch.manual_seed(seed)
    state, sampler = task.state(), task.sampler()
    descent = StochasticReconfiguration(state, steps=task.steps)
    monte_carlo = VariationalMonteCarlo(task.operator, state, sampler, descent)
    begin = time.process_time()
    events = [step.event for step in monte_carlo.run(task.steps) if step.event]
    seconds = time.process_time() - begin
    chains = len(getattr(sampler, "spins", ())) or task.final
    estimate = monte_carlo.estimate(max(2, -(-task.final // chains)))
    error = (estimate.energy - task.exact) / abs(task.exact)
    bar = estimate.error / abs(task.exact)
    size = sum(as_real(each).numel() for each in state.parameters())
    print(
        f"{task.name} | {task.network} | seed {seed} | {size} parameters | "
        f"{task.steps} steps | {estimate.num_samples:,} last samples | "
        f"{seconds:.0f} s | {error:.2e} ± {bar:.1e} | V {estimate.v_score:.1e} | "
        f"{len(events)} events",
        flush=True,
    )
    return error, bar


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", nargs="?", default="")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    known: set[str] = set()
    for task in all_tasks():
        named = options.text and options.text in f"{task.name} | {task.network}"
        if not (named or (not options.text and not task.long)):
            continue
        if task.name not in known:
            known.add(task.name)
            error = mean_field_energy(task.operator) / abs(task.exact) + 1
            print(f"{task.name} | exact {task.exact:.10f} | mean field {error:.2e}")
        found = [run(task, seed) for seed in range(options.seeds)]
        if len(found) > 1:
            errors, bars = zip(*found, strict=True)
            bar = math.hypot(*bars) / len(bars)
            print(
                f"{task.name} | {task.network} | mean of {len(errors)} seeds "
                f"{statistics.mean(errors):.2e} ± {bar:.1e}, between seeds "
                f"{statistics.stdev(errors) / math.sqrt(len(errors)):.1e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
