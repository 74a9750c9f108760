"""Outcomes of measuring in one basis: frequencies and parities of wires."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qml_qdl.hardware.tapes.executor import Bits

Reals = NDArray[np.float64]

MOST_WIRES_HISTOGRAM = 8
"""Up to here all outcomes of all wires are counted at once."""

_GATHER = {2: 0x0201, 4: 0x08040201, 8: 0x8040201008040201}
"""For so many bits, one in each byte, the factor that moves them side by side."""


class Outcomes(ABC):
    """What measuring some wires gave, row by row.

    ---- to be implemented: `marginal`, `parity` ----
    """

    @abstractmethod
    def marginal(self, wires: Sequence[int]) -> Reals:
        """How often each outcome of some wires occurred.

        Args:
            wires: Wire positions, in the order of the outcome's bits.

        Returns:
            (rows, 2**len(wires)), summing up to 1.
        """

    @abstractmethod
    def parity(self, wires: Sequence[int]) -> Reals:
        """The mean of the product of some wires' signs, 1 for 0 and −1 for 1.

        Args:
            wires: Wire positions; none for the number 1.

        Returns:
            (rows,).
        """


class Histogram(Outcomes):
    """Frequencies, or probabilities, of all outcomes of few wires.

    Args:
        frequencies: (rows, 2**len(wires)).
        wires: Wire positions, the first being the most significant bit.
    """

    def __init__(self, frequencies: Reals, wires: Sequence[int]) -> None:
        self.frequencies = frequencies
        self.wires = tuple(wires)

    def marginal(self, wires: Sequence[int]) -> Reals:
        """How often each outcome of some wires occurred."""
        if tuple(wires) == self.wires:
            return self.frequencies
        rows = len(self.frequencies)
        tensor = self.frequencies.reshape(rows, *(2,) * len(self.wires))
        axes = [1 + self.wires.index(wire) for wire in wires]
        others = tuple(a for a in range(1, tensor.ndim) if a not in axes)
        kept = sorted(axes)
        reduced = tensor.sum(axis=others)
        order = [1 + kept.index(axis) for axis in axes]
        result: Reals = reduced.transpose(0, *order).reshape(rows, 2 ** len(axes))
        return result

    def parity(self, wires: Sequence[int]) -> Reals:
        """The mean of the product of some wires' signs."""
        if not wires:
            return np.ones(len(self.frequencies))
        signs: Reals = np.ones(1)
        for wire in self.wires:
            last = -1.0 if wire in wires else 1.0
            signs = np.outer(signs, [1.0, last]).reshape(-1)
        result: Reals = self.frequencies @ signs
        return result


class Shots(Outcomes):
    """Bits of many wires, of which only what is asked for is counted.

    Args:
        bits: (rows, shots, len(wires)).
        wires: Wire positions.
    """

    def __init__(self, bits: Bits, wires: Sequence[int]) -> None:
        self.bits = bits
        self.positions = {wire: j for j, wire in enumerate(wires)}

    def marginal(self, wires: Sequence[int]) -> Reals:
        """How often each outcome of some wires occurred."""
        return counted(self.bits[:, :, [self.positions[wire] for wire in wires]])

    def parity(self, wires: Sequence[int]) -> Reals:
        """The mean of the product of some wires' signs."""
        chosen = [self.positions[wire] for wire in wires]
        odd = np.bitwise_xor.reduce(self.bits[:, :, chosen], axis=2)
        result: Reals = 1.0 - 2.0 * odd.mean(axis=1)
        return result


def counted(bits: Bits) -> Reals:
    """How often each outcome occurred.

    Args:
        bits: (rows, shots, wires), the first wire being the most significant bit.

    Returns:
        (rows, 2ʷⁱʳᵉˢ), summing up to 1.
    """
    rows, shots, wires = bits.shape
    places = _codes(bits).astype(np.intp)
    places += np.arange(rows)[:, None] << wires
    counts = np.bincount(places.reshape(-1), minlength=rows << wires)
    frequencies: Reals = counts.reshape(rows, 1 << wires) / shots
    return frequencies


def _codes(bits: Bits) -> NDArray[Any]:
    """Each shot's bits as one number, the first being the most significant."""
    rows, shots, wires = bits.shape
    if wires in _GATHER:
        # A shot's bytes are one word; a product brings their bits together at its top.
        words = np.ascontiguousarray(bits, dtype=np.uint8).view(f"<u{wires}")[:, :, 0]
        codes: NDArray[Any] = (words * _GATHER[wires]) >> (8 * (wires - 1))
        return codes
    codes = np.zeros((rows, shots), dtype=np.uint8 if wires <= 8 else np.intp)
    for wire in range(wires):
        codes <<= 1
        codes |= bits[:, :, wire]
    return codes


def outcomes_of(bits: Bits, wires: Sequence[int]) -> Outcomes:
    """The outcomes that bits are.

    Args:
        bits: (rows, shots, len(wires)).
        wires: Wire positions.

    Returns:
        All of them counted where there are few wires.
    """
    if len(wires) <= MOST_WIRES_HISTOGRAM:
        return Histogram(counted(bits), wires)
    return Shots(bits, wires)
