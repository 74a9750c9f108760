"""Sectors: configurations of spins with conserved numbers, symmetrised or not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np
import torch
from attrs import field, frozen
from numpy.typing import NDArray
from torch import Tensor

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    MemoryBoundError,
    ShapeError,
)
from qml_qdl.circuits.validation import (
    MOST_WIRES,
    as_items,
    check_choice,
    check_count,
    check_type,
    checked,
    validate_call,
)
from qml_qdl.hardware.simulator.memory import free_bytes

MOST_SITES = 62
"""Configurations of no more sites are numbered; sectors of more can be sampled."""

CHUNK = 2**18
"""Configurations that are looked at together."""

_TABLE = 13
"""Bits that are permuted at once, by a table that caches hold."""

States: TypeAlias = NDArray[np.uint64]


def check_memory(what: str, needed: int, repair: str) -> None:
    """Refuses what does not fit into the memory that is free now.

    Args:
        what: The argument and what is asked, for the message.
        needed: Bytes it takes.
        repair: What to do instead, for the message.

    Raises:
        MemoryBoundError: There are fewer bytes free.

    Example:
        >>> check_memory("sites: 2 sites", 32, "take fewer")
    """
    free = free_bytes(torch.device("cpu"))
    if needed > free:
        raise MemoryBoundError(
            f"{what} need {needed:,} bytes, but {free:,} are free; {repair}"
        )


def as_permutations(permutations: Any, num_sites: int) -> NDArray[np.int64]:
    """Permutations of sites as rows.

    Args:
        permutations: One or many, in each each of 0 … N−1 once.
        num_sites: Number of sites, N.

    Returns:
        Array (N_group, N).

    Raises:
        ArgumentError: A row is no permutation.
        ArgumentTypeError: They are no whole numbers.

    Example:
        >>> as_permutations([1, 0], 2)
        array([[1, 0]])
    """
    try:
        rows = np.atleast_2d(np.asarray(permutations))
    except ValueError:  # rows of different lengths
        rows = np.empty(0, object)
    if rows.dtype.kind not in "iu":
        raise ArgumentTypeError(
            f"permutations: expected {num_sites} whole numbers in each row, got "
            f"{str(permutations)[:60]}"
        )
    if (
        rows.ndim != 2
        or not len(rows)
        or rows.shape[1] != num_sites
        or not (np.sort(rows, axis=1) == np.arange(num_sites)).all()
    ):
        raise ArgumentError(
            f"permutations: expected each of 0 … {num_sites - 1} once in each row, got "
            f"an array of shape {rows.shape}; entry k of a row says which site's spin "
            "comes to site k"
        )
    return rows.astype(np.int64)


def group_table(permutations: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which element of a group the product of two is.

    Args:
        permutations: All elements, (N_group, N).

    Returns:
        Indices (N_group, N_group): at [g, h] that of the permutation g[h[j]].

    Raises:
        ArgumentError: One is there twice, or a product is missing.

    Example:
        >>> group_table(np.array([[0, 1], [1, 0]])).tolist()
        [[0, 1], [1, 0]]
    """
    rows = np.ascontiguousarray(permutations)
    index = {row.tobytes(): k for k, row in enumerate(rows)}
    if len(index) < len(rows):
        raise ArgumentError(
            "permutations: expected each once, got some twice; use np.unique(…, axis=0)"
        )
    table = [[index.get(each.tobytes(), -1) for each in row[rows]] for row in rows]
    if min(map(min, table)) < 0:
        raise ArgumentError(
            f"permutations: expected a group, but a product of two of {len(rows)} is "
            "missing; use all elements, such as lattice.symmetries"
        )
    return np.array(table)


def check_characters(characters: NDArray[Any], table: NDArray[np.int64]) -> None:
    """Checks that numbers are a one-dimensional character of a group.

    Args:
        characters: χ of each element, (N_group,).
        table: What `group_table` has of it.

    Raises:
        ArgumentError: They are none.

    Example:
        >>> check_characters(np.array([1, -1]), np.array([[0, 1], [1, 0]]))
    """
    products = characters[:, None] * characters
    if not np.allclose(characters[table], products, atol=1e-6):
        raise ArgumentError(
            "characters: expected χ(gh) = χ(g) χ(h) for all permutations, got other "
            "numbers; lattice.characters(momentum) has those of translations"
        )


def check_sites(spins: Tensor, num_sites: int) -> None:
    """Checks the shape of configurations alone, as inside of torch's transforms.

    Args:
        spins: Rows of ±1, (rows, N).
        num_sites: Number of sites, N.

    Raises:
        ShapeError: There are more or fewer columns than sites.

    Example:
        >>> check_sites(torch.tensor([[1.0, -1.0]]), 2)
    """
    if spins.ndim != 2 or spins.shape[1] != num_sites:
        raise ShapeError(
            f"spins: expected (rows, {num_sites}), one column for each site, got "
            f"{tuple(spins.shape)}"
        )


def check_spins(spins: Tensor, num_sites: int) -> None:
    """Checks that a tensor holds configurations of spins.

    Args:
        spins: Rows of ±1, (rows, N).
        num_sites: Number of sites, N.

    Raises:
        ArgumentError: A number is not ±1.
        ArgumentTypeError: They are of another type than float32 and float64.
        ShapeError: There are more or fewer columns than sites.

    Example:
        >>> check_spins(torch.tensor([[1.0, -1.0]]), 2)
    """
    if spins.ndim != 2 or spins.shape[1] != num_sites:
        raise ShapeError(
            f"spins: expected (rows, {num_sites}), one column for each site, got "
            f"{tuple(spins.shape)}"
        )
    if spins.dtype not in (torch.float32, torch.float64):
        raise ArgumentTypeError(
            f"spins: expected float32 or float64, got {spins.dtype}; use "
            "spins.to(torch.float64)"
        )
    if not bool((spins.abs() == 1).all()):
        raise ArgumentError(
            "spins: expected +1 and −1 only, got others; bits b become spins as 1 − 2b"
        )


def _as_numbers(characters: Any) -> Any:
    if characters is None:
        return None
    try:
        values = np.asarray(characters, complex)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"characters: expected a number for each permutation, got {characters!r}"
        ) from error
    return tuple(values.tolist()) if values.ndim == 1 else (None,)


def _as_sums(sums: Any) -> Any:
    """Pairs of sites and a whole number, as tuples."""
    if sums is None:
        return None
    pairs = []
    for item in as_items(sums) or (None,):
        pair = as_items(item) or ()
        sites = as_items(pair[0]) if len(pair) == 2 else None
        if not sites or not all(isinstance(n, Integral) for n in (*sites, pair[1])):
            raise ArgumentTypeError(
                "sums: expected pairs of sites and the sum of their spins, such as "
                f"[((0, 2), 0), ((1, 3), 0)], got {str(sums)[:60]}"
            )
        pairs.append((tuple(map(int, sites)), int(pair[1])))
    return tuple(pairs)


def _as_rows(permutations: Any) -> Any:
    if permutations is None:
        return None
    size = np.shape(permutations)[-1:] if not isinstance(permutations, str) else ()
    rows = as_permutations(permutations, *(size or (0,)))
    return tuple(map(tuple, rows.tolist()))


@validate_call
@frozen(slots=False)
class Sector:
    """The configurations of N spins that conserved numbers allow, as a basis.

    A configuration is numbered as by PennyLane: spin s = 1 − 2b of site k is bit b
    number N − 1 − k, so that without any conserved number the basis is that of
    `qml.matrix`. With `spin_flip` or `permutations` the basis is made of symmetrised
    sums over orbits, of which `states` are the smallest members:
    ψ(g s) = χ(g) ψ(s), where a permutation p takes s to `s[p]`.

    Args:
        num_sites: Number of sites, N.
        magnetisation: The sum of the spins ±1, twice the total Sᶻ; None for all.
        parity: The product of the spins, the eigenvalue ±1 of Π Z; None for both.
        spin_flip: The eigenvalue ±1 of Π X, which flips all spins; None for both.
        permutations: A group of permutations of sites, (N_group, N), such as
            `lattice.translations`; None for no symmetrising.
        characters: χ of each permutation, a one-dimensional character such as
            `lattice.characters(momentum)`; None for 1.
        sums: Sums of the spins of some sites each, as pairs of sites and number, where
            more than the magnetisation is conserved: of electrons, whose orbitals are
            sites, those of each spin. No site stands in two. It goes with none of the
            other numbers.

    Raises:
        ArgumentError: No configuration has these numbers, the permutations are no
            group, or the characters none of it.
        ArgumentTypeError: A number is none.
        MemoryBoundError: The configurations do not fit into memory.

    Example:
        >>> from qml_qdl.manybody import Lattice
        >>> Sector(4, magnetisation=0).num_states
        6
        >>> ring = Lattice.chain(4)
        >>> Sector(4, 0, spin_flip=1, permutations=ring.translations).num_states
        2
        >>> Sector(4, sums=[((0, 2), 0), ((1, 3), 0)]).states.tolist()
        [3, 6, 9, 12]
    """

    num_sites: int = field(validator=checked(check_count, 1, MOST_WIRES))
    magnetisation: int | None = None
    parity: int | None = field(
        default=None, validator=checked(check_choice, (1, -1, None))
    )
    spin_flip: int | None = field(
        default=None, validator=checked(check_choice, (1, -1, None))
    )
    permutations: Sequence[Sequence[int]] | None = field(
        default=None, converter=_as_rows, repr=False
    )
    characters: Sequence[complex] | None = field(
        default=None, converter=_as_numbers, repr=False
    )
    sums: Sequence[tuple[Sequence[int], int]] | None = field(
        default=None, converter=_as_sums, kw_only=True
    )

    def __attrs_post_init__(self) -> None:
        self._check_sums()
        number, total = self.magnetisation, self.num_sites
        if number is not None and (abs(number) > total or (number + total) % 2):
            raise ArgumentError(
                f"magnetisation: {total} spins ±1 have no sum {number}, so the sector "
                f"has no states; pass one of {-total}, {2 - total}, … {total}"
            )
        if number is not None and self.parity is not None:
            down = (total - number) // 2
            if (-1) ** down != self.parity:
                raise ArgumentError(
                    f"parity: with magnetisation {number} of {total} spins the product "
                    f"is {(-1) ** down}, got {self.parity}, so the sector has no "
                    "states; leave parity away"
                )
        if self.spin_flip is not None and (number or (self.parity and total % 2)):
            raise ArgumentError(
                f"spin_flip: flipping all {total} spins changes the sum {number} or "
                f"the product {self.parity}; leave one of them away"
            )
        if self.permutations is not None:
            as_permutations(self.permutations, total)
        if self.characters is not None:
            count = len(self.permutations or ())
            if None in self.characters or len(self.characters) != count:
                raise ArgumentError(
                    f"characters: expected {count} numbers, one for each permutation, "
                    f"got {len(self.characters)}; pass them with their permutations"
                )
        self._check_group()

    def _check_sums(self) -> None:
        if self.sums is None:
            return
        for name in ("magnetisation", "parity", "spin_flip", "permutations"):
            if getattr(self, name) is not None:
                raise ArgumentError(
                    f"sums: they go with no other number, got {name} beside them; "
                    "leave one of both away"
                )
        sites = [site for part, _ in self.sums for site in part]
        if len(set(sites)) < len(sites) or not set(sites) <= set(range(self.num_sites)):
            raise ArgumentError(
                f"sums: expected sites below {self.num_sites}, each once, got {sites}"
            )
        for part, number in self.sums:
            if abs(number) > len(part) or (number + len(part)) % 2:
                raise ArgumentError(
                    f"sums: {len(part)} spins ±1 have no sum {number}, so the sector "
                    f"has no states; pass one of {-len(part)}, {2 - len(part)}, … "
                    f"{len(part)}"
                )

    @property
    def _pools(self) -> list[tuple[tuple[int, ...], int]]:
        """For each sum its sites and how many of them are down; then single sites."""
        sums = self.sums or ()
        pools = [(tuple(part), (len(part) - total) // 2) for part, total in sums]
        bound = {site for part, _ in sums for site in part}
        free = (site for site in range(self.num_sites) if site not in bound)
        return [*pools, *(((site,), -1) for site in free)]

    def _check_group(self) -> None:
        if self.permutations is None:
            return
        check_characters(self._characters, group_table(np.array(self.permutations)))

    @property
    def _characters(self) -> NDArray[np.complex128]:
        count = len(self.permutations or ())
        return np.array(self.characters or (1.0,) * count, complex)

    @cached_property
    def group(self) -> tuple[tuple[NDArray[np.int64], bool, complex], ...]:
        """Permutations, whether all spins flip as well, and characters; () for none."""
        rows: Any = self.permutations
        if rows is None:
            rows = [range(self.num_sites)] if self.spin_flip else []
        characters = self._characters if self.permutations else (1.0,)
        found = []
        for row, character in zip(rows, characters, strict=False):
            found.append((np.array(row), False, complex(character)))
            if self.spin_flip:
                found.append((np.array(row), True, complex(character * self.spin_flip)))
        return tuple(found)

    @property
    def is_real(self) -> bool:
        """Whether all characters are real."""
        return all(abs(character.imag) < 1e-12 for _, _, character in self.group)

    @property
    def num_configurations(self) -> int:
        """How many configurations have these numbers, before they are symmetrised."""
        if self.sums is not None:
            ways = (2 if k < 0 else math.comb(len(s), k) for s, k in self._pools)
            return math.prod(ways)
        if self.magnetisation is None:
            return 1 << self.num_sites - (self.parity is not None)
        return math.comb(self.num_sites, (self.num_sites - self.magnetisation) // 2)

    @property
    def expected_states(self) -> int:
        """About how many states there are; exact without symmetrising."""
        return -(-self.num_configurations // max(1, len(self.group)))

    @property
    def num_states(self) -> int:
        """Number of states of the basis."""
        return len(self.states)

    @property
    def states(self) -> States:
        """The configurations as numbers, rising, (states,)."""
        return self._basis[0]

    @property
    def multiplicities(self) -> NDArray[np.int64]:
        """How many configurations each state is a sum of, (states,)."""
        return np.rint(max(1, len(self.group)) / self._basis[1]).astype(np.int64)

    @property
    def stabilisers(self) -> NDArray[np.float64]:
        """How many elements of the group leave each of `states` alone, (states,)."""
        return self._basis[1]

    def _check_numbered(self) -> None:
        if self.num_sites > MOST_SITES:
            raise ArgumentError(
                f"num_sites: expected at most {MOST_SITES}, got {self.num_sites}; the "
                "configurations of more are not numbered: sample them"
            )

    @cached_property
    def _basis(self) -> tuple[States, NDArray[np.float64]]:
        self._check_numbered()
        # These are all made at once.
        whole = self.magnetisation is not None or self.sums is not None
        needed = 16 * self.expected_states + 16 * whole * self.num_configurations
        check_memory(
            f"num_sites: the {self.num_configurations:,} configurations of "
            f"{self.num_sites} spins",
            needed,
            "take fewer sites, or conserve more numbers",
        )
        pairs = [self._representatives(states) for states in self._configurations()]
        states = np.concatenate([states for states, _ in pairs])
        if not len(states):
            raise ArgumentError(
                f"characters: no state of {self.num_sites} spins has them together "
                f"with magnetisation {self.magnetisation} and spin_flip "
                f"{self.spin_flip}, so the sector has no states; choose others"
            )
        return states, np.concatenate([numbers for _, numbers in pairs])

    def _configurations(self) -> Iterator[States]:
        """All configurations, in chunks that rise."""
        if self.magnetisation is not None or self.sums is not None:
            if self.sums is not None:
                states = self._products()
            else:
                down = (self.num_sites - (self.magnetisation or 0)) // 2
                states = _with_bits(self.num_sites, down)
            yield from np.array_split(states, -(-len(states) // CHUNK))
            return
        for start in range(0, 2**self.num_sites, CHUNK):
            end = min(start + CHUNK, 2**self.num_sites)
            states = np.arange(start, end, dtype=np.uint64)
            if self.parity is not None:
                states = states[np.bitwise_count(states) % 2 == (self.parity < 0)]
            yield states

    def _products(self) -> States:
        """All choices of each sum's configurations, rising."""
        states = np.zeros(1, np.uint64)
        for sites, down in self._pools:
            own = np.arange(2, dtype=np.uint64)  # a site that no sum binds
            if down >= 0:
                own = _with_bits(len(sites), down)
            spread = np.zeros_like(own)
            for bit, site in enumerate(sites):
                place = np.uint64(self.num_sites - 1 - site)
                spread |= (own >> np.uint64(bit) & np.uint64(1)) << place
            states = (states[:, None] | spread).ravel()
        return np.sort(states)

    def _representatives(self, states: States) -> tuple[States, NDArray[np.float64]]:
        """Those that are the smallest of their orbit, and their stabilisers."""
        sums = np.full(len(states), 0 if self.group else 1, complex)
        for number, (_, _, character) in enumerate(self.group):
            images = self._image(self._pieces(states), number)
            smallest = images >= states
            states, sums = states[smallest], sums[smallest]
            sums += character * (images[smallest] == states)
        kept = sums.real > 0.5
        return states[kept], sums.real[kept]

    @cached_property
    def _tables(self) -> list[tuple[np.uint64, list[States]]]:
        """For each element what is flipped, and where each piece of the bits goes."""
        total, found = self.num_sites, []
        entries = np.arange(2**_TABLE, dtype=np.uint64)
        for permutation, flip, _ in self.group:
            targets = np.empty(total, np.uint64)  # of each bit, from the last site on
            targets[total - 1 - permutation] = np.arange(total, dtype=np.uint64)[::-1]
            tables = []
            for first in range(0, total, _TABLE):
                table = np.zeros_like(entries)
                for k, target in enumerate(targets[first : first + _TABLE]):
                    table |= (entries >> np.uint64(k) & np.uint64(1)) << target
                tables.append(table)
            found.append((np.uint64(2**total - 1 if flip else 0), tables))
        return found

    def _pieces(self, states: States) -> list[NDArray[np.int64]]:
        """The bits of configurations, by as many as there are in a table."""
        firsts = range(0, self.num_sites, _TABLE)
        mask = np.uint64(2**_TABLE - 1)
        return [(states >> np.uint64(k) & mask).astype(np.int64) for k in firsts]

    def _image(self, pieces: list[NDArray[np.int64]], number: int) -> States:
        """What an element of the group makes of configurations."""
        flipped, tables = self._tables[number]
        images = (tables[0] ^ flipped).take(pieces[0])
        for table, piece in zip(tables[1:], pieces[1:], strict=True):
            images ^= table.take(piece)
        return images

    def find(self, states: States) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Which state of the basis each configuration belongs to.

        Args:
            states: Configurations as numbers.

        Returns:
            Indices, −1 where the sector has none of it, and the character χ(g) of the
            element that takes the configuration to that of `states`.
        """
        best = states
        characters = np.ones(len(states), complex)
        trivial = all(character == 1 for _, _, character in self.group)
        pieces = self._pieces(states) if self.group else []
        for number, (_, _, character) in enumerate(self.group):
            images = self._image(pieces, number)
            if number and trivial:
                np.minimum(best, images, out=best)
                continue
            nearer = images < best if number else np.ones(len(states), bool)
            best = np.where(nearer, images, best)
            characters[nearer] = character
        places = np.searchsorted(self.states, best)
        found = self.states[np.minimum(places, self.num_states - 1)] == best
        known = characters.real if self.is_real else characters
        return np.where(found, places, -1), known

    def spins(self, dtype: torch.dtype = torch.float64) -> Tensor:
        """The configurations as spins, (states, N).

        Args:
            dtype: A floating point type.

        Returns:
            Rows of ±1.

        Raises:
            MemoryBoundError: They do not fit into memory.

        Example:
            >>> Sector(2).spins().tolist()
            [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]
        """
        check_type("dtype", dtype, torch.dtype)
        check_choice("dtype", str(dtype), ("torch.float64", "torch.float32"))
        check_memory(
            f"dtype: {self.num_states:,} configurations of {self.num_sites} spins",
            self.num_states * self.num_sites * (8 + dtype.itemsize),
            "take fewer sites, or conserve more numbers",
        )
        shifts = np.arange(self.num_sites, dtype=np.uint64)[::-1]
        bits = (self.states[:, None] >> shifts & np.uint64(1)).astype(np.int8)
        return torch.from_numpy(1 - 2 * bits).to(dtype)

    def index(self, spins: Tensor) -> Tensor:
        """Which state of the basis each configuration belongs to.

        Args:
            spins: Rows of ±1, (rows, N).

        Returns:
            Indices (rows,), −1 where the sector has none of it.

        Raises:
            ArgumentError: A number is not ±1.
            ArgumentTypeError: They are of another type than float32 and float64.
            ShapeError: There are more or fewer columns than sites.

        Example:
            >>> Sector(2).index(torch.tensor([[-1.0, 1.0]]))
            tensor([2])
        """
        places, _ = self.find(self.numbers(spins))
        return torch.from_numpy(places).to(spins.device)

    def amplitudes(self, vector: NDArray[Any], spins: Tensor) -> Tensor:
        """`⟨s|ψ⟩` of configurations for a vector in this basis.

        Args:
            vector: Numbers (states,), real or complex.
            spins: Rows of ±1, (rows, N).

        Returns:
            Numbers (rows,) in double precision; 0 outside the sector.

        Raises:
            ArgumentError: A number is not ±1.
            ArgumentTypeError: The spins are of another type than float32 and float64.
            ShapeError: There are more or fewer columns than sites.

        Example:
            >>> singlet = np.array([0.6, -0.8])
            >>> Sector(2, 0).amplitudes(singlet, torch.tensor([[1.0, -1.0], [1, 1]]))
            tensor([0.6000, 0.0000], dtype=torch.float64)
        """
        places, characters = self.find(self.numbers(spins))
        weights = np.sqrt(self.stabilisers / max(1, len(self.group)))
        values = (weights * vector)[places] * characters.conj()
        return torch.from_numpy(np.where(places >= 0, values, 0)).to(spins.device)

    def numbers(self, spins: Tensor) -> States:
        """Configurations as numbers.

        Args:
            spins: Rows of ±1, (rows, N).

        Returns:
            Numbers (rows,), whose highest bit is site 0.

        Raises:
            ArgumentError: A number is not ±1.
            ArgumentTypeError: They are of another type than float32 and float64.
            ShapeError: There are more or fewer columns than sites.

        Example:
            >>> Sector(3).numbers(torch.tensor([[1.0, 1.0, -1.0]]))
            array([1], dtype=uint64)
        """
        check_spins(spins, self.num_sites)
        self._check_numbered()
        bits = (spins < 0).cpu().numpy().astype(np.uint64)
        shifts = np.arange(self.num_sites, dtype=np.uint64)[::-1]
        return np.asarray((bits << shifts).sum(axis=1, dtype=np.uint64))


def _with_bits(total: int, wanted: int) -> States:
    """All numbers of `total` bits of which `wanted` are 1, rising."""
    lists = [np.zeros(1, np.uint64), *[np.zeros(0, np.uint64)] * wanted]
    for bit in range(total):
        high = np.uint64(1 << bit)
        least = max(0, wanted - (total - 1 - bit))
        lists = [
            np.concatenate([same, lists[ones - 1] | high])
            if ones and least <= ones <= bit + 1
            else same
            for ones, same in enumerate(lists)
        ]
    return lists[wanted]
