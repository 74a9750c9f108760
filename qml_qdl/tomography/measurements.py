"""Shots of one state in some bases, as data: with qubit order, origin and files."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from attrs import asdict, evolve, field, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    MemoryBoundError,
    QdlError,
    ShapeError,
)
from qml_qdl.circuits.validation import (
    MOST_WIRES,
    as_items,
    as_wires,
    check_choice,
    check_count,
    check_text,
    validate_call,
)
from qml_qdl.data.files import check_memory, existing, read_arrays
from qml_qdl.hardware.files import made_in_memory, write_atomically

LETTERS = "XYZ"
"""The directions of a basis, one letter for each wire."""

ORDERS = ("first", "last")
"""Which wire the leftmost bit or letter is of: the first, or the last as in Qiskit."""

MOST_DENSE_WIRES = 14
"""Histograms of all outcomes are made for up to so many wires."""

_ARRAYS = ("bases", "outcomes", "of", "counts", "wires", "origin")

Counts: TypeAlias = Mapping[str, int]
"""How often each outcome occurred, such as {"01": 12}."""


def _is_text(_: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, str) or value:
        check_text(attribute.name, value)


def _as_jobs(jobs: Any) -> tuple[str, ...]:
    names = as_items(jobs)
    if names is None:
        raise ArgumentTypeError(f"jobs: expected identifiers, got {jobs!r}")
    for name in names:
        check_text("jobs", name)
    return names


@frozen
class Origin:
    """Where measurements came from.

    Args:
        target: The target's name; empty where it is not known.
        machine: The machine behind it; empty where nothing but a simulator ran.
        jobs: Identifiers of its jobs.
        calibrated: When the machine was calibrated last, as ISO 8601 has it.
        circuit: What was measured, in words.
    """

    target: str = field(default="", validator=_is_text)
    machine: str = field(default="", validator=_is_text)
    jobs: tuple[str, ...] = field(default=(), converter=_as_jobs)
    calibrated: str = field(default="", validator=_is_text)
    circuit: str = field(default="", validator=_is_text)


def as_words(bases: Any) -> tuple[str, ...]:
    """Bases as words of X, Y and Z, any of them several times.

    Args:
        bases: Words.

    Raises:
        ArgumentTypeError: They are no sequence.
        DataError: One is no such word.
    """
    items = as_items(bases)
    if items is None:
        raise ArgumentTypeError(
            f"bases: expected words such as ['XX', 'ZZ'], got {bases!r}"
        )
    for basis in items:
        if not isinstance(basis, str) or not basis or set(basis) - set(LETTERS):
            raise DataError(
                f"bases: expected words of the letters X, Y and Z, got {basis!r}; a "
                "wire that is not turned has the letter Z"
            )
    return tuple(map(str, items))


def _as_bases(bases: Any) -> tuple[str, ...]:
    items = as_words(tuple(bases) if isinstance(bases, Mapping) else bases)
    if not items:
        raise DataError("bases: expected at least one, got none")
    wrong = [basis for basis in items if len(basis) != len(items[0])]
    if wrong:
        raise DataError(
            f"bases: expected words of {len(items[0])} letters, one for each wire, got "
            f"{wrong[0]!r}"
        )
    if len(set(items)) < len(items):
        twice = next(basis for basis in items if items.count(basis) > 1)
        raise DataError(f"bases: expected each once, got {twice} twice; add counts")
    return items


def as_bits(bits: Any) -> NDArray[np.uint8]:
    """Bits as an array.

    Args:
        bits: Zeros and ones.

    Raises:
        DataError: They are none.
    """
    try:
        table = np.asarray(bits)
    except ValueError as error:  # rows of different lengths
        raise DataError(
            "outcomes: expected bits in rows of the same length, got others"
        ) from error
    kind = table.dtype.kind
    if kind not in "biuf" or (table.size and not np.isin(table, (0, 1)).all()):
        raise DataError(
            "outcomes: expected bits, 0 and 1, got "
            f"{_first_wrong(table) if kind in 'iuf' else table.dtype}; eigenvalues +1 "
            "and -1 are the bits 0 and 1"
        )
    return table.astype(np.uint8)


def _first_wrong(table: NDArray[Any]) -> Any:
    return table[~np.isin(table, (0, 1))].flat[0].item()


def _as_whole(name: str, numbers: Any) -> NDArray[np.int64]:
    try:
        found = np.asarray(numbers)
    except ValueError as error:
        raise DataError(f"{name}: expected whole numbers in one row") from error
    if not found.size:
        return found.astype(np.int64)
    if found.dtype.kind not in "iuf" or not (found == np.floor(found)).all():
        raise DataError(f"{name}: expected whole numbers, got {found.flat[0]!r}, …")
    if not (np.abs(found) < 2.0**62).all():
        raise DataError(f"{name}: expected numbers below 2^62, got larger ones")
    return found.astype(np.int64)


def _as_places(numbers: Any) -> NDArray[np.int64]:
    return _as_whole("of", numbers)


def _as_counts(numbers: Any) -> NDArray[np.int64]:
    return _as_whole("counts", numbers)


def as_confusion(given: Any) -> NDArray[np.float64] | None:
    """Confusion matrices as an array, (wires, 2, 2), that can be inverted.

    Args:
        given: As `Measurements` has them.

    Raises:
        DataError: They are no probabilities, or a wire reads the same whatever it is.
        ShapeError: They have another shape.
    """
    if given is None:
        return None
    try:
        table = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError("confusion: expected numbers (wires, 2, 2)") from error
    if table.ndim != 3 or table.shape[1:] != (2, 2):
        raise ShapeError(
            f"confusion: expected (wires, 2, 2), got an array of shape {table.shape}"
        )
    sound = np.isfinite(table).all() and (table >= 0).all()
    if not sound or np.abs(table.sum(axis=2) - 1).max(initial=0.0) > 1e-6:
        raise DataError(
            "confusion: expected probabilities whose rows, of the true bits 0 and 1, "
            "add up to 1, got others; divide by the sums"
        )
    told = np.abs(np.linalg.det(table))
    if told.min(initial=1.0) < 1e-3:
        raise DataError(
            f"confusion: wire {int(told.argmin())} reads the same whatever it is, so "
            "nothing can be learnt from it; choose other qubits"
        )
    return table


def _and_others(count: int) -> str:
    return f" and {count - 1} others" if count > 1 else ""


@validate_call
@frozen(eq=False)
class Measurements:
    """Shots of one state in some bases: how often each outcome occurred in each.

    The first wire leads: its letter is the first of a basis, its bit the first of an
    outcome and the most significant of the outcome's number, as in PennyLane. The bit 0
    stands for the eigenvalue +1.

    Args:
        bases: Words of X, Y and Z, a letter for each wire.
        outcomes: The outcomes that occurred, (k, wires), zeros and ones.
        of: Positions of their bases, (k,).
        counts: How often each occurred, (k,).
        wires: Labels of the wires.
        confusion: How each wire is misread, (wires, 2, 2): the probability of reading
            the bit r where it is t stands at [wire, t, r]. None where reading makes no
            errors, or they are not known.
        origin: Where it came from.

    Raises:
        DataError: A basis has other letters, stands there twice or has no shot, an
            outcome is no bit string, or the confusion is none.
        ShapeError: Shapes do not belong together.

    Example:
        >>> data = Measurements.from_counts(
        ...     {"XX": {"00": 6, "11": 4}, "ZZ": {"01": 7, "10": 3}}, order="first"
        ... )
        >>> data
        Measurements(wires=2, bases=2, shots=20)
        >>> data.histogram("ZZ")
        array([0., 7., 3., 0.])
    """

    bases: tuple[str, ...] = field(converter=_as_bases)
    outcomes: NDArray[np.uint8] = field(converter=as_bits)
    of: NDArray[np.int64] = field(converter=_as_places)
    counts: NDArray[np.int64] = field(converter=_as_counts)
    wires: tuple[Hashable, ...] = field(converter=as_wires)
    confusion: NDArray[np.float64] | None = field(default=None, converter=as_confusion)
    origin: Origin = field(factory=Origin)

    def __attrs_post_init__(self) -> None:
        size, many = len(self.wires), len(self.outcomes)
        if self.outcomes.shape != (many, size):
            raise ShapeError(
                f"outcomes: expected rows of {size} bits, one for each wire, got "
                f"an array of shape {self.outcomes.shape}"
            )
        for name in ("of", "counts"):
            if getattr(self, name).shape != (many,):
                raise ShapeError(
                    f"{name}: expected {many} numbers, one for each outcome, got an "
                    f"array of shape {getattr(self, name).shape}"
                )
        if len(self.bases[0]) != size:
            raise DataError(
                f"bases: expected words of {size} letters, one for each wire, got "
                f"{self.bases[0]!r}"
            )
        if self.confusion is not None and len(self.confusion) != size:
            raise ShapeError(
                f"confusion: expected {size} matrices, one for each wire, got "
                f"{len(self.confusion)}"
            )
        if many and not (self.of.min() >= 0 and self.of.max() < len(self.bases)):
            raise DataError(
                f"of: expected positions of the {len(self.bases)} bases, got "
                f"{int(self.of.min())} to {int(self.of.max())}"
            )
        if many and self.counts.min() < 0:
            raise DataError(
                f"counts: expected numbers from 0, got {int(self.counts.min())}"
            )
        empty = np.flatnonzero(self.shots == 0)
        if len(empty):
            raise DataError(
                f"bases: no shot was taken in {self.bases[empty[0]]}"
                f"{_and_others(len(empty))}; leave it out, or measure it"
            )

    def __repr__(self) -> str:
        return (
            f"Measurements(wires={self.num_wires}, bases={len(self.bases)}, "
            f"shots={self.total_shots})"
        )

    # ---- made of other things ----

    @classmethod
    def from_bits(
        cls,
        bases: Sequence[str],
        bits: Any,
        wires: Any = None,
        confusion: Any = None,
        origin: Origin | None = None,
    ) -> Measurements:
        """Takes over shots, bit by bit.

        Args:
            bases: A basis for each entry of `bits`; equal ones are joined.
            bits: For each basis its shots (shots, wires), the first wire's bit first.
            wires: Labels of the wires; None for 0 … n−1.
            confusion: See `Measurements`.
            origin: Where it came from.

        Returns:
            The measurements.

        Raises:
            DataError: What came are no bits.
            ShapeError: There are not as many entries as bases.

        Example:
            >>> Measurements.from_bits(["Z"], [[[0], [1], [1]]]).histogram("Z")
            array([1., 2.])
        """
        words = as_words(bases)
        entries = as_items(bits)
        if entries is None or len(entries) != len(words):
            raise ShapeError(
                f"bits: expected shots for each of {len(words)} bases, got "
                f"{'no sequence' if entries is None else len(entries)}"
            )
        tables = [as_bits(each) for each in entries]
        if any(table.ndim != 2 for table in tables):
            raise ShapeError("bits: expected (shots, wires) for each basis")
        widths = {table.shape[1] for table in tables} or {0}
        if len(widths) > 1:
            raise ShapeError(
                f"bits: expected as many wires in each basis, got {sorted(widths)}"
            )
        if wires is None:
            wires = widths.pop()
        joined = tuple(dict.fromkeys(words))
        places = {basis: place for place, basis in enumerate(joined)}
        of = np.repeat(
            [places[basis] for basis in words], [len(table) for table in tables]
        ).astype(np.intp)
        rows = np.concatenate(tables) if tables else np.empty((0, 0), np.uint8)
        return cls(joined, *_counted(rows, of), wires, confusion, origin or Origin())

    @classmethod
    def from_counts(
        cls,
        counts: Mapping[str, Counts],
        *,
        order: str,
        wires: Any = None,
        confusion: Any = None,
        origin: Origin | None = None,
    ) -> Measurements:
        """Takes over how often each outcome occurred in each basis.

        Args:
            counts: For each basis how often each bit string occurred. Spaces between
                the bits of several registers are left out.
            order: Which wire the leftmost bit of a string is of: "first", or "last" as
                Qiskit counts. Bases are read from the first wire to the last.
            wires: Labels of the wires; None for 0 … n−1.
            confusion: See `Measurements`.
            origin: Where it came from.

        Returns:
            The measurements.

        Raises:
            ArgumentError: The order is none.
            DataError: There is no basis, or what came are no bit strings.

        Example:
            >>> Measurements.from_counts({"XZ": {"01": 5}}, order="last").outcomes
            array([[1, 0]], dtype=uint8)
        """
        check_choice("order", order, ORDERS)
        if not isinstance(counts, Mapping):
            raise ArgumentTypeError(
                "counts: expected counts by basis, as {'ZZ': {'01': 12}}, got "
                f"{type(counts).__name__}"
            )
        bases = _as_bases(counts)
        rows, of, times = [], [], []
        for place, (basis, found) in enumerate(counts.items()):
            if not isinstance(found, Mapping):
                raise ArgumentTypeError(
                    f"counts: expected how often each outcome occurred in {basis}, as "
                    f"{{'01': 12}}, got {type(found).__name__}"
                )
            for text, number in found.items():
                rows.append(_bits_of(text, len(basis), order))
                of.append(place)
                times.append(number)
        size = len(bases[0])
        table = np.array(rows, np.uint8).reshape(len(rows), size)
        return cls(
            bases,
            *_counted(table, np.array(of, np.intp), _as_counts(times)),
            size if wires is None else wires,
            confusion,
            origin or Origin(),
        )

    @classmethod
    def from_qiskit(
        cls,
        result: Any,
        bases: Sequence[str],
        *,
        wires: Any = None,
        confusion: Any = None,
        origin: Origin | None = None,
    ) -> Measurements:
        """Takes over what Qiskit's samplers and backends return.

        Args:
            result: A result of a primitive (`PrimitiveResult`), with a pub or row of
                parameters for each basis; or of a backend, with a circuit for each.
                Qubit i is the i-th wire.
            bases: The basis of each, from the first wire to the last.
            wires: Labels of the wires; None for 0 … n−1.
            confusion: See `Measurements`.
            origin: Where it came from.

        Returns:
            The measurements.

        Raises:
            ArgumentTypeError: It is no result of Qiskit's.
            DataError: It holds counts for another number of bases.

        Example:
            >>> from qiskit import QuantumCircuit
            >>> from qiskit.primitives import StatevectorSampler
            >>> circuit = QuantumCircuit(2)
            >>> circuit.measure_all()
            >>> result = StatevectorSampler(seed=0).run([circuit], shots=8).result()
            >>> Measurements.from_qiskit(result, ["ZZ"]).histogram("ZZ")
            array([8., 0., 0., 0.])
        """
        words = as_words(bases)
        found = _qiskit_counts(result, len(words))
        if len(found) != len(words):
            raise DataError(
                f"bases: expected {len(found)}, one for each circuit of the result, "
                f"got {len(words)}"
            )
        merged: dict[str, dict[str, int]] = {}
        for basis, counts in zip(words, found, strict=True):
            own = merged.setdefault(basis, {})
            for text, number in counts.items():
                own[text] = own.get(text, 0) + int(number)
        return cls.from_counts(
            merged, order="last", wires=wires, confusion=confusion, origin=origin
        )

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        bases: Any = None,
        order: str | None = None,
    ) -> Measurements:
        r"""Reads a file: `.npz` as `save` writes it, or plain text.

        A line of text is a basis, an outcome, and how often it occurred, such as
        ``XZY 010 12``; a number that is left out is 1. Bits and letters may have spaces
        between them, where bases come apart. A line ``# order: first`` (or last) says
        which wire is leftmost, ``# wires: a b c`` how they are called.

        Args:
            path: The file.
            bases: Of text whose lines are outcomes only: one basis for all, or one for
                each line, as a list or a file of lines.
            order: Which wire is leftmost in text that does not say so: "first", or
                "last" as Qiskit writes.

        Returns:
            The measurements.

        Raises:
            DataError: The file cannot be read, is none, or does not say its order.

        Example:
            >>> from pathlib import Path
            >>> _ = Path("shots.txt").write_text("XZ 01 5\nXZ 11\nZZ 00 4\n")
            >>> Measurements.read("shots.txt", order="first")
            Measurements(wires=2, bases=2, shots=10)
        """
        path = Path(path)
        if order is not None:
            check_choice("order", order, ORDERS)
        if path.suffix.lower() == ".npz":
            return _read_npz(path)
        return _read_text(path, bases, order)

    # ---- files ----

    def save(self, path: str | Path) -> None:
        """Writes a file, whole or not at all.

        Args:
            path: Ends with `.npz`; with `.txt` it is plain text, without confusion and
                origin.

        Raises:
            ArgumentError: It ends otherwise.
            OSError: It cannot be written.

        Example:
            >>> data = Measurements.from_bits(["Z"], [[[0], [1], [1]]])
            >>> data.save("shots.npz")
            >>> Measurements.read("shots.npz")
            Measurements(wires=1, bases=1, shots=3)
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in (".npz", ".txt"):
            raise ArgumentError(
                f"path: expected a file that ends with .npz or .txt, got {path}"
            )
        if suffix == ".txt":
            text = "\n".join(self._lines())
            write_atomically(path, lambda file: file.write(text.encode()))
            return
        arrays: dict[str, Any] = {
            "bases": np.array(self.bases),
            "outcomes": np.packbits(self.outcomes, axis=1),
            "of": self.of.astype(np.int64),
            "counts": self.counts,
            "wires": np.array(json.dumps([_plain_label(w) for w in self.wires])),
            "origin": np.array(json.dumps(asdict(self.origin), ensure_ascii=False)),
        }
        if self.confusion is not None:
            arrays["confusion"] = self.confusion
        write_atomically(
            path, made_in_memory(lambda file: np.savez_compressed(file, **arrays))
        )

    def _lines(self) -> Iterable[str]:
        yield "# order: first"
        yield "# wires: " + " ".join(map(str, self.wires))
        for bits, of, count in zip(self.outcomes, self.of, self.counts, strict=True):
            yield f"{self.bases[of]} {''.join(map(str, bits))} {count}"
        yield ""

    # ---- what is in it ----

    @property
    def num_wires(self) -> int:
        """How many wires were read."""
        return len(self.wires)

    @property
    def shots(self) -> NDArray[np.int64]:
        """Shots of each basis, (bases,)."""
        found = np.bincount(self.of, self.counts, minlength=len(self.bases))
        return found.astype(np.int64)

    @property
    def total_shots(self) -> int:
        """Shots of all bases."""
        return int(self.counts.sum())

    @property
    def codes(self) -> NDArray[np.int64]:
        """Numbers of the outcomes, (k,), the first wire's bit the most significant.

        Raises:
            MemoryBoundError: There are more than 62 wires.
        """
        if self.num_wires > 62:
            raise MemoryBoundError(
                f"measurements: outcomes of {self.num_wires} wires have no numbers of "
                "64 bits; take fewer wires: restricted"
            )
        powers = np.int64(1) << np.arange(self.num_wires, dtype=np.int64)[::-1]
        return self.outcomes.astype(np.int64) @ powers

    def histogram(self, basis: str) -> NDArray[np.float64]:
        """How often each outcome occurred in a basis.

        Args:
            basis: One of the bases.

        Returns:
            (2ⁿ,), in the order of the outcomes' numbers.

        Raises:
            ArgumentError: It was not measured.
            MemoryBoundError: There are more than `MOST_DENSE_WIRES` wires.
        """
        if basis not in self.bases:
            raise ArgumentError(
                f"basis: expected one that was measured, such as {self.bases[0]!r}, "
                f"got {basis!r}"
            )
        self.check_dense()
        mine = self.of == self.bases.index(basis)
        return np.bincount(
            self.codes[mine], self.counts[mine], minlength=2**self.num_wires
        ).astype(np.float64)

    def histograms(self) -> NDArray[np.float64]:
        """How often each outcome occurred in each basis, (bases, 2ⁿ).

        Raises:
            MemoryBoundError: There are too many wires and bases.
        """
        self.check_dense(len(self.bases))
        size = 2**self.num_wires
        flat = np.bincount(
            self.of * size + self.codes, self.counts, minlength=size * len(self.bases)
        )
        return flat.reshape(len(self.bases), size).astype(np.float64)

    def check_dense(self, rows: int = 1) -> None:
        """Refuses what has too many outcomes for a table of them all.

        Args:
            rows: How many such rows there are.

        Raises:
            MemoryBoundError: It does not fit.
        """
        check_count("rows", rows)
        size = rows * 2**self.num_wires
        if self.num_wires > MOST_DENSE_WIRES or size > 2**28:
            raise MemoryBoundError(
                f"measurements: a table of all outcomes of {self.num_wires} wires in "
                f"{rows} bases takes {8 * rows * 2**self.num_wires:,} bytes; take "
                f"fewer wires: restricted"
            )

    def missing(self, bases: Iterable[str]) -> tuple[str, ...]:
        """Bases that were not measured.

        Args:
            bases: Which are wanted.
        """
        there = set(self.bases)
        return tuple(basis for basis in bases if basis not in there)

    def require(self, bases: Iterable[str], purpose: str) -> None:
        """Refuses measurements that lack bases.

        Args:
            bases: Which are needed.
            purpose: What for, for the message.

        Raises:
            DataError: Some are missing; it names them.
        """
        missing = self.missing(bases)
        if missing:
            named = ", ".join(missing[:8])
            raise DataError(
                f"measurements: {purpose} needs bases that were not measured: {named}"
                f"{_and_others(len(missing) - 7)}; measure them too"
            )

    # ---- other measurements made of it ----

    def in_bases(self, bases: Sequence[str]) -> Measurements:
        """The measurements in some of the bases.

        Args:
            bases: Which, in the order wanted.

        Raises:
            DataError: One was not measured.
        """
        words = _as_bases(bases)
        self.require(words, "the choice")
        places = np.full(len(self.bases), -1)
        for place, basis in enumerate(words):
            places[self.bases.index(basis)] = place
        kept = places[self.of] >= 0
        return evolve(
            self,
            bases=words,
            outcomes=self.outcomes[kept],
            of=places[self.of[kept]],
            counts=self.counts[kept],
        )

    def restricted(self, wires: Any) -> Measurements:
        """The measurements of some wires; bases that are then equal are joined.

        Args:
            wires: Labels of the wires, in the order wanted.

        Raises:
            ArgumentError: There is no such wire.
        """
        labels = as_wires([wires] if isinstance(wires, int | str) else wires)
        unknown = [label for label in labels if label not in self.wires]
        if unknown:
            raise ArgumentError(
                f"wires: expected some of {list(self.wires)}, got {unknown[0]!r}"
            )
        chosen = [self.wires.index(label) for label in labels]
        words = ["".join(basis[place] for place in chosen) for basis in self.bases]
        joined = tuple(dict.fromkeys(words))
        places = np.array([joined.index(word) for word in words])
        return Measurements(
            joined,
            *_counted(self.outcomes[:, chosen], places[self.of], self.counts),
            labels,
            None if self.confusion is None else self.confusion[chosen],
            self.origin,
        )

    def resampled(self, generator: np.random.Generator) -> Measurements:
        """As many shots in each basis, drawn anew from those that were taken.

        Args:
            generator: Where random numbers come from.

        Returns:
            One sample of the bootstrap.
        """
        counts = np.zeros_like(self.counts)
        for place, shots in enumerate(self.shots):
            mine = np.flatnonzero(self.of == place)
            counts[mine] = generator.multinomial(shots, self.counts[mine] / shots)
        return self._with_counts(counts)

    def thinned(self, shots: int, generator: np.random.Generator) -> Measurements:
        """Some of the shots of each basis, drawn without repeats.

        Args:
            shots: How many of each basis.
            generator: Where random numbers come from.

        Raises:
            DataError: A basis has fewer.
        """
        check_count("shots", shots)
        if self.shots.min() < shots:
            few = self.bases[int(self.shots.argmin())]
            raise DataError(
                f"shots: expected at most the {int(self.shots.min())} that there are "
                f"in {few}, got {shots}"
            )
        counts = np.zeros_like(self.counts)
        for place in range(len(self.bases)):
            mine = np.flatnonzero(self.of == place)
            counts[mine] = generator.multivariate_hypergeometric(
                self.counts[mine], shots
            )
        return self._with_counts(counts)

    def split(
        self, parts: int, generator: np.random.Generator
    ) -> tuple[tuple[Measurements, Measurements], ...]:
        """Divides the shots of each basis at random, for cross-validation.

        Args:
            parts: How many parts, at least 2.
            generator: Where random numbers come from.

        Returns:
            For each part all others, and itself.

        Raises:
            DataError: A basis has fewer shots than there are parts.
        """
        check_count("parts", parts, 2)
        if self.shots.min() < parts:
            few = self.bases[int(self.shots.argmin())]
            raise DataError(
                f"parts: expected at most as many as there are shots in each basis, "
                f"got {parts} for {int(self.shots.min())} in {few}"
            )
        shares = np.zeros((parts, len(self.counts)), np.int64)
        for place in range(len(self.bases)):
            mine = np.flatnonzero(self.of == place)
            shots = generator.permutation(np.repeat(mine, self.counts[mine]))
            # Parts that come first are larger by one: not the same ones in each basis.
            order = generator.permutation(parts)
            for part, chosen in zip(order, np.array_split(shots, parts), strict=True):
                np.add.at(shares[part], chosen, 1)
        return tuple(
            (self._with_counts(self.counts - own), self._with_counts(own))
            for own in shares
        )

    def _with_counts(self, counts: NDArray[np.int64]) -> Measurements:
        there = counts > 0
        return evolve(
            self,
            outcomes=self.outcomes[there],
            of=self.of[there],
            counts=counts[there],
        )


def misread(
    probabilities: Any,
    confusion: NDArray[np.float64] | None,
    *,
    transposed: bool = False,
) -> Any:
    """What is read where outcomes have given probabilities.

    Args:
        probabilities: (..., 2ⁿ), an array or a tensor.
        confusion: (n, 2, 2) as in `Measurements`; None for no errors.
        transposed: Whether the transposed matrices act, as on gradients.

    Returns:
        Probabilities of what is read, (..., 2ⁿ).

    Example:
        >>> misread(np.array([1.0, 0.0]), np.array([[[0.9, 0.1], [0.2, 0.8]]]))
        array([0.9, 0.1])
    """
    if confusion is None:
        return probabilities
    shape, size = probabilities.shape, len(confusion)
    found = probabilities
    for wire, matrix in enumerate(confusion):
        turned = matrix if transposed else matrix.T
        view = found.reshape(-1, 2, 2 ** (size - 1 - wire))
        if not isinstance(view, np.ndarray):
            turned = view.new_tensor(turned)
        found = turned @ view
    return found.reshape(shape)


@validate_call
def pauli_bases(num_wires: int) -> tuple[str, ...]:
    """All 3ⁿ bases, XX…X first.

    Args:
        num_wires: n, at most 10.

    Returns:
        The bases.

    Raises:
        ArgumentError: There are too many wires.

    Example:
        >>> pauli_bases(1)
        ('X', 'Y', 'Z')
    """
    check_count("num_wires", num_wires)
    if num_wires > 10:
        raise ArgumentError(
            f"num_wires: all bases of {num_wires} wires are 3^{num_wires}; expected at "
            "most 10 wires, or bases='random'"
        )
    grid = np.indices((3,) * num_wires).reshape(num_wires, -1).T
    return tuple("".join(LETTERS[letter] for letter in row) for row in grid)


@validate_call
def random_bases(
    num_wires: int, count: int, generator: np.random.Generator
) -> tuple[str, ...]:
    """Bases with letters drawn independently, each as likely.

    Args:
        num_wires: How many wires.
        count: How many bases; some may be equal.
        generator: Where random numbers come from.
    """
    check_count("num_wires", num_wires, most=MOST_WIRES)
    check_count("count", count)
    check_memory("count: letters of random bases", (count, num_wires), np.dtype("U1"))
    letters = np.array(list(LETTERS))[generator.integers(3, size=(count, num_wires))]
    return tuple("".join(row) for row in letters)


# ---- what comes in ----


def _bits_of(text: Any, width: int, order: str) -> list[int]:
    if not isinstance(text, str):
        raise DataError(
            f"counts: expected bit strings such as '01', got {text!r}; of numbers take "
            "format(number, '02b')"
        )
    bits = re.sub(r"\s", "", text)
    if set(bits) - {"0", "1"} or len(bits) != width:
        raise DataError(
            f"counts: expected strings of {width} bits, 0 and 1, as the basis has "
            f"letters, got {text!r}"
        )
    found = [int(bit) for bit in bits]
    return found[::-1] if order == "last" else found


def _counted(
    rows: NDArray[np.uint8],
    of: NDArray[np.intp],
    times: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.intp], NDArray[np.int64]]:
    """Each outcome of each basis once, with how often it occurred."""
    if not len(rows):
        return rows, of, np.zeros(0, np.int64)
    keys = np.concatenate(
        [of.astype(">u4").view(np.uint8).reshape(-1, 4), np.packbits(rows, axis=1)],
        axis=1,
    )
    _, first, place = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    found = np.zeros(len(first), np.int64)
    np.add.at(found, place.reshape(-1), 1 if times is None else times)
    return rows[first], of[first], found


def _qiskit_counts(result: Any, num_bases: int) -> list[Counts]:
    """Counts of a result of Qiskit's, circuit by circuit."""
    if hasattr(result, "get_counts") and hasattr(result, "results"):
        counts = result.get_counts()
        return list(counts) if isinstance(counts, list) else [counts]
    pubs = as_items(result)
    if not pubs or not all(hasattr(getattr(p, "data", 0), "values") for p in pubs):
        raise ArgumentTypeError(
            "result: expected a result of a Qiskit sampler or backend, got "
            f"{type(result).__name__}; of counts make from_counts"
        )
    found: list[Counts] = []
    for pub in pubs:
        registers = list(pub.data.values())
        if not registers or not all(hasattr(r, "get_counts") for r in registers):
            raise ArgumentTypeError(
                "result: expected bits of classical registers, got a pub without; "
                "measure the circuit, and use a sampler"
            )
        bits = pub.join_data() if len(registers) > 1 else registers[0]
        places = np.ndindex(bits.shape)
        found += [bits[place].get_counts() for place in places]
    return found


def _plain_label(label: Hashable) -> int | str:
    return label if isinstance(label, int) else str(label)


def _read_npz(path: Path) -> Measurements:
    arrays = read_arrays(path)
    missing = [name for name in _ARRAYS if name not in arrays]
    if missing:
        raise DataError(
            f"{path}: expected measurements, with arrays {', '.join(_ARRAYS)}, got none"
            f" of {missing[0]!r}; Measurements.save and qml-qdl measure write such"
        )
    try:
        wires = json.loads(str(arrays["wires"]))
        origin = json.loads(str(arrays["origin"]))
        return Measurements(
            tuple(map(str, arrays["bases"].tolist())),
            np.unpackbits(arrays["outcomes"], axis=1, count=len(wires)),
            arrays["of"],
            arrays["counts"],
            wires,
            arrays.get("confusion"),
            Origin(**{**origin, "jobs": tuple(origin["jobs"])}),
        )
    except QdlError as error:
        raise DataError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: expected measurements, got arrays that are none ({error}); the "
            "file is damaged"
        ) from error


def _read_text(path: Path, bases: Any, order: str | None) -> Measurements:
    content = _lines_of(path)
    head: dict[str, str] = {}
    lines: list[tuple[int, str]] = []
    for number, line in enumerate(content, 1):
        said = re.fullmatch(r"#\s*(order|wires)\s*:\s*(.*)", line)
        if said:
            head[said[1]] = said[2].strip()
        elif line and not line.startswith("#"):
            lines.append((number, line))
    order = order or head.get("order")
    if order is None:
        raise DataError(
            f"order: {path} does not say which wire is leftmost; add a line "
            "'# order: first' (or last, as Qiskit writes), or pass order="
        )
    if order not in ORDERS:
        raise DataError(f"order: expected first or last, got {order!r} in {path}")
    if not lines:
        raise DataError(f"path: {path} has no line with an outcome")
    words = None if bases is None else _bases_apart(bases, len(lines))
    counts: dict[str, dict[str, int]] = {}
    for place, (number, line) in enumerate(lines):
        basis, bits, times = _entry(
            path, number, line, None if words is None else words[place]
        )
        basis = basis[::-1] if order == "last" else basis
        own = counts.setdefault(basis, {})
        own[bits] = own.get(bits, 0) + times
    wires: list[int | str] | None = None
    if "wires" in head:
        labels = head["wires"].split()
        wires = [int(label) if label.isdecimal() else label for label in labels]
        wires = wires[::-1] if order == "last" else wires
    try:
        return Measurements.from_counts(counts, order=order, wires=wires)
    except (DataError, ShapeError) as error:
        raise DataError(f"{path}: {error}") from error


def _lines_of(path: Path) -> list[str]:
    try:
        lines = existing(path).read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected text, got {error}") from error
    return [line.strip() for line in lines]


def _bases_apart(bases: Any, count: int) -> list[str]:
    if isinstance(bases, str) and bases and not set(bases) - set(LETTERS):
        return [bases] * count
    if isinstance(bases, str | Path):
        bases = [line for line in _lines_of(Path(bases)) if line and line[0] != "#"]
    words = [re.sub(r"\s", "", str(word)) for word in as_items(bases) or ()]
    if len(words) != count:
        raise DataError(
            f"bases: expected one for each of {count} outcomes, or one for all, got "
            f"{len(words)}"
        )
    return list(as_words(words))


def _entry(
    path: Path, number: int, line: str, basis: str | None
) -> tuple[str, str, int]:
    """Basis, bits and count of a line."""
    rest = line
    if basis is None:
        basis, *others = line.split(None, 1)
        rest = "".join(others)
    size = len(basis)
    match = re.fullmatch(
        rf"(?P<bits>[01](\s*[01]){{{size - 1}}})(\s+(?P<n>\d+))?", rest.strip()
    )
    if match is None or set(basis) - set(LETTERS):
        expected = "bits" if rest is line else "a basis, as many bits"
        raise DataError(
            f"{path}, line {number}: expected {expected} and perhaps a number, such as "
            f"{'010 12' if rest is line else 'XZY 010 12'}, got {line!r}"
        )
    return basis, re.sub(r"\s", "", match["bits"]), int(match["n"] or 1)
