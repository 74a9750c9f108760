"""Outcomes sampled from probabilities, and those that Aer has counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qml_qdl.hardware.tapes.outcomes import Counts, unpacked

_FEW = 1024
"""Up to so many outcomes, counting all is faster than searching for each shot."""


def sample_counts(
    probabilities: NDArray[np.float64], shots: int, rng: np.random.Generator
) -> Counts:
    """Samples independent outcomes.

    Args:
        probabilities: (rows, outcomes), bit j of an outcome's number being bit j;
            normalised here, rounding below zero cut off.
        shots: How many to sample from each row.
        rng: The random numbers.

    Returns:
        How often each outcome was sampled.

    Example:
        >>> sample_counts(
        ...     np.array([[0.0, 1.0]]), 3, np.random.default_rng(0)
        ... ).marginal([0])
        array([[0., 1.]])
    """
    probabilities = np.clip(probabilities, 0.0, None)
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    rows, outcomes = probabilities.shape
    if outcomes <= _FEW:
        table = rng.multinomial(shots, probabilities)
        return Counts.from_table(table, shots, int(rng.integers(2**62)))
    sampled = np.empty((rows, shots), dtype=np.intp)
    sums = np.cumsum(probabilities, axis=1)
    for row in range(rows):
        points = rng.random(shots) * sums[row, -1]
        sampled[row] = sums[row].searchsorted(points, side="right")
    return Counts.from_bits(unpacked(sampled, outcomes.bit_length() - 1))


def from_dictionaries(
    counts: Sequence[Mapping[str, int]],
    num_bits: int,
    shots: int,
    rng: np.random.Generator,
) -> Counts:
    """Takes over what Aer has counted.

    Args:
        counts: For each row how often each outcome came, by hexadecimal numbers.
        num_bits: How many bits there are.
        shots: The sum of each row.
        rng: The random numbers of the shots' order.

    Returns:
        The counts.
    """
    seed = int(rng.integers(2**62))
    if 2**num_bits <= _FEW:
        table = np.zeros((len(counts), 2**num_bits), dtype=np.int64)
        for row, own in zip(table, counts, strict=True):
            row[[int(key, 16) for key in own]] = list(own.values())
        return Counts.from_table(table, shots, seed)
    size = -(-num_bits // 8)
    raw = b"".join(
        int(key, 16).to_bytes(size, "little") for own in counts for key in own
    )
    packed = np.frombuffer(raw, dtype=np.uint8).reshape(-1, size)
    bits = np.unpackbits(packed, axis=1, bitorder="little")[:, :num_bits]
    starts = np.cumsum([0, *map(len, counts)])
    times = np.array([number for own in counts for number in own.values()])
    return Counts.from_distinct(bits, starts, times, shots, seed)
