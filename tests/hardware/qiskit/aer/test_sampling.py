from __future__ import annotations

import numpy as np
import pytest

from qml_qdl.hardware.qiskit.aer.sampling import from_dictionaries, sample_counts


@pytest.mark.parametrize("outcomes", [2, 16, 4096])
def test_frequencies_agree_with_the_probabilities(outcomes: int) -> None:
    rng = np.random.default_rng(0)
    exact = rng.dirichlet(np.ones(outcomes), 3)
    exact[:, -1] = 0
    exact /= exact.sum(axis=1, keepdims=True)
    shots = 20_000
    sampled = sample_counts(exact, shots, rng)
    found = sampled.marginal(range(sampled.num_bits)[::-1])
    assert (found[:, -1] == 0).all()
    errors = np.sqrt(exact * (1 - exact) / shots)
    assert (np.abs(found - exact) <= 6 * errors + 2 / shots).all()


@pytest.mark.parametrize("outcomes", [2, 4096])
def test_shots_come_in_random_order(outcomes: int) -> None:
    # The first half of the shots must not be the smaller outcomes: shot vectors and
    # samples are cut from the front.
    counts = sample_counts(np.ones((1, outcomes)), 4000, np.random.default_rng(1))
    sampled = counts.bits[0] @ (1 << np.arange(counts.num_bits))
    first, second = sampled[:2000].mean(), sampled[2000:].mean()
    assert abs(first - second) < 5 * outcomes * np.sqrt(2 / 12 / 2000)


def test_rounding_below_zero_is_no_probability() -> None:
    sampled = sample_counts(
        np.array([[-1e-17, 1.0 + 1e-12]]), 100, np.random.default_rng(0)
    )
    assert sampled.bits.all()


def test_counts_of_many_bits_are_unpacked() -> None:
    top = hex(1 << 69)
    rng = np.random.default_rng(0)
    found = from_dictionaries([{top: 2, "0x3": 1}, {"0x0": 3}], 70, 3, rng).bits
    assert found.shape == (2, 3, 70)
    assert sorted(np.flatnonzero(row).tolist() for row in found[0]) == [
        [0, 1],
        [69],
        [69],
    ]
    assert not found[1].any()


def test_counts_of_few_bits_are_a_table() -> None:
    rng = np.random.default_rng(0)
    found = from_dictionaries([{"0x2": 2, "0x3": 1}, {"0x0": 3}], 2, 3, rng)
    expected = np.array([[0, 0, 2 / 3, 1 / 3], [1, 0, 0, 0]])
    np.testing.assert_allclose(found.marginal([1, 0]), expected)
    assert sorted(found.bits[0].tolist()) == [[0, 1], [0, 1], [1, 1]]
