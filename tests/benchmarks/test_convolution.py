"""What a quantum convolution costs beside the bare simulator on the same rows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from qml_qdl.nn import QuantumConv2d, QuantumLayer

WORKLOAD = "A: 3,136 patches of 16 images of 28×28"


def pair() -> tuple[Callable[[], None], Callable[[], None]]:
    """A training step of the convolution, and of its circuit on ready-made rows."""
    conv = QuantumConv2d(1, 4, 2, stride=2)
    bare = QuantumLayer(conv.quantum_layers()[0].circuit)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(16, 1, 28, 28, generator=generator)
    rows = torch.rand(3136, 4, generator=generator)

    def step(model: nn.Module, inputs: Tensor) -> None:
        model.zero_grad()
        model(inputs).sum().backward()

    return lambda: step(conv, images), lambda: step(bare, rows)


@pytest.mark.parametrize("which", [0, 1], ids=["QuantumConv2d", "bare simulator"])
def test_training_step(benchmark: Any, which: int) -> None:
    peer = ("QuantumConv2d", "qml-qdl")[which]
    benchmark.extra_info.update(workload=WORKLOAD, peer=peer, kind="step")
    step = pair()[which]
    for _ in range(3):
        step()
    benchmark.pedantic(step, rounds=100, iterations=1)


def test_within_a_quarter_of_the_bare_simulator() -> None:
    """Turn by turn, so that a busy machine slows both."""
    steps = pair()
    for step in steps * 5:
        step()
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(200):
        for step, found in zip(steps, seconds, strict=True):
            start = time.perf_counter()
            step()
            found.append(time.perf_counter() - start)
    conv, bare = (statistics.median(found) for found in seconds)
    print(f"QuantumConv2d {conv * 1e3:.2f} ms, bare {bare * 1e3:.2f} ms")
    assert conv < 1.25 * bare
