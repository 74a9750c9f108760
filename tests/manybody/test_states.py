"""What every kind of state can be used for: eigenstates, all descents, all samplers."""

from __future__ import annotations

import math
from collections.abc import Callable

import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import BasicEntangler, StronglyEntangling
from qml_qdl.manybody import (
    CircuitState,
    FeedForwardState,
    FullSummation,
    GradientDescent,
    GroupConvolutionalState,
    JastrowState,
    Lattice,
    Metropolis,
    Multiplied,
    NeuralState,
    RBMState,
    Sector,
    SpinOperator,
    StochasticReconfiguration,
    Symmetrized,
    VariationalMonteCarlo,
    VisionTransformerState,
    expectation,
    ground_state,
    heisenberg,
)
from qml_qdl.manybody.reconfiguration import Solver
from qml_qdl.manybody.states.state import as_real
from tests.manybody.tables import all_spins

# Torch's forward mode, which a circuit's derivatives take.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

N = 4
RING = Lattice.chain(N)
PLUS = SpinOperator.of(-qml.sum(*(qml.X(i) for i in range(N))))


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


COMPLEX = torch.complex128
NETWORKS: dict[str, Callable[[], NeuralState]] = {
    "feed-forward": lambda: FeedForwardState(N, dtype=COMPLEX, generator=seeded()),
    "group-convolutional": lambda: GroupConvolutionalState(
        RING, features=2, dtype=COMPLEX, generator=seeded()
    ),
    "vision transformer": lambda: VisionTransformerState(
        RING, layers=1, embed_dim=4, heads=2, dtype=COMPLEX, generator=seeded()
    ),
}
STATES: dict[str, Callable[[], NeuralState]] = {
    **NETWORKS,
    "rbm": lambda: RBMState(N, dtype=COMPLEX, generator=seeded()),
    "jastrow": lambda: JastrowState(N, dtype=torch.float64, generator=seeded()),
    "symmetrized": lambda: Symmetrized(
        FeedForwardState(N, dtype=COMPLEX, generator=seeded()), RING.translations
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_the_sum_of_all_configurations_has_no_variance(name: str) -> None:
    """Without weights every amplitude is the same: the ground state of −ΣX."""
    state = STATES[name]()
    with torch.no_grad():
        for parameter in state.parameters():
            parameter.zero_()
    for sampler in FullSummation(N), Metropolis.flips(N, chains=10):
        estimate = expectation(PLUS, state, sampler)
        assert math.isclose(estimate.energy, -N)
        assert estimate.variance < 1e-20


def test_a_circuit_is_that_eigenstate_too() -> None:
    state = CircuitState(
        BasicEntangler(N, layers=1, rotation="RY"), dtype=torch.float64
    )
    with torch.no_grad():
        for parameter in state.parameters():
            parameter.fill_(math.pi / 2)
    # CNOTs leave the sum of all configurations as it is.
    estimate = expectation(PLUS, state, FullSummation(N))
    assert math.isclose(estimate.energy, -N)
    assert estimate.variance < 1e-20


@pytest.mark.parametrize("name", NETWORKS)
def test_chains_and_sums_give_the_same_energy(name: str) -> None:
    operator = SpinOperator.of(heisenberg(RING))
    state, sector = NETWORKS[name](), Sector(N, 0)
    summed = expectation(operator, state, FullSummation(sector))
    chains = Metropolis.exchange(N, RING.edges, chains=200, generator=seeded(2))
    sampled = expectation(operator, state, chains, sweeps=10)
    assert abs(sampled.energy - summed.energy) < 4.5 * sampled.error


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_find_ground_states_with_their_signs(name: str) -> None:
    """Without Marshall's sign, and with more parameters than configurations."""
    operator, sector = SpinOperator.of(heisenberg(RING)), Sector(N, 0)
    state = NETWORKS[name]()
    assert state.jacobian(sector.spins()).shape[1] > sector.num_states
    descent = StochasticReconfiguration(state, learning_rate=0.1, solver="minsr")
    VariationalMonteCarlo(operator, state, FullSummation(sector), descent).run(60)
    energy = ground_state(operator, sector).energies[0]
    found = expectation(operator, state, FullSummation(sector)).energy
    assert energy <= found + 1e-9 < energy + 0.02


@pytest.mark.parametrize("name", NETWORKS)
def test_all_solvers_make_the_same_step(name: str) -> None:
    operator, found = SpinOperator.of(heisenberg(RING)), []
    solvers: tuple[Solver, ...] = ("cholesky", "minsr", "cg")
    for solver in solvers:
        state = NETWORKS[name]()
        descent = StochasticReconfiguration(state, solver=solver)
        sampler = FullSummation(Sector(N, 0))
        step = VariationalMonteCarlo(operator, state, sampler, descent).step()
        assert step.length > 1e-3
        found.append(torch.cat([as_real(p).flatten() for p in state.parameters()]))
    torch.testing.assert_close(found[1], found[0], rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(found[2], found[0], rtol=1e-6, atol=1e-7)


def test_circuit_and_network_are_one_state() -> None:
    """What either cannot do alone their product does in one optimisation."""
    operator = SpinOperator.of(heisenberg(Lattice.chain(6)))

    def circuit() -> NeuralState:
        torch.manual_seed(1)
        return CircuitState(StronglyEntangling(6, layers=2), dtype=torch.float64)

    def factor() -> NeuralState:
        return JastrowState(6, dtype=torch.float64, generator=seeded())

    energies = []
    for state in (circuit(), factor(), Multiplied([circuit(), factor()])):
        descent = StochasticReconfiguration(state, learning_rate=0.1)
        run = VariationalMonteCarlo(operator, state, FullSummation(6), descent)
        run.run(30)
        energies.append(run.estimate().energy)
    exact = ground_state(operator).energies[0]
    assert exact < energies[2] < min(energies[:2]) - 0.1 * abs(exact)


@pytest.mark.parametrize("descent", [StochasticReconfiguration, GradientDescent])
def test_a_circuit_with_amplitudes_that_vanish_descends(
    descent: type[StochasticReconfiguration] | type[GradientDescent],
) -> None:
    """Turns of the first wire alone: half of all amplitudes are zero."""
    state = CircuitState(
        BasicEntangler(2, layers=1, rotation="RY"), dtype=torch.float64
    )
    with torch.no_grad():
        for parameter in state.parameters():
            parameter.copy_(torch.tensor([[0.3, 0.0]]))
    sampler = FullSummation(2)
    with torch.no_grad():
        assert torch.isneginf(state(all_spins(2)).real).sum() == 2
    operator = SpinOperator.of(-qml.X(0) @ qml.X(1) - qml.Z(0) @ qml.Z(1))
    made = descent(state, learning_rate=0.1)
    run = VariationalMonteCarlo(operator, state, sampler, made)
    steps = run.run(60)
    assert not any("no number" in step.event for step in steps)
    assert run.estimate().energy < -1.99
