"""Outcomes drawn from probabilities, and outcomes unpacked into bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qml_qdl.hardware.tapes.executor import Bits

_FEW = 1024
"""Up to so many outcomes, counting and shuffling is faster than searching."""


def draw(
    probabilities: NDArray[np.float64], shots: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Draws independent outcomes.

    Args:
        probabilities: (rows, outcomes); normalised here, rounding below zero cut off.
        shots: How many to draw from each row.
        rng: The random numbers.

    Returns:
        Outcomes, (rows, shots), in the order in which shots were drawn.

    Example:
        >>> draw(np.array([[0.0, 1.0]]), 3, np.random.default_rng(0))
        array([[1, 1, 1]])
    """
    probabilities = np.clip(probabilities, 0.0, None)
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    rows, outcomes = probabilities.shape
    if outcomes <= _FEW:
        counts = rng.multinomial(shots, probabilities)
        every = np.tile(np.arange(outcomes), rows)
        drawn = np.repeat(every, counts.ravel()).reshape(rows, shots)
        # Shots are exchangeable: in random order they are as if drawn one by one.
        return rng.permuted(drawn, axis=1, out=drawn)
    drawn = np.empty((rows, shots), dtype=np.intp)
    sums = np.cumsum(probabilities, axis=1)
    for row in range(rows):
        points = rng.random(shots) * sums[row, -1]
        drawn[row] = sums[row].searchsorted(points, side="right")
    return drawn


def outcomes_to_bits(outcomes: NDArray[np.intp], num_bits: int) -> Bits:
    """Unpacks outcomes.

    Args:
        outcomes: Numbers whose bit j is the j-th bit, of any shape.
        num_bits: How many bits there are, up to 24.

    Returns:
        Bits along a new last dimension.

    Example:
        >>> outcomes_to_bits(np.array([2]), 3)
        array([[0, 1, 0]], dtype=uint8)
    """
    places = np.arange(num_bits)
    if num_bits <= 12:
        every = np.arange(2**num_bits)[:, None]
        table: Bits = ((every >> places) & 1).astype(np.uint8)
        return table.take(outcomes, axis=0)
    return ((outcomes[..., None] >> places) & 1).astype(np.uint8)


def counts_to_bits(
    counts: Sequence[Mapping[str, int]], num_bits: int, rng: np.random.Generator
) -> Bits:
    """Unpacks counts into shots in random order.

    Args:
        counts: For each row how often each outcome came, by hexadecimal numbers; all
            rows have equally many shots.
        num_bits: How many bits there are.
        rng: The random numbers of the order.

    Returns:
        (rows, shots, bits).
    """
    size = max(1, -(-num_bits // 8))
    rows = []
    for row in counts:
        raw = b"".join(int(key, 16).to_bytes(size, "little") for key in row)
        table = np.frombuffer(raw, dtype=np.uint8).reshape(len(row), size)
        table = np.unpackbits(table, axis=1, bitorder="little")[:, :num_bits]
        order = rng.permutation(np.repeat(np.arange(len(row)), list(row.values())))
        rows.append(table[order])
    return np.stack(rows)
