from __future__ import annotations

import numpy as np
import pytest

from qml_qdl.hardware.qiskit.executors.draws import (
    counts_to_bits,
    draw,
    outcomes_to_bits,
)


@pytest.mark.parametrize("outcomes", [3, 16, 5000])
def test_frequencies_agree_with_the_probabilities(outcomes: int) -> None:
    rng = np.random.default_rng(0)
    exact = rng.dirichlet(np.ones(outcomes), 3)
    exact[:, -1] = 0
    exact /= exact.sum(axis=1, keepdims=True)
    shots = 20_000
    drawn = draw(exact, shots, rng)
    found = np.array([np.bincount(row, minlength=outcomes) for row in drawn]) / shots
    assert (found[:, -1] == 0).all()
    errors = np.sqrt(exact * (1 - exact) / shots)
    assert (np.abs(found - exact) <= 6 * errors + 2 / shots).all()


@pytest.mark.parametrize("outcomes", [2, 4096])
def test_shots_come_in_random_order(outcomes: int) -> None:
    # The first half of the shots must not be the smaller outcomes: shot vectors and
    # samples are cut from the front.
    drawn = draw(np.ones((1, outcomes)), 4000, np.random.default_rng(1))[0]
    first, second = drawn[:2000].mean(), drawn[2000:].mean()
    assert abs(first - second) < 5 * outcomes * np.sqrt(2 / 12 / 2000)


def test_rounding_below_zero_is_no_probability() -> None:
    drawn = draw(np.array([[-1e-17, 1.0 + 1e-12]]), 100, np.random.default_rng(0))
    assert (drawn == 1).all()


@pytest.mark.parametrize("bits", [3, 14])
def test_bit_j_of_an_outcome_is_the_jth_bit(bits: int) -> None:
    found = outcomes_to_bits(np.array([[1, 6]]), bits)
    assert found.shape == (1, 2, bits)
    assert found[0, :, :3].tolist() == [[1, 0, 0], [0, 1, 1]]
    assert not found[..., 3:].any()


def test_counts_of_many_bits_are_unpacked() -> None:
    top = hex(1 << 69)
    rng = np.random.default_rng(0)
    found = counts_to_bits([{top: 2, "0x3": 1}, {"0x0": 3}], 70, rng)
    assert found.shape == (2, 3, 70)
    assert sorted(np.flatnonzero(row).tolist() for row in found[0]) == [
        [0, 1],
        [69],
        [69],
    ]
    assert not found[1].any()
