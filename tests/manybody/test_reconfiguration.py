"""Stochastic reconfiguration against what it stands for."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.manybody import (
    FullSummation,
    GradientDescent,
    RBMState,
    StochasticReconfiguration,
    reconfiguration,
)
from qml_qdl.manybody.reconfiguration import (
    DenseDirections,
    Solver,
    conjugate_gradients,
)
from qml_qdl.manybody.samplers import Samples
from qml_qdl.manybody.states.state import as_real
from tests.manybody.tables import table_state

N = 4
EXACT = 1e-10


def hamiltonian(real: bool = False) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    shape = (2**N, 2**N)
    parts = [torch.randn(shape, generator=generator).double() for _ in range(2)]
    matrix = torch.complex(parts[0], parts[1] * (not real))
    matrix = matrix + matrix.mH
    return matrix.real if real else matrix


def summed(state: Any, matrix: Tensor) -> tuple[Samples, Tensor]:
    samples = FullSummation(N).sample(state)
    amplitudes = state(samples.spins).detach().exp().to(matrix.dtype)
    return samples, matrix @ amplitudes / amplitudes


def machine(dtype: torch.dtype) -> RBMState:
    torch.manual_seed(0)
    return RBMState(N, alpha=2, scale=0.3, dtype=dtype)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("solver", ["minsr", "cg", "auto"])
@pytest.mark.parametrize("weighted", [True, False])
def test_solvers_find_the_same_step(
    solver: Solver,
    dtype: torch.dtype,
    momentum: float,
    weighted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Conjugate gradients take the rows in several parts, at least 64 at once.
    monkeypatch.setattr(reconfiguration, "NUMBERS_AT_ONCE", 1)
    state = machine(dtype)
    samples, local = summed(state, hamiltonian())
    if not weighted:  # more rows than are taken at once, some of them several times
        rows = torch.arange(100) % 13
        samples, local = Samples(samples.spins[rows]), local[rows]
    options: Any = {"shift": 1e-3, "momentum": momentum, "tolerance": 1e-13}
    steps, sizes = [], []
    for each in ("cholesky", solver):
        descent = StochasticReconfiguration(state, solver=each, **options)
        size = sum(as_real(p).numel() for p in state.parameters())
        descent._last = torch.ones(size).double()
        directions = descent.directions(samples, local)
        steps.append(descent.direction(directions))
        sizes.append(directions.size())
    exact = 1e-8 if solver == "cg" else EXACT
    torch.testing.assert_close(steps[1], steps[0], rtol=exact, atol=exact)
    assert sizes[1] == pytest.approx(sizes[0], rel=EXACT)


def test_few_configurations_make_steps_careful() -> None:
    """The metric of ten thousand rows is trusted as that of all configurations is."""
    state = machine(torch.float64)
    before = {name: each.clone() for name, each in state.state_dict().items()}
    samples, local = summed(state, hamiltonian(real=True))
    lengths = []
    for count in (1, 100, 10_000, None):
        state.load_state_dict(before)
        if count is None:
            weights = torch.full((2**N,), 2.0**-N).double()
            chosen = Samples(samples.spins, weights)
        else:
            chosen = Samples(samples.spins.repeat(count, 1))
        descent = StochasticReconfiguration(state, max_norm=1e3)
        lengths.append(descent.update(chosen, local.repeat(count or 1)))
    assert lengths[0] < 0.99 * lengths[1] < 0.99 * lengths[2]
    assert lengths[2] == pytest.approx(lengths[3], rel=1e-2)


def test_gradients_that_are_only_applied_make_no_matrix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Conjugate gradients never ask for the Jacobian."""
    state = machine(torch.float64)
    monkeypatch.setattr(state, "jacobian", None)
    samples, local = summed(state, hamiltonian(real=True))
    assert StochasticReconfiguration(state, solver="cg").update(samples, local) > 0


def test_conjugate_gradients_that_do_not_converge_are_no_step() -> None:
    right = torch.ones(3).double()
    assert conjugate_gradients(lambda v: v * torch.nan, right, 1e-10).isnan().all()
    turned = torch.tensor([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]).double()
    assert conjugate_gradients(lambda v: turned @ v, right, 1e-10).isnan().all()
    assert conjugate_gradients(lambda v: v, right * torch.nan, 1e-10).isnan().all()


def test_momentum_is_that_of_spring() -> None:
    """d = argmin |Xd − e|² + Λ|d − μd'|²."""
    state = machine(torch.float64)
    directions = DenseDirections.of(state, *summed(state, hamiltonian(real=True)))
    descent = StochasticReconfiguration(state, shift=0.1, momentum=0.7)
    last = descent._last = torch.randn(directions.matrix.shape[1]).double()
    step = descent.direction(directions)
    x, e = directions.matrix, directions.target
    gradient = x.T @ (x @ step - e) + 0.1 * (step - 0.7 * last)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-10, rtol=0)


@pytest.mark.parametrize("phases", [False, True])
def test_on_all_states_a_step_is_imaginary_time(phases: bool) -> None:
    """With a parameter for each amplitude d log ψ = −η(E(s) − E): ψ follows −ηHψ."""
    matrix = hamiltonian(real=not phases)
    shape = (2**N, 2) if phases else (2**N,)
    state = table_state(torch.randn(shape).double() / 2)
    rate = 1e-8
    descent = StochasticReconfiguration(state, learning_rate=rate, shift=1e-11)
    samples, local = summed(state, matrix)
    before = state(samples.spins).detach().exp().to(matrix.dtype)
    descent.update(samples, local)
    change = state(samples.spins).detach().exp() - before
    expected = -rate * (matrix @ before - samples.mean(local).real * before)
    overlap = before.conj() @ (change - expected) / (before.conj() @ before)
    # Norm and phase of a state are free.
    torch.testing.assert_close(
        change - expected, overlap * before, rtol=0, atol=1e-4 * rate
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_gradients_are_those_of_the_energy(dtype: torch.dtype) -> None:
    state, matrix = machine(dtype), hamiltonian(real=dtype == torch.float64)
    samples, local = summed(state, matrix)
    directions = DenseDirections.of(state, samples, local)
    found = 2 * directions.matrix.T @ directions.target
    amplitudes = state(samples.spins).exp().to(matrix.dtype)
    energy = (amplitudes.conj() @ matrix @ amplitudes).real / (
        amplitudes.conj() @ amplitudes
    ).real
    gradients = torch.autograd.grad(energy, [*state.parameters()])
    flat = [torch.view_as_real(g) if g.is_complex() else g for g in gradients]
    expected = torch.cat([g.reshape(-1) for g in flat])
    torch.testing.assert_close(found, expected)
    descent = GradientDescent(state, torch.optim.SGD(state.parameters()))
    descent.update(samples, local)
    for parameter, gradient in zip(state.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_long_steps_are_shortened() -> None:
    state = machine(torch.float64)
    before = [p.detach().clone() for p in state.parameters()]
    samples, local = summed(state, hamiltonian(real=True))
    directions = DenseDirections.of(state, samples, local)
    descent = StochasticReconfiguration(
        state, learning_rate=5.0, shift=1e-3, max_norm=0.01
    )
    assert descent.update(samples, local) > 0.01
    moved = torch.cat(
        [
            (p.detach() - b).flatten()
            for p, b in zip(state.parameters(), before, strict=True)
        ]
    )
    assert math.isclose(float((directions.matrix @ moved).norm()), 0.01, rel_tol=1e-9)


@pytest.mark.parametrize(
    ("kind", "care"),
    [(StochasticReconfiguration, "radius"), (GradientDescent, "learning_rate")],
)
def test_no_numbers_change_nothing(kind: Any, care: str) -> None:
    state = machine(torch.float64)
    before = [p.detach().clone() for p in state.parameters()]
    samples, local = summed(state, hamiltonian(real=True))
    descent = kind(state)
    assert math.isnan(descent.update(samples, local * torch.nan))
    for parameter, kept in zip(state.parameters(), before, strict=True):
        assert torch.equal(parameter, kept)
    before_failure = getattr(descent, care)
    descent.weaken()
    assert getattr(descent, care) < before_failure


def test_a_metric_that_is_not_positive_is_no_step() -> None:
    state = machine(torch.float64)
    samples, local = summed(state, hamiltonian(real=True))
    descent = StochasticReconfiguration(state, solver="cholesky")
    descent.shift = -1.0
    assert math.isnan(descent.update(samples, local))


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_single_precision(dtype: torch.dtype) -> None:
    state = machine(dtype)
    samples, local = summed(state, hamiltonian())
    assert StochasticReconfiguration(state).update(samples, local) > 0


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": 0.0},
        {"shift": -1.0},
        {"shift": math.nan},
        {"max_norm": 0.0},
        {"solver": "lu"},
        {"momentum": 1.0},
        {"momentum": -0.1},
    ],
    ids=str,
)
def test_bad_input(options: Any) -> None:
    with pytest.raises(ArgumentError, match=next(iter(options))):
        StochasticReconfiguration(machine(torch.float64), **options)
