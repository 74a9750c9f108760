"""Data of phases: snapshots, or whole states, over a grid of couplings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.errors import ArgumentError, DataError, QdlError, ShapeError
from qml_qdl.circuits.validation import (
    MOST_SEED,
    as_items,
    check_choice,
    check_count,
    check_type,
    validate_call,
)
from qml_qdl.hardware.files import made_in_memory, write_atomically
from qml_qdl.tomography import Measurements


def _as_bits(bits: Any) -> NDArray[np.uint8]:
    table = np.asarray(bits)
    if table.dtype.kind not in "biuf" or not np.isin(table, (0, 1)).all():
        raise DataError(
            "bits: expected zeros and ones, got others; spins s are the bits (1 − s)/2"
        )
    return table.astype(np.uint8)


def as_floats(name: str, values: Any) -> NDArray[np.float64]:
    """Real numbers as an array.

    Args:
        name: What an error calls them.
        values: An array, a tensor or nested sequences.

    Raises:
        DataError: They are no real numbers, or rows differ in length.
    """
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: expected numbers, {error}") from error
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name}: expected real numbers, got {array.dtype}")
    return array.astype(np.float64)


def as_couplings(couplings: Any) -> NDArray[np.float64]:
    """Couplings of points as a table.

    Args:
        couplings: (points,) or (points, couplings).

    Returns:
        (points, couplings).

    Raises:
        DataError: They are no finite numbers of such a shape.
    """
    table = as_floats("couplings", couplings)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or 0 in table.shape or not np.isfinite(table).all():
        raise DataError(
            "couplings: expected finite numbers (points, couplings), got an array of "
            f"shape {table.shape}"
        )
    return table


def _as_words(words: Any) -> tuple[str, ...]:
    return tuple(map(str, as_items(words) or ()))


def _as_numbers(values: Any) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise DataError(f"of, group: expected whole numbers, got {array.dtype}")
    return array.astype(np.int64)


def _as_states(states: Any) -> NDArray[np.float64] | None:
    if states is None:
        return None
    table = np.asarray(states)
    if table.dtype.kind not in "iuf" or not np.isfinite(table).all():
        raise DataError(
            f"states: expected real amplitudes (points, 2ⁿ), got {table.dtype}; of "
            "complex ones keep the snapshots"
        )
    return table.astype(np.float64)


def _as_given(value: Any) -> Any:
    return value  # what None stands for the others tell


@validate_call
@frozen(eq=False)
class Scan:
    """What was prepared at some couplings, and what was seen of it.

    A row is one set of snapshots of one preparation. Rows of one group are not
    independent, as those of one Markov chain, and never come apart in a split.

    Args:
        names: What the couplings are called.
        couplings: Their values at each point, (points, couplings).
        bases: In which bases snapshots were taken, words of X, Y and Z; "Z…Z" of
            classical spins.
        bits: The snapshots, (rows, bases, shots, sites); 0 stands for +1.
        of: The point of each row, (rows,).
        group: Which rows belong together, (rows,); None for those of a point.
        shape: The lattice, such as (16, 16); None for a chain.
        states: Amplitudes of the points, real, (points, 2ⁿ), where they are known.
        title: What was prepared.

    Raises:
        DataError: A value is none of its kind, or there is nothing.
        ShapeError: Shapes do not belong together.

    Example:
        >>> scan = Scan(("h",), [0.0, 1.0], ("ZZ",), np.zeros((2, 1, 5, 2)), [0, 1])
        >>> scan
        Scan('', h 0 … 1, 2 points, 2 rows of 5 snapshots on 2 sites)
    """

    names: tuple[str, ...] = field(converter=_as_words)
    couplings: NDArray[np.float64] = field(converter=as_couplings)
    bases: tuple[str, ...] = field(converter=_as_words)
    bits: NDArray[np.uint8] = field(converter=_as_bits)
    of: NDArray[np.int64] = field(converter=_as_numbers)
    group: NDArray[np.int64] = field(default=None, converter=_as_given)
    shape: tuple[int, ...] = field(default=None, converter=_as_given)
    states: NDArray[np.float64] | None = field(default=None, converter=_as_states)
    title: str = ""

    def __attrs_post_init__(self) -> None:
        own = object.__setattr__  # what was left out follows from the rest
        if self.bits.ndim != 4 or 0 in self.bits.shape:
            raise ShapeError(
                "bits: expected (rows, bases, shots, sites), nothing empty, got "
                f"{self.bits.shape}"
            )
        rows, bases, _, sites = self.bits.shape
        own(self, "group", _as_numbers(self.of if self.group is None else self.group))
        sides = (sites,) if self.shape is None else as_items(self.shape)
        if sides is None or np.prod(sides) != sites:
            raise ShapeError(f"shape: expected one of {sites} sites, got {self.shape}")
        own(self, "shape", tuple(map(int, sides)))
        points, many = self.couplings.shape
        if len(self.names) != many or len(set(self.names)) < many:
            raise ShapeError(
                f"names: expected {many}, one for each coupling, each once, got "
                f"{list(self.names)}"
            )
        for name in ("of", "group"):
            if getattr(self, name).shape != (rows,):
                raise ShapeError(
                    f"{name}: expected {rows} numbers, one for each row, got "
                    f"{getattr(self, name).shape}"
                )
        if self.of.min() < 0 or self.of.max() >= points:
            raise DataError(
                f"of: expected points 0 … {points - 1}, got {int(self.of.min())} to "
                f"{int(self.of.max())}"
            )
        if len(self.bases) != bases:
            raise ShapeError(f"bases: expected {bases} words, got {len(self.bases)}")
        for basis in self.bases:
            if len(basis) != sites or set(basis) - set("XYZ"):
                raise DataError(
                    f"bases: expected words of {sites} letters X, Y and Z, got "
                    f"{basis!r}"
                )
        if self.states is not None and self.states.shape != (points, 2**sites):
            raise ShapeError(
                f"states: expected {(points, 2**sites)}, got {self.states.shape}"
            )

    def __repr__(self) -> str:
        ranges = (
            f"{name} {low:g} … {high:g}"
            for name, low, high in zip(
                self.names, self.couplings.min(0), self.couplings.max(0), strict=True
            )
        )
        return (
            f"Scan({self.title!r}, {', '.join(ranges)}, {len(self.couplings)} points, "
            f"{len(self)} rows of {self.snapshots} snapshots on {self.num_sites} sites)"
        )

    def __len__(self) -> int:
        return len(self.bits)

    @classmethod
    def from_measurements(
        cls,
        names: Sequence[str],
        couplings: Any,
        measurements: Sequence[Measurements],
        title: str = "",
    ) -> Scan:
        """Takes over what was measured of one state at each point.

        Args:
            names: What the couplings are called.
            couplings: (points, couplings).
            measurements: Of each point, all in the same bases, with as many shots in
                each.
            title: What was prepared.

        Raises:
            DataError: Bases or shots differ.

        Example:
            >>> data = Measurements.from_counts({"Z": {"0": 2, "1": 1}}, order="first")
            >>> Scan.from_measurements(["h"], [0.5], [data]).bits.ravel()
            array([0, 0, 1], dtype=uint8)
        """
        given = as_items(measurements) or ()
        for each in given:
            check_type("measurements", each, Measurements)
        if not given:
            raise DataError("measurements: expected those of at least one state")
        bases, shots = given[0].bases, {int(n) for each in given for n in each.shots}
        if any(set(each.bases) != set(bases) for each in given) or len(shots) > 1:
            raise DataError(
                "measurements: expected the same bases of all states, and as many "
                f"shots in each, got shots {sorted(shots)}; take them anew, or some: "
                "in_bases"
            )

        def shots_of(each: Measurements) -> list[NDArray[np.uint8]]:
            places = (each.of == each.bases.index(basis) for basis in bases)
            return [np.repeat(each.outcomes[k], each.counts[k], 0) for k in places]

        bits = np.stack([np.stack(shots_of(each)) for each in given])
        return cls(names, couplings, bases, bits, np.arange(len(given)), title=title)

    # ---- files ----

    def save(self, path: str | Path) -> None:
        """Writes a file, whole or not at all.

        Args:
            path: Ends with `.npz`.

        Raises:
            ArgumentError: It ends otherwise.

        Example:
            >>> scan = Scan(("h",), [0.0], ("Z",), np.zeros((1, 1, 3, 1)), [0])
            >>> scan.save("scan.npz")
            >>> len(Scan.read("scan.npz"))
            1
        """
        path = Path(path)
        if path.suffix.lower() != ".npz":
            raise ArgumentError(
                f"path: expected a file that ends with .npz, got {str(path)!r}"
            )
        told = {
            "names": self.names,
            "bases": self.bases,
            "bits": self.bits.shape,
            "shape": self.shape,
            "title": self.title,
        }
        arrays: dict[str, Any] = {
            "told": np.array(json.dumps(told, ensure_ascii=False)),
            "couplings": self.couplings,
            "packed": np.packbits(self.bits),
            "of": self.of,
            "group": self.group,
        }
        if self.states is not None:
            arrays["states"] = self.states
        write_atomically(
            path, made_in_memory(lambda file: np.savez_compressed(file, **arrays))
        )

    @classmethod
    def read(cls, path: str | Path) -> Scan:
        """Reads what `save` wrote.

        Args:
            path: The file.

        Raises:
            DataError: There is none, or it is damaged.
        """
        path = Path(path)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                told = json.loads(str(arrays["told"]))
                size = int(np.prod(told["bits"]))
                return cls(
                    told["names"],
                    arrays["couplings"],
                    told["bases"],
                    np.unpackbits(arrays["packed"], count=size).reshape(told["bits"]),
                    arrays["of"],
                    arrays["group"],
                    told["shape"],
                    arrays["states"] if "states" in arrays.files else None,
                    told["title"],
                )
        except FileNotFoundError as error:
            raise DataError(f"path: there is no file {str(path)!r}") from error
        except QdlError:
            raise
        except Exception as error:  # whatever a damaged file makes NumPy say
            raise DataError(
                f"path: {str(path)!r} holds no scan that can be read "
                f"({type(error).__name__}); expected what Scan.save wrote"
            ) from error

    # ---- what is in it ----

    @property
    def num_sites(self) -> int:
        """How many sites were read."""
        return int(self.bits.shape[3])

    @property
    def snapshots(self) -> int:
        """Snapshots of a row, in all bases together."""
        return int(self.bits.shape[1] * self.bits.shape[2])

    @property
    def spins(self) -> NDArray[np.float32]:
        """The snapshots as ±1, (rows, bases, shots, sites)."""
        return 1 - 2 * self.bits.astype(np.float32)

    @property
    def amplitudes(self) -> NDArray[np.float64]:
        """The state of each row, (rows, 2ⁿ).

        Raises:
            DataError: States are not known.
        """
        if self.states is None:
            raise DataError("scan: expected one with states, got snapshots only")
        return self.states[self.of]

    def along(self, name: str | None = None) -> NDArray[np.float64]:
        """A coupling at each row, (rows,).

        Args:
            name: Which; None for the first.

        Raises:
            ArgumentError: There is no such coupling.
        """
        name = self.names[0] if name is None else name
        check_choice("name", name, self.names)
        found: NDArray[np.float64] = self.couplings[self.of, self.names.index(name)]
        return found

    def measurements(self, row: int) -> Measurements:
        """The snapshots of a row.

        Args:
            row: Which, from 0.

        Returns:
            Measurements of its state.
        """
        check_choice("row", row, range(len(self)))
        return Measurements.from_bits(self.bases, list(self.bits[row]))

    # ---- other scans made of it ----

    def take(self, rows: Any) -> Scan:
        """The scan of some rows.

        Args:
            rows: Their numbers, or a truth value for each.

        Raises:
            DataError: There would be none left, or one is not there.
        """
        try:
            wanted = np.asarray(rows)
            chosen = np.arange(len(self))[wanted if wanted.size else slice(0)]
        except IndexError as error:
            raise DataError(f"rows: expected rows of the scan, {error}") from error
        if chosen.ndim != 1 or not len(chosen):
            raise DataError("rows: expected at least one row, got none")
        return evolve(
            self, bits=self.bits[chosen], of=self.of[chosen], group=self.group[chosen]
        )

    def sets(self, snapshots: int) -> Scan:
        """Each row in sets of fewer snapshots, the first of them first.

        Args:
            snapshots: Of each set, in all bases together.

        Returns:
            Rows of as many snapshots; those that are left over are left out.

        Raises:
            ArgumentError: A row has fewer, or bases would have different numbers.
        """
        bases, shots = self.bits.shape[1:3]
        check_count("snapshots", snapshots)
        if snapshots % bases or snapshots > self.snapshots:
            raise ArgumentError(
                f"snapshots: expected a multiple of {bases}, as there are bases, up to "
                f"{self.snapshots}, got {snapshots}"
            )
        each = snapshots // bases
        parts = shots // each
        cut = self.bits[:, :, : parts * each].reshape(len(self), bases, parts, each, -1)
        return evolve(
            self,
            bits=cut.swapaxes(1, 2).reshape(-1, bases, each, self.num_sites),
            of=np.repeat(self.of, parts),
            group=np.repeat(self.group, parts),
        )

    def parts(
        self, *shares: float, strata: Any = None, seed: int = 0
    ) -> tuple[NDArray[np.intp], ...]:
        """Divides whole groups at random, as many of each stratum.

        Args:
            *shares: Of the first parts, of all groups of a stratum; the last part has
                the rest.
            strata: The stratum of each row, (rows,), such as its phase; None for its
                point.
            seed: Seed of the choice.

        Returns:
            Rows for each share, and those of one more part.

        Raises:
            ArgumentError: Shares are not between 0 and 1, or a part has no group.
            ShapeError: There are not as many strata as rows.
        """
        check_count("seed", seed, 0, MOST_SEED)
        edges = np.cumsum(shares)
        rising = (np.diff(edges, prepend=0) > 0).all() if len(edges) else False
        if not rising or edges[-1] >= 1:
            raise ArgumentError(
                f"shares: expected some between 0 and 1, together below 1, got {shares}"
            )
        kinds = self.of if strata is None else np.asarray(strata)
        if kinds.shape != (len(self),):
            raise ShapeError(
                f"strata: expected {len(self)}, one for each row, got {kinds.shape}"
            )
        generator = np.random.default_rng(seed)
        part = np.full(len(self), -1)
        for kind in np.unique(kinds):
            here = kinds == kind
            groups = generator.permutation(np.unique(self.group[here]))
            cuts = np.split(groups, (edges * len(groups)).round().astype(int))
            if not all(map(len, cuts)):
                raise ArgumentError(
                    f"shares: {len(groups)} groups of a stratum are too few for "
                    f"{len(cuts)} parts; prepare more chains, or more couplings"
                )
            for number, chosen in enumerate(cuts):
                part[here & np.isin(self.group, chosen)] = number
        return tuple(np.flatnonzero(part == k) for k in range(len(edges) + 1))

    def divide(
        self, *shares: float, strata: Any = None, seed: int = 0
    ) -> tuple[Scan, ...]:
        """The scans of `parts`.

        Args:
            *shares: As of `parts`.
            strata: As of `parts`.
            seed: As of `parts`.

        Returns:
            A scan for each share, and one more.

        Raises:
            ArgumentError: Shares are not between 0 and 1, or a part has no group.
            ShapeError: There are not as many strata as rows.

        Example:
            >>> bits, groups = np.zeros((4, 1, 1, 1)), [0, 1, 2, 3]
            >>> scan = Scan(("h",), [0.0], ("Z",), bits, [0] * 4, groups)
            >>> [len(part) for part in scan.divide(0.75)]
            [3, 1]
        """
        return tuple(map(self.take, self.parts(*shares, strata=strata, seed=seed)))
