"""Samplers against exact probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from scipy.stats import chi2
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.manybody import (
    AutoregressiveSampler,
    AutoregressiveState,
    Blurred,
    FullSummation,
    Means,
    Metropolis,
    NeuralState,
    RBMState,
)
from qml_qdl.models import AutoregressiveNetwork
from tests.manybody.tables import all_spins, table_state

N = 6
RING = [(i, (i + 1) % N) for i in range(N)]


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def chains(kind: str, **options: Any) -> Metropolis:
    if kind == "flips":
        return Metropolis.flips(N, generator=seeded(), **options)
    moment = {"exchange": 0, "exchange of one": 4}[kind]
    return Metropolis.exchange(
        N, RING, magnetisation=moment, generator=seeded(), **options
    )


def counted(spins: Tensor) -> Tensor:
    places = torch.arange(N - 1, -1, -1)
    return torch.bincount(((spins < 0).long() << places).sum(1), minlength=2**N)


def real() -> NeuralState:
    return table_state(torch.randn(2**N, generator=seeded()).double() / 2)


def with_phases() -> NeuralState:
    return table_state(torch.randn(2**N, 2, generator=seeded()).double() / 2)


def machine() -> NeuralState:
    return RBMState(N, scale=0.3, dtype=torch.float64, generator=seeded())


@pytest.mark.parametrize("make", [real, with_phases, machine])
@pytest.mark.parametrize("kind", ["flips", "exchange", "exchange of one"])
def test_chains_have_the_exact_probabilities(
    kind: str, make: Callable[[], NeuralState]
) -> None:
    state, sampler = make(), chains(kind, chains=4000, steps=60)
    samples = sampler.sample(state)
    spins = all_spins(N)
    with torch.no_grad():
        chances = state(spins).real.mul(2).exp()
    if kind != "flips":
        chances[spins.sum(1) != sampler.spins[0].sum()] = 0
    expected = chances / chances.sum() * len(samples.spins)
    found = counted(samples.spins)
    there = expected > 0
    assert not found[~there].any()
    deviation = ((found - expected)[there] ** 2 / expected[there]).sum()
    assert deviation < chi2.ppf(0.999, int(there.sum()) - 1)
    assert samples.acceptance is not None
    assert 0.05 < samples.acceptance < 1


@pytest.mark.parametrize("num_ones", [None, 3])
def test_networks_sample_their_own_probabilities(num_ones: int | None) -> None:
    network = AutoregressiveNetwork(
        N, num_ones=num_ones, generator=seeded(), dtype=torch.float64
    )
    state = AutoregressiveState(network)
    samples = AutoregressiveSampler(4000, generator=seeded()).sample(state)
    with torch.no_grad():
        expected = 4000 * state(all_spins(N)).mul(2).exp()
    there = expected > 0
    found = counted(samples.spins)
    assert not found[~there].any()
    deviation = ((found - expected)[there] ** 2 / expected[there]).sum()
    assert deviation < chi2.ppf(0.999, int(there.sum()) - 1)


def test_only_some_states_sample_themselves() -> None:
    with pytest.raises(ArgumentTypeError, match="state: expected an Autoregressive"):
        AutoregressiveSampler().sample(machine())


def test_the_full_sum_has_the_exact_probabilities() -> None:
    state, spins = with_phases(), all_spins(N)
    samples = FullSummation(N).sample(state)
    assert samples.weights is not None
    weights = state(spins).detach().exp().abs().square()
    torch.testing.assert_close(samples.weights, weights / weights.sum())
    values = torch.randn(2**N, 3)
    torch.testing.assert_close(
        samples.mean(values), (samples.weights[:, None] * values).sum(0).float()
    )


@pytest.mark.parametrize("kind", ["flips", "exchange"])
def test_what_goes_on_goes_on_bit_for_bit(kind: str) -> None:
    state, sampler = machine(), chains(kind, chains=10)
    sampler.sample(state)
    kept = sampler.state_dict()
    kept = {k: v.clone() for k, v in kept.items()}
    expected = sampler.sample(state).spins
    other = chains(kind, chains=10)
    other.load_state_dict(kept)
    assert torch.equal(other.sample(state).spins, expected)


def test_the_seed_of_torch_decides_without_a_generator() -> None:
    found = []
    for _ in range(2):
        torch.manual_seed(5)
        found.append(Metropolis.flips(N, chains=8).sample(machine()).spins)
    assert torch.equal(*found)


def test_single_precision() -> None:
    state = RBMState(N, dtype=torch.float32)
    assert chains("flips", chains=4).sample(state).spins.dtype == torch.float32


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: chains("flips", sweeps=0), "sweeps"),
        (lambda: chains("flips", steps=0), "steps"),
        (
            lambda: Metropolis.exchange(N, RING, magnetisation=1),
            "magnetisation: 6 spins ±1 cannot sum to 1; expected one of 6, 4, …, -6",
        ),
        (
            lambda: FullSummation(N).sample(
                table_state(torch.full((2**N,), -torch.inf))
            ),
            "state: its amplitudes vanish on every configuration",
        ),
        (
            lambda: chains("flips", chains=3).sample(
                table_state(torch.full((2**N,), -torch.inf))
            ),
            "state: its amplitudes vanish on every configuration",
        ),
    ],
)
def test_bad_input(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        make()


@pytest.mark.parametrize("kind", ["flips", "exchange"])
def test_blurred_samples_have_the_weights_that_mend_them(kind: str) -> None:
    """Frequencies are what the kernel makes of |ψ|², means those of |ψ|²."""
    generator = seeded(4)
    state = table_state(0.3 * torch.randn(2**N, 2, generator=generator).double())
    sampler = chains(kind, chains=500, sweeps=40)
    sampler.sample(state, 100)
    blurred = Blurred(sampler, 0.4, generator=seeded(5))
    samples = blurred.sample(state)
    assert samples.drawn
    assert not samples.is_exact
    spins = all_spins(N)
    if kind == "exchange":
        spins = spins[spins.sum(1) == 0]
    chances = (2 * state(spins).detach().real).softmax(0)
    index = {tuple(row): k for k, row in enumerate(spins.tolist())}
    kernel = torch.zeros(len(spins), len(spins)).double()
    for k, row in enumerate(spins):
        for move in sampler.moves:
            other = row.where(~move, -row)
            kernel[index.get(tuple(other.tolist()), k), k] += 1 / len(sampler.moves)
    mixed = 0.6 * chances + 0.4 * kernel @ chances
    found = [index[tuple(row)] for row in samples.spins.tolist()]
    counts = torch.bincount(torch.tensor(found), minlength=len(spins)).double()
    assert (counts / counts.sum() - mixed).abs().sum() < 0.08
    weights = samples.weights
    assert weights is not None
    wanted = (chances / mixed)[found]
    assert float(wanted.max()) < 1 / 0.6 + 1e-9
    torch.testing.assert_close(weights, wanted / wanted.sum(), rtol=1e-9, atol=0)
    values = samples.spins[:, :2].prod(1)
    exact = float(chances @ spins[:, :2].prod(1))
    assert abs(float(samples.mean(values)) - exact) < 5 * float(samples.error(values))


def test_blurred_samples_stand_near_nodes() -> None:
    """Where an amplitude nearly vanishes chains never are, blurred ones are."""
    values = torch.zeros(2**N, 2).double()
    values[0, 0] = -20.0
    state = table_state(values)
    rows = {}
    for name in ("chains", "blurred"):
        sampler: Any = chains("flips", chains=500, sweeps=4)
        if name == "blurred":
            sampler = Blurred(sampler, 0.3, generator=seeded(1))
        samples = sampler.sample(state)
        rows[name] = int((samples.spins == 1).all(1).sum())
    assert rows["chains"] == 0 < rows["blurred"]


def test_errors_of_weighted_samples_are_those_of_many() -> None:
    state = table_state(0.7 * torch.randn(2**N, 2, generator=seeded(4)).double())
    sampler = chains("flips", chains=100, sweeps=2, steps=30)
    sampler.sample(state, 10)
    blurred = Blurred(sampler, 0.4, generator=seeded(5))
    means, told = [], []
    for _ in range(100):
        samples = blurred.sample(state)
        values = samples.spins[:, 0]
        means.append(samples.mean(values))
        told.append(samples.error(values))
        again = Means.of(samples, lambda spins: spins[:, 0])
        torch.testing.assert_close(again.errors, told[-1])
        torch.testing.assert_close(again.values, means[-1])
    assert float(torch.stack(told).mean()) == pytest.approx(
        float(torch.stack(means).std()), rel=0.25
    )


def test_what_cannot_be_blurred() -> None:
    with pytest.raises(ArgumentError, match="FullSummation, which has nothing to be"):
        Blurred(FullSummation(N))
    with pytest.raises(
        ArgumentError, match="rate: expected a number above 0 and below 1"
    ):
        Blurred(chains("flips"), 1.0)
