"""A training step, turn by turn: others for Qiskit's users, and ours.

- pennylane-qiskit's `qiskit.aer` with shots, which needs other versions of Qiskit;
- qiskit-machine-learning's `TorchConnector` of an `EstimatorQNN`, exact, of a circuit
  of Qiskit's that we take with `from_qiskit`.

Each side has an environment and a process of its own. `make bench-pennylane-qiskit` and
`make bench-qiskit-machine-learning` make the other environment. By hand:

    python -m venv .venv-pennylane-qiskit
    .venv-pennylane-qiskit/bin/python -m pip install torch==2.13.0 pennylane==0.45.1 \
        pennylane-qiskit==0.45.0
    .venv/bin/python -m tests.benchmarks.qiskit_peer pennylane-qiskit \
        .venv-pennylane-qiskit/bin/python

It prints the seconds of every step, on the clock and of the processor, and the ratios
of the medians. Where other programs run, only those of the processor mean anything.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

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


def pennylane_qiskits() -> Any:
    """PennyLane's `TorchLayer` on `qiskit.aer`."""
    import pennylane as qml

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


def qiskit_circuit() -> tuple[Any, Any]:
    """Qiskit's own: a feature map of x, and a form with trained parameters θ."""
    from qiskit.circuit.library import real_amplitudes, zz_feature_map

    return zz_feature_map(WIRES, reps=1), real_amplitudes(WIRES, reps=LAYERS)


def ours_from_qiskit() -> Any:
    """`QuantumLayer` of Qiskit's circuit on `qdl.simulator`."""
    from qml_qdl.hardware import from_qiskit
    from qml_qdl.nn import QuantumLayer

    encoding, form = qiskit_circuit()
    layer = QuantumLayer(from_qiskit(encoding.compose(form), inputs="x"))
    with torch.no_grad():
        (parameter,) = layer.parameters()
        parameter.copy_(weights().flatten()[: parameter.numel()])
    return layer


def qiskit_machine_learnings() -> Any:
    """A `TorchConnector` on `StatevectorEstimator`, with its own gradients."""
    from qiskit.primitives import StatevectorEstimator
    from qiskit.quantum_info import SparsePauliOp
    from qiskit_machine_learning.connectors import TorchConnector
    from qiskit_machine_learning.neural_networks import EstimatorQNN

    encoding, form = qiskit_circuit()
    network = EstimatorQNN(
        circuit=encoding.compose(form),
        observables=[
            SparsePauliOp.from_sparse_list([("Z", [qubit], 1.0)], WIRES)
            for qubit in range(WIRES)
        ],
        input_params=encoding.parameters,
        weight_params=form.parameters,
        estimator=StatevectorEstimator(),
        default_precision=0.0,
    )
    start = weights().flatten()[: form.num_parameters]
    return TorchConnector(network, initial_weights=start.numpy())


PEERS: dict[str, dict[str, Callable[[], Any]]] = {
    "pennylane-qiskit": {"ours": ours, "theirs": pennylane_qiskits},
    "qiskit-machine-learning": {
        "ours": ours_from_qiskit,
        "theirs": qiskit_machine_learnings,
    },
}
"""For each peer what makes either side."""


Seconds: TypeAlias = tuple[float, float]
"""On the clock, and of the processor."""


def timed(step: Callable[[], None]) -> Seconds:
    """Seconds of one step."""
    clock, processor = time.perf_counter(), time.process_time()
    step()
    return time.perf_counter() - clock, time.process_time() - processor


def elsewhere(
    peer: str, python: str, side: str, rows: int, steps: int
) -> tuple[float, list[Seconds]]:
    """The sum of the results, and seconds of each step, in a process of its own."""
    command = [
        python, __file__, peer,
        "--side", side, "--rows", str(rows), "--steps", str(steps)
    ]  # fmt: skip
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    (total,), *lines = (line.split() for line in done.stdout.splitlines())
    return float(total), [(float(clock), float(own)) for clock, own in lines]


def show(name: str, seconds: Sequence[Seconds]) -> None:
    """Prints seconds on the clock, those of the processor in brackets."""
    steps = (f"{clock:.3f} ({processor:.3f})" for clock, processor in seconds)
    print(f"{name}:", ", ".join(steps), flush=True)


def compare(peer: str, python: str, rows: int, turns: int, steps: int) -> None:
    """Runs both sides turn by turn; the first of our steps converts and transpiles."""
    mine: list[Seconds] = []
    other: list[Seconds] = []
    for _ in range(turns):
        total, (first, *later) = elsewhere(
            peer, sys.executable, "ours", rows, 1 + steps
        )
        show("ours, first step", [first])
        show("ours, then", later)
        mine += later
        their_total, seconds = elsewhere(peer, python, "theirs", rows, 1)
        show(peer, seconds)
        other += seconds
        # Of shots, a sum of as many means as there are rows and wires.
        assert math.isclose(total, their_total, abs_tol=0.05 * rows), (
            f"{peer} has {their_total}, and we {total}"
        )
    for kind, own, their in zip(
        ("clock", "processor"), zip(*mine, strict=True), zip(*other, strict=True),
        strict=True,
    ):  # fmt: skip
        a, b = statistics.median(own), statistics.median(their)
        print(f"{kind}: {a:.3f} s and {b:.3f} s, {b / a:.0f}×")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("python", nargs="?", help="Python of the peer's environment")
    parser.add_argument("--side", choices=["ours", "theirs"], help="time only it, here")
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5, help="of ours, in each turn")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.side:
        model = PEERS[options.peer][options.side]()
        with torch.no_grad():
            print(float(model(inputs(options.rows)).sum()), flush=True)
        step = training(model, options.rows)
        for _ in range(options.steps):
            print(*timed(step), flush=True)
    elif options.python:
        compare(
            options.peer, options.python, options.rows, options.turns, options.steps
        )
    else:
        parser.error("expected the Python of an environment with the peer")


if __name__ == "__main__":
    main()
