"""Counts: made of shots or of numbers, taken apart, joined, and read as shots again."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import stats

from qml_qdl.hardware.tapes.outcomes import (
    MOST_BITS_TABLE,
    Bits,
    Counts,
    Distributions,
    Kept,
    counted,
    unpacked,
)

WIDTHS = [1, 2, 3, 4, 5, 7, 8, 9, 11]


def samples(rows: int, shots: int, bits: int, seed: int = 0) -> Bits:
    rng = np.random.default_rng(seed)
    chances = rng.uniform(0.1, 0.9, (rows, 1, bits))
    return (rng.random((rows, shots, bits)) < chances).astype(np.uint8)


def table_counts(bits: Bits, seed: int = 0) -> Counts:
    """The same counts as a backend gives them that counts all outcomes."""
    return Counts.from_table(counted(bits), bits.shape[1], seed)


def distinct_counts(bits: Bits, seed: int = 0) -> Counts:
    """The same counts as a backend gives them that counts those that occurred."""
    each = [np.unique(row, axis=0, return_counts=True) for row in bits]
    starts = np.cumsum([0, *(len(times) for _, times in each)])
    outcomes = np.concatenate([outcomes for outcomes, _ in each])
    times = np.concatenate([times for _, times in each])
    return Counts.from_distinct(outcomes, starts, times, bits.shape[1], seed)


MAKES = [Counts.from_bits, table_counts, distinct_counts]


def sorted_shots(bits: Bits) -> list[list[bytes]]:
    return [sorted(shot.tobytes() for shot in row) for row in bits]


def parity(bits: Bits, chosen: Any) -> Any:
    return (1.0 - 2.0 * (bits[..., chosen].sum(axis=-1) % 2)).astype(float)


@pytest.mark.parametrize("bits", [0, *WIDTHS])
@pytest.mark.parametrize("order", ["C", "F"])
def test_outcomes_are_counted(bits: int, order: Any) -> None:
    rng = np.random.default_rng(bits)
    whole = np.asarray(rng.integers(0, 2, (3, 50, bits), dtype=np.uint8), order=order)
    for one in (whole, whole[:, 10:20], whole[1:, ::2, ::-1]):
        outcomes = np.array(list(product([0, 1], repeat=bits)), dtype=np.uint8)
        equal = (one[:, :, None, ::-1] == outcomes).all(axis=3)
        np.testing.assert_array_equal(counted(one), equal.sum(axis=1))


def test_every_outcome_of_eight_bits_has_its_place() -> None:
    bits = np.array(list(product([0, 1], repeat=8)), dtype=np.uint8)[:, None, ::-1]
    np.testing.assert_array_equal(counted(bits), np.eye(256))


@pytest.mark.parametrize("bits", [3, 14])
def test_bit_j_of_an_outcome_is_the_jth_bit(bits: int) -> None:
    found = unpacked(np.array([[1, 6]]), bits)
    assert found.shape == (1, 2, bits)
    assert found[0, :, :3].tolist() == [[1, 0, 0], [0, 1, 1]]
    assert not found[..., 3:].any()


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("bits", WIDTHS)
def test_marginals_and_means_are_those_of_the_shots(make: Any, bits: int) -> None:
    shots = samples(3, 40, bits)
    counts = make(shots)
    assert (counts.num_bits, counts.shots) == (bits, 40)
    every = list(range(bits))
    for chosen in ([0], every, every[::-1], every[::2]):
        codes = shots[:, :, chosen].astype(int) @ (1 << np.arange(len(chosen))[::-1])
        expected = [np.bincount(r, minlength=2 ** len(chosen)) / 40 for r in codes]
        np.testing.assert_allclose(counts.marginal(chosen), expected)
        found = counts.mean(lambda own, on=chosen: parity(own, on))
        np.testing.assert_allclose(found, parity(shots, chosen).mean(1), atol=1e-12)


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("bits", [4, 11])
@pytest.mark.parametrize("rows", [slice(1, 3), np.array([2, 0, 2, 2]), slice(0, 0)])
def test_rows_are_taken_with_their_shots(make: Any, bits: int, rows: Any) -> None:
    whole = make(samples(3, 30, bits))
    part = whole[rows]
    every = list(range(bits))
    np.testing.assert_array_equal(part.bits, whole.bits[rows])
    np.testing.assert_array_equal(part.marginal(every), whole.marginal(every)[rows])
    ones = [counts.mean(lambda own: own.sum(axis=1)) for counts in (part, whole)]
    np.testing.assert_allclose(ones[0], ones[1][rows])
    # Equal rows of different requests must not come in the same order by chance.
    if make is not Counts.from_bits:
        twins = make(np.tile(samples(1, 60, bits), (2, 1, 1)))
        assert (twins[slice(0, 1)].bits != twins[slice(1, 2)].bits).any()


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("bits", [4, 11])
def test_joined_rows_follow_each_other(make: Any, bits: int) -> None:
    shots = samples(5, 30, bits)
    parts = [make(shots[:2], seed) for seed in (1,)] if make in MAKES[1:] else []
    parts = parts or [make(shots[:2])]
    parts += [make(shots[2:3]), make(shots[3:])]
    whole = Counts.joined(parts)
    assert sorted_shots(whole.bits) == sorted_shots(shots)
    every = list(range(bits))
    np.testing.assert_allclose(whole.marginal(every), make(shots).marginal(every))
    assert Counts.joined(parts[:1]) is parts[0]


@pytest.mark.parametrize("bits", [2, MOST_BITS_TABLE, MOST_BITS_TABLE + 1])
def test_shots_that_came_in_order_keep_it(bits: int) -> None:
    shots = samples(2, 25, bits)
    counts = Counts.from_bits(shots)
    np.testing.assert_array_equal(counts.bits, shots)
    part = counts.part(5, 12)
    assert part.shots == 7
    np.testing.assert_array_equal(part.bits, shots[:, 5:12])
    assert counts.part(0, 25) is counts.part(0, None) is counts


@pytest.mark.parametrize("make", [table_counts, distinct_counts])
@pytest.mark.parametrize("bits", [3, 11])
def test_counts_become_the_same_shots_whenever_they_are_read(
    make: Any, bits: int
) -> None:
    shots = samples(3, 50, bits)
    counts = make(shots)
    assert sorted_shots(counts.bits) == sorted_shots(shots)
    first, second = counts.part(0, 20), counts.part(20, 50)
    both = np.concatenate([first.bits, second.bits], axis=1)
    np.testing.assert_array_equal(both, counts.bits)
    np.testing.assert_array_equal(make(shots).bits, counts.bits)
    assert (make(shots, 1).bits != counts.bits).any()


@pytest.mark.parametrize("make", [table_counts, distinct_counts])
def test_parts_are_random_subsets_of_the_shots(make: Any) -> None:
    # 300 ones and 700 zeros in many rows: the ones among the first 100 shots are
    # hypergeometric, and independent from row to row.
    shots = np.zeros((2000, 1000, 1), dtype=np.uint8)
    shots[:, :300] = 1
    ones = np.rint(100 * make(shots).part(0, 100).marginal([0])[:, 1]).astype(int)
    law = stats.hypergeom(1000, 300, 100)
    edges = [law.ppf(q) for q in np.linspace(0, 1, 9)[1:-1]]
    observed = np.bincount(np.searchsorted(edges, ones), minlength=8)
    chances = np.diff([0.0, *law.cdf(edges), 1.0])
    assert stats.chisquare(observed, 2000 * chances).pvalue > 1e-4
    assert abs(np.corrcoef(ones[:-1], ones[1:])[0, 1]) < 5 / np.sqrt(2000)


def test_all_shots_alike() -> None:
    bits = np.array([[0, 1], [1, 1]], dtype=np.uint8)
    counts = Counts.constant(bits, 3)
    np.testing.assert_array_equal(counts.bits, np.repeat(bits[:, None], 3, axis=1))
    np.testing.assert_array_equal(counts.marginal([0, 1]), [[0, 1, 0, 0], [0, 0, 0, 1]])


def test_counts_and_probabilities_agree() -> None:
    counts = Counts.from_bits(samples(4, 30, 5))
    exact = Distributions(counts.marginal([4, 3, 2, 1, 0]))
    assert exact.num_bits == 5
    for chosen in ([1], [4, 2], [2, 0, 1], [3, 1, 4, 0, 2]):
        np.testing.assert_allclose(exact.marginal(chosen), counts.marginal(chosen))
    one, other = (x.mean(lambda own: own.sum(axis=1)) for x in (exact, counts))
    np.testing.assert_allclose(one, other)
    np.testing.assert_array_equal(exact[slice(1, 3)].table, exact.table[1:3])


@pytest.mark.parametrize("bits", [3, 9])
@pytest.mark.parametrize(
    "make", [*MAKES, lambda bits: Distributions(counted(bits) / 50)]
)
def test_kept_outcomes(bits: int, make: Any) -> None:
    """Those whose last two bits are 1 and 0, counted among all or among themselves."""
    shots = samples(3, 50, bits)
    kept = Kept(make(shots), (1, 0))
    right = (shots[:, :, -2:] == (1, 0)).all(axis=2)
    assert kept.num_bits == bits
    np.testing.assert_allclose(kept.shares, right.mean(axis=1))
    first = shots[:, :, 0] * right
    np.testing.assert_allclose(kept.marginal([0])[:, 1], first.mean(axis=1))
    values = parity(shots, [0, bits - 1]) * right
    mean = kept.mean(lambda found: parity(found, [0, bits - 1]))
    np.testing.assert_allclose(mean, values.mean(axis=1))
    among = kept.among_kept[np.array([2, 0])].mean(
        lambda found: found[:, 0].astype(float)
    )
    np.testing.assert_allclose(among, (first.sum(1) / right.sum(1))[[2, 0]])
