"""The machine as the sum over its hidden units."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.manybody import NeuralState, RBMState, entropy
from qml_qdl.manybody.states import rbm
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


def test_units_that_are_saturated_lose_no_digits() -> None:
    """Where tanh θ is ±1 to all digits, one share of cosh θ is still exact."""
    state = RBMState(N, scale=8.0, dtype=torch.float64)
    moves, spins = torch.eye(N, dtype=torch.bool), all_spins(N)
    walkers = state.walkers(spins.clone(), moves)
    choice = torch.arange(len(spins)) % N
    with torch.no_grad():
        after = spins * (1 - 2 * moves.double())[choice]
        expected = state(after) - state(spins)
    for _ in range(2):
        torch.testing.assert_close(walkers.ratios(choice).log(), expected)
        walkers.move(torch.arange(len(spins)))
        expected = -expected
    found = state.ratios(spins, moves, torch.ones(len(spins), N, dtype=torch.bool))
    torch.testing.assert_close(found.gather(1, choice[:, None])[:, 0].log(), expected)


@pytest.mark.parametrize("cached", [1, 70, 10**6])
def test_ratios_in_blocks(cached: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rbm, "NUMBERS_CACHED", cached)
    state, spins = RBMState(N, scale=0.5, dtype=torch.float64), all_spins(N)
    flips = torch.eye(N, dtype=torch.bool)
    for needed in torch.rand(2, len(spins), N) < torch.tensor([[[0.2]], [[0.8]]]):
        found = state.ratios(spins, flips, needed)
        expected = NeuralState.ratios(state, spins, flips, needed)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_single_precision_has_the_values_of_double(dtype: torch.dtype) -> None:
    single = RBMState(N, alpha=3, permutations=RING, scale=0.3, dtype=dtype)
    double = deepcopy(single)
    for parameter in double.parameters():
        parameter.data = parameter.data.to(torch.promote_types(dtype, torch.float64))
    flips = torch.eye(N, dtype=torch.bool)
    found = []
    for state, spins in ((single, all_spins(N).float()), (double, all_spins(N))):
        needed = torch.ones(len(spins), N, dtype=torch.bool)
        walkers = state.walkers(spins.clone(), flips)
        choice = torch.arange(len(spins)) % N
        with torch.no_grad():
            numbers = [state(spins), state.jacobian(spins), walkers.ratios(choice)]
        found.append([*numbers, state.ratios(spins, flips, needed)])
    for rough, exact in zip(*found, strict=True):
        assert rough.dtype == dtype
        torch.testing.assert_close(rough.to(exact), exact, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("alpha", [1, 2])
@pytest.mark.parametrize("reach", [0, 1, 2])
def test_units_that_reach_over_a_cut_bound_the_rank(reach: int, alpha: int) -> None:
    generator = torch.Generator().manual_seed(0)
    state = RBMState.random(10, reach=reach, alpha=alpha, generator=generator)
    region = [7, 8, 9, 0, 1]  # over the end of the ring
    rank = entropy(state, region, order=0).item() / math.log(2)
    assert rank <= 4 * reach * alpha + 1e-9
    # At each end a reach of 1 joins one site on either side to two units.
    assert rank == pytest.approx({0: 0, 1: 4, 2: 5}[reach])


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: RBMState.random(4, spread=0.0), ArgumentError, "spread: expected"),
        (lambda: RBMState.random(4, reach=-1), ArgumentError, "reach: expected at"),
        (
            lambda: RBMState.random(4, dtype=torch.float64),
            ArgumentError,
            "dtype: expected a complex type, as weights are phases",
        ),
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
