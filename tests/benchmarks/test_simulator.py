"""How fast the simulator is beside its peers, and how its cost grows."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch

from qml_qdl.circuits import AngleEncoding, StronglyEntangling, reupload
from qml_qdl.nn import QuantumLayer
from tests.benchmarks.peers import PEERS, TOO_SLOW, ours
from tests.benchmarks.workloads import WORKLOADS, Workload

pytestmark = [
    pytest.mark.filterwarnings("ignore:Complex modules"),  # pyqtorch's
    # default.qubit asks JAX for double precision, which is off as everywhere here.
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype complex128"),
]

CASES = [
    pytest.param(workload, peer, id=f"{workload.name}-{peer}")
    for workload in WORKLOADS
    for peer in PEERS
    if (workload.name, peer) not in TOO_SLOW
]


def _measure(benchmark: Any, function: Any) -> None:
    """The median of as many rounds as fit into about three seconds, at least five."""
    for _ in range(2):
        function()
    start = time.perf_counter()
    function()
    rounds = max(5, min(100, int(3 / (time.perf_counter() - start))))
    benchmark.pedantic(function, rounds=rounds, iterations=1)


@pytest.mark.parametrize(("workload", "peer"), CASES)
def test_forward(benchmark: Any, workload: Workload, peer: str) -> None:
    benchmark.extra_info.update(workload=str(workload), peer=peer, kind="forward")
    _measure(benchmark, PEERS[peer](workload).forward)


@pytest.mark.parametrize(("workload", "peer"), CASES)
def test_step(benchmark: Any, workload: Workload, peer: str) -> None:
    benchmark.extra_info.update(workload=str(workload), peer=peer, kind="step")
    _measure(benchmark, PEERS[peer](workload).step)


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda w: w.name)
def test_step_with_input_gradients(benchmark: Any, workload: Workload) -> None:
    benchmark.extra_info.update(workload=str(workload), peer="qml-qdl", kind="inputs")
    peer = ours(workload)
    peer.inputs.requires_grad_()
    _measure(benchmark, peer.step)


def test_limit_of_workload_a(benchmark: Any) -> None:
    """What cannot be avoided: phases of each row, one product, squares, signs."""
    benchmark.extra_info.update(
        workload=str(WORKLOADS[0]), peer="limit", kind="forward"
    )
    angles = torch.rand(4, 3136)
    matrix, signs = torch.rand(16, 16, dtype=torch.complex64), torch.rand(4, 16)

    def limit() -> None:
        half = torch.complex(angles.cos(), angles.sin())
        pair = torch.stack([half.conj(), half], 1).resolve_conj()
        fours = (pair[0::2, :, None] * pair[1::2, None]).flatten(1, 2)
        state = matrix @ (fours[0][:, None] * fours[1]).flatten(0, 1)
        _ = signs @ (state.real.square() + state.imag.square())

    _measure(benchmark, limit)


GROWTH = (
    *(("rows", r, 4, 2) for r in (1, 10, 100, 1000, 10_000, 100_000)),
    *(("wires", 16, wires, 2) for wires in range(2, 21, 3)),
    *(("layers", 64, 8, layers) for layers in (1, 4, 16, 64)),
)


@pytest.mark.parametrize(("kind", "rows", "wires", "layers"), GROWTH)
def test_growth(benchmark: Any, kind: str, rows: int, wires: int, layers: int) -> None:
    name = f"{rows:7,} rows, {wires:2} wires, {layers:2} layers"
    benchmark.extra_info.update(workload=name, peer="qml-qdl", kind=f"by {kind}")
    circuit = reupload(StronglyEntangling(wires), AngleEncoding(wires), layers)
    layer = QuantumLayer(circuit, target="qdl.simulator")
    inputs = torch.rand(rows, wires)

    def step() -> None:
        layer.zero_grad()
        layer(inputs).sum().backward()

    _measure(benchmark, step)


@pytest.mark.parametrize("target", ["qdl.simulator", "lightning.qubit"])
@pytest.mark.parametrize(("rows", "wires"), [(1, 4), (64, 4), (16, 8)])
def test_step_with_shots(benchmark: Any, rows: int, wires: int, target: str) -> None:
    workload = Workload("shots", rows, wires, 1, 2)
    if target != "qdl.simulator" and rows > 1:
        pytest.skip("seconds, a circuit for each row and shift")
    benchmark.extra_info.update(workload=str(workload), peer=target, kind="1,000 shots")
    layer = QuantumLayer(workload.circuit, target=target, shots=1000)
    inputs = workload.inputs()

    def step() -> None:
        layer.zero_grad()
        layer(inputs).sum().backward()

    _measure(benchmark, step)
