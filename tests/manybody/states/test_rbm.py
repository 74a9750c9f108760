"""The machine as the sum over its hidden units."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.manybody import RBMState
from tests.manybody.tables import all_spins

N = 5
RING = torch.stack([torch.arange(N).roll(-k) for k in range(N)])


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_rbm_is_the_sum_over_hidden_units(dtype: torch.dtype) -> None:
    state, spins = RBMState(N, scale=0.5, dtype=dtype), all_spins(N)
    hidden = all_spins(N).to(dtype)
    with torch.no_grad():
        exponent = (
            (spins.to(dtype) @ state.weight.T) @ hidden.T
            + (spins.to(dtype) @ state.visible_bias)[:, None]
            + hidden @ state.hidden_bias
        )
        ratio = exponent.exp().sum(1) / state(spins).exp()
    torch.testing.assert_close(ratio, ratio[0].expand(len(ratio)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_single_precision(dtype: torch.dtype) -> None:
    state = RBMState(N, permutations=RING, dtype=dtype)
    assert state.dtype == torch.float32
    spins = all_spins(N).float()
    assert state(spins).dtype == dtype
    assert state.jacobian(spins).dtype == dtype


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: RBMState(0), ArgumentError, "num_sites"),
        (lambda: RBMState(4, alpha=0), ArgumentError, "alpha"),
        (
            lambda: RBMState(4, permutations=torch.zeros(2, 3).long()),
            ArgumentError,
            "permutations: expected each of 0 … 3 once in each row",
        ),
        (
            lambda: RBMState(3, permutations=torch.tensor([[0, 1, 1]])),
            ArgumentError,
            "permutations: expected each of 0 … 2 once in each row",
        ),
        (
            lambda: RBMState(4)(torch.ones(2, 3)),
            ShapeError,
            r"spins: expected \(rows, 4\), one column for each site, got",
        ),
    ],
)
def test_bad_input(make: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()
