"""README's tables of the simulator beside its peers, measured in one run.

`make bench-peers` makes the environment and runs it. Every peer's values and gradients
are compared with ours before it is timed. Then all peers of a row take turns, each a
block of calls; a number is the median of the blocks, in processor time. Rows, by name:

    .venv-peers/bin/python -m tests.benchmarks.peer_table A "500 words"
"""

from __future__ import annotations

import argparse
import gc
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
import torch

from qml_qdl.circuits import AngleEncoding, Expectation, StronglyEntangling
from qml_qdl.nn import QuantumLayer
from qml_qdl.vqe import Molecule
from tests.benchmarks.peers import PEERS, TOO_SLOW, Peer, TorchPeer
from tests.benchmarks.test_generators import generators, iteration
from tests.benchmarks.workloads import WORKLOADS, Workload

OWN = "qml-qdl"
BLOCKS, BLOCK_SECONDS, ENOUGH_SECONDS = 7, 0.05, 1.0
Calls: TypeAlias = dict[str, Callable[[], Any]]


def in_turns(calls: Calls) -> dict[str, float]:
    """Median seconds of a call: blocks of up to 50 calls, each side in its turn."""
    sizes: dict[str, int] = {}
    found: dict[str, list[float]] = {name: [] for name in calls}
    for name, call in calls.items():
        call()
        start = time.process_time()
        call()
        took = max(time.process_time() - start, 1e-6)
        sizes[name] = max(1, min(50, round(BLOCK_SECONDS / took)))
    gc.collect()
    gc.freeze()  # or calls that make many objects wait for those of all libraries here
    for _ in range(BLOCKS):
        for name, call in calls.items():
            if sum(found[name]) > ENOUGH_SECONDS:
                continue
            start = time.process_time()
            for _ in range(sizes[name]):
                call()
            found[name].append((time.process_time() - start) / sizes[name])
    gc.unfreeze()
    return {name: statistics.median(seconds) for name, seconds in found.items()}


def check(peers: dict[str, Peer], tolerance: float = 2e-5) -> None:
    """Refuses to time a peer whose values or gradients are not ours."""
    own = peers[OWN]
    values: Any = np.asarray(own.forward())
    gradient: Any = np.asarray(own.gradient())
    for name, peer in peers.items():
        found: Any = np.asarray(peer.forward()).reshape(values.shape)
        np.testing.assert_allclose(found, values, atol=tolerance, err_msg=name)
        atol = tolerance * max(1.0, np.abs(gradient).max())
        found = np.asarray(peer.gradient()).flatten()
        np.testing.assert_allclose(found, gradient, atol=atol, err_msg=name)


def measure(peers: dict[str, Peer]) -> dict[str, tuple[float, float]]:
    """Seconds of forward and step."""
    forward = in_turns({name: peer.forward for name, peer in peers.items()})
    step = in_turns({name: peer.step for name, peer in peers.items()})
    return {name: (forward[name], step[name]) for name in peers}


def cell(pair: tuple[float, ...] | None, own: tuple[float, ...] | None = None) -> str:
    """Milliseconds, or how many times ours."""
    if pair is None:
        return "–"
    if own is None:
        return " / ".join(f"{seconds * 1e3:.3g}" for seconds in pair)
    ratios = (a / b for a, b in zip(pair, own, strict=True))
    return " / ".join(f"{r:.2g}×" if r < 99.5 else f"{r:.0f}×" for r in ratios)


def workloads(wanted: Callable[[str], bool]) -> Iterator[str]:
    """The table of the circuits that every peer runs: a line a peer."""
    columns = [workload for workload in WORKLOADS if wanted(workload.name)]
    found: list[dict[str, tuple[float, float]]] = []
    for workload in columns:
        yield f"{workload}"
        names = [name for name in PEERS if (workload.name, name) not in TOO_SLOW]
        peers = {name: PEERS[name](workload) for name in names}
        check(peers)
        found.append(measure(peers))
    yield "\n| | " + " | ".join(workload.name for workload in columns) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    for name in PEERS:
        cells = (
            cell(row[name]) if name == OWN else cell(row.get(name), row[OWN])
            for row in found
        )
        yield f"| {name} | " + " | ".join(cells) + " |"


def reading(
    wires: int, observables: list[Any], rows: int = 1, shots: int | None = None
) -> dict[str, Peer]:
    """Two strongly entangling layers on an encoding: ours, and lightning's.

    Args:
        wires: Wires of the circuit.
        observables: What is read.
        rows: Rows of the batch.
        shots: Samples of every circuit, with gradients by parameter shift.
    """
    workload = Workload("", rows, wires, 1, 2)
    circuit = StronglyEntangling(wires, layers=2) @ AngleEncoding(wires)
    layer = QuantumLayer(
        circuit.with_readout(Expectation(observables)),
        target="qdl.simulator",
        shots="keep" if shots is None else shots,
    )
    with torch.no_grad():
        next(layer.parameters()).copy_(workload.weights()[0])

    def body(inputs: Any, weights: Any) -> list[Any]:
        qml.AngleEmbedding(inputs, wires=range(wires), rotation="Y")
        qml.StronglyEntanglingLayers(weights, wires=range(wires))
        return [qml.expval(observable) for observable in observables]

    def lightning(dtype: Any) -> TorchPeer:
        device = qml.device("lightning.qubit", wires=wires, c_dtype=dtype)
        method: dict[str, Any] = {"diff_method": "adjoint", "device_vjp": True}
        if shots is not None:
            method = {"diff_method": "parameter-shift", "shots": shots}
        qnode = qml.QNode(body, device, interface="torch", **method)
        weights = workload.weights()[0]
        shapes = {"weights": tuple(weights.shape)}
        model = qml.qnn.TorchLayer(qnode, shapes, {"weights": weights})
        return TorchPeer(model, workload.inputs())

    return {
        OWN: TorchPeer(layer, workload.inputs()),
        "`lightning.qubit`, complex64": lightning(np.complex64),
        "`lightning.qubit`, complex128": lightning(np.complex128),
    }


def random_words(wires: int, number: int) -> list[Any]:
    """Distinct Pauli words on one to four wires, hardly any of them diagonal."""
    random = np.random.default_rng(0)
    words: dict[tuple[tuple[int, str], ...], None] = {}
    while len(words) < number:
        places = random.choice(wires, random.integers(1, 5), replace=False)
        letters = random.choice(list("XYZ"), len(places))
        words[tuple(sorted(zip(places.tolist(), letters.tolist(), strict=True)))] = None
    return [qml.pauli.PauliWord(dict(word)).operation() for word in words]


def hamiltonian(words: list[Any]) -> Any:
    """The words' sum with normal coefficients."""
    return qml.dot(np.random.default_rng(1).normal(size=len(words)), words)


def molecule(name: str) -> dict[str, Peer]:
    """A molecule's energy; lightning's `SparseHamiltonian` is complex128 only."""
    operator = Molecule.named(name).problem().operator.as_pennylane()
    wires = len(operator.wires)
    peers = reading(wires, [operator])
    matrix = operator.sparse_matrix(wire_order=range(wires))
    sparse = reading(wires, [qml.SparseHamiltonian(matrix, wires=range(wires))])
    name = "`lightning.qubit`, complex128"
    return peers | {f"{name}, `SparseHamiltonian`": sparse[name]}


def shots(rows: int) -> dict[str, Peer]:
    """Workload F or G with 1,000 shots."""
    return reading(4, [qml.Z(wire) for wire in range(4)], rows, shots=1000)


def first_calls(equal: bool) -> dict[str, tuple[float]]:
    """Seconds from a circuit to its first values: the median of seven structures.

    Args:
        equal: Whether an equal circuit was run before, in another layer.
    """
    found: dict[str, list[float]] = {OWN: [], "`lightning.qubit`, complex64": []}
    inputs = torch.rand(4)
    orders = itertools.islice(itertools.permutations(range(4)), 1, 8)
    for order in orders:

        def own(order: Any = order) -> Any:
            encoding = AngleEncoding(4, features=list(order))
            circuit = StronglyEntangling(4, layers=2) @ encoding
            return QuantumLayer(circuit, target="qdl.simulator")

        def peer(order: Any = order) -> Any:
            device = qml.device("lightning.qubit", wires=4, c_dtype=np.complex64)

            @qml.qnode(device, interface="torch", diff_method="adjoint")
            def qnode(inputs: Any, weights: Any) -> Any:
                features = inputs[..., list(order)]
                qml.AngleEmbedding(features, wires=range(4), rotation="Y")
                qml.StronglyEntanglingLayers(weights, wires=range(4))
                return [qml.expval(qml.Z(wire)) for wire in range(4)]

            return qml.qnn.TorchLayer(qnode, {"weights": (2, 4, 3)})

        for name, made in zip(found, (own, peer), strict=True):
            if equal:
                made()(inputs)
            start = time.process_time()
            made()(inputs)
            found[name].append(time.process_time() - start)
    return {name: (statistics.median(seconds),) for name, seconds in found.items()}


def patches() -> dict[str, tuple[float]]:
    """Seconds of a patch generator's training iteration."""
    found = in_turns({name: iteration(model) for name, model in generators().items()})
    return {name: (seconds,) for name, seconds in found.items()}


def timed(peers: dict[str, Peer]) -> dict[str, tuple[float, float]]:
    """The same after the check of values."""
    check(peers, 1e-4)
    return measure(peers)


Found: TypeAlias = dict[str, tuple[float, ...]]
OTHERS: dict[str, Callable[[], Any]] = {
    "500 words on 12 wires": lambda: timed(reading(12, random_words(12, 500))),
    "a Hamiltonian of 600 words on 12 wires": lambda: timed(
        reading(12, [hamiltonian(random_words(12, 600))])
    ),
    "LiH, 631 words on 12 wires": lambda: timed(molecule("LiH")),
    "H₂O, 1,086 words on 14 wires": lambda: timed(molecule("H2O")),
    "1,000 shots, 1 row of 4 wires": lambda: measure(shots(1)),
    "1,000 shots, 64 rows of 4 wires": lambda: measure(shots(64)),
    "first call, new structure": lambda: first_calls(equal=False),
    "first call, equal structure": lambda: first_calls(equal=True),
    "patch generator's iteration": patches,
}


def others(wanted: Callable[[str], bool]) -> Iterator[str]:
    """The table of what few peers run: a line for each, with its peers."""
    yield "| what | qml-qdl | peers |"
    yield "|---|---|---|"
    for name, run in OTHERS.items():
        if wanted(name):
            found: Found = run()
            own = found.pop(OWN)
            cells = (f"{peer} {cell(pair, own)}" for peer, pair in found.items())
            yield f"| {name} | {cell(own)} | " + ", ".join(cells) + " |"


def bare_backward() -> float:
    """Seconds of the least that torch can be asked to differentiate."""
    weights = torch.rand(2, 4, 3, requires_grad=True)
    return in_turns({"torch": lambda: (weights * 2).sum().backward()})["torch"]


def main() -> None:
    """Prints both tables, row by row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "rows", nargs="*", help="names or parts of them; all by default"
    )
    rows = parser.parse_args().rows
    torch.set_num_threads(1)

    def wanted(name: str) -> bool:
        return not rows or any(
            row == name or (len(row) > 1 and row in name) for row in rows
        )

    for table in (workloads, others):
        for line in table(wanted):
            print(line, flush=True)
        print()
    milliseconds = bare_backward() * 1e3
    print(f"(weights * 2).sum().backward() in torch: {milliseconds:.3f} ms")


if __name__ == "__main__":
    main()
