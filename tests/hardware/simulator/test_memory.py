"""Memory stays under its bound: rows run in chunks, what cannot fit is refused."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import (
    AmplitudeEncoding,
    AngleEncoding,
    Circuit,
    Expectation,
    IQPEncoding,
    Probabilities,
    StronglyEntangling,
    reupload,
)
from qml_qdl.circuits.errors import MemoryBoundError, QdlError
from qml_qdl.hardware.simulator import memory
from qml_qdl.hardware.simulator.memory import STATES_AT_ONCE, rows_at_once
from qml_qdl.hardware.simulator.runner import CircuitRunner
from qml_qdl.nn import QuantumLayer

CPU = torch.device("cpu")
ROW = STATES_AT_ONCE * 16 * 2**3  # complex128, three wires
CIRCUITS = [
    pytest.param(reupload(StronglyEntangling(3), AngleEncoding(3), 2), id="angles"),
    pytest.param(StronglyEntangling(3) @ IQPEncoding(3), id="products"),
    pytest.param(StronglyEntangling(3) @ AmplitudeEncoding(3), id="states"),
    pytest.param(
        (StronglyEntangling(3) @ AngleEncoding(3)).with_readout(Probabilities([2])),
        id="probabilities",
    ),
    pytest.param(
        (StronglyEntangling(3) @ AngleEncoding(3)).with_readout(
            Expectation([qml.Projector([1, 0], wires=[0, 2])])
        ),
        id="projector",
    ),
]


@pytest.mark.parametrize("rows", [7, 8, 50])
@pytest.mark.parametrize("circuit", CIRCUITS)
def test_chunks_change_nothing(circuit: Circuit, rows: int) -> None:
    torch.manual_seed(0)
    inputs = torch.rand(rows, circuit.num_inputs, dtype=torch.float64)
    weights = [torch.rand(s).double() for s in circuit.weight_shapes.values()]
    leaves = [t.requires_grad_() for t in (inputs, *weights)]
    found = []
    for bound in (None, 7 * ROW):
        result = CircuitRunner(circuit, bound)(inputs, weights)
        found.append((result, *torch.autograd.grad(result.sum(), leaves)))
    torch.testing.assert_close(found[0], found[1])


def test_chunks_of_a_stock_qnode() -> None:
    def circuit(x: torch.Tensor) -> tuple[object, ...]:
        qml.AngleEmbedding(x, wires=range(3))
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(0)), qml.probs(wires=[1, 2])

    x = torch.rand(20, 3, dtype=torch.float64, requires_grad=True)
    found = []
    for bound in (None, 6 * ROW):
        device = qml.device("qdl.simulator", wires=3, memory=bound)
        result = torch.cat(
            [r.reshape(20, -1) for r in qml.QNode(circuit, device)(x)], 1
        )
        found.append((result, *torch.autograd.grad(result.square().sum(), x)))
    torch.testing.assert_close(found[0], found[1])


def test_chunks_with_shots() -> None:
    device = qml.device("qdl.simulator", wires=3, memory=6 * ROW, seed=1)

    def circuit(x: torch.Tensor) -> tuple[object, ...]:
        qml.RX(x, wires=2)
        return qml.sample(wires=[1, 2]), qml.expval(qml.Z(2))

    angles = np.array([0.0, np.pi] * 10)
    samples, means = qml.QNode(circuit, device, shots=5)(angles)
    assert samples.shape == (20, 5, 2)
    np.testing.assert_allclose(means, np.cos(angles))


def test_forty_wires_are_refused_before_anything_is_allocated() -> None:
    start = time.perf_counter()
    with pytest.raises(
        MemoryBoundError, match=r"40 wires need [\d,]+ bytes for one"
    ) as (caught):
        QuantumLayer(
            StronglyEntangling(40) @ AngleEncoding(40), target="qdl.simulator"
        )(torch.rand(1, 40))
    assert time.perf_counter() - start < 2
    assert isinstance(caught.value, QdlError)
    assert "that are free; use fewer wires, or raise memory=" in str(caught.value)


def test_a_bound_of_the_users() -> None:
    assert rows_at_once(3, torch.float64, CPU, 7 * ROW) == 7
    assert rows_at_once(3, torch.float32, CPU, 7 * ROW) == 14
    with pytest.raises(MemoryBoundError, match=f"3 wires need {ROW:,} bytes"):
        rows_at_once(3, torch.float64, CPU, ROW - 1)


def test_free_memory_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []

    def free(device: torch.device) -> int:
        reads.append(device)
        return 2**30

    monkeypatch.setattr(memory, "free_bytes", free)
    runner = CircuitRunner(StronglyEntangling(2) @ AngleEncoding(2))
    for rows in (1, 5, 40, 5):
        runner(torch.rand(rows, 2), [torch.rand(1, 2, 3)])
    assert len(reads) == 1


PEAK = """
import resource, torch
from qml_qdl.circuits import AngleEncoding, StronglyEntangling, reupload
from qml_qdl.hardware.simulator.runner import CircuitRunner

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

inputs = torch.rand(250, 12)

def run(layers, rows):
    circuit = reupload(StronglyEntangling(12), AngleEncoding(12), layers)
    weights = [torch.rand(1, 12, 3, requires_grad=True) for _ in circuit.weight_shapes]
    CircuitRunner(circuit)(inputs[:rows], weights).sum().backward()

run(4, 20)
before = peak()
for layers in (4, 10):
    run(layers, 250)
    print((peak() - before) / (250 * 8 * 2**12))
"""


def test_memory_does_not_grow_with_depth() -> None:
    output = subprocess.run(
        [sys.executable, "-c", PEAK],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout
    states = [float(line) for line in output.split()]
    assert max(states) < STATES_AT_ONCE + 1
    assert states[1] < states[0] + 2  # plain autograd would keep about 12 more
