"""Observables against sums over all configurations."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.manybody import (
    Estimate,
    FullSummation,
    Lattice,
    Means,
    Metropolis,
    RBMState,
    Sector,
    SpinOperator,
    VectorState,
    correlators,
    expectation,
    fidelity,
    ground_state,
    heisenberg,
    magnetisation,
    structure_factor,
    transverse_ising,
    zero_variance,
)
from qml_qdl.manybody.observables import lies_on_a_line
from qml_qdl.manybody.samplers import Samples
from tests.manybody.tables import all_spins

RING = Lattice.chain(6)
SECTOR = Sector(6, magnetisation=0)
NO_ESTIMATES: Any = [1.0, 2.0]


@cache
def singlet() -> VectorState:
    return VectorState(ground_state(heisenberg(RING), SECTOR).vectors[:, 0], SECTOR)


def exact() -> Samples:
    return FullSummation(SECTOR).sample(singlet())


@cache
def sampled(seed: int = 1) -> Samples:
    generator = torch.Generator().manual_seed(seed)
    sampler = Metropolis.exchange(6, RING.edges, chains=100, generator=generator)
    sampler.sample(singlet(), 5)
    return sampler.sample(singlet(), 10)


OBSERVABLES: dict[str, Callable[[Samples], Any]] = {
    "correlators": correlators,
    "magnetisation": lambda samples: magnetisation(samples, RING.sublattice),
    "structure factor": lambda samples: structure_factor(samples, RING),
}


@pytest.mark.parametrize("name", OBSERVABLES)
def test_samples_agree_with_the_sum_within_their_errors(name: str) -> None:
    observable = OBSERVABLES[name]
    summed, found = observable(exact()), observable(sampled())
    assert not summed.errors.any()
    deviation = (found.values - summed.values).abs()
    assert (deviation <= 4.5 * found.errors + 1e-12).all()
    many = torch.stack([observable(sampled(seed)).values for seed in range(12)])
    varies = found.errors > 1e-6
    assert varies.any()
    ratio = many.std(0)[varies] / found.errors[varies]
    assert 0.5 < ratio.min() <= ratio.max() < 2


def test_correlators_are_those_of_the_operators() -> None:
    found = correlators(exact()).values
    torch.testing.assert_close(found.diagonal(), torch.ones(6).double())
    for first, second in ((0, 1), (0, 3), (2, 5)):
        operator = SpinOperator.of(qml.Z(first) @ qml.Z(second), wires=6)
        estimate = expectation(operator, singlet(), FullSummation(SECTOR))
        assert estimate.energy == pytest.approx(float(found[first, second]))
    # A singlet has the same in all directions, and 3 z-z bonds are its energy.
    energy = ground_state(heisenberg(RING), SECTOR).energies[0]
    bonds = sum(found[edge] for edge in RING.edges)
    assert float(3 * bonds) == pytest.approx(float(energy))


def test_the_structure_factor_is_the_transform_of_the_correlators() -> None:
    lattice = Lattice.triangular(2, 3)
    samples = FullSummation(6).sample(RBMState(6, scale=0.5, dtype=torch.float64))
    found = structure_factor(samples, lattice)
    places, waves = lattice.positions, found.momenta.numpy()
    assert places is not None
    between = places[:, None] - places[None]
    phases = np.cos(between @ waves.T)
    means = correlators(samples).values.numpy()
    expected = (phases * means[..., None]).sum((0, 1)) / 6
    np.testing.assert_allclose(found.values.numpy(), expected, atol=1e-12)
    own = structure_factor(samples, lattice, waves[:2]).values
    torch.testing.assert_close(own, found.values[:2])
    # Σ_q S(q) is the number of sites, as every spin squared is one.
    assert float(found.values.sum()) == pytest.approx(6)


def test_sums_over_orbits_are_those_over_all() -> None:
    orbits = Sector(6, 0, spin_flip=1, permutations=RING.symmetries)
    state = RBMState(
        6, alpha=1, permutations=RING.symmetries, scale=0.3, dtype=torch.float64
    )
    with torch.no_grad():  # without biases nothing changes when all spins turn
        state.hidden_bias.zero_()
        state.visible_bias.zero_()
    samples = [FullSummation(each).sample(state) for each in (orbits, SECTOR)]
    assert len(samples[0].spins) < len(samples[1].spins)
    for observable in OBSERVABLES.values():
        found, expected = (observable(each).values for each in samples)
        torch.testing.assert_close(found, expected)


def test_moments_of_the_magnetisation() -> None:
    state = VectorState([3, 0, 0, 4], 2)
    found = magnetisation(FullSummation(2).sample(state)).values
    torch.testing.assert_close(found, torch.tensor([-0.28, 1, 1, 1]).double())


def test_one_chain_has_no_error() -> None:
    means = Means.of(Samples(all_spins(2)), lambda spins: spins.sum(1))
    assert means.values == 0
    assert means.errors.isnan()


def test_expectations_of_other_operators() -> None:
    """In the ground state of the Ising ring at h = 0 and large h."""
    field = SpinOperator.of(qml.sum(*(qml.X(i) for i in range(4))))
    found = ground_state(transverse_ising(Lattice.chain(4), h=50.0))
    state = VectorState(found.vectors[:, 0], found.sector)
    assert expectation(field, state, FullSummation(4)).energy == pytest.approx(4, 1e-3)


def test_fidelity_is_a_square() -> None:
    """Of ψ = (|00⟩ + |11⟩)/√2 and |00⟩ it is 1/2, the overlap 1/√2."""
    pair = VectorState([1, 0, 0, 1], 2), VectorState([-3j, 0, 0, 0], 2)
    assert fidelity(*pair, FullSummation(2)).energy == pytest.approx(0.5)


def test_energies_meet_the_exact_one_at_zero_variance() -> None:
    generator = np.random.default_rng(0)
    variances = np.array([0.1, 0.3, 0.6, 1.0])
    found = []
    for _ in range(200):
        energies = -10 + 0.7 * variances + 0.02 * generator.standard_normal(4)
        found.append(
            zero_variance(
                [
                    Estimate(e, 0.02, v, 4, 10)
                    for e, v in zip(energies, variances, strict=True)
                ]
            )
        )
    pulls = np.array([(each.energy + 10) / each.error for each in found])
    assert abs(pulls.mean()) < 0.25
    assert 0.7 < pulls.std() < 1.2
    assert np.mean([each.slope for each in found]) == pytest.approx(0.7, abs=0.02)


def test_extrapolations_of_exact_energies() -> None:
    line = [Estimate(-3 + 2 * v, 0.0, v, 4, 10) for v in (0.5, 1.0, 2.0)]
    found = zero_variance(line)
    assert found.energy == pytest.approx(-3)
    assert found.error == pytest.approx(0, abs=1e-12)
    assert math.isnan(zero_variance(line[:2]).error)
    bent = [*line, Estimate(3.0, 0.0, 4.0, 4, 10)]
    assert zero_variance(bent).error > 0.1


def test_variances_that_differ_by_rounding_are_the_same() -> None:
    """As those of a state that has ceased to change."""
    still = [Estimate(-3.0, 0.0, 0.1 + k * 1e-16, 4, 10) for k in range(3)]
    assert not lies_on_a_line(still)
    assert not lies_on_a_line([])
    with pytest.raises(ArgumentError, match="at least two different variances"):
        zero_variance(still)


def test_a_line_that_does_not_fit_has_a_larger_error() -> None:
    bent = [Estimate(v**2, 1e-3, v, 4, 10) for v in (0.5, 1.0, 2.0)]
    assert zero_variance(bent).error > 0.1


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: magnetisation(exact(), [6]),
            ArgumentError,
            "sublattice: expected at most 5, got 6",
        ),
        (
            lambda: structure_factor(exact(), Lattice.from_edges([(0, 1)])),
            ArgumentError,
            "lattice: expected one with positions, got one made of edges",
        ),
        (
            lambda: structure_factor(exact(), Lattice.chain(5)),
            ArgumentError,
            "lattice: expected 6 sites as the samples have, got 5",
        ),
        (
            lambda: structure_factor(exact(), RING, [[0.0, 1.0]]),
            ShapeError,
            r"momenta: expected \(Q, 1\), a wave vector in each row, got \(1, 2\)",
        ),
        (
            lambda: fidelity(
                singlet(), singlet(), Metropolis.exchange(6, RING.edges, chains=2)
            ),
            ArgumentError,
            "target_sampler: expected a sampler of its own",
        ),
        (
            lambda: zero_variance([Estimate(0, 0.1, 1, 4, 10)]),
            ArgumentError,
            "estimates: expected at least two different variances, got .1.0",
        ),
        (
            lambda: zero_variance(
                [Estimate(0, 0.1, 1, 4, 10), Estimate(0, 0.0, 2, 4, 10)]
            ),
            ArgumentError,
            "estimates: expected finite ones, of which all or none have errors",
        ),
        (
            lambda: zero_variance(NO_ESTIMATES),
            ArgumentTypeError,
            "estimates: expected",
        ),
    ],
)
def test_bad_input(make: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()
