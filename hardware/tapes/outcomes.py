"""Outcomes of measuring in one basis: counts, or exact probabilities, row by row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

Bits: TypeAlias = NDArray[np.uint8]
"""Outcomes 0 and 1, (rows, shots, bits): bit j is the circuit's j-th classical bit."""

RowIndex: TypeAlias = slice | NDArray[np.intp]
"""Which rows, by number."""

MOST_BITS_TABLE = 8
"""Shots of up to so many bits are counted in a table of all outcomes."""

_GATHER = {2: 0x0102, 4: 0x01020408, 8: 0x0102040810204080}
"""For so many bits, one in each byte, the factor that moves them side by side."""


class Outcomes(ABC):
    """What measuring some bits gave, row by row.

    ---- to be implemented: `num_bits`, `marginal`, `mean`, `__getitem__` ----
    """

    @property
    @abstractmethod
    def num_bits(self) -> int:
        """How many bits were read."""

    @property
    def frequencies(self) -> Reals | None:
        """(rows, 2ᵇ) how often each outcome occurs, where that is at hand.

        Bit j of an outcome's number is bit j.
        """
        return None

    @abstractmethod
    def marginal(self, bits: Sequence[int]) -> Reals:
        """How often each outcome of some bits occurred.

        Args:
            bits: Which bits, the first being the most significant of the outcome.

        Returns:
            (rows, 2**len(bits)), summing up to 1.
        """

    @abstractmethod
    def mean(self, value: Callable[[Bits], Reals]) -> Reals:
        """The mean of what each outcome is worth.

        Args:
            value: Gives what outcomes (outcomes, bits) are worth, (outcomes,).

        Returns:
            (rows,).
        """

    @abstractmethod
    def __getitem__(self, rows: RowIndex) -> Outcomes:
        """The outcomes of some rows."""


@final
class Distributions(Outcomes):
    """Probabilities, or frequencies, of all outcomes.

    Args:
        table: (rows, 2ᵇ): bit j of an outcome's number is bit j.
    """

    def __init__(self, table: Reals) -> None:
        self.table = table

    @property
    def num_bits(self) -> int:
        """How many bits are read."""
        return int(self.table.shape[1]).bit_length() - 1

    @property
    def frequencies(self) -> Reals:
        """The table; see `Outcomes.frequencies`."""
        return self.table

    def marginal(self, bits: Sequence[int]) -> Reals:
        """How often each outcome of some bits occurs; see `Outcomes.marginal`."""
        rows, size = len(self.table), self.num_bits
        tensor = self.table.reshape(rows, *(2,) * size)
        axes = [size - bit for bit in bits]
        kept = sorted(axes)
        others = tuple(axis for axis in range(1, size + 1) if axis not in axes)
        order = [1 + kept.index(axis) for axis in axes]
        reduced = tensor.sum(axis=others).transpose(0, *order)
        found: Reals = reduced.reshape(rows, 2 ** len(axes))
        return found

    def mean(self, value: Callable[[Bits], Reals]) -> Reals:
        """The expectation value of what outcomes are worth; see `Outcomes.mean`."""
        every = unpacked(np.arange(self.table.shape[1]), self.num_bits)
        found: Reals = self.table @ value(every)
        return found

    def __getitem__(self, rows: RowIndex) -> Distributions:
        """The probabilities of some rows."""
        return Distributions(self.table[rows])


@final
class Kept(Outcomes):
    """The outcomes that a postselection keeps.

    They are counted among all shots, so that frequencies add up to the share that is
    kept, and stay linear in the state.

    Args:
        outcomes: All outcomes.
        values: What the last bits must be.
        shares: (rows,) the share that is kept, to count among kept shots only.
    """

    def __init__(
        self,
        outcomes: Outcomes,
        values: tuple[int, ...],
        shares: Reals | None = None,
    ) -> None:
        self._outcomes, self._values = outcomes, values
        self._shares = shares

    @property
    def num_bits(self) -> int:
        """How many bits were read, those included that must have a value."""
        return self._outcomes.num_bits

    @property
    def among_kept(self) -> Kept:
        """The same, counted among kept shots: NaN where there are none."""
        return Kept(self._outcomes, self._values, self.shares)

    @property
    def shares(self) -> Reals:
        """How much is kept of each row."""
        every = self._outcomes.marginal(self._selecting)
        shares: Reals = every[:, outcome_number(self._values)]
        return shares

    def marginal(self, bits: Sequence[int]) -> Reals:
        """How often each outcome of some bits occurred; see `Outcomes.marginal`."""
        every = self._outcomes.marginal([*bits, *self._selecting])
        kept = every.reshape(len(every), 2 ** len(bits), -1)
        chosen: Reals = kept[:, :, outcome_number(self._values)]
        return self._scaled(chosen)

    def mean(self, value: Callable[[Bits], Reals]) -> Reals:
        """The mean of what kept outcomes are worth; see `Outcomes.mean`."""
        own = self._selecting

        def worth(bits: Bits) -> Reals:
            worths: Reals = value(bits) * (bits[:, own] == self._values).all(axis=1)
            return worths

        return self._scaled(self._outcomes.mean(worth))

    def __getitem__(self, rows: RowIndex) -> Kept:
        """Those of some rows."""
        shares = None if self._shares is None else self._shares[rows]
        return Kept(self._outcomes[rows], self._values, shares)

    @property
    def _selecting(self) -> list[int]:
        return list(range(self.num_bits - len(self._values), self.num_bits))

    def _scaled(self, frequencies: Reals) -> Reals:
        if self._shares is None:
            return frequencies
        with np.errstate(invalid="ignore"):
            scaled: Reals = (frequencies.T / self._shares).T
        return scaled


class Counts(Outcomes, ABC):
    """How often each outcome occurred; the shots themselves only if they are read.

    All rows have equally many shots. What a backend counted comes in a random order,
    which is the same whenever it is read, so that samples of one basis belong together.

    Args:
        shots: Shots of each row.
        make_bits: Makes the shots, (rows, shots, bits).

    Example:
        >>> counts = Counts.from_bits(np.array([[[0, 1], [1, 1]]], dtype=np.uint8))
        >>> counts.marginal([1, 0])
        array([[0. , 0. , 0.5, 0.5]])
    """

    def __init__(self, shots: int, make_bits: Callable[[], Bits]) -> None:
        self.shots = shots
        self._make_bits = make_bits

    @cached_property
    def bits(self) -> Bits:
        """The shots in their order, (rows, shots, bits)."""
        return self._make_bits()

    def part(self, first: int, last: int | None) -> Counts:
        """Those of some shots.

        Args:
            first: The first shot.
            last: The one after the last; None for all.
        """
        if not first and last in (None, self.shots):
            return self
        return Counts.from_bits(self.bits[:, first:last])

    @abstractmethod
    def __getitem__(self, rows: RowIndex) -> Counts:
        """The counts of some rows."""

    @staticmethod
    def from_bits(bits: Bits) -> Counts:
        """Counts shots, whose order is kept.

        Args:
            bits: (rows, shots, bits).
        """
        if bits.shape[2] > MOST_BITS_TABLE:
            return _Shots(bits)
        return _Table(counted(bits), bits.shape[1], lambda: bits)

    @staticmethod
    def from_table(table: NDArray[np.int64], shots: int, seed: int) -> Counts:
        """Takes over how often each of few outcomes occurred.

        Args:
            table: (rows, 2ᵇ): bit j of an outcome's number is bit j.
            shots: Their sum in each row.
            seed: Where the random order of the shots begins.
        """

        def make_bits() -> Bits:
            rows, outcomes = table.shape
            every = np.tile(np.arange(outcomes), rows)
            sampled = np.repeat(every, table.ravel()).reshape(rows, shots)
            # Shots are exchangeable: in random order they are as if sampled one by one.
            np.random.default_rng(seed).permuted(sampled, axis=1, out=sampled)
            return unpacked(sampled, outcomes.bit_length() - 1)

        return _Table(table, shots, make_bits)

    @staticmethod
    def from_distinct(
        outcomes: Bits,
        starts: NDArray[np.intp],
        times: NDArray[np.int64],
        shots: int,
        seed: int,
    ) -> Counts:
        """Takes over how often some of many outcomes occurred.

        Args:
            outcomes: (k, bits), those of the first row first.
            starts: (rows + 1,) where each row's begin; last, how many there are.
            times: (k,) how often each occurred.
            shots: Their sum in each row.
            seed: Where the random order of the shots begins.
        """

        def make_bits() -> Bits:
            sampled = np.repeat(np.arange(len(times)), times).reshape(-1, shots)
            np.random.default_rng(seed).permuted(sampled, axis=1, out=sampled)
            return outcomes[sampled]

        return _Distinct(outcomes, starts, times, shots, make_bits)

    @staticmethod
    def constant(bits: Bits, shots: int) -> Counts:
        """Counts where all shots of a row are the same.

        Args:
            bits: (rows, bits).
            shots: Shots of each row.
        """
        starts, times = np.arange(len(bits) + 1), np.full(len(bits), shots)
        return _Distinct(
            bits,
            starts,
            times,
            shots,
            lambda: np.repeat(bits[:, None], shots, axis=1),
        )

    @staticmethod
    def joined(parts: Sequence[Counts]) -> Counts:
        """Puts the rows of several together.

        Args:
            parts: Counts of as many bits and shots, made alike; at least one.
        """
        return parts[0]._followed_by(parts[1:]) if len(parts) > 1 else parts[0]

    @abstractmethod
    def _followed_by(self, parts: Sequence[Any]) -> Counts:
        """These rows, and then those of others of the same class."""


@final
class _Table(Counts):
    """Counts of all outcomes of few bits, (rows, 2ᵇ)."""

    def __init__(
        self, table: NDArray[np.int64], shots: int, make_bits: Callable[[], Bits]
    ) -> None:
        super().__init__(shots, make_bits)
        self._table = table

    @property
    def num_bits(self) -> int:
        return self._distributions.num_bits

    @property
    def frequencies(self) -> Reals:
        return self._distributions.table

    @cached_property
    def _distributions(self) -> Distributions:
        return Distributions(self._table / self.shots)

    def marginal(self, bits: Sequence[int]) -> Reals:
        return self._distributions.marginal(bits)

    def mean(self, value: Callable[[Bits], Reals]) -> Reals:
        return self._distributions.mean(value)

    def __getitem__(self, rows: RowIndex) -> Counts:
        return _Table(self._table[rows], self.shots, lambda: self.bits[rows])

    def _followed_by(self, parts: Sequence[_Table]) -> Counts:
        every = (self, *parts)
        table = np.concatenate([part._table for part in every])
        return _Table(
            table, self.shots, lambda: np.concatenate([part.bits for part in every])
        )


@final
class _Shots(Counts):
    """Shots of many bits, of which only what is asked for is counted."""

    def __init__(self, bits: Bits) -> None:
        super().__init__(bits.shape[1], lambda: bits)

    @property
    def num_bits(self) -> int:
        return int(self.bits.shape[2])

    def marginal(self, bits: Sequence[int]) -> Reals:
        frequencies: Reals = counted(self.bits[:, :, bits[::-1]]) / self.shots
        return frequencies

    def mean(self, value: Callable[[Bits], Reals]) -> Reals:
        rows, shots, size = self.bits.shape
        each = value(self.bits.reshape(-1, size)).reshape(rows, shots)
        mean: Reals = each.mean(axis=1)
        return mean

    def __getitem__(self, rows: RowIndex) -> Counts:
        return _Shots(self.bits[rows])

    def _followed_by(self, parts: Sequence[_Shots]) -> Counts:
        return _Shots(np.concatenate([self.bits, *(part.bits for part in parts)]))


@final
class _Distinct(Counts):
    """How often some of many outcomes occurred; see `Counts.from_distinct`."""

    def __init__(
        self,
        outcomes: Bits,
        starts: NDArray[np.intp],
        times: NDArray[np.int64],
        shots: int,
        make_bits: Callable[[], Bits],
    ) -> None:
        super().__init__(shots, make_bits)
        self._outcomes, self._starts, self._times = outcomes, starts, times

    @property
    def num_bits(self) -> int:
        return int(self._outcomes.shape[1])

    def marginal(self, bits: Sequence[int]) -> Reals:
        rows = len(self._starts) - 1
        codes = np.repeat(np.arange(rows), np.diff(self._starts)) << len(bits)
        for place, bit in enumerate(reversed(bits)):
            codes |= self._outcomes[:, bit].astype(np.intp) << place
        found = np.bincount(codes, self._times, minlength=rows << len(bits))
        frequencies: Reals = found.reshape(rows, 1 << len(bits)) / self.shots
        return frequencies

    def mean(self, value: Callable[[Bits], Reals]) -> Reals:
        total = np.add.reduceat(value(self._outcomes) * self._times, self._starts[:-1])
        mean: Reals = total / self.shots
        return mean

    def __getitem__(self, rows: RowIndex) -> Counts:
        chosen = np.arange(len(self._starts) - 1)[rows]
        sizes = np.diff(self._starts)[chosen]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        places = np.repeat(self._starts[chosen] - starts[:-1], sizes)
        places += np.arange(starts[-1])
        return _Distinct(
            self._outcomes[places],
            starts,
            self._times[places],
            self.shots,
            lambda: self.bits[rows],
        )

    def _followed_by(self, parts: Sequence[_Distinct]) -> Counts:
        every = (self, *parts)
        sizes = np.concatenate([np.diff(part._starts) for part in every])
        return _Distinct(
            np.concatenate([part._outcomes for part in every]),
            np.concatenate([[0], np.cumsum(sizes)]),
            np.concatenate([part._times for part in every]),
            self.shots,
            lambda: np.concatenate([part.bits for part in every]),
        )


def outcome_number(values: Sequence[int]) -> int:
    """The number of an outcome.

    Args:
        values: Its bits, the first being the most significant.

    Returns:
        Its place among all in order.

    Example:
        >>> outcome_number((1, 0))
        2
    """
    return int("".join(map(str, values)), 2)


def counted(bits: Bits) -> NDArray[np.int64]:
    """How often each outcome occurred.

    Args:
        bits: (rows, shots, bits).

    Returns:
        (rows, 2ᵇ): bit j of an outcome's number is bit j.
    """
    rows, _, size = bits.shape
    places = _codes(bits).astype(np.intp)
    places += np.arange(rows)[:, None] << size
    counts = np.bincount(places.reshape(-1), minlength=rows << size)
    return counts.reshape(rows, 1 << size)


def _codes(bits: Bits) -> NDArray[Any]:
    """Each shot's bits as one number, the first being the least significant."""
    rows, shots, size = bits.shape
    if size in _GATHER:
        # A shot's bytes are one word; a product brings their bits together at its top.
        words = np.ascontiguousarray(bits, dtype=np.uint8).view(f"<u{size}")[:, :, 0]
        codes: NDArray[Any] = (words * _GATHER[size]) >> (8 * (size - 1))
        return codes
    codes = np.zeros((rows, shots), dtype=np.uint8 if size <= 8 else np.intp)
    for bit in reversed(range(size)):
        codes <<= 1
        codes |= bits[:, :, bit]
    return codes


def unpacked(outcomes: NDArray[np.intp], num_bits: int) -> Bits:
    """The bits of outcomes.

    Args:
        outcomes: Numbers whose bit j is the j-th bit, of any shape.
        num_bits: How many bits there are, up to 24.

    Returns:
        Bits along a new last dimension.

    Example:
        >>> unpacked(np.array([2]), 3)
        array([[0, 1, 0]], dtype=uint8)
    """
    if outcomes.size > 2**num_bits:
        return unpacked(np.arange(2**num_bits), num_bits).take(outcomes, axis=0)
    bits = np.empty((*outcomes.shape, num_bits), dtype=np.uint8)
    for place in range(num_bits):
        bits[..., place] = outcomes >> place & 1
    return bits
