"""States of rows as tensors: products over wires, sums over bits, both layouts."""

from __future__ import annotations

from functools import reduce

import pytest
import torch

from qml_qdl.hardware.simulator.states import (
    as_layout,
    before_expansion,
    from_layout,
    marginals,
    outer_product,
    phases_of,
)
from tests.hardware.simulator.evolution.step_contract import FLOAT, sampled


def test_phases() -> None:
    angles = sampled(3, 4, dtype=FLOAT)
    torch.testing.assert_close(phases_of(angles), torch.exp(1j * angles))


@pytest.mark.parametrize("wires", range(1, 8))
def test_outer_products_are_kroneckers(wires: int) -> None:
    """The first wire's bit leads, whether the number of wires is odd or even."""
    factors = sampled(wires, 2, 3)
    expected = [reduce(torch.kron, factors[:, :, row]) for row in range(3)]
    torch.testing.assert_close(outer_product(factors), torch.stack(expected, 1))


@pytest.mark.parametrize("wires", range(1, 7))
def test_marginals_are_sums_by_bit(wires: int) -> None:
    values = sampled(2**wires, 3, dtype=FLOAT)
    grid = values.reshape(*(2,) * wires, 3)
    expected = [grid.movedim(wire, 0).reshape(2, -1, 3).sum(1) for wire in range(wires)]
    torch.testing.assert_close(marginals(values), torch.cat(expected))


@pytest.mark.parametrize("few_rows", [False, True])
def test_layouts_come_back(few_rows: bool) -> None:
    values = sampled(8, 5)
    laid = as_layout(values, few_rows)
    assert laid.shape == ((5, 8, 1) if few_rows else (1, 8, 5))
    assert torch.equal(from_layout(laid, batched=True), values)
    common = from_layout(laid, batched=False)
    torch.testing.assert_close(common, values.sum(1, keepdim=True))


@pytest.mark.parametrize("few_rows", [False, True])
def test_before_rows_are_told_apart(few_rows: bool) -> None:
    """One state for all, and the gradient that all rows together ask for."""
    state, gradient = sampled(8, 1).expand(-1, 5), sampled(8, 5, seed=1)
    before, total = before_expansion(
        as_layout(state, few_rows), as_layout(gradient, few_rows), few_rows
    )
    assert before is not None
    assert torch.equal(before, state[None, :, :1])
    torch.testing.assert_close(total, gradient.sum(1)[None, :, None])
    assert before_expansion(None, as_layout(gradient, few_rows), few_rows)[0] is None
