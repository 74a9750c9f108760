"""Steps of variational Monte Carlo, block by block: NetKet's, and ours.

A Heisenberg ring of 22 spins with Marshall's signs, 1,008 samples in double precision,
exchange moves, one sweep between samples, dense stochastic reconfiguration:

- a translation-symmetric RBM of 24 parameters: NetKet's `RBMSymm`, our `RBMState`, and
  the same formula as an arbitrary torch module, which has full passes alone;
- NetKet's `RBM` of 528 parameters, and a torch network of 529.

Each side has a process of its own, which takes turns with the others.
`make bench-netket` makes NetKet's environment. By hand:

    python -m venv .venv-netket
    .venv-netket/bin/python -m pip install netket==3.23
    .venv/bin/python -m tests.benchmarks.netket_peer .venv-netket/bin/python

It prints medians over the blocks of milliseconds a step of the processor, and ratios.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

SITES, SAMPLES = 22, 1008
RATE, SHIFT = 0.01, 0.1
"""NetKet's tutorial."""


def netkets(model: str) -> Callable[[int], object]:
    """Steps of NetKet's driver."""
    import netket as nk

    graph = nk.graph.Chain(SITES, pbc=True)
    space = nk.hilbert.Spin(s=0.5, total_sz=0, N=SITES)
    network = (
        nk.models.RBMSymm(symmetries=graph.translation_group(), alpha=1)
        if model == "symmetric"
        else nk.models.RBM(alpha=1)
    )
    state = nk.vqs.MCState(
        nk.sampler.MetropolisExchange(space, graph=graph),
        network,
        n_samples=SAMPLES,
        seed=0,
    )
    driver = nk.driver.VMC_SR(
        nk.operator.Heisenberg(hilbert=space, graph=graph, sign_rule=True),
        nk.optimizer.Sgd(RATE),
        diag_shift=SHIFT,
        variational_state=state,
    )
    return lambda steps: driver.run(steps, show_progress=False)


def ours(model: str) -> Callable[[int], object]:
    """Steps of our descent."""
    import torch
    from torch import nn

    from qml_qdl.manybody import (
        Lattice,
        Metropolis,
        ModuleState,
        NeuralState,
        RBMState,
        SpinOperator,
        StochasticReconfiguration,
        VariationalMonteCarlo,
        heisenberg,
    )

    class Symmetric(nn.Module):
        """The symmetric machine as any torch module is written."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(0.01 * torch.randn(SITES, dtype=torch.float64))
            self.biases = nn.Parameter(torch.zeros(2, dtype=torch.float64))
            sites = torch.arange(SITES)
            self.shifts = (sites[:, None] - sites) % SITES

        def forward(self, spins: torch.Tensor) -> torch.Tensor:
            units = spins @ self.weight[self.shifts] + self.biases[0]
            return units.cosh().log().sum(1) + self.biases[1] * spins.sum(1)

    torch.set_num_threads(1)
    torch.manual_seed(0)
    ring = Lattice.chain(SITES)
    state: NeuralState
    if model == "symmetric":
        state = RBMState(SITES, permutations=ring.translations, dtype=torch.float64)
    elif model == "symmetric module":
        state = ModuleState(Symmetric(), SITES)
    else:
        layers = nn.Linear(SITES, SITES), nn.GELU(), nn.Linear(SITES, 1)
        state = ModuleState(nn.Sequential(*layers).double(), SITES)
    pairs = [(k, (k + 1) % SITES) for k in range(SITES)]
    return VariationalMonteCarlo(
        SpinOperator.of(heisenberg(ring)).rotated(ring.sublattice),
        state,
        Metropolis.exchange(SITES, pairs, chains=SAMPLES),
        StochasticReconfiguration(state, learning_rate=RATE, shift=SHIFT),
    ).run


SIDES = {
    ("NetKet", "symmetric"): netkets,
    ("ours", "symmetric"): ours,
    ("ours", "symmetric module"): ours,
    ("NetKet", "dense"): netkets,
    ("ours", "dense"): ours,
}
"""Who, with which network."""


def serve(side: str, model: str) -> None:
    """Makes as many steps as each line of input says, and prints their milliseconds."""
    answers, sys.stdout = sys.stdout, sys.stderr  # NetKet prints what it chose
    run = SIDES[side, model](model)
    for line in sys.stdin:
        begin = time.process_time()
        run(int(line))
        milliseconds = 1e3 * (time.process_time() - begin) / int(line)
        print(milliseconds, file=answers, flush=True)


def started(python: str, side: str, model: str) -> subprocess.Popen[str]:
    """A process that serves one side."""
    one_thread = {
        "OMP_NUM_THREADS": "1",
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
        "JAX_PLATFORMS": "cpu",
    }
    return subprocess.Popen(
        [python, __file__, "--side", side, "--model", model],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **one_thread},
    )


def asked(process: subprocess.Popen[str], steps: int) -> float:
    """Milliseconds a step."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{steps}\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def compare(python: str, blocks: int, steps: int) -> None:
    """Runs all sides turn by turn; the first block of each compiles."""
    processes = {
        (who, model): started(python if who == "NetKet" else sys.executable, who, model)
        for who, model in SIDES
    }
    found: dict[tuple[str, str], list[float]] = {side: [] for side in SIDES}
    for process in processes.values():
        asked(process, 20)
    for _ in range(blocks):
        for side, process in processes.items():
            found[side].append(asked(process, steps))
    for process in processes.values():
        process.communicate()
    for (who, model), times in found.items():
        theirs = found["NetKet", model.split()[0]]
        ratio = statistics.median(a / b for a, b in zip(times, theirs, strict=True))
        spread = f"{min(times):.1f} to {max(times):.1f}"
        print(
            f"{who:7}{model:17}{statistics.median(times):7.1f} ms a step, {spread}; "
            f"{ratio:.2f} of NetKet's"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", nargs="?", help="Python of NetKet's environment")
    parser.add_argument("--side", choices=["NetKet", "ours"], help="serve it, here")
    parser.add_argument("--model", default="symmetric")
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--steps", type=int, default=20, help="of each block")
    options: Any = parser.parse_args()
    if options.side:
        serve(options.side, options.model)
    elif options.python:
        compare(options.python, options.blocks, options.steps)
    else:
        parser.error("expected the Python of an environment with NetKet")


if __name__ == "__main__":
    main()
