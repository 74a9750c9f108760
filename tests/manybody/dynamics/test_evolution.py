"""Evolutions against exact ones, and what happens where they fail."""

from __future__ import annotations

import io
import math
from functools import partial
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import StronglyEntangling
from qml_qdl.circuits.errors import ArgumentError, RunError
from qml_qdl.manybody import (
    TDVP,
    Blurred,
    CircuitState,
    Evolution,
    ExactDynamics,
    FullSummation,
    Lattice,
    Metropolis,
    Moment,
    NeuralState,
    RBMState,
    Sector,
    SpinOperator,
    StochasticReconfiguration,
    VariationalMonteCarlo,
    free_fermion_quench,
    ground_state,
    transverse_ising,
)
from qml_qdl.manybody.dynamics.runge_kutta import METHODS
from qml_qdl.manybody.states.state import as_complex, as_vector, set_vector
from tests.manybody.tables import table_state

# Torch's forward mode, which a circuit's derivatives take.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

N = 3
WORDS = qml.Hamiltonian(
    [0.7, -1.1, 0.5, 0.3],
    [qml.X(0), qml.Z(0) @ qml.Z(1), qml.Y(1) @ qml.X(2), qml.Z(2)],
)
OPERATOR = SpinOperator.of(WORDS, N)
Z = {"z": SpinOperator.of(qml.Z(0), N)}


def table(operator: SpinOperator = OPERATOR, **options: Any) -> TDVP:
    generator = torch.Generator().manual_seed(1)
    values = 0.5 * torch.randn(2**N, 2, generator=generator).double()
    return TDVP(
        operator, table_state(values), FullSummation(N), cutoff=1e-12, **options
    )


@pytest.mark.parametrize("imaginary", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_a_state_that_can_do_all_is_exact(method: str, imaginary: bool) -> None:
    """With every basis state a parameter of its own, only steps are off."""
    tdvp = table(imaginary=imaginary)
    exact = ExactDynamics(OPERATOR, tdvp.state, imaginary=imaginary)
    evolution = Evolution(
        tdvp, method=method, step_size=0.02, observables=Z, reference=exact
    )
    path = evolution.run(0.4)
    angle = {"euler": 0.05, "heun": 1e-3}.get(method, 1e-6)  # for all of the way
    assert path.infidelities.max() < angle**2 + 1e-12
    assert path.means("z")[-1] == pytest.approx(exact.expectation(Z["z"]), abs=angle)
    assert path.times[-1] == 0.4
    assert len(path.times) == 21
    if imaginary:
        assert (np.diff(path.energies) < 0).all()
    else:
        assert path.drift < angle


@pytest.mark.parametrize("norm", ["metric", "plain"])
@pytest.mark.parametrize("method", ["heun", "dormand_prince"])
def test_steps_adapt(method: str, norm: Any) -> None:
    infidelities, steps = [], []
    for tolerance in (1e-3, 1e-5):
        tdvp = table()
        exact = ExactDynamics(OPERATOR, tdvp.state)
        options: Any = {"norm": norm, "reference": exact}
        path = Evolution(
            tdvp, method=method, tolerance=tolerance, step_size=1.0, **options
        ).run(0.3)
        infidelities.append(path.infidelities[-1])
        steps.append(len(path.moments))
    assert infidelities[1] < 1e-2 * infidelities[0] or infidelities[1] < 1e-9
    assert steps[1] > steps[0]


def test_a_circuit_evolves() -> None:
    torch.manual_seed(0)
    state = CircuitState(StronglyEntangling(2, 3), dtype=torch.float64)
    operator = SpinOperator.of(qml.Z(0) @ qml.Z(1) + qml.X(0) - 0.5 * qml.X(1))
    tdvp = TDVP(operator, state, FullSummation(2), cutoff=1e-8)
    exact = ExactDynamics(operator, state)
    path = Evolution(tdvp, step_size=0.05, reference=exact).run(0.3)
    assert path.infidelities[-1] < 1e-5
    assert path.drift < 1e-4


RING = Lattice.chain(6)
NEW = SpinOperator.of(transverse_ising(RING, h=0.5))
X = {"x": SpinOperator.of(qml.sum(*(qml.X(k) / 6 for k in range(6))))}


@pytest.fixture(scope="module")
def start() -> NeuralState:
    """The ground state of the ring at h = 1."""
    old = SpinOperator.of(transverse_ising(RING))
    state = RBMState(
        6,
        alpha=4,
        permutations=RING.symmetries,
        dtype=torch.float64,
        generator=torch.Generator().manual_seed(0),
    )
    orbits = FullSummation(Sector(6, permutations=RING.symmetries))
    descent = StochasticReconfiguration(
        state, steps=150, final_rate=0.1, final_shift=1e-6
    )
    done = VariationalMonteCarlo(old, state, orbits, descent)
    done.run(150)
    assert done.estimate().energy == pytest.approx(-7.7274066, abs=1e-5)
    return as_complex(state)


def again(state: NeuralState) -> RBMState:
    found = RBMState(6, alpha=4, permutations=RING.symmetries, dtype=torch.complex128)
    set_vector(found, as_vector(state))
    return found


def chains(seed: int = 0, **options: Any) -> Metropolis:
    generator = torch.Generator().manual_seed(seed)
    return Metropolis.flips(6, generator=generator, **options)


def test_a_quench_is_that_of_free_fermions(start: NeuralState) -> None:
    orbits = FullSummation(Sector(6, permutations=RING.symmetries))
    exact = ground_state(transverse_ising(RING))
    evolution = Evolution(
        TDVP(NEW, again(start), orbits),
        method="dormand_prince",
        tolerance=1e-4,
        observables=X,
        reference=ExactDynamics(NEW, exact.vectors[:, 0]),
    )
    path = evolution.run(1.0)
    known = free_fermion_quench(6, path.times, before=1.0, after=0.5)
    assert abs(path.means("x") - known.x).max() < 1e-3
    assert path.drift / abs(path.energies[0]) < 3e-4
    assert path.infidelities.max() < 1e-4
    assert np.isposinf(path.snr).any()


@pytest.mark.parametrize("blur", [0.0, 0.2])
def test_samples_follow_the_sum(start: NeuralState, blur: float) -> None:
    state, sampler = again(start), chains(chains=300, sweeps=2)
    sampler.sample(state, 20)
    drawn: Any = sampler
    if blur:
        drawn = Blurred(sampler, blur, generator=torch.Generator().manual_seed(9))
    evolution = Evolution(
        TDVP(NEW, state, drawn),
        method="rk4",
        step_size=0.02,
        observables=X,
        observer=FullSummation(6),
    )
    path = evolution.run(0.2)
    known = free_fermion_quench(6, path.times, before=1.0, after=0.5)
    assert abs(path.means("x") - known.x).max() < 1e-3
    assert path.drift / abs(path.energies[0]) < 1e-4
    assert not path.errors("x").any()
    assert np.isfinite(np.nanmedian(path.snr))
    assert 0 < path.moments[-1].kept < len(path.snr[0])


END = 0.5


def stopped_after(
    steps: int, evolution: Evolution, kept: list[bytes], moment: Moment
) -> None:
    file = io.BytesIO()
    torch.save(evolution.state_dict(), file)
    kept.append(file.getvalue())
    if len(kept) > steps:
        raise KeyboardInterrupt


@pytest.mark.parametrize(("method", "blur"), [("heun", 0.2), ("dormand_prince", 0.0)])
def test_it_goes_on_bit_for_bit(start: NeuralState, method: str, blur: float) -> None:
    def evolution() -> Evolution:
        state = again(start)
        sampler: Any = chains(chains=50)
        if blur:
            sampler = Blurred(sampler, blur, generator=torch.Generator().manual_seed(9))
        return Evolution(
            TDVP(NEW, state, sampler),
            method=method,
            step_size=0.3,
            tolerance=1e-2 if method == "heun" else 3e-3,
            observables=X,
            reference=ExactDynamics(NEW, again(start)),
            observer=chains(1, chains=30),
        )

    whole = evolution()
    path = whole.run(END)
    assert len(path.moments) > 3
    assert sum(each.rejected for each in path.moments)
    for stop in (0, 2):
        broken = evolution()
        kept: list[bytes] = []
        tell = partial(stopped_after, stop, broken, kept)
        with pytest.raises(KeyboardInterrupt):
            broken.run(END, tell)
        resumed = evolution()
        content = torch.load(io.BytesIO(kept[-1]), weights_only=True)
        resumed.load_state_dict(content)
        found = resumed.run(END)
        assert torch.equal(as_vector(resumed.tdvp.state), as_vector(whole.tdvp.state))
        for name, values in path.as_arrays().items():
            np.testing.assert_array_equal(found.as_arrays()[name], values, err_msg=name)
        # The one that was stopped is whole as well, and goes on.
        broken.run(END)
        assert torch.equal(as_vector(broken.tdvp.state), as_vector(whole.tdvp.state))


def test_within_a_step_all_is_kept_as_it_was() -> None:
    tdvp = table()
    evolution = Evolution(tdvp, step_size=0.1)
    evolution.run(0.1)
    before = as_vector(tdvp.state)
    seen = []
    velocity = tdvp.velocity

    def stopped() -> Any:
        seen.append(evolution.state_dict())
        if len(seen) == 2:
            raise KeyboardInterrupt
        return velocity()

    tdvp.velocity = stopped  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        evolution.run(0.2)
    assert torch.equal(as_vector(tdvp.state), before)
    for each in seen:
        assert torch.equal(each["place"]["vector"], before)


def test_steps_that_are_too_long_are_named(start: NeuralState) -> None:
    evolution = Evolution(TDVP(NEW, again(start), FullSummation(6)), step_size=1.0)
    words = (
        r"step 1, at time 0: a step of 1 turns the state by 1.\d+ radians, of which "
    )
    with pytest.raises(RunError, match=words + "0.5 .* norm .* step_size below 0.4"):
        evolution.run(1.0)
    assert torch.equal(as_vector(evolution.tdvp.state), as_vector(start))


def test_states_that_are_lost_are_put_back() -> None:
    tdvp = table()
    evolution = Evolution(tdvp, method="euler", step_size=0.02)
    evolution.run(0.02)
    velocity = tdvp.velocity
    for factor, words in ((40.0, "the energy went from"), (math.nan, "the parameters")):
        found = velocity()  # one that leads nowhere
        tdvp.velocity = partial(_times_new, velocity, factor)  # type: ignore[method-assign]
        evolution._velocity = _times(found, factor)
        with pytest.raises(RunError, match=rf"step \d, at time 0.0\d+: {words}"):
            evolution.run(1.0)
        kept = evolution.state_dict()["place"]["vector"]
        assert torch.equal(as_vector(tdvp.state), kept)
    tdvp.velocity = velocity  # type: ignore[method-assign]
    seen = len(evolution.trajectory.moments)
    assert len(evolution.run(evolution.time + 0.02).times) == seen + 1


def _times_new(velocity: Any, factor: float) -> Any:
    return _times(velocity(), factor)


def _times(velocity: Any, factor: float) -> Any:
    from attrs import evolve

    return evolve(velocity, value=factor * velocity.value)


def test_imaginary_time_that_rises_is_refused() -> None:
    tdvp = table(imaginary=True)
    velocity = tdvp.velocity
    tdvp.velocity = lambda: _times(velocity(), -40.0)  # type: ignore[method-assign]
    with pytest.raises(RunError, match="the energy rose from"):
        Evolution(tdvp, method="euler", step_size=0.01).run(1.0)


def test_steps_that_cannot_meet_the_tolerance() -> None:
    chains = Metropolis.flips(N, chains=4, generator=torch.Generator().manual_seed(0))
    tdvp = TDVP(OPERATOR, table().state, chains, snr=0)
    with pytest.raises(
        RunError, match="still differ by more than the tolerance 1e-300"
    ):
        Evolution(tdvp, method="heun", tolerance=1e-300).run(1.0)


def test_eigenstates_stay() -> None:
    plus = SpinOperator.of(qml.sum(*(qml.X(k) for k in range(N))))
    state = table_state(torch.zeros(2**N, 2).double())
    path = Evolution(TDVP(plus, state, FullSummation(N)), step_size=0.5).run(1.0)
    assert not as_vector(state).any()
    assert np.isnan(path.snr).all()
    assert np.isnan(path.residuals).all()
    assert path.drift == path.lost == 0


def test_wrong_arguments() -> None:
    with pytest.raises(ArgumentError, match=r"time: expected one from 0 on, got -1\.0"):
        Evolution(table()).run(-1.0)
    with pytest.raises(ArgumentError, match="time: expected a finite number, got nan"):
        Evolution(table()).run(math.nan)
    with pytest.raises(ArgumentError, match="tolerance: expected a number above 0"):
        Evolution(table(), method="heun", tolerance=0.0)
    with pytest.raises(ArgumentError, match="'rk4' does not know its error; use"):
        Evolution(table(), tolerance=1e-3)
    with pytest.raises(ArgumentError, match="step_size: expected a number above 0"):
        Evolution(table(), step_size=-0.1)
    with pytest.raises(
        ArgumentError, match=r"method: expected one of .*did you mean 'rk4'"
    ):
        Evolution(table(), method="rk5")
    with pytest.raises(
        ArgumentError, match="observables: expected 3 sites, got 1 of 'x'"
    ):
        Evolution(table(), observables={"x": SpinOperator.of(qml.X(0))})
    with pytest.raises(TypeError, match=r"observables\['x'\]: expected a SpinOperator"):
        Evolution(table(), observables={"x": qml.X(0)})
    with pytest.raises(RunError, match="nothing was seen yet"):
        Evolution(table()).trajectory  # noqa: B018
