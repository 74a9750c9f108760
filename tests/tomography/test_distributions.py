"""Histograms and log-linear models: beside brute force, cvxpy and exact states."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    MemoryBoundError,
)
from qml_qdl.manybody import Lattice, ground_state, transverse_ising
from qml_qdl.tomography import (
    DensityMatrix,
    Histogram,
    LogLinear,
    Measurements,
)
from qml_qdl.tomography.distributions import as_symmetries, orbits
from qml_qdl.tomography.measurements import misread

Reals = NDArray[np.float64]


def ising(num_wires: int) -> DensityMatrix:
    """The ground state of the open critical chain."""
    chain = Lattice.chain(num_wires, periodic=False)
    return DensityMatrix(ground_state(transverse_ising(chain)).vectors[:, 0])


def z_shots(
    state: DensityMatrix, count: int, seed: int = 0, confusion: Any = None
) -> Measurements:
    """Shots in Z."""
    return state.sample(["Z" * state.num_wires], count, seed, confusion)


def flips(num_wires: int) -> Reals:
    """Wires that are misread, each in its own way."""
    wrong = np.linspace(0.02, 0.1, num_wires)
    return np.array([[[1 - each, each], [2 * each, 1 - 2 * each]] for each in wrong])


def probabilities(state: DensityMatrix) -> Reals:
    """Those of outcomes in Z; the amplitudes are positive."""
    assert (state.factor.real >= 0).all()
    return np.square(state.factor[:, 0].real)


# ---- symmetries ----


def test_orbits_are_those_of_the_group() -> None:
    ring = Lattice.chain(5)
    found = orbits(ring.translations, 5, spin_flip=True)
    for code in range(32):
        bits = (code >> np.arange(5)[::-1]) & 1
        images = [bits[row] for row in ring.translations]
        images += [1 - image for image in images]
        alike = {int(image @ (1 << np.arange(5)[::-1])) for image in images}
        assert alike == set(np.flatnonzero(found == found[code]).tolist())


def test_one_generator_is_enough() -> None:
    shift = np.roll(np.arange(6), 1)[None]
    assert np.array_equal(orbits(shift, 6), orbits(as_symmetries("translations", 6), 6))


def test_symmetries_have_names() -> None:
    assert as_symmetries("reflection", 3).tolist() == [[0, 1, 2], [2, 1, 0]]
    assert len(as_symmetries("ring", 5)) == 10
    with pytest.raises(ArgumentError, match=r"one of 'reflection', .* did you mean"):
        as_symmetries("reflections", 3)
    with pytest.raises(ArgumentError, match="each of 0 … 2 once in each row"):
        as_symmetries([0, 1], 3)


# ---- histograms ----


def test_a_histogram_is_frequencies() -> None:
    data = Measurements.from_counts({"ZZ": {"01": 3, "11": 1}}, order="first")
    found = Histogram().fit(data)
    assert np.allclose(probabilities(found.state), [0, 0.75, 0, 0.25])
    assert found.gap == 0


def test_a_symmetrised_histogram_is_the_mean_of_images() -> None:
    counts = np.random.default_rng(0).integers(0, 9, size=16)
    bits = (np.arange(16)[:, None] >> np.arange(4)[::-1]) & 1
    data = Measurements(("ZZZZ",), bits, np.zeros(16, int), counts, 4)
    found = Histogram(permutations="reflection", spin_flip=True).fit(data)
    table = counts.reshape(2, 2, 2, 2)
    table = table + table.transpose(3, 2, 1, 0)
    table = table + table[::-1, ::-1, ::-1, ::-1]
    expected = table.ravel() / (4 * counts.sum())
    assert np.allclose(probabilities(found.state), expected)


@pytest.mark.parametrize("spin_flip", [False, True])
def test_misread_histograms_are_the_most_likely(spin_flip: bool) -> None:
    import cvxpy

    data = z_shots(ising(3), 60, confusion=flips(3))
    found = Histogram(permutations="reflection", spin_flip=spin_flip).fit(data)
    read = np.stack([misread(row, data.confusion) for row in np.eye(8)], axis=1)
    alike = orbits(as_symmetries("reflection", 3), 3, spin_flip=spin_flip)
    chances = cvxpy.Variable(8, nonneg=True)
    counts = data.histogram("ZZZ")
    same = [
        chances[i] == chances[j]
        for i, j in combinations(range(8), 2)
        if alike[i] == alike[j]
    ]
    goal = cvxpy.sum(cvxpy.multiply(counts, cvxpy.log(read @ chances)))
    cvxpy.Problem(cvxpy.Maximize(goal), [cvxpy.sum(chances) == 1, *same]).solve(
        solver="CLARABEL"
    )
    mine = counts @ np.log(read @ probabilities(found.state))
    assert found.converged
    assert mine == pytest.approx(float(goal.value), abs=1e-3)
    assert np.allclose(probabilities(found.state), chances.value, atol=2e-3)


def test_misread_shots_of_many_give_the_state_back() -> None:
    exact = ising(4)
    data = z_shots(exact, 10**6, confusion=flips(4))
    assert Histogram().fit(data).state.fidelity(exact) > 0.9999


# ---- log-linear models ----


def by_brute_force(
    data: Measurements, words: list[list[tuple[int, ...]]], ridges: Reals
) -> Reals:
    """The same maximum with all features of all configurations, by SciPy."""
    size = data.num_wires
    spins = 1 - 2 * ((np.arange(2**size)[:, None] >> np.arange(size)[::-1]) & 1)
    features = np.stack(
        [sum(spins[:, list(word)].prod(axis=1) for word in tied) for tied in words], 1
    )
    counts = data.histogram("Z" * size)

    def distribution(couplings: Reals) -> Reals:
        energies = features @ couplings
        chances = np.exp(energies - energies.max())
        normalised: Reals = chances / chances.sum()
        return normalised

    def lack(couplings: Reals) -> float:
        read = misread(distribution(couplings), data.confusion)
        return float(-counts @ np.log(read) + ridges @ couplings**2 / 2)

    found = minimize(lack, np.zeros(len(words)), options={"gtol": 1e-6})
    return distribution(found.x)


@pytest.mark.parametrize("confusion", [None, flips(4)], ids=["read", "misread"])
def test_it_is_the_maximum_by_brute_force(confusion: Any) -> None:
    data = z_shots(ising(4), 300, confusion=confusion)
    model = LogLinear(
        orders=(1, 2, 4), permutations="reflection", ridges=(3.0, 2.0, 5.0)
    )
    words: list[list[tuple[int, ...]]] = [
        [(0,), (3,)], [(1,), (2,)],
        [(0, 1), (2, 3)], [(1, 2)], [(0, 2), (1, 3)], [(0, 3)],
        [(0, 1, 2, 3)],
    ]  # fmt: skip
    ridges = np.array([3, 3, 2 * 4, 2 * 4, 2 * 9, 2 * 16, 5 * 16.0])
    found = model.fit(data)
    assert found.converged
    expected = by_brute_force(data, words, ridges)
    assert np.allclose(probabilities(found.state), expected, atol=1e-5)
    assert found.chosen == {"ridge_1": 3, "ridge_2": 2, "ridge_4": 5}


def test_moments_are_those_of_the_data() -> None:
    data = z_shots(ising(6), 500)
    found = LogLinear(orders=(1, 2), ridges=(0, 0)).fit(data).state
    seen = Histogram().fit(data).state
    for word in ("ZIIIII", "IZIIZI", "IIIZZI"):
        moment = seen.expectation(word)
        assert found.expectation(word) == pytest.approx(moment, abs=1e-4)


def test_a_chosen_ridge_is_worth_it() -> None:
    exact = ising(8)
    plain, chosen, counted = [], [], []
    for seed in range(4):
        data = z_shots(exact, 100, seed)
        free = LogLinear(orders=(2,), permutations="reflection", ridges=(0,))
        plain.append(free.fit(data).state.fidelity(exact))
        found = LogLinear(permutations="reflection").fit(data)
        assert set(found.chosen) == {"ridge_2", "ridge_4"}
        chosen.append(found.state.fidelity(exact))
        counted.append(Histogram().fit(data).state.fidelity(exact))
    assert np.mean(chosen) > np.mean(plain) + 0.01 > np.mean(counted) + 0.1


def test_readout_is_part_of_the_likelihood() -> None:
    exact = ising(6)
    data = z_shots(exact, 5000, confusion=flips(6))
    blind = Measurements(data.bases, data.outcomes, data.of, data.counts, 6)
    model = LogLinear(orders=(2,), ridges=(1,))
    assert model.fit(data).state.fidelity(exact) > 0.99
    assert model.fit(blind).state.fidelity(exact) < 0.97


def test_what_never_varies_is_finite() -> None:
    data = Measurements.from_counts({"ZZZ": {"000": 30}}, order="first")
    found = LogLinear(orders=(1, 2)).fit(data)
    assert np.isfinite(found.state.factor).all()
    assert probabilities(found.state)[0] > 0.9


def test_one_wire_has_fields_alone() -> None:
    data = Measurements.from_counts({"Z": {"0": 30, "1": 10}}, order="first")
    found = LogLinear(orders=(1,), ridges=(0,)).fit(data)
    assert np.allclose(probabilities(found.state), [0.75, 0.25])
    with pytest.raises(ArgumentError, match="orders: expected some of 1 … 1, as there"):
        LogLinear().fit(data)


# ---- bad input ----


@pytest.mark.parametrize("estimator", [Histogram(), LogLinear()])
def test_bases_other_than_z_are_not_left_out_silently(estimator: Any) -> None:
    state = ising(3)
    both = state.sample(["ZZZ", "XXX"], 20, seed=0)
    text = "got 1 other bases such as XXX; it would leave them out: pass data.in_bases"
    with pytest.raises(DataError, match=text):
        estimator.fit(both)
    with pytest.raises(DataError, match="such as XXX; measure in ZZZ"):
        estimator.fit(state.sample(["XXX"], 20, seed=0))


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: LogLinear(orders=()), ArgumentTypeError, "orders: expected lengths"),
        (lambda: LogLinear(orders=(2, 2)), ArgumentError, "each once, got [2, 2]"),
        (lambda: LogLinear(orders=(0,)), ArgumentError, "orders: expected at least 1"),
        (
            lambda: LogLinear(ridges=(1.0,)),
            ArgumentError,
            "ridges: expected a number for each of 2 orders, got (1.0,)",
        ),
        (
            lambda: LogLinear(ridges=(1.0, -1.0)),
            ArgumentError,
            "ridges: expected a number above",
        ),
        (
            lambda: Histogram(spin_flip=1),  # type: ignore[arg-type]
            ArgumentTypeError,
            "spin_flip: expected True or False, got 1",
        ),
    ],
)
def test_options_are_checked(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=re.escape(text)):
        make()


def test_too_many_wires_are_told_in_bytes() -> None:
    data = Measurements.from_bits(["Z" * 15], [np.zeros((8, 15), int)])
    with pytest.raises(
        MemoryBoundError, match="15 wires in 1 bases takes 262,144 bytes"
    ):
        Histogram().fit(data)


def test_too_many_words_are_told() -> None:
    data = Measurements.from_bits(["Z" * 14], [np.zeros((8, 14), int)])
    with pytest.raises(ArgumentError, match="at most 6000 products of spins, got 9,4"):
        LogLinear(orders=(5, 6, 7, 4)).fit(data)
