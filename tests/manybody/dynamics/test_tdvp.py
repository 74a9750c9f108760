"""The time-dependent variational principle against the evolution of vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import StronglyEntangling
from qml_qdl.circuits.errors import ArgumentError, RunError
from qml_qdl.manybody import (
    TDVP,
    Blurred,
    CircuitState,
    FullSummation,
    Lattice,
    Metropolis,
    RBMState,
    Samples,
    SpinOperator,
    StochasticReconfiguration,
    VectorState,
    transverse_ising,
)
from qml_qdl.manybody.states.state import as_vector
from tests.manybody.tables import table_state

# Torch's forward mode, which a circuit's derivatives take.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

N = 3
WORDS = qml.Hamiltonian(
    [0.7, -1.1, 0.5, 0.3],
    [qml.X(0), qml.Z(0) @ qml.Z(1), qml.Y(1) @ qml.X(2), qml.Z(2)],
)
OPERATOR = SpinOperator.of(WORDS, N)
MATRIX = torch.from_numpy(np.asarray(qml.matrix(WORDS, range(N))))
RING = SpinOperator.of(transverse_ising(Lattice.chain(6), h=0.7))


def table(seed: int = 1) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return table_state(0.5 * torch.randn(2**N, 2, generator=generator).double())


def machine(dtype: torch.dtype = torch.complex128, sites: int = 6) -> RBMState:
    generator = torch.Generator().manual_seed(3)
    return RBMState(sites, alpha=1, scale=0.2, dtype=dtype, generator=generator)


def amplitudes(state: Any) -> Tensor:
    found: Tensor = state(FullSummation(N)._spins).detach().exp()
    return found


def change(state: Any, value: Tensor) -> Tensor:
    """dψ/dt of normalised ψ, without what goes along ψ."""
    jacobian = state.jacobian(FullSummation(N)._spins)
    psi = amplitudes(state)
    moved = psi * (jacobian @ value.to(jacobian))
    psi, moved = psi / psi.norm(), moved / psi.norm()
    found: Tensor = moved - psi * (psi.conj() @ moved)
    return found


@pytest.mark.parametrize("imaginary", [False, True])
def test_a_state_that_can_do_all_follows_the_vector(imaginary: bool) -> None:
    state = table()
    tdvp = TDVP(OPERATOR, state, FullSummation(N), imaginary=imaginary, cutoff=1e-10)
    found = tdvp.velocity()
    psi = amplitudes(state)
    psi = psi / psi.norm()
    wanted = (-1 if imaginary else -1j) * MATRIX @ psi
    wanted = wanted - psi * (psi.conj() @ wanted)
    torch.testing.assert_close(change(state, found.value), wanted, atol=1e-9, rtol=0)
    assert found.residual < 1e-16
    # It turns by the root of the energy's variance: Anandan and Aharonov.
    assert found.speed == pytest.approx(math.sqrt(found.estimate.variance))
    assert found.speed == pytest.approx(float(wanted.norm()))


def test_imaginary_time_is_stochastic_reconfiguration() -> None:
    state, samples = table(), FullSummation(N).sample(table())
    local = FullSummation(N).local_energies(OPERATOR, state, samples)
    descent = StochasticReconfiguration(state, solver="cholesky")
    step = descent.direction(descent.directions(samples, local), shift=1e-13)
    tdvp = TDVP(OPERATOR, state, FullSummation(N), imaginary=True, cutoff=1e-10)
    found = tdvp.velocity().value
    torch.testing.assert_close(
        change(state, -step), change(state, found), atol=1e-7, rtol=0
    )


@pytest.mark.parametrize("rows", [10, 200])  # fewer, and more, than parameters
@pytest.mark.parametrize("drawn", [False, True])
def test_it_is_the_least_squares_solution(rows: int, drawn: bool) -> None:
    state = machine()
    generator = torch.Generator().manual_seed(0)
    spins = 1.0 - 2 * torch.randint(2, (rows, 6), generator=generator).double()
    weights = torch.rand(rows, generator=generator).double() if drawn else None
    if weights is not None:
        weights = weights / weights.sum()
    samples = Samples(spins, weights, chains=10, drawn=drawn)
    tdvp = TDVP(RING, state, Fixed(samples), cutoff=1e-9, snr=0)
    found = tdvp.velocity()
    each = weights if weights is not None else torch.full((rows,), 1 / rows).double()
    jacobian = state.jacobian(spins)
    local = tdvp.sampler.local_energies(RING, state, samples)
    left = (jacobian - each.to(jacobian) @ jacobian) * each.sqrt()[:, None]
    right = -1j * (local - (each * local).sum()) * each.sqrt()
    whole = torch.cat([left.real, left.imag]), torch.cat([right.real, right.imag])
    wanted, *_ = np.linalg.lstsq(whole[0].numpy(), whole[1].numpy(), rcond=1e-5)
    closeness = whole[0] @ (found.value - torch.from_numpy(wanted))
    assert float(closeness.norm()) < 1e-6 * float(whole[1].norm())
    assert 0 <= found.residual < 1
    best = np.linalg.norm(whole[0].numpy() @ wanted - whole[1].numpy()) ** 2
    size = float(whole[1].square().sum())
    assert found.residual == pytest.approx(best / size, abs=1e-9)


class Fixed(Metropolis):
    """Always the same configurations."""

    def __init__(self, samples: Samples) -> None:
        super().__init__(samples.spins, torch.eye(samples.spins.shape[1]).bool())
        self.samples = samples

    def sample(self, state: Any, sweeps: int | None = None) -> Samples:
        return self.samples


def test_signal_and_noise_of_many_draws() -> None:
    """The noise that is told along a direction is that of F over many samples."""
    state = machine()
    exact = TDVP(RING, state, FullSummation(6)).velocity()
    assert bool((exact.snr == math.inf).any())
    _, vectors = torch.linalg.eigh(exact.directions.matrix.T @ exact.directions.matrix)
    along = vectors[:, -1]
    sampler = Metropolis.flips(
        6, chains=400, sweeps=2, steps=20, generator=torch.Generator().manual_seed(0)
    )
    sampler.sample(state, 20)
    forces, told = [], []
    for _ in range(60):
        found = TDVP(RING, state, sampler, noise="force").velocity()
        forces.append(found.directions.backward(found.directions.target) @ along)
        signal = found.directions.matrix.T @ found.directions.target
        _, own = torch.linalg.eigh(found.directions.matrix.T @ found.directions.matrix)
        told.append((own[:, -1] @ signal).abs() / found.snr[0])
    spread, noise = float(torch.stack(forces).std()), float(torch.stack(told).mean())
    assert noise == pytest.approx(spread, rel=0.35)


@pytest.mark.parametrize("sampled", [False, True])
def test_eigenstates_have_no_signal_and_say_so(sampled: bool) -> None:
    state = table_state(torch.zeros(2**N, 2).double())  # all amplitudes alike
    plus = SpinOperator.of(qml.sum(*(qml.X(k) for k in range(N))))
    sampler = Metropolis.flips(N, chains=50) if sampled else FullSummation(N)
    found = TDVP(plus, state, sampler).velocity()
    assert bool(found.snr.isnan().all())
    assert math.isnan(found.residual)
    assert float(found.shares.sum()) == found.speed == 0
    assert not found.value.any()


def test_noisy_directions_fade() -> None:
    state = machine()
    kept = []
    for snr in (0.0, 2.0, 1e9):
        # Of all of the force; what the fit leaves over is less.
        sampler = Metropolis.flips(
            6, chains=100, generator=torch.Generator().manual_seed(0)
        )
        found = TDVP(RING, state, sampler, snr=snr, noise="force").velocity()
        kept.append(float(found.shares.sum()))
    assert kept[0] > kept[1] > kept[2]
    assert kept[2] < 1e-6
    shares = TDVP(RING, state, FullSummation(6), cutoff=0.999).velocity().shares
    assert float(shares[0]) == pytest.approx(0.5, abs=0.01)


def test_samples_come_to_the_sum() -> None:
    state = machine()
    exact = TDVP(RING, state, FullSummation(6), cutoff=1e-3).velocity()
    generator = torch.Generator().manual_seed(0)
    chains = Metropolis.flips(6, chains=2000, sweeps=20, generator=generator)
    chains.sample(state, 20)
    blurred = Blurred(chains, 0.3, generator=generator)
    for sampler in (chains, blurred):
        found = TDVP(RING, state, sampler, cutoff=1e-3, snr=0).velocity()
        apart = exact.distance(found.value - exact.value)
        assert apart < 0.05 * exact.speed
        error = found.estimate.error
        assert abs(found.estimate.energy - exact.estimate.energy) < 4 * error


@pytest.mark.parametrize("parts", [torch.float64, torch.float32])
def test_circuits_take_the_real_part(parts: torch.dtype) -> None:
    """Of real parameters X v is as near as can be to −iHψ without the phase."""
    torch.manual_seed(0)
    state = CircuitState(StronglyEntangling(N, 1), dtype=parts)
    tdvp = TDVP(OPERATOR, state, FullSummation(N), cutoff=1e-7)
    found = tdvp.velocity()
    assert 0 < found.residual < 1
    jacobian = state.jacobian(FullSummation(N)._spins).to(torch.complex128)
    psi = amplitudes(state).to(torch.complex128)
    moves = (psi[:, None] * jacobian) - psi[:, None] * (
        psi.abs().square().to(jacobian) @ jacobian
    )
    wanted = -1j * (MATRIX @ psi - psi * (psi.conj() @ MATRIX @ psi))
    whole = torch.view_as_real(moves.T.contiguous()).flatten(1).T
    best, *_ = np.linalg.lstsq(
        whole.numpy(), torch.view_as_real(wanted).flatten().numpy(), rcond=1e-4
    )
    moved = whole @ (found.value - torch.from_numpy(best))
    assert float(moved.norm()) < (1e-6 if parts == torch.float64 else 1e-3)


def test_both_precisions() -> None:
    values = []
    for dtype in (torch.complex128, torch.complex64):
        state = machine()
        for parameter in state.parameters():
            parameter.data = parameter.data.to(dtype)
        values.append(TDVP(RING, state, FullSummation(6), cutoff=1e-4).velocity().value)
    assert values[1].dtype == torch.float64
    torch.testing.assert_close(*values, atol=2e-3, rtol=1e-3)


def test_one_site_and_one_row() -> None:
    state = table_state(torch.tensor([[0.1, 0.3], [0.2, 0.0]]).double())
    found = TDVP(SpinOperator.of(qml.X(0)), state, FullSummation(1)).velocity()
    assert found.residual < 1e-12
    alone = Metropolis.flips(1, chains=1, generator=torch.Generator().manual_seed(0))
    tdvp = TDVP(SpinOperator.of(qml.X(0)), state, alone)
    with pytest.raises(ArgumentError, match="several chains, got one; take more"):
        tdvp.velocity()
    found = TDVP(SpinOperator.of(qml.X(0)), state, alone, snr=0).velocity()
    # One row has no spread, so that nothing moves, and no noise is known.
    assert bool(found.snr.isnan().all())
    assert not found.value.any()


def test_a_network_that_follows_exactly_needs_few_samples() -> None:
    """What is noisy in S and in F alike is no noise of the velocity."""
    state = table()
    exact = TDVP(OPERATOR, state, FullSummation(N), cutoff=1e-10).velocity()
    apart = {}
    for noise in ("fit", "force"):
        generator = torch.Generator().manual_seed(0)
        sampler = Metropolis.flips(N, chains=100, steps=30, generator=generator)
        options: Any = {"noise": noise, "cutoff": 1e-6}
        found = TDVP(OPERATOR, state, sampler, **options).velocity()
        apart[noise] = exact.distance(found.value - exact.value) / exact.speed
    assert apart["fit"] < 1e-3 < apart["force"]


def test_wrong_states_and_operators() -> None:
    with pytest.raises(ArgumentError, match="state: expected 6 sites as the operator"):
        TDVP(RING, machine(sites=4), FullSummation(4))
    with pytest.raises(
        ArgumentError, match="got real ones, which no real time can turn"
    ):
        TDVP(RING, machine(torch.float64), FullSummation(6))
    TDVP(RING, machine(torch.float64), FullSummation(6), imaginary=True).velocity()
    with pytest.raises(ArgumentError, match="VectorState, which has none; use Exact"):
        TDVP(RING, VectorState(np.ones(64), 6), FullSummation(6))
    chains = Metropolis.exchange(6, [(0, 1)])
    with pytest.raises(ArgumentError, match="keep the magnetisation, but the operator"):
        TDVP(RING, machine(), chains)
    with pytest.raises(ArgumentError, match="cutoff: expected a number above 0"):
        TDVP(RING, machine(), FullSummation(6), cutoff=0.0)
    with pytest.raises(ArgumentError, match="snr: expected a number above 0"):
        TDVP(RING, machine(), FullSummation(6), snr=-1.0)


def test_numbers_that_are_none() -> None:
    state = machine()
    with torch.no_grad():
        state.weight[0, 0] = math.nan
    with pytest.raises(RunError, match="local energies are no finite numbers"):
        TDVP(RING, state, FullSummation(6)).velocity()


def test_too_many_rows_are_refused_before(monkeypatch: pytest.MonkeyPatch) -> None:
    path = "qml_qdl.manybody.sectors.free_bytes"
    monkeypatch.setattr(path, lambda device: 10_000)
    with pytest.raises(
        MemoryError, match=r"samples: 64 rows of derivatives by 96 param"
    ):
        TDVP(RING, state := machine(), Fixed(FullSummation(6).sample(state))).velocity()
    assert len(as_vector(state)) == 96
