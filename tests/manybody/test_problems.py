"""Problems: signs, sectors and symmetries of a state, and what is known of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, MemoryBoundError
from qml_qdl.manybody import (
    AutoregressiveSampler,
    FullSummation,
    Lattice,
    Metropolis,
    Problem,
    RBMState,
    Sector,
    SpinOperator,
    VectorState,
    ground_state,
    heisenberg,
    j1_j2,
    neural_state,
)


def named(name: str, **arguments: Any) -> Problem:
    return Problem.named(name, **arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "marshall", "exact"),
    [
        ("heisenberg", {"size": 6}, True, True),
        ("heisenberg", {"size": 5}, False, False),
        ("heisenberg", {"size": 6, "coupling": -1.0}, False, True),
        ("xxz", {"size": 6, "anisotropy": -0.5}, True, True),
        ("xxz", {"lattice": "triangular", "size": [3, 2]}, False, False),
        ("transverse_ising", {"size": 6, "h": 0.5}, False, True),
        ("transverse_ising", {"size": 4, "h": -0.5}, True, True),
        ("j1_j2", {"size": 6}, False, False),
        ("j1_j2", {"size": 6, "j2": -0.5}, True, True),
        ("j1_j2", {"size": 6, "j2": 0.0}, True, True),
    ],
)
def test_marshall_signs_are_taken_where_they_are_exact(
    name: str, arguments: dict[str, Any], marshall: bool, exact: bool
) -> None:
    if name == "transverse_ising" and marshall:
        # All fields point the other way, of both sublattices: no sign of one mends it.
        marshall = exact = False
    problem = named(name, **arguments)
    assert problem.marshall is marshall
    assert problem.turned.is_stoquastic is exact
    assert problem.symmetry()[0].shape[0] > 1 or not exact


@pytest.mark.parametrize("momentum", [0, 1, 2, 3])
@pytest.mark.parametrize("spin_flip", [1, -1])
def test_the_turned_problem_has_the_energies_of_the_sector(
    momentum: int, spin_flip: int
) -> None:
    """Signs change momenta and what a flip of all spins does; energies stay."""
    asked = {"size": 6, "momentum": momentum, "spin_flip": spin_flip}
    problem = named("heisenberg", **asked)
    rows, characters = problem.symmetry()
    turned = Sector(
        6,
        0,
        spin_flip=problem.turned_spin_flip,
        permutations=rows,
        characters=characters,
    )
    assert problem.exact is not None
    found = ground_state(problem.turned, turned, turned.num_states)
    plain = ground_state(problem.operator, problem.sector, turned.num_states)
    np.testing.assert_allclose(found.energies, plain.energies, atol=1e-10)
    assert problem.exact.energy == pytest.approx(plain.energies[0])


def test_odd_states_have_no_symmetry_that_is_not_asked_for() -> None:
    # The lowest state of six spins that all flips keep is none that all turns keep.
    problem = named("heisenberg", size=6, spin_flip=1)
    assert problem.turned_spin_flip == -1
    assert len(problem.symmetry()[0]) == 1
    assert len(problem.symmetry("translations")[0]) == 6


@pytest.mark.parametrize(
    ("name", "arguments", "method"),
    [
        ("heisenberg", {"size": 6, "coupling": 0.7}, "Bethe ansatz"),
        ("heisenberg", {"size": 5}, "Bethe ansatz"),
        ("heisenberg", {"size": 6, "periodic": False}, "diagonalisation"),
        ("heisenberg", {"size": 6, "magnetisation": 2}, "diagonalisation"),
        ("heisenberg", {"size": 4, "coupling": [1.0, 0.5, 0.2]}, "diagonalisation"),
        ("transverse_ising", {"size": 6, "h": 0.3, "coupling": 2.0}, "free fermions"),
        ("transverse_ising", {"size": 5, "periodic": False}, "free fermions"),
        ("transverse_ising", {"size": 6, "spin_flip": -1}, "free fermions"),
        ("transverse_ising", {"size": 6, "longitudinal": 0.5}, "diagonalisation"),
        ("transverse_ising", {"size": 6, "momentum": 1}, "diagonalisation"),
    ],
)
def test_exact_energies_are_those_of_diagonalisation(
    name: str, arguments: dict[str, Any], method: str
) -> None:
    problem = named(name, **arguments)
    assert problem.exact is not None
    assert problem.exact.method == method
    found = ground_state(problem.operator, problem.sector).energies[0]
    assert problem.exact.energy == pytest.approx(found, abs=1e-9)


def test_of_large_problems_only_solutions_are_known() -> None:
    assert named("xxz", size=80).exact is None
    solved = named("heisenberg", size=80).exact
    assert solved is not None
    assert round(solved.energy, 10) == -141.8483045989
    # What somebody else calls so is not taken for it.
    ring = Lattice.chain(6)
    other = Problem(SpinOperator.of(heisenberg(ring, 2.0)), ring, "heisenberg")
    assert other.exact is not None
    assert other.exact.method == "diagonalisation"


def test_fidelity_counts_the_whole_level(caplog: pytest.LogCaptureFixture) -> None:
    problem = named("heisenberg", size=6)
    level = ground_state(problem.operator, Sector(6, 0))
    spins = Sector(6).spins()
    own = level.amplitudes(spins)
    turned = VectorState(own * problem.signs(spins), 6)
    assert problem.fidelity(turned) == pytest.approx(1)
    assert problem.fidelity(VectorState(own, 6)) < 0.9  # type: ignore[operator]
    # An odd ring has four lowest states, two in this sector.
    odd = named("heisenberg", size=5)
    both = ground_state(odd.operator, odd.configurations, 2)
    mixed = both.amplitudes(Sector(5).spins()) + both.amplitudes(Sector(5).spins(), 1)
    assert odd.fidelity(VectorState(mixed, 5)) == pytest.approx(1)
    with caplog.at_level(logging.WARNING):
        named("j1_j2", size=6, marshall=True)
    assert "Marshall's sign rule is an approximation here" in caplog.text


def test_samplers_are_those_of_the_problem() -> None:
    state = RBMState(6)
    conserving = named("heisenberg", size=6).sampler(state, samples=12, chains=4)
    assert isinstance(conserving, Metropolis)
    assert conserving.sample(state).spins.shape == (12, 6)
    assert not conserving.sample(state).spins.sum(1).any()
    ising = named("transverse_ising", size=6)
    assert set(ising.sampler(state, samples=50).sample(state).spins.sum(1).tolist()) > {
        0.0
    }
    every = named("heisenberg", size=6, magnetisation="all")
    assert len(every.sampler(state, "full").sample(state).spins) == 64
    own = neural_state(named("heisenberg", size=6), state="autoregressive")
    sampler = named("heisenberg", size=6).sampler(own, samples=7)
    assert isinstance(sampler, AutoregressiveSampler)
    assert isinstance(every.sampler(state, "full"), FullSummation)


def test_fingerprints_tell_problems_apart() -> None:
    found = [
        named("heisenberg", **arguments).fingerprint()
        for arguments in (
            {"size": 6},
            {"size": 6, "coupling": 1},
            {"size": 6, "coupling": 2.0},
            {"size": 6, "marshall": False},
            {"size": 6, "magnetisation": 2},
            {"size": 6, "momentum": 0},
            {"size": 6, "spin_flip": 1},
            {"size": 8},
        )
    ]
    assert found[0] == found[1]
    assert len(set(found)) == len(found) - 1
    ring = j1_j2(Lattice.chain(6))
    words = Problem.of(ring), Problem.of(qml.sum(*reversed(ring.operands)))
    assert words[0].fingerprint() == words[1].fingerprint()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: named("heisenbrg"), "did you mean 'heisenberg'?"),
        (lambda: named("heisenberg", sizes=6), "did you mean 'size'?"),
        (lambda: named("heisenberg"), "size: expected the number of cells of the"),
        (lambda: named("heisenberg", size=[2, 2]), "size: expected 1 numbers of"),
        (lambda: named("heisenberg", lattice="sqare", size=4), "mean 'square'?"),
        (lambda: named("heisenberg", edges=[[0, 1]], size=2), "edges: expected them"),
        (lambda: named("heisenberg", size=5, marshall=True), "neighbours of two"),
        (
            lambda: named(
                "heisenberg", lattice="triangular", size=[3, 3], marshall=True
            ),
            "marshall: expected neighbours of two colours",
        ),
        (
            lambda: named("transverse_ising", size=4, marshall=True),
            "marshall: the ground state has positive amplitudes as it is",
        ),
        (lambda: named("heisenberg", size=6, magnetisation=1), "no sum 1, so the"),
        (lambda: named("heisenberg", size=80, magnetisation=1), "no sum 1, so the"),
        (
            lambda: named("transverse_ising", size=80, magnetisation=0),
            "does not commute with Σ Z",
        ),
        (
            lambda: named("transverse_ising", size=4, longitudinal=1.0, spin_flip=1),
            "does not commute with Π X",
        ),
        (lambda: named("heisenberg", size=6, momentum=[1, 1]), "momentum: expected 1"),
        (
            lambda: Problem(SpinOperator.of(qml.X(0) @ qml.X(1)), momentum=1),
            "momentum: expected a lattice with it",
        ),
        (lambda: Problem.of(qml.X(0) + 1j * qml.Z(0)), "a Hermitian operator"),
        (lambda: Problem.of("heisenberg"), "hamiltonian: expected a PennyLane"),
        (
            lambda: Problem(SpinOperator.of(qml.X(0)), Lattice.chain(3)),
            "lattice: expected 1 sites",
        ),
        (
            lambda: named("heisenberg", size=30).sampler(RBMState(30), "full"),
            "at most 1,000,000 configurations, the sector has 155,117,520",
        ),
        (
            lambda: named("heisenberg", size=4).sampler(RBMState(4), "autoregressive"),
            "'autoregressive' is for states that sample themselves, got RBMState",
        ),
    ],
)
def test_what_cannot_be_is_told(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text.replace("?", r"\?")):
        make()


def test_chains_that_do_not_fit_are_told_before_they_are_made() -> None:
    problem = named("heisenberg", size=6)
    with pytest.raises(MemoryBoundError, match=r"samples: 1,000,000,000 .* take fewer"):
        problem.sampler(RBMState(6), samples=10**9)


def test_sites_of_ones_own_have_the_neighbours_of_their_words() -> None:
    square = heisenberg(Lattice.square(2, 2))
    problem = Problem.of(square)
    assert problem.lattice is None
    assert problem.marshall
    assert problem.sublattice == (1, 2)
    torch.manual_seed(0)
    assert len(problem.symmetry()[0]) == 1


def test_sums_of_some_sites() -> None:
    """Chains would leave them, and summation does not."""
    hopping = qml.X(0) @ qml.X(2) + qml.Y(0) @ qml.Y(2) + qml.Z(1) @ qml.Z(3)
    operator = SpinOperator.of(hopping, 4)
    problem = Problem(operator, sums=[((0, 2), 0), ((1, 3), 0)])
    assert problem.exact is not None
    assert problem.exact.energy == pytest.approx(-3.0)
    assert not problem.is_lowest
    assert problem.fingerprint() != Problem(operator).fingerprint()
    state = RBMState(4)
    sampler = problem.sampler(state)
    assert torch.equal(sampler.sample(state).spins, problem.configurations.spins())
    with pytest.raises(ArgumentError, match="'metropolis' does not keep sums of some"):
        problem.sampler(state, "metropolis")
