"""Products of states, and how projected ones turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.manybody import Lattice, Multiplied, RBMState, Sector, Symmetrized
from tests.manybody.tables import all_spins

N = 5
RING = torch.stack([torch.arange(N).roll(-k) for k in range(N)])
PHASES = torch.exp(2j * torch.pi * torch.arange(N).double() / N)


def test_characters_say_how_a_state_turns() -> None:
    torch.manual_seed(0)
    state = Symmetrized(
        RBMState(N, scale=0.5, dtype=torch.complex128), RING, PHASES, spin_flip=-1
    )
    spins = all_spins(N)
    amplitudes = state(spins).exp()
    # (gs)_j = s_{j+1} for the first translation.
    torch.testing.assert_close(state(spins[:, RING[1]]).exp(), PHASES[1] * amplitudes)
    torch.testing.assert_close(state(-spins).exp(), -amplitudes)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: Symmetrized(RBMState(N), RING, torch.ones(2)),
            ShapeError,
            "characters: expected one for each of 5 elements",
        ),
        (
            lambda: Symmetrized(RBMState(N), RING, [1, -1, 1, -1, 1]),
            ArgumentError,
            "characters: expected χ.gh. = χ.g. χ.h.",
        ),
        (
            lambda: Symmetrized(RBMState(N), RING[:2]),
            ArgumentError,
            "permutations: expected a group",
        ),
        (
            lambda: Symmetrized(RBMState(4), spin_flip=0),
            ArgumentError,
            "spin_flip: expected 1, -1 or None for neither, got 0",
        ),
        (
            lambda: Multiplied([RBMState(4), RBMState(3)]),
            ArgumentError,
            r"states: expected states of one number of sites, got \[3, 4\]",
        ),
    ],
)
def test_bad_input(make: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


def test_the_momentum_is_that_of_a_sector() -> None:
    ring, momentum = Lattice.chain(6), 1
    characters = ring.characters(momentum)
    base = RBMState(6, alpha=2, scale=0.5, dtype=torch.complex128)
    state = Symmetrized(base, ring.translations, characters)
    sector = Sector(6, permutations=ring.translations, characters=characters)
    spins = all_spins(6)
    with torch.no_grad():
        amplitudes = state(spins).exp()
    inside = sector.index(spins) >= 0
    assert not amplitudes[~inside].any()
    smallest = sector.index(sector.spins()).argsort()
    vector = amplitudes[sector.states.astype(int)][smallest]
    own = sector.amplitudes(vector.numpy() / sector.stabilisers**0.5, spins)
    torch.testing.assert_close(own / own.norm(), amplitudes / amplitudes.norm())


def test_what_symmetry_forbids_vanishes() -> None:
    machine = RBMState(N, scale=0.5, dtype=torch.float64)
    state = Symmetrized(machine, RING, PHASES)
    up = torch.ones(1, N, dtype=torch.float64)
    assert torch.isneginf(state(up).real)
    assert not state.jacobian(up).any()
    log = state(torch.cat([up, all_spins(N)[1:2]]))
    (gradient,) = torch.autograd.grad(log[1].real, [machine.weight])
    assert gradient.isfinite().all()
