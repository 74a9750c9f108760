"""Neural states: amplitudes by brute force, short cuts against the long way."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from qml_qdl.circuits import StronglyEntangling
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.manybody import (
    AutoregressiveState,
    CircuitState,
    FeedForwardState,
    GroupConvolutionalState,
    JastrowState,
    Lattice,
    ModuleState,
    Multiplied,
    NeuralState,
    RBMState,
    Symmetrized,
    VisionTransformerState,
)
from qml_qdl.manybody.states.state import (
    as_complex,
    as_real,
    as_vector,
    log_cosh,
    set_vector,
)
from qml_qdl.models import AutoregressiveNetwork
from tests.manybody.tables import all_spins

N = 5
CHAIN = Lattice.chain(N)
RING = torch.stack([torch.arange(N).roll(-k) for k in range(N)])
DIHEDRAL = torch.cat([RING, RING.flip(1)])
PHASES = torch.exp(2j * torch.pi * torch.arange(N).double() / N)


def module() -> nn.Module:
    return nn.Sequential(nn.Linear(N, 4), nn.GELU(), nn.Linear(4, 2)).double()


def rbm(dtype: torch.dtype = torch.float64, **options: Any) -> RBMState:
    return RBMState(N, scale=0.5, dtype=dtype, **options)


STATES: dict[str, Callable[[], NeuralState]] = {
    "rbm": lambda: rbm(alpha=2),
    "complex rbm": lambda: rbm(torch.complex128),
    "rbm of a ring": lambda: rbm(alpha=2, permutations=RING),
    "complex rbm of a ring": lambda: rbm(torch.complex128, permutations=DIHEDRAL),
    "jastrow": lambda: JastrowState(N, scale=0.5, dtype=torch.float64),
    "jastrow of a ring": lambda: JastrowState(
        N, permutations=RING, scale=0.5, dtype=torch.float64
    ),
    "module": lambda: ModuleState(module(), N),
    "product": lambda: Multiplied([rbm(), rbm(torch.complex128), rbm()]),
    "momentum": lambda: Symmetrized(rbm(torch.complex128), RING, PHASES),
    "odd": lambda: Symmetrized(rbm(), RING, spin_flip=-1),
    "autoregressive": lambda: AutoregressiveState(
        AutoregressiveNetwork(N, dtype=torch.float64), nn.Linear(N, 1).double()
    ),
    "feed-forward": lambda: FeedForwardState(
        N, hidden_dims=(4, 3), dtype=torch.complex128
    ),
    "group-convolutional": lambda: GroupConvolutionalState(
        CHAIN, layers=3, features=2, dtype=torch.complex128
    ),
    "group-convolutional, momentum": lambda: GroupConvolutionalState(
        CHAIN,
        features=2,
        permutations=CHAIN.translations,
        characters=CHAIN.characters(1),
        dtype=torch.float64,
    ),
    "vision transformer": lambda: VisionTransformerState(
        CHAIN,
        patch_size=1,
        layers=1,
        embed_dim=4,
        heads=2,
        mlp_dim=3,
        dtype=torch.complex128,
    ),
    "circuit": lambda: CircuitState(StronglyEntangling(N), dtype=torch.float64),
}


@pytest.fixture(params=STATES)
def state(request: pytest.FixtureRequest) -> NeuralState:
    torch.manual_seed(3)
    return STATES[request.param]()


def some_spins(rows: int = 6) -> Tensor:
    # Without the two where amplitudes of a momentum vanish.
    return all_spins(N)[torch.randint(1, 2**N - 1, (rows,))]


# Torch's forward mode, which a circuit's derivatives take.
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_jacobian_is_that_of_finite_differences(state: NeuralState) -> None:
    spins, step = some_spins(), 1e-6
    columns = []
    with torch.no_grad():
        for parameter in state.parameters():
            numbers = as_real(parameter).view(-1)
            for place in range(len(numbers)):
                ends = []
                for sign in (1, -2):
                    numbers[place] += sign * step
                    ends.append(state(spins))
                numbers[place] += step
                columns.append((ends[0] - ends[1]) / (2 * step))
    expected = torch.stack(columns, 1)
    if expected.is_complex():  # a jump by 2π between branches is none
        turns = 2 * torch.pi / (2 * step)
        expected -= 1j * turns * (expected.imag / turns).round()
    found = state.jacobian(spins)
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(found, NeuralState.jacobian(state, spins))


@pytest.mark.parametrize("turned", [1, 2, 3, N])
@pytest.mark.parametrize("share", [0.2, 0.8])
def test_ratios_are_those_of_amplitudes(
    state: NeuralState, turned: int, share: float
) -> None:
    flips = torch.tensor([sum(f) == turned for f in product((0, 1), repeat=N)])
    flips = ((1 - all_spins(N)) / 2).bool()[flips]
    spins = some_spins()
    needed = torch.rand(len(spins), len(flips)) < share
    turns = 1 - 2 * flips.double()
    with torch.no_grad():
        log = state((spins[:, None] * turns).reshape(-1, N)).reshape(needed.shape)
        expected = (log - state(spins)[:, None]).exp() * needed
    found = state.ratios(spins, flips, needed)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("conserving", [False, True])
def test_walkers_keep_what_a_pass_would_find(
    state: NeuralState, conserving: bool
) -> None:
    moves = ((1 - all_spins(N)) / 2).bool()[[1, 2, 6, 12, 17]]
    turns = 1 - 2 * moves.double()
    spins = some_spins()
    walkers = state.walkers(spins.clone(), moves, conserving)
    for _ in range(12):
        choice = torch.randint(len(moves), (len(spins),))
        ratios = walkers.ratios(choice)
        with torch.no_grad():
            after = spins * turns[choice]
            expected = (state(after) - state(spins)).exp()
        if conserving:
            expected *= after.sum(1) == spins.sum(1)
        torch.testing.assert_close(ratios, expected, rtol=1e-11, atol=1e-12)
        possible = ratios.abs() > 1e-9
        rows = (torch.randint(2, (len(spins),)) * possible).nonzero()[:, 0]
        walkers.move(rows)
        spins[rows] = after[rows]
        assert torch.equal(walkers.spins, spins)


@pytest.mark.parametrize("group", [RING, DIHEDRAL], ids=["ring", "dihedral"])
@pytest.mark.parametrize("name", ["rbm", "jastrow", "module"])
def test_symmetric_states_are_invariant(name: str, group: Tensor) -> None:
    torch.manual_seed(0)
    made: dict[str, Callable[[], NeuralState]] = {
        "rbm": lambda: rbm(alpha=3, permutations=group),
        "jastrow": lambda: JastrowState(
            N, permutations=group, scale=1.0, dtype=torch.float64
        ),
        "module": lambda: Symmetrized(ModuleState(module(), N), group),
    }
    state, spins = made[name](), all_spins(N)
    for element in group:
        torch.testing.assert_close(
            state(spins[:, element]).exp(), state(spins).exp(), rtol=1e-12, atol=1e-12
        )


def test_no_rows(state: NeuralState) -> None:
    none = torch.zeros(0, N, dtype=torch.float64)
    flips = torch.eye(N, dtype=torch.bool)
    needed = torch.zeros(0, N, dtype=torch.bool)
    assert state(none).shape == (0,)
    assert state.ratios(none, flips, needed).shape == (0, N)


def test_log_cosh() -> None:
    x = torch.tensor([0.0, 1e-9, -3.0, 800.0], dtype=torch.float64)
    expected = torch.tensor([0.0, 5e-19, 2.309328504577785, 800 - math.log(2)]).double()
    torch.testing.assert_close(log_cosh(x), expected, rtol=1e-7, atol=1e-16)
    z = torch.tensor([0.3 + 2j, -4 + 1j, -0.2 - 3j], dtype=torch.complex128)
    torch.testing.assert_close(log_cosh(z).exp(), torch.cosh(z))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_complex_copies_have_the_same_amplitudes(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    for state in (RBMState(4, dtype=dtype, scale=0.5), JastrowState(4, dtype=dtype)):
        found = as_complex(state)
        spins = all_spins(4).to(dtype)
        assert found.dtype == dtype
        assert all(each.is_complex() for each in found.parameters())
        assert not any(each.is_complex() for each in state.parameters())
        torch.testing.assert_close(
            (found(spins) - state(spins)).exp().real, spins[:, 0] ** 2
        )
    complex_one = RBMState(4, dtype=dtype.to_complex())
    assert as_complex(complex_one) is complex_one


def test_what_is_not_analytic_has_no_complex_copy() -> None:
    state = AutoregressiveState(AutoregressiveNetwork(4))
    with pytest.raises(
        ArgumentError, match="AutoregressiveState has not the same ampl"
    ):
        as_complex(state)


def test_parameters_as_one_vector() -> None:
    torch.manual_seed(0)
    state, other = (RBMState(3, dtype=torch.complex64) for _ in range(2))
    vector = as_vector(state)
    assert vector.dtype == torch.float64
    assert len(vector) == state.jacobian(all_spins(3).float()).shape[1]
    set_vector(other, vector)
    for one, two in zip(state.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)
