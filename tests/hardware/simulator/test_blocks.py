"""Matrices of blocks of wires, and their gradients, from chains of turns."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.hardware.simulator.blocks import (
    BLOCK_WIRES,
    block_layout,
    kronecker_products,
    partial_traces,
)
from tests.hardware.simulator.evolution.step_contract import sampled


@pytest.mark.parametrize("wires", [1, 3, 4])
@pytest.mark.parametrize("length", range(1, 9))
def test_chains_of_turns(length: int, wires: int) -> None:
    axes = [qml.RX, qml.RY, qml.RZ, qml.PhaseShift]
    found = []
    for device in ("qdl.simulator", "default.qubit"):
        generator = torch.Generator().manual_seed(length)
        angles = torch.rand(length, wires, generator=generator, dtype=torch.float64)
        angles = (6 * angles).requires_grad_()

        @qml.qnode(qml.device(device, wires=wires))
        def node(angles: Tensor) -> Any:
            for wire in range(wires):
                for index in range(length - wire % 2):
                    axes[(index + wire) % 4](angles[index, wire], wire)
                    qml.SX(wire)
            return qml.state()

        state = node(angles)
        loss = (state * torch.arange(2**wires)).abs().sum()
        found.append((state, *torch.autograd.grad(loss, angles)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("wires", range(1, 14))
def test_blocks_are_even_and_at_most_four_wires(wires: int) -> None:
    layout = block_layout(wires)
    sizes = [size for _, size in layout]
    assert [start for start, _ in layout] == [sum(sizes[:i]) for i in range(len(sizes))]
    assert sum(sizes) == wires
    assert max(sizes) <= BLOCK_WIRES
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("size", range(1, 5))
def test_kronecker_products(size: int) -> None:
    factors = sampled(3, size, 2, 2)
    expected = [reduce(torch.kron, block) for block in factors]
    torch.testing.assert_close(kronecker_products(factors), torch.stack(expected))


@pytest.mark.parametrize("size", range(1, 5))
def test_partial_traces(size: int) -> None:
    """Of a product each wire's factor, times the traces of the others."""
    factors = sampled(size, 2, 2)
    traces = [torch.trace(factor) for factor in factors]
    whole = reduce(torch.kron, factors)
    found = whole.reshape(-1) @ torch.as_tensor(partial_traces(size)).to(whole.dtype)
    for wire, matrix in enumerate(found.reshape(size, 2, 2)):
        others = [trace for other, trace in enumerate(traces) if other != wire]
        scale = reduce(torch.mul, others, torch.ones((), dtype=whole.dtype))
        torch.testing.assert_close(matrix, scale * factors[wire])
