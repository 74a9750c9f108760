"""A Gram matrix of fidelities, turn by turn: qiskit-machine-learning's, and ours.

Its `FidelityStatevectorKernel` of Qiskit's `zz_feature_map`, 1,000 × 1,000 rows that
neither has seen before, in one process of one thread. `make bench-kernels` makes the
environment, which has both. By hand:

    python -m venv .venv-kernels
    .venv-kernels/bin/python -m pip install torch==2.13.0 \
        qiskit-machine-learning==0.9.1 --constraint constraints.txt --editable .
    OMP_NUM_THREADS=1 .venv-kernels/bin/python -m tests.benchmarks.kernel_peer

It prints processor seconds, medians of three calls after one, and their ratios.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from qiskit.circuit.library import zz_feature_map
from qiskit_machine_learning.kernels import FidelityStatevectorKernel

from qml_qdl.circuits import ZZFeatureMap
from qml_qdl.kernels import FidelityKernel


def seconds(function: Callable[[Any], Any], argument: Any) -> tuple[float, Any]:
    """Processor seconds of one call, and what it returned."""
    start = time.process_time()
    result = function(argument)
    return time.process_time() - start, result


def compare(wires: int, rows: int, calls: int) -> None:
    """Prints a line for each precision of ours."""
    peer = FidelityStatevectorKernel(feature_map=zz_feature_map(wires, reps=2))
    ours = FidelityKernel(ZZFeatureMap(wires))
    sides: dict[str, Callable[[torch.Tensor], Any]] = {
        "peer": lambda x: torch.as_tensor(peer.evaluate(x.numpy())),
        "complex64": lambda x: ours(x.float()),
        "complex128": ours,
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for call in range(calls + 1):
        generator = torch.Generator().manual_seed(call)
        x = torch.rand(rows, wires, generator=generator, dtype=torch.float64)
        results = {}
        for name, side in sides.items():
            taken, results[name] = seconds(side, x)
            if call:
                times[name].append(taken)
        for name, least in (("complex64", 1e-5), ("complex128", 1e-12)):
            worst = float((results[name] - results["peer"]).abs().max())
            assert worst < least, f"{name}: differs by {worst:g}"
    medians = {name: statistics.median(each) for name, each in times.items()}
    for name in ("complex64", "complex128"):
        ratio = medians["peer"] / medians[name]
        print(
            f"{wires:2} wires, {name:10}: {medians['peer']:8.3f} s and "
            f"{medians[name]:6.3f} s, {ratio:6.1f} times",
            flush=True,
        )


def main() -> None:
    """Compares at several numbers of wires."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wires", type=int, nargs="+", default=[8, 10, 12])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for wires in options.wires:
        compare(wires, options.rows, options.calls)


if __name__ == "__main__":
    main()
