"""Projectors: their elements, excited states, and states that learn others."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import StronglyEntangling
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.manybody import (
    CircuitState,
    FullSummation,
    GradientDescent,
    Lattice,
    Metropolis,
    NeuralState,
    Projector,
    RBMState,
    Sector,
    SpinOperator,
    VariationalMonteCarlo,
    VectorState,
    fidelity,
    ground_state,
    heisenberg,
)
from tests.manybody.tables import all_spins

N = 4
RING = Lattice.chain(N)
SECTOR = Sector(N, magnetisation=0)
OPERATOR = SpinOperator.of(heisenberg(RING)).rotated(RING.sublattice)


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def chains(seed: int, number: int = 400) -> Metropolis:
    return Metropolis.exchange(N, RING.edges, chains=number, generator=seeded(seed))


def machine(seed: int = 2) -> RBMState:
    return RBMState(N, scale=0.3, dtype=torch.complex128, generator=seeded(seed))


def of_sector(state: NeuralState) -> Tensor:
    with torch.no_grad():
        amplitudes: Tensor = state(SECTOR.spins()).exp()
        return amplitudes


def test_local_energies_are_those_of_its_matrix() -> None:
    state, target = machine(2), machine(3)
    projector = Projector(target, FullSummation(SECTOR), 0.7, 0.2)
    samples = FullSummation(SECTOR).sample(state)
    psi, phi = of_sector(state), of_sector(target)
    applied = 0.7 * phi * (phi.conj() @ psi) / phi.norm() ** 2 + 0.2 * psi
    local, error = projector.local_energies(state, samples)
    torch.testing.assert_close(local, applied / psi)
    assert error == 0


def test_errors_are_those_of_repeated_estimates() -> None:
    state, target = machine(2), machine(3)
    exact = fidelity(state, target, FullSummation(SECTOR)).energy
    first, second = chains(4, 60), chains(5, 40)
    found = [fidelity(state, target, first, second) for _ in range(20)]
    values = np.array([each.energy for each in found])
    errors = np.array([each.error for each in found])
    assert abs(values.mean() - exact) < 4 * errors.mean() / math.sqrt(20)
    assert 0.6 < values.std(ddof=1) / errors.mean() < 1.6


def test_configurations_without_amplitude_have_no_part() -> None:
    states = [VectorState(v, 2) for v in ([1, 1, 0, 0], [1, 0, 2, 0])]
    sampler = FullSummation(2)
    assert math.isclose(fidelity(states[0], states[1], sampler).energy, 0.1)
    orthogonal = VectorState([0, 0, 0, 1], 2)
    assert fidelity(states[0], orthogonal, sampler).energy == 0


def test_fidelities_by_orbits_are_those_of_all() -> None:
    first, second = (
        RBMState(
            N,
            permutations=RING.translations,
            scale=0.3,
            dtype=torch.complex128,
            generator=seeded(seed),
        )
        for seed in (1, 2)
    )
    orbits = FullSummation(Sector(N, 0, permutations=RING.translations))
    found, expected = (
        fidelity(first, second, each).energy for each in (orbits, FullSummation(SECTOR))
    )
    assert found == pytest.approx(expected)
    with pytest.raises(ArgumentError, match="sampler: expected sums over orbits for"):
        fidelity(first, second, orbits, FullSummation(SECTOR))


def test_excited_states_lie_above_one_another() -> None:
    """The last two have one energy."""
    exact = ground_state(OPERATOR, SECTOR, k=4).energies
    assert exact == pytest.approx([-8, -4, 0, 0])
    sampler = FullSummation(SECTOR)
    lower: list[NeuralState] = []
    for energy in exact:
        state = RBMState(
            N, alpha=2, scale=0.3, dtype=torch.complex128, generator=seeded(3)
        )
        penalties = [Projector(each, sampler, weight=10) for each in lower]
        descent = VariationalMonteCarlo(OPERATOR, state, sampler, penalties=penalties)
        descent.run(100)
        assert abs(descent.estimate().energy - energy) < 0.01
        lower.append(state)
    overlaps = [fidelity(lower[0], each, sampler).energy for each in lower]
    assert overlaps == pytest.approx([1, 0, 0, 0], abs=1e-3)


def test_an_excited_state_by_chains() -> None:
    found = ground_state(OPERATOR, SECTOR, k=2)
    ground = VectorState(found.vectors[:, 0], SECTOR)
    penalty = Projector(ground, chains(7), weight=10)
    state = machine()
    descent = VariationalMonteCarlo(OPERATOR, state, chains(8), penalties=[penalty])
    descent.run(100)
    gap = found.energies[1] - found.energies[0]
    exact = VariationalMonteCarlo(OPERATOR, state, FullSummation(SECTOR)).estimate()
    assert abs(exact.energy - found.energies[1]) < 0.1 * gap
    assert fidelity(state, ground, FullSummation(SECTOR)).energy < 0.02


def w_state() -> NeuralState:
    return VectorState((all_spins(N).sum(1) == N - 2).double(), N)


def ghz_state() -> NeuralState:
    return VectorState((all_spins(N).sum(1).abs() == N).double(), N)


def circuit_state() -> NeuralState:
    torch.manual_seed(0)
    return CircuitState(StronglyEntangling(N, layers=1), dtype=torch.float64)


@pytest.mark.parametrize("make", [w_state, ghz_state, circuit_state])
def test_a_network_learns_a_state(make: Callable[[], NeuralState]) -> None:
    target, sampler = make(), FullSummation(N)
    state = RBMState(N, alpha=2, dtype=torch.complex128, generator=seeded(2))
    fit = VariationalMonteCarlo(Projector.infidelity(target, sampler), state, sampler)
    fit.run(80)
    assert fit.estimate().energy < 0.01
    assert fidelity(state, target, sampler).energy > 0.99


@pytest.mark.parametrize("descent", [None, GradientDescent])
def test_a_network_learns_from_samples(
    descent: type[GradientDescent] | None,
) -> None:
    target, state = machine(3), machine(4)
    fit = VariationalMonteCarlo(
        Projector.infidelity(target, chains(5)),
        state,
        chains(6),
        descent(state, learning_rate=0.05) if descent else None,
    )
    before = fidelity(state, target, FullSummation(SECTOR)).energy
    fit.run(60)
    after = fidelity(state, target, FullSummation(SECTOR)).energy
    assert 1 - after < 0.1 * (1 - before)


def test_what_goes_on_goes_on_bit_for_bit() -> None:
    def fresh() -> VariationalMonteCarlo:
        penalty = Projector(machine(3), chains(5, 20), weight=5)
        return VariationalMonteCarlo(
            OPERATOR, machine(4), chains(6, 20), penalties=[penalty]
        )

    whole, first, second = fresh(), fresh(), fresh()
    whole.run(7)
    first.run(4)
    second.load_state_dict(deepcopy(first.state_dict()))
    second.run(3)
    for name, value in whole.state.state_dict().items():
        assert torch.equal(second.state.state_dict()[name], value)


def test_bad_input() -> None:
    sampler = FullSummation(6)
    with pytest.raises(ArgumentError, match="weight: expected a finite number"):
        Projector(RBMState(6), sampler, math.inf)
    with pytest.raises(ArgumentError, match="burn_in: expected at least 0"):
        Projector(RBMState(6), sampler, burn_in=-1)
    with pytest.raises(ArgumentError, match="state: expected 6 sites as the operator"):
        VariationalMonteCarlo(
            OPERATOR, machine(), chains(1), penalties=[Projector(RBMState(6), sampler)]
        )
