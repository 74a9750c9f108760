"""What every estimator is: likelihoods by brute force, bars that cover."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.tomography import (
    DensityMatrix,
    LinearInversion,
    MaximumLikelihood,
    Measurements,
    Spread,
    bootstrap,
    log_likelihood,
    pauli_bases,
)

VECTORS = {
    "X": np.array([[1, 1], [1, -1]]) / np.sqrt(2),
    "Y": np.array([[1, 1j], [1, -1j]]) / np.sqrt(2),
    "Z": np.eye(2),
}


def by_hand(state: DensityMatrix, data: Measurements) -> float:
    """Outcome by outcome, over all that it may have been before it was read."""
    total = 0.0
    for bits, of, count in zip(data.outcomes, data.of, data.counts, strict=True):
        chance = 0.0
        for true in product((0, 1), repeat=data.num_wires):
            vector, weight = np.ones(1), 1.0
            for wire, bit in enumerate(true):
                vector = np.kron(vector, VECTORS[data.bases[of][wire]][bit])
                if data.confusion is not None:
                    weight *= float(data.confusion[wire, bit, bits[wire]])
                else:
                    weight *= bit == bits[wire]
            chance += weight * float(np.vdot(vector, state.matrix @ vector).real)
        total += count * math.log(chance)
    return total


@pytest.mark.parametrize("num_wires", [1, 3])
@pytest.mark.parametrize("misreads", [False, True])
def test_log_likelihood_is_that_by_hand(num_wires: int, misreads: bool) -> None:
    generator = np.random.default_rng(num_wires)
    parts = generator.normal(size=(2, 2**num_wires, 2))
    state = DensityMatrix.from_factor(parts[0] + 1j * parts[1])
    one = [[0.9, 0.1], [0.2, 0.8]]
    confusion = [one] * num_wires if misreads else None
    data = state.sample(pauli_bases(num_wires), 5, seed=0, confusion=confusion)
    assert log_likelihood(state, data) == pytest.approx(by_hand(state, data))


def test_what_cannot_be_has_no_likelihood() -> None:
    data = Measurements.from_counts({"Z": {"0": 1, "1": 1}}, order="first")
    assert log_likelihood(DensityMatrix([1, 0]), data) == -math.inf


def test_the_state_must_have_the_wires() -> None:
    data = Measurements.from_counts({"Z": {"0": 1}}, order="first")
    with pytest.raises(ShapeError, match="expected words of 2 letters, got 'Z'"):
        log_likelihood(DensityMatrix.maximally_mixed(2), data)


def test_bars_are_as_long_as_estimates_differ() -> None:
    """The bootstrap's error of `⟨ZZ⟩` is that of the binomial distribution."""
    state = DensityMatrix([1, 0.5, 0.5, 1]).depolarised(0.6)
    exact = state.expectation("ZZ")
    shots, inside, errors = 200, 0, []
    for seed in range(30):
        data = state.sample(pauli_bases(2), shots, seed)
        spread = bootstrap(
            LinearInversion(), data, lambda found: found.expectation("ZZ"), 25, seed
        )
        low, high = spread.interval(0.9)
        inside += low <= exact <= high
        errors.append(spread.error)
    expected = math.sqrt((1 - exact**2) / shots)
    assert np.mean(errors) == pytest.approx(expected, rel=0.1)
    assert inside >= 22  # 27 are expected, with a deviation of 2


def test_several_figures_at_once() -> None:
    data = DensityMatrix([1, 1j]).sample(pauli_bases(1), 50, seed=0)
    spread = bootstrap(
        MaximumLikelihood(),
        data,
        lambda state: [state.purity, state.expectation("Y")],
        repeats=5,
        seed=0,
    )
    assert spread.values.shape == (5, 2)
    assert spread.error.shape == (2,)
    again = bootstrap(
        MaximumLikelihood(),
        data,
        lambda state: [state.purity, state.expectation("Y")],
        repeats=5,
        seed=0,
    )
    assert np.array_equal(spread.values, again.values)


def test_intervals_are_quantiles() -> None:
    low, high = Spread(np.arange(101.0)).interval(0.5)
    assert (low, high) == (25, 75)
    with pytest.raises(ArgumentError, match="level: expected a number from 0 to 1"):
        Spread(np.arange(3.0)).interval(1.0)


def test_one_repeat_has_no_bar() -> None:
    data = DensityMatrix([1, 0]).sample(pauli_bases(1), 5, seed=0)
    with pytest.raises(ArgumentError, match="repeats: expected at least 2, got 1"):
        bootstrap(LinearInversion(), data, lambda state: state.purity, repeats=1)


def test_errors_of_estimators_come_through() -> None:
    data = DensityMatrix([1, 0]).sample(["Z"], 5, seed=0)
    with pytest.raises(DataError, match="not measured: X, Y"):
        bootstrap(LinearInversion(), data, lambda state: state.purity)
