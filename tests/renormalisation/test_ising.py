"""Chains and exact sums against sums over all configurations."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from scipy.stats import chi2
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.renormalisation import (
    CRITICAL_COUPLING,
    IsingClusters,
    IsingMetropolis,
    IsingModel,
    IsingSampler,
    onsager_energy,
)

MODELS = [
    IsingModel((2, 3), 0.3, 0.2),
    IsingModel((3, 3), -0.4, 0.1),
    IsingModel((4, 3), 0.5),
    IsingModel((2, 2), -0.2, -0.3),
    IsingModel((3, 4), 0.0, 0.4),
    IsingModel((2, 5), 0.0),
]
CHAINS = [(IsingMetropolis, {}), (IsingClusters, {}), (IsingClusters, {"single": True})]


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def all_spins(sites: int) -> Tensor:
    rows = list(itertools.product((1.0, -1.0), repeat=sites))
    return torch.tensor(rows, dtype=torch.float64)


def energy_by_hand(model: IsingModel, row: Tensor) -> float:
    """Bond by bond; to the right and down, over the edge."""
    rows, columns = model.shape
    spins, total = row.reshape(rows, columns).tolist(), 0.0
    for i, j in itertools.product(range(rows), range(columns)):
        neighbours = spins[(i + 1) % rows][j] + spins[i][(j + 1) % columns]
        total -= spins[i][j] * (model.coupling * neighbours + model.field)
    return total


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_exact_sums(model: IsingModel) -> None:
    spins = all_spins(model.num_sites)
    energies = model.energy(spins)
    for row in range(0, len(spins), 37):
        assert energy_by_hand(model, spins[row]) == pytest.approx(float(energies[row]))
    assert model.log_partition() == pytest.approx(float((-energies).logsumexp(0)))
    mean = float(energies @ (-energies).softmax(0))
    assert model.exact_energy() == pytest.approx(mean, abs=1e-12)


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize(("kind", "options"), CHAINS)
def test_chains_have_the_exact_probabilities(
    kind: type[IsingSampler], options: dict[str, Any], model: IsingModel
) -> None:
    """Each configuration as often as it should, in chains that are independent."""
    if model.field and kind is IsingClusters:
        return
    sampler = kind(model, 4000, steps=40, generator=seeded(), **options)
    found = sampler.sample().spins
    places = 2 ** torch.arange(model.num_sites - 1, -1, -1)
    counts = ((found < 0).long() * places).sum(1).bincount(minlength=2**model.num_sites)
    expected = (-model.energy(all_spins(model.num_sites))).softmax(0) * len(found)
    common = expected > 5  # the rest is one class
    pairs = [(counts[common], expected[common])]
    if not common.all():
        pairs.append((counts[~common].sum()[None], expected[~common].sum()[None]))
    off = sum(float(((n - m) ** 2 / m).sum()) for n, m in pairs)
    assert off < chi2.ppf(0.9999, sum(len(n) for n, _ in pairs) - 1 or 1)


@pytest.mark.parametrize(("kind", "options"), CHAINS)
def test_chains_at_the_critical_point(
    kind: type[IsingSampler], options: dict[str, Any]
) -> None:
    model = IsingModel((8, 8))
    sampler = kind(model, 200, generator=seeded(), **options)
    sampler.sample(200 if kind is IsingMetropolis else 40)
    found = model.estimate(sampler.sample(100))
    assert abs(found.energy - model.exact_energy()) < 4 * found.error
    assert found.error < 0.3
    assert found.r_hat is not None
    slow = kind is IsingMetropolis
    assert found.r_hat < (1.5 if slow else 1.05)


def test_clusters_forget_sooner() -> None:
    model = IsingModel((16, 16))
    times = []
    for kind in (IsingMetropolis, IsingClusters):
        sampler = kind(model, 100, generator=seeded())
        sampler.sample(50)
        time = model.estimate(sampler.sample(100)).autocorrelation_time
        assert time is not None
        times.append(time)
    assert times[1] < times[0] / 2


def test_free_spins_move_by_themselves() -> None:
    """Where turning costs nothing, a lattice must not turn as a whole."""
    sampler = IsingMetropolis(IsingModel((4, 4), 0.0), 50, generator=seeded())
    rows = sampler.sample(40).spins.reshape(40, 50, 16)
    assert len({tuple(row.tolist()) for row in rows[:, 0]}) > 30
    assert not rows[-1].abs().sub(1).any()


def test_infinite_lattices() -> None:
    """Large ones are near, away from the critical point; there it is −√2 K."""
    for coupling in (0.2, -0.3, 0.6):
        model = IsingModel((10, 40), coupling)
        near = model.exact_energy() / 400
        assert onsager_energy(coupling) == pytest.approx(near, abs=2e-3)
    critical = onsager_energy(CRITICAL_COUPLING)
    assert critical == pytest.approx(-math.sqrt(2) * CRITICAL_COUPLING)
    assert onsager_energy(CRITICAL_COUPLING + 1e-9) == pytest.approx(critical, 1e-6)
    assert onsager_energy(0) == 0
    assert onsager_energy(5.0) == pytest.approx(-10, rel=1e-6)


def test_they_go_on_bit_for_bit() -> None:
    for kind in (IsingMetropolis, IsingClusters):
        sampler = kind(IsingModel((4, 5)), 10, generator=seeded())
        sampler.sample(3)
        kept = sampler.state_dict()
        expected = sampler.sample(2).spins
        other = kind(IsingModel((4, 5)), 10)
        other.load_state_dict(kept)
        assert torch.equal(other.sample(2).spins, expected)


def test_ordered_chains_begin_up() -> None:
    sampler = IsingClusters(IsingModel((4, 4), 3.0), 5, ordered=True)
    assert bool((sampler.spins == 1).all())
    assert bool((sampler.sample().spins.sum(1).abs() == 16).all())


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: IsingModel((1, 4)), ArgumentError, "shape: expected at least 2, got"),
        (lambda: IsingModel(4), ArgumentTypeError, "shape: expected two sides such"),
        (lambda: IsingModel((4, 4), math.nan), ArgumentError, "coupling: expected"),
        (
            lambda: IsingModel((12, 12)).log_partition(),
            ArgumentError,
            "shape: transfer matrices are made of sides up to 11",
        ),
        (
            lambda: IsingClusters(IsingModel((4, 4), 0.4, 0.1)),
            ArgumentError,
            "model: clusters turn freely only without a field, got 0.1; use IsingM",
        ),
        (
            lambda: IsingModel((4, 4)).energy(torch.ones(2, 15)),
            ShapeError,
            r"spins: expected \(rows, 16\), one column for each site",
        ),
    ],
)
def test_bad_input(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
