"""Matrices on blocks of wires; real ones are multiplied as such, with equal results."""

from __future__ import annotations

from typing import Any

import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.hardware.simulator.evolution.product_step import Factor, ProductStep
from tests.hardware.simulator.evolution.step_contract import (
    check_step,
    sampled,
    unitary,
)

WIRES, ROWS = 6, 2**7


def results(device: str, dtype: torch.dtype, fixed: str) -> list[Tensor]:
    """Values, gradients and gradients of gradients, real and trained runs in turn."""

    @qml.qnode(qml.device(device, wires=WIRES), diff_method="best")
    def circuit(inputs: Tensor, weights: Tensor) -> Any:
        for layer in range(3):
            for wire in range(WIRES):
                qml.RX(inputs[:, wire], wire)
                if "H" in fixed and wire != layer:
                    qml.Hadamard(wire)
            for wire in range(WIRES - 1):
                (qml.CZ if "CZ" in fixed else qml.CNOT)([wire, wire + 1])
            if layer == 1:
                qml.IsingZZ(weights[0], [0, 2])
                qml.IsingZZ(weights[1], [1, 3])
        return qml.expval(qml.X(1) @ qml.Y(2)), qml.expval(qml.Z(5))

    generator = torch.Generator().manual_seed(2)
    inputs = torch.rand(ROWS, WIRES, generator=generator, dtype=torch.float64)
    leaves = [inputs.to(dtype), torch.tensor([0.3, 0.8], dtype=dtype)]
    leaves = [leaf.requires_grad_() for leaf in leaves]
    values = torch.stack(circuit(*leaves))
    first = torch.autograd.grad(values.square().mean(), leaves, create_graph=True)
    size = torch.stack([g.square().sum() for g in first]).sum()
    second = torch.autograd.grad(size, leaves)
    return [values, *first, *second]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("fixed", ["CNOT H", "CZ H", "CNOT"])
def test_results_are_the_circuits(
    fixed: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply, real = Factor.apply, []

    def seen(self: Factor, matrix: Tensor, *others: Any) -> Tensor:
        real.append(not matrix.is_complex())
        return apply(self, matrix, *others)

    monkeypatch.setattr(Factor, "apply", seen)
    found = results("qdl.simulator", dtype, fixed)
    assert any(real)
    expected = results("default.qubit", torch.float64, fixed)
    for one, other in zip(found, expected, strict=True):
        tolerance = 1e-5 if dtype == torch.float32 else 1e-12
        torch.testing.assert_close(one.double(), other, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", ["one row", "few rows", "many rows"])
def test_matrices_on_blocks_of_neighbours(name: str) -> None:
    """Three wires, then two; each matrix one of several of its size."""
    length, rows = {"one row": (1, 1), "few rows": (3, 1), "many rows": (1, 5)}[name]
    large, small = unitary(8, 2), unitary(4, 1, seed=1)
    step = ProductStep((Factor(0, 1, 1, 8), Factor(1, 0, 8, 4)))
    assert set(step.taken) == {0, 1}
    whole = torch.kron(large[1], small[0])
    check_step(step, whole, [large, small], sampled(length, 32, rows))


@pytest.mark.parametrize("rows", [2, 9])
def test_a_block_in_the_middle(rows: int) -> None:
    """Summed over the wires before in pieces, where there are many of them."""
    matrix = unitary(2, 1)
    step = ProductStep((Factor(0, 0, 2**10, 2),))
    state = sampled(1, 2**12, rows)
    around = state.reshape(2**10, 2, 2 * rows)
    expected = (matrix @ around).reshape(state.shape)
    torch.testing.assert_close(step.forward(state, [matrix]), expected)
    overlaps = step.blocks[0].overlaps(state, expected)
    after = expected.reshape(2**10, 2, -1)
    torch.testing.assert_close(overlaps, torch.einsum("lar,lbr->ab", around, after))
