"""What a CUDA device costs beside the processor; skipped where there is none."""

from __future__ import annotations

import statistics
from typing import Any

import pytest
import torch

from tests.benchmarks.peers import TorchPeer, ours
from tests.benchmarks.workloads import WORKLOADS, Workload

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")

LARGER = (
    Workload("A", 100_352, 4, 1, 2),
    Workload("B", 4096, 8, 4, 1),
    Workload("C", 256, 12, 1, 4),
    Workload("D", 64, 16, 1, 4),
    Workload("E", 4, 20, 1, 4),
    Workload("E", 1, 25, 1, 4),
)
PLACES = ("cpu", "cuda")
CASES = [
    pytest.param(workload, place, id=f"{workload}-{place}")
    for workload in (*WORKLOADS, *LARGER)
    for place in PLACES
    if place == "cuda" or workload.rows * 2**workload.wires <= 2**21
]
"""Without those that take the processor minutes."""


def placed(workload: Workload, place: str) -> TorchPeer:
    peer = ours(workload)
    peer.model.to(place)
    return TorchPeer(peer.model, peer.inputs.to(place))


@pytest.mark.parametrize("kind", ["forward", "step"])
@pytest.mark.parametrize(("workload", "place"), CASES)
def test_place(benchmark: Any, workload: Workload, place: str, kind: str) -> None:
    benchmark.extra_info.update(workload=str(workload), peer=place, kind=kind)
    run = getattr(placed(workload, place), kind)

    def finished() -> None:
        run()
        torch.cuda.synchronize()

    for _ in range(3):
        finished()
    benchmark.pedantic(finished, rounds=15, iterations=1)


def test_large_batches_are_faster_there() -> None:
    seconds: dict[str, list[float]] = {place: [] for place in PLACES}
    runs = {place: placed(LARGER[1], place).step for place in PLACES}
    for _ in range(8):
        for place, run in runs.items():
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            run()
            end.record()
            torch.cuda.synchronize()
            seconds[place].append(start.elapsed_time(end))
    assert statistics.median(seconds["cpu"]) > statistics.median(seconds["cuda"])
