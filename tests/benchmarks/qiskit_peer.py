"""A training step with shots: pennylane-qiskit's `qiskit.aer` and ours, turn by turn.

pennylane-qiskit needs other versions of Qiskit, so each side has an environment and a
process of its own. `make bench-pennylane-qiskit` makes the other environment. By hand:

    python -m venv .venv-pennylane-qiskit
    .venv-pennylane-qiskit/bin/python -m pip install torch==2.13.0 pennylane==0.45.1 \
        pennylane-qiskit==0.45.0
    .venv/bin/python -m tests.benchmarks.qiskit_peer \
        .venv-pennylane-qiskit/bin/python

It prints the seconds of every step, on the clock and of the processor, and the ratios
of the medians. Where other programs run, only those of the processor mean anything.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import pennylane as qml
import torch

WIRES, LAYERS, SHOTS = 4, 2, 1024
"""RY encoding, strongly entangling layers, every ⟨Z⟩, by parameter shift."""


def weights() -> torch.Tensor:
    """(layers, wires, 3), the same each time."""
    generator = torch.Generator().manual_seed(1)
    return torch.rand(LAYERS, WIRES, 3, generator=generator) * 6


def inputs(rows: int) -> torch.Tensor:
    """(rows, wires), the same each time."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(rows, WIRES, generator=generator) * 3


def training(model: torch.nn.Module, rows: int) -> Callable[[], None]:
    """One step: values, gradients of the weights, new weights."""
    batch = inputs(rows)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)

    def step() -> None:
        optimiser.zero_grad()
        torch.autograd.backward([model(batch).sum()])
        optimiser.step()

    return step


def ours() -> Any:
    """`QuantumLayer` on `qdl.qiskit`."""
    from qml_qdl.circuits import AngleEncoding, StronglyEntangling
    from qml_qdl.nn import QuantumLayer

    circuit = StronglyEntangling(WIRES, layers=LAYERS) @ AngleEncoding(WIRES)
    layer = QuantumLayer(circuit, target="aer", shots=SHOTS)
    with torch.no_grad():
        next(layer.parameters()).copy_(weights())
    return layer


def theirs() -> Any:
    """PennyLane's `TorchLayer` on `qiskit.aer`."""

    def circuit(inputs: Any, weights: Any) -> Any:
        qml.AngleEmbedding(inputs, wires=range(WIRES), rotation="Y")
        qml.StronglyEntanglingLayers(weights, wires=range(WIRES))
        return [qml.expval(qml.Z(wire)) for wire in range(WIRES)]

    made = qml.device("qiskit.aer", wires=WIRES)
    qnode = qml.QNode(
        circuit, made, interface="torch", diff_method="parameter-shift", shots=SHOTS
    )
    shape = {"weights": tuple(weights().shape)}
    return qml.qnn.TorchLayer(qnode, shape, {"weights": weights()})


SIDES: dict[str, Callable[[], Any]] = {"ours": ours, "theirs": theirs}


Seconds: TypeAlias = tuple[float, float]
"""On the clock, and of the processor."""


def timed(step: Callable[[], None]) -> Seconds:
    """Seconds of one step."""
    clock, processor = time.perf_counter(), time.process_time()
    step()
    return time.perf_counter() - clock, time.process_time() - processor


def elsewhere(python: str, side: str, rows: int, steps: int) -> list[Seconds]:
    """Seconds of each step, in a process of its own."""
    command = [
        python, __file__, "--side", side, "--rows", str(rows), "--steps", str(steps)
    ]  # fmt: skip
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    return [(float(clock), float(processor)) for clock, processor in lines]


def show(name: str, seconds: Sequence[Seconds]) -> None:
    """Prints seconds on the clock, those of the processor in brackets."""
    steps = (f"{clock:.3f} ({processor:.3f})" for clock, processor in seconds)
    print(f"{name}:", ", ".join(steps), flush=True)


def compare(python: str, rows: int, turns: int, steps: int) -> None:
    """Runs both sides turn by turn; the first of our steps converts and transpiles."""
    mine: list[Seconds] = []
    other: list[Seconds] = []
    for _ in range(turns):
        first, *later = elsewhere(sys.executable, "ours", rows, 1 + steps)
        show("ours, first step", [first])
        show("ours, then", later)
        mine += later
        other += elsewhere(python, "theirs", rows, 1)
        show("qiskit.aer", other[-1:])
    for kind, own, their in zip(
        ("clock", "processor"), zip(*mine, strict=True), zip(*other, strict=True),
        strict=True,
    ):  # fmt: skip
        a, b = statistics.median(own), statistics.median(their)
        print(f"{kind}: {a:.3f} s and {b:.3f} s, {b / a:.0f}×")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", nargs="?", help="Python with pennylane-qiskit")
    parser.add_argument("--side", choices=SIDES, help="time this side only, here")
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5, help="of ours, in each turn")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.side:
        step = training(SIDES[options.side](), options.rows)
        for _ in range(options.steps):
            print(*timed(step), flush=True)
    elif options.python:
        compare(options.python, options.rows, options.turns, options.steps)
    else:
        parser.error("expected the Python of an environment with pennylane-qiskit")


if __name__ == "__main__":
    main()
