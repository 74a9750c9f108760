"""Variational Monte Carlo: exact states, ground states, and runs that go wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from attrs import evolve
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, RunError
from qml_qdl.manybody import (
    Descent,
    Estimate,
    FullSummation,
    GradientDescent,
    Lattice,
    Metropolis,
    NeuralState,
    RBMState,
    Sampler,
    Sector,
    SpinOperator,
    StochasticReconfiguration,
    Symmetrized,
    VariationalMonteCarlo,
    ground_state,
    heisenberg,
    j1_j2,
    transverse_ising,
)
from qml_qdl.manybody.reconfiguration import DenseDirections
from qml_qdl.manybody.samplers import Samples
from tests.manybody.tables import all_spins, table_state

RING = Lattice.chain(6)
MARSHALL = SpinOperator.of(heisenberg(RING)).rotated(RING.sublattice)
ISING = SpinOperator.of(transverse_ising(RING))
WITH_PHASES = SpinOperator.of(
    qml.sum(*(qml.X(i) @ qml.Y((i + 1) % 4) for i in range(4)), qml.Z(0), qml.X(2))
)


def ring_state(dtype: torch.dtype = torch.float64, alpha: int = 2) -> RBMState:
    torch.manual_seed(0)
    return RBMState(6, alpha=alpha, permutations=RING.translations, dtype=dtype)


def flips(chains: int = 200, **options: Any) -> Metropolis:
    generator = torch.Generator().manual_seed(1)
    return Metropolis.flips(6, chains=chains, generator=generator, **options)


def lowest(operator: SpinOperator, sector: Sector | None = None) -> tuple[float, Any]:
    energies, vectors = np.linalg.eigh(operator.matrix(sector).toarray())
    return float(energies[0]), vectors[:, 0]


@pytest.mark.parametrize("operator", [ISING, WITH_PHASES], ids=["real", "complex"])
def test_an_eigenstate_has_no_variance(operator: SpinOperator) -> None:
    energy, vector = lowest(operator)
    log = torch.view_as_real(torch.as_tensor(vector, dtype=torch.complex128).log())
    state, size = table_state(log), operator.num_sites
    generator = torch.Generator().manual_seed(1)
    for sampler in (
        FullSummation(size),
        Metropolis.flips(size, chains=50, generator=generator),
    ):
        samples = sampler.sample(state)
        local = sampler.local_energies(operator, state, samples)
        estimate = Estimate.of(local, samples)
        assert math.isclose(estimate.energy, energy, rel_tol=1e-10)
        assert estimate.variance < 1e-20
        assert estimate.v_score < 1e-20
        assert estimate.error < 1e-10


@pytest.mark.parametrize("operator", [MARSHALL, ISING, WITH_PHASES], ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_two_ways_to_local_energies(operator: SpinOperator, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    state = RBMState(operator.num_sites, scale=0.4, dtype=dtype)
    sampler = FullSummation(operator.num_sites)
    samples = sampler.sample(state)
    summed = sampler.local_energies(operator, state, samples)
    by_ratios = Sampler.local_energies(sampler, operator, state, samples)
    torch.testing.assert_close(by_ratios, summed.to(by_ratios.dtype))


@pytest.mark.parametrize(("momentum", "flip"), [(0, 1), (3, -1)])
def test_sums_over_orbits_are_those_over_all(momentum: int, flip: int) -> None:
    """Energies, gradients and the metric, from one configuration of each orbit."""
    torch.manual_seed(0)
    group, characters = RING.translations, RING.characters(momentum).real
    state = Symmetrized(
        RBMState(6, scale=0.3, dtype=torch.float64), group, characters, spin_flip=flip
    )
    whole = Sector(6, magnetisation=0)
    orbits = Sector(6, 0, spin_flip=flip, permutations=group, characters=characters)
    found = []
    for sector in (whole, orbits):
        sampler = FullSummation(sector)
        samples = sampler.sample(state)
        local = sampler.local_energies(MARSHALL, state, samples)
        directions = DenseDirections.of(state, samples, local)
        estimate = Estimate.of(local, samples)
        found.append(
            [
                torch.tensor([estimate.energy, estimate.variance]),
                directions.backward(directions.target),
                directions.matrix.T @ directions.matrix,
            ]
        )
    assert orbits.num_states < whole.num_states / 4
    torch.testing.assert_close(*found)


def test_sums_over_orbits_need_a_symmetric_state() -> None:
    sampler = FullSummation(Sector(6, permutations=RING.translations))
    sampler.sample(ring_state())
    with pytest.raises(
        ArgumentError, match=r"state: expected ψ.* symmetrise the state"
    ):
        sampler.sample(RBMState(6, scale=0.3))


DESCENTS: dict[str, Callable[[NeuralState], Descent]] = {
    "reconfiguration": StochasticReconfiguration,
    "minsr": lambda state: StochasticReconfiguration(state, solver="minsr"),
    "spring": lambda state: StochasticReconfiguration(state, momentum=0.8),
    "adam": lambda state: GradientDescent(state, learning_rate=0.05),
}


@pytest.mark.parametrize("name", DESCENTS)
def test_full_sums_find_the_ground_state(name: str) -> None:
    state, sector = ring_state(), Sector(6, magnetisation=0)
    descent = VariationalMonteCarlo(
        MARSHALL, state, FullSummation(sector), DESCENTS[name](state)
    )
    descent.run(150)
    estimate = descent.estimate()
    energy, _ = lowest(MARSHALL, sector)
    assert energy <= estimate.energy < energy + 1e-3 * abs(energy)
    assert estimate.error == 0


@pytest.mark.slow
@pytest.mark.parametrize(("j2", "bound"), [(0.0, 2e-4), (0.5, 3e-3)])
def test_defaults_find_squares_of_16(j2: float, bound: float) -> None:
    """With J2, a complex machine of the space group learns signs beside Marshall's."""
    torch.manual_seed(0)
    square = Lattice.square(4, 4)
    operator = SpinOperator.of(j1_j2(square, j2=j2)).rotated(square.sublattice)
    group, dtype = square.symmetries, torch.complex128 if j2 else torch.float64
    state = RBMState(16, alpha=4, permutations=group, dtype=dtype)
    sector = Sector(16, magnetisation=0, permutations=group)
    descent = VariationalMonteCarlo(operator, state, FullSummation(sector))
    descent.run(600)
    (exact,) = ground_state(operator, sector=sector).energies
    assert 0 <= descent.estimate().energy - exact < bound * abs(exact)


def test_chains_find_the_ground_state() -> None:
    state = ring_state()
    descent = VariationalMonteCarlo(ISING, state, flips())
    told: list[Any] = []
    steps = descent.run(100, told.append)
    assert told == steps
    assert [s.number for s in steps] == [*range(100)]
    estimate = descent.estimate(sweeps=20)
    energy, _ = lowest(ISING)
    assert abs(estimate.energy - energy) < 5 * estimate.error + 1e-3 * abs(energy)
    assert estimate.num_samples == 4000
    assert estimate.r_hat is not None
    assert 0.95 < estimate.r_hat < 1.05


def test_errors_are_those_of_repeated_estimates() -> None:
    """Chains that remember: the error counts them, not their configurations."""
    torch.manual_seed(0)
    state = RBMState(6, scale=0.4, dtype=torch.float64)
    sampler = flips(chains=40, steps=1)
    descent = VariationalMonteCarlo(ISING, state, sampler)
    descent.estimate(sweeps=100)
    estimates = [descent.estimate(sweeps=30) for _ in range(60)]
    spread = np.std([e.energy for e in estimates], ddof=1)
    error = np.mean([e.error for e in estimates])
    assert 0.6 < spread / error < 1.6
    assert np.mean([float(e.autocorrelation_time or 0) for e in estimates]) > 1


def test_estimates_of_few() -> None:
    local = torch.tensor([1.0, 3.0])
    one = Estimate.of(local, Samples(all_spins(1)))
    assert math.isnan(one.error)
    assert one.r_hat is None
    assert one.energy == 2
    two = Estimate.of(local, Samples(all_spins(1), chains=2))
    assert two.error == 1
    assert two.v_score == 0.25
    assert str(two) == "E = 2 ± 1, variance 1, V-score 0.2"
    still = Estimate.of(torch.ones(4), Samples(all_spins(2), chains=2))
    assert still.r_hat == 1
    assert still.error == 0


@pytest.mark.parametrize("name", DESCENTS)
def test_what_goes_on_goes_on_bit_for_bit(name: str) -> None:
    def fresh() -> VariationalMonteCarlo:
        state = ring_state()
        return VariationalMonteCarlo(
            ISING, state, flips(30), DESCENTS[name](state), window=4
        )

    whole, first, second = fresh(), fresh(), fresh()
    whole.run(11)
    first.run(6)
    second.load_state_dict(deepcopy(first.state_dict()))
    steps = second.run(5)
    assert steps[0].number == 6
    for name_, value in whole.state.state_dict().items():
        assert torch.equal(second.state.state_dict()[name_], value)
    chains = (each.sampler.state_dict()["spins"] for each in (second, whole))
    assert torch.equal(*chains)


class Faulty(StochasticReconfiguration):
    """Once it throws the parameters far away, or makes them no numbers."""

    at = 3
    damage = math.nan

    def update(self, samples: Samples, local: Tensor) -> float:
        length = super().update(samples, local)
        self.at -= 1
        if not self.at:
            with torch.no_grad():
                for parameter in self.state.parameters():
                    parameter.add_(self.damage)
        return length


@pytest.mark.parametrize("damage", [math.nan, math.inf, 5.0])
def test_a_bad_step_is_taken_back(damage: float) -> None:
    state = ring_state()
    faulty = Faulty(state)
    faulty.damage = damage
    descent = VariationalMonteCarlo(ISING, state, flips(), faulty)
    steps = descent.run(60)
    (event,) = [step for step in steps if step.event]
    assert event.number == 3
    assert event.event.startswith("taken back: ")
    energy, _ = lowest(ISING)
    assert steps[-1].estimate.energy < 0.97 * energy


def test_an_energy_too_low_by_chance_does_not_hold_a_run() -> None:
    """As of chains that have just begun: no later energy would be as low."""
    descent = VariationalMonteCarlo(ISING, ring_state(), flips(), window=5)
    descent.run(2)
    assert descent._before is not None
    lucky = evolve(descent._before, energy=-20.0, spread=1e-3)
    descent._before = descent._kept = lucky
    events = [step.event for step in descent.run(12)]
    assert events[0].startswith("taken back: the energy rose from -20")
    assert sum(event.startswith("rolled back") for event in events) == 1
    assert events[-1] == ""


def test_a_slow_rise_is_rolled_back() -> None:
    """Steps too small to be noticed one by one."""

    class Uphill(StochasticReconfiguration):
        sign = 1.0

        def update(self, samples: Samples, local: Tensor) -> float:
            return super().update(samples, local * self.sign)

    state = ring_state()
    uphill = Uphill(state, learning_rate=0.02, shift=0.01, final_shift=0.01, steps=60)
    descent = VariationalMonteCarlo(ISING, state, flips(60), uphill, window=10)
    descent.run(40)
    uphill.sign = -1.0
    events = [step.event for step in descent.run(20)]
    assert any(event.startswith("rolled back: the median") for event in events)


def test_no_numbers_from_the_beginning() -> None:
    state = table_state(torch.full((64,), torch.nan).double())
    descent = VariationalMonteCarlo(ISING, state, flips(4))
    with pytest.raises(RunError, match="state: local energies are no numbers, 1 times"):
        descent.step()


def test_bad_input() -> None:
    with pytest.raises(
        ArgumentError, match="state: expected 6 sites as the operator has, got 4"
    ):
        VariationalMonteCarlo(ISING, RBMState(4), flips())
    with pytest.raises(ArgumentError, match="window"):
        VariationalMonteCarlo(ISING, RBMState(6), flips(), window=1)
