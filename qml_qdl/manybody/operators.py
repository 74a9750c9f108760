"""Operators of spins as their elements: what a Hamiltonian connects with what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import attrs
import numpy as np
import pennylane as qml
import scipy.sparse as sp
import torch
from attrs import frozen
from numpy.typing import NDArray
from pennylane.operation import Operator
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import (
    WiresLike,
    as_items,
    as_wires,
    check_choice,
    validate_call,
)
from qml_qdl.manybody.sectors import (
    MOST_SITES,
    Sector,
    as_permutations,
    check_memory,
    check_spins,
)

TOLERANCE = 1e-12
"""What is smaller than the largest coefficient by this factor is rounding."""

_LONG = 4
"""Signs of more sites than these are counted by one matrix product."""

_MOST_TRIED = 16
"""Sites whose spins are tried in all ways to see whether an element is positive."""

_CACHED = 2**18
"""Numbers that are worked on together: more would leave the caches."""

_ROWS = 2**16
"""Entries of a matrix that are made together, for each of the flips."""


@frozen(eq=False)
class _Words:
    """Coefficients of words, and the sites whose spins multiply them, (words, N)."""

    coefficients: Tensor
    signs: Tensor
    sites: Tensor | None
    """The sites as indices, filled up with N; None where a word has too many."""

    @classmethod
    def of(cls, coefficients: NDArray[Any], signs: NDArray[np.bool_]) -> _Words:
        most = int(signs.sum(axis=1).max(initial=0))
        order = np.argsort(~signs, axis=1, kind="stable")[:, :most]
        kept = np.take_along_axis(signs, order, axis=1)
        sites = torch.from_numpy(np.where(kept, order, signs.shape[1]))
        short = sites if most <= _LONG else None
        return cls(torch.from_numpy(coefficients), torch.from_numpy(signs), short)

    def products(self, columns: Tensor) -> Tensor:
        """Products of spins, (words, rows), for spins (N + 1, rows), the last row 1."""
        if self.sites is None:
            down = (1 - columns[:-1]) / 2
            counts = self.signs.to(columns.device, columns.dtype) @ down
            return 1 - 2 * (counts.to(torch.int32) & 1).to(columns.dtype)
        sites = self.sites.to(columns.device)
        if not sites.shape[1]:
            return columns[-1:].expand(len(sites), -1)
        result = columns.index_select(0, sites[:, 0])
        for k in range(1, sites.shape[1]):
            result.mul_(columns.index_select(0, sites[:, k]))
        return result


@validate_call
@frozen(eq=False, slots=False, repr=False)
class SpinOperator:
    """A Hermitian sum of Pauli words, by what it does to configurations of spins.

    A configuration s is a row of eigenvalues ±1 of Z, s = 1 − 2·bit. A word with X or
    Y on the sites m takes s to s with these spins flipped, so that

    `⟨s|H|s'⟩` = Σ c (−i)^y Π s_k

    over the words that flip m, where s' is s flipped on m, y the number of Y in a word,
    and k runs over its Y and Z. Words are kept by what they flip.

    Args:
        wires: The label of each site.
        flipped: The sites that each word flips, (words, N).
        signs: The sites whose spins multiply its element, (words, N).
        coefficients: c (−i)^(number of Y) of each word.
    """

    wires: tuple[Any, ...]
    flipped: NDArray[np.bool_]
    signs: NDArray[np.bool_]
    coefficients: NDArray[np.complex128]

    @classmethod
    def of(cls, operator: Operator, wires: WiresLike | None = None) -> SpinOperator:
        """The elements of a PennyLane operator.

        Args:
            operator: A Hermitian operator that is a sum of Pauli words.
            wires: The label of each site, or their number; None for the operator's own
                wires, sorted where they are whole numbers.

        Returns:
            The operator on its N sites.

        Raises:
            ArgumentError: It is no sum of Pauli words or not Hermitian, a coefficient
                is not finite, or it acts on other wires.

        Example:
            >>> from qml_qdl.manybody import Lattice, heisenberg
            >>> SpinOperator.of(heisenberg(Lattice.chain(22)))
            SpinOperator(22 sites, 66 words, 22 flips)
        """
        sentence = operator.pauli_rep
        if sentence is None:
            raise ArgumentError(
                f"operator: expected a sum of Pauli words, got {operator.name}; use "
                "qml.pauli_decompose(qml.matrix(operator), wire_order=operator.wires)"
            )
        own = tuple(operator.wires)
        if wires is None:
            whole = all(isinstance(label, int) for label in own)
            wires = tuple(sorted(own)) if whole else own
        labels = as_wires(wires)
        strange = [label for label in own if label not in labels]
        if strange:
            raise ArgumentError(
                f"wires: the operator acts on {strange}, which are not among the "
                f"{len(labels)} wires; pass all wires of the operator"
            )
        place = {label: k for k, label in enumerate(labels)}
        given = np.array([complex(qml.math.toarray(c)) for c in sentence.values()])
        scale = abs(given).max(initial=0.0)
        if not np.isfinite(scale):
            raise ArgumentError(
                "operator: expected finite coefficients, got NaN or infinity; correct "
                "the coefficients"
            )
        for word, value in zip(sentence, given, strict=True):
            if abs(value.imag) > TOLERANCE * scale:
                raise ArgumentError(
                    f"operator: expected a Hermitian operator, got {value:.6g} times "
                    f"{word}; use (operator + qml.adjoint(operator)) / 2"
                )
        flipped, signs = np.zeros((2, len(given), len(labels)), bool)
        coefficients = given.real.astype(complex)
        for row, word in enumerate(sentence):
            for label, letter in word.items():
                flipped[row, place[label]] = letter in "XY"
                signs[row, place[label]] = letter in "YZ"
            coefficients[row] *= (-1j) ** sum(each == "Y" for each in word.values())
        kept = abs(coefficients) > TOLERANCE * scale
        return cls(labels, flipped[kept], signs[kept], coefficients[kept])

    @property
    def num_sites(self) -> int:
        """Number of sites, N."""
        return len(self.wires)

    def as_pennylane(self) -> Operator:
        """The operator of PennyLane whose elements these are, on wires 0 … N−1.

        Example:
            >>> import pennylane as qml
            >>> SpinOperator.of(2 * qml.X(0) @ qml.Y(1)).as_pennylane()
            2.0 * (X(0) @ Y(1))
        """
        letters = np.array([["I", "Z"], ["X", "Y"]])
        names = letters[self.flipped.astype(int), self.signs.astype(int)]
        turns = 1j ** (self.flipped & self.signs).sum(axis=1)
        sentence = qml.pauli.PauliSentence()
        for row, value in zip(names, (self.coefficients * turns).real, strict=True):
            sentence[qml.pauli.PauliWord(dict(enumerate(row)))] = float(value)
        return sentence.operation(wire_order=range(self.num_sites))

    @property
    def bound(self) -> float:
        """The sum of all coefficients, which no expectation exceeds."""
        return float(abs(self.coefficients).sum())

    @property
    def is_real(self) -> bool:
        """Whether all elements are real, as each word has an even number of Y."""
        return not self.coefficients.imag.any()

    def __repr__(self) -> str:
        return (
            f"SpinOperator({self.num_sites} sites, {len(self.coefficients)} words, "
            f"{len(self.flips)} flips)"
        )

    @cached_property
    def _order(self) -> tuple[NDArray[np.bool_], list[NDArray[np.int64]]]:
        """Distinct flips, and rounds of words, of each flip one in each round.

        Flips with more words come first, so each round is of the first of the flips.
        """
        groups: dict[bytes, list[int]] = {}
        for row in np.lexsort((self.signs.sum(axis=1), self.flipped.sum(axis=1))):
            if self.flipped[row].any():
                groups.setdefault(self.flipped[row].tobytes(), []).append(int(row))
        ordered = sorted(groups.values(), key=len, reverse=True)
        flips = self.flipped[[rows[0] for rows in ordered]]
        most = len(ordered[0]) if ordered else 0
        rounds = [[rows[k] for rows in ordered if len(rows) > k] for k in range(most)]
        return flips, [np.array(each) for each in rounds]

    @cached_property
    def flips(self) -> Tensor:
        """The different sets of sites that are flipped, (M, N), none of them empty."""
        return torch.from_numpy(self._order[0])

    def _words(self, rows: NDArray[Any]) -> _Words:
        values = self.coefficients[rows]
        return _Words.of(
            values.real.copy() if self.is_real else values, self.signs[rows]
        )

    @cached_property
    def _still(self) -> _Words:
        """The words that flip nothing; their coefficients are real."""
        rows = ~self.flipped.any(axis=1)
        return _Words.of(self.coefficients[rows].real.copy(), self.signs[rows])

    @cached_property
    def _rounds(self) -> list[_Words]:
        return [self._words(rows) for rows in self._order[1]]

    def _pieces(self, spins: Tensor, words: int) -> Iterator[tuple[slice, Tensor]]:
        """Spins as (N + 1, rows), the last row 1, by as many rows as caches hold."""
        size = max(64, _CACHED // max(1, words))
        for first in range(0, len(spins), size):
            piece = spins[first : first + size].T
            ones = piece.new_ones(1, piece.shape[1])
            yield slice(first, first + size), torch.cat([piece, ones])

    def diagonal(self, spins: Tensor) -> Tensor:
        """`⟨s|H|s⟩` of configurations.

        Args:
            spins: Rows of ±1, (rows, N), in float32 or float64.

        Returns:
            Real numbers (rows,), of the type and on the device of the spins.

        Raises:
            ArgumentError: A number is not ±1.
            ArgumentTypeError: They are of another type.
            ShapeError: There are more or fewer columns than sites.

        Example:
            >>> operator = SpinOperator.of(qml.X(0) @ qml.X(1) + qml.Z(0) @ qml.Z(1))
            >>> operator.diagonal(torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
            tensor([ 1., -1.])
        """
        check_spins(spins, self.num_sites)
        words, result = self._still, spins.new_zeros(len(spins))
        for part, columns in self._pieces(spins, len(words.coefficients)):
            values = words.coefficients.to(columns)
            result[part] = values @ words.products(columns)
        return result

    def elements(self, spins: Tensor) -> Tensor:
        """`⟨s|H|s'⟩` between configurations and those that the flips make of them.

        Args:
            spins: Rows of ±1, (rows, N), in float32 or float64.

        Returns:
            Numbers (rows, M), one for each of `flips`, of the type and on the device of
            the spins; complex where the operator is not real.

        Raises:
            ArgumentError: A number is not ±1.
            ArgumentTypeError: They are of another type.
            ShapeError: There are more or fewer columns than sites.

        Example:
            >>> operator = SpinOperator.of(qml.X(0) @ qml.X(1) + qml.Y(0) @ qml.Y(1))
            >>> operator.elements(torch.tensor([[1.0, 1.0], [1.0, -1.0]])).tolist()
            [[0.0], [2.0]]
        """
        check_spins(spins, self.num_sites)
        dtype = spins.dtype if self.is_real else spins.dtype.to_complex()
        # Words by rows: whole rows are read and written at once.
        result = spins.new_zeros((len(self.flips), len(spins)), dtype=dtype)
        for part, columns in self._pieces(spins, len(self.flips)):
            for words in self._rounds:
                values = words.coefficients.to(columns.device, dtype)[:, None]
                products = words.products(columns).to(dtype)
                result[: len(values), part].addcmul_(products, values)
        return result.T

    def connected(self, spins: Tensor) -> tuple[Tensor, Tensor]:
        """Configurations that are connected with others, and the elements between.

        Args:
            spins: Rows of ±1, (rows, N), in float32 or float64.

        Returns:
            The flipped configurations (rows, M, N), and `⟨s|H|s'⟩` (rows, M).

        Raises:
            ArgumentError: A number is not ±1.
            ArgumentTypeError: They are of another type.
            ShapeError: There are more or fewer columns than sites.

        Example:
            >>> operator = SpinOperator.of(qml.X(0) + 2 * qml.X(1))
            >>> states, elements = operator.connected(torch.tensor([[1.0, -1.0]]))
            >>> states.tolist(), elements.tolist()
            ([[[-1.0, -1.0], [1.0, 1.0]]], [[1.0, 2.0]])
        """
        elements = self.elements(spins)
        signs = 1 - 2 * self.flips.to(spins.device, spins.dtype)
        return spins[:, None] * signs, elements

    def rotated(self, sublattice: Sequence[int] | None) -> SpinOperator:
        """The operator in a basis whose sign is turned with each spin of a sublattice.

        It is U H U with U = Π Z over the sublattice. Of an antiferromagnet between two
        sublattices all elements off the diagonal are then negative, and its ground
        state has positive amplitudes: Marshall's sign rule. With further couplings, as
        of next-nearest neighbours, the rule is an approximation; `is_stoquastic` says
        whether it is exact. The spectrum stays in either case.

        Args:
            sublattice: The sites, as `lattice.sublattice` has them. None, which that is
                where nearest neighbours are not of two colours, is refused.

        Returns:
            The operator.

        Raises:
            ArgumentError: There is no sublattice, or no such site.

        Example:
            >>> from qml_qdl.manybody import Lattice, heisenberg
            >>> ring = Lattice.chain(4)
            >>> operator = SpinOperator.of(heisenberg(ring))
            >>> operator.is_stoquastic, operator.rotated(ring.sublattice).is_stoquastic
            (False, True)
        """
        sites = as_items(sublattice)
        if sites is None:
            raise ArgumentError(
                f"sublattice: expected sites, got {sublattice!r}; nearest neighbours "
                "that are not of two colours, as on odd rings and triangular lattices, "
                "have no Marshall sign: use a state that learns its signs"
            )
        known = range(self.num_sites)
        if not all(site in known for site in sites) or len(set(sites)) < len(sites):
            raise ArgumentError(
                f"sublattice: expected different sites below {self.num_sites}, got "
                f"{list(sites)}"
            )
        crossed = self.flipped[:, list(map(int, sites))].sum(axis=1)
        return attrs.evolve(self, coefficients=self.coefficients * (-1.0) ** crossed)

    @cached_property
    def is_stoquastic(self) -> bool:
        """Whether all elements off the diagonal are real and not positive.

        Where a flip depends on more spins than can be tried, it is enough that the
        element cannot be positive whatever the signs of its words.
        """
        if not self.is_real:
            return False
        flips, rounds = self._order
        for k in range(len(flips)):
            rows = [words[k] for words in rounds if len(words) > k]
            values, signs = self.coefficients[rows].real, self.signs[rows]
            used = np.flatnonzero(signs.any(axis=0))
            if len(used) <= _MOST_TRIED:
                spins = np.array(list(product((1, -1), repeat=len(used))))
                factors = np.where(signs[:, None, used], spins[None], 1).prod(axis=-1)
                largest = (values @ factors).max()
            else:
                free = signs.any(axis=1)
                largest = abs(values[free]).sum() + values[~free].sum()
            if largest > TOLERANCE * abs(values).sum():
                return False
        return True

    # ---- Symmetries: exact, on the words. ----

    def _as_dict(
        self, flipped: NDArray[Any], signs: NDArray[Any], values: NDArray[Any]
    ) -> dict[bytes, complex]:
        """Sums of coefficients by what words flip and multiply."""
        found: dict[bytes, complex] = {}
        keys = np.packbits(np.concatenate([flipped, signs], axis=1), axis=1)
        for key, value in zip(map(bytes, keys), values.tolist(), strict=True):
            found[key] = found.get(key, 0) + value
        return found

    @cached_property
    def _by_word(self) -> dict[bytes, complex]:
        return self._as_dict(self.flipped, self.signs, self.coefficients)

    def commutes_with(self, permutation: Sequence[int]) -> bool:
        """Whether a permutation of sites leaves the operator as it is.

        Args:
            permutation: Each of 0 … N−1 once.

        Returns:
            Whether the words are the same with the same coefficients.

        Raises:
            ArgumentError: It is no permutation.
            ArgumentTypeError: It holds no whole numbers.

        Example:
            >>> SpinOperator.of(qml.X(0) @ qml.Z(1)).commutes_with([1, 0])
            False
        """
        row = as_permutations(permutation, self.num_sites)[0]
        return not self._changed(row)

    def _changed(self, row: NDArray[np.int64]) -> float:
        """By how much a permutation changes a coefficient at most; 0 for rounding."""
        own = self._by_word
        moved = self._as_dict(
            self.flipped[:, row], self.signs[:, row], self.coefficients
        )
        # Words stay as many and differ: if each is found, none is missing.
        changes = (abs(value - own.get(key, 0)) for key, value in moved.items())
        change = max(changes, default=0.0)
        return change if change > TOLERANCE * self._scale else 0.0

    @property
    def _scale(self) -> float:
        return float(abs(self.coefficients).max(initial=0.0))

    def check_symmetry(self, permutations: Iterable[Sequence[int]]) -> None:
        """Checks that permutations of sites commute with the operator.

        Args:
            permutations: One or many, such as `lattice.symmetries`.

        Raises:
            ArgumentError: One does not commute, or is no permutation.
            ArgumentTypeError: They hold no whole numbers.

        Example:
            >>> from qml_qdl.manybody import Lattice, heisenberg
            >>> ring = Lattice.chain(6)
            >>> SpinOperator.of(heisenberg(ring)).check_symmetry(ring.symmetries)
        """
        for row in as_permutations(permutations, self.num_sites):
            change = self._changed(row)
            if change:
                raise ArgumentError(
                    f"permutations: {row.tolist()} does not commute with the operator: "
                    f"it changes a coefficient by {change:.6g}; use the symmetries of "
                    "its own lattice and couplings"
                )

    def conserves_sum(self, sites: Iterable[int]) -> bool:
        """Whether it commutes with Σ Z over some sites.

        Args:
            sites: The sites.

        Returns:
            Whether the sum of their spins is conserved.

        Raises:
            ArgumentError: There is no such site.

        Example:
            >>> hopping = SpinOperator.of(qml.X(0) @ qml.X(1) + qml.Y(0) @ qml.Y(1))
            >>> hopping.conserves_sum([0, 1]), hopping.conserves_sum([0])
            (True, False)
        """
        found: dict[bytes, complex] = {}
        for site in sites:
            check_choice("sites", site, range(self.num_sites))
            rows = self.flipped[:, site]
            signs = self.signs[rows].copy()
            signs[:, site] ^= True
            part = self._as_dict(self.flipped[rows], signs, self.coefficients[rows])
            for key, value in part.items():
                found[key] = found.get(key, 0) + value
        most = max(map(abs, found.values()), default=0.0)
        return bool(most <= TOLERANCE * self._scale)

    @cached_property
    def conserves_magnetisation(self) -> bool:
        """Whether it commutes with Σ Z, so that the sum of all spins is conserved."""
        return self.conserves_sum(range(self.num_sites))

    @property
    def conserves_spin_flip(self) -> bool:
        """Whether it commutes with Π X, which flips all spins."""
        return not (self.signs.sum(axis=1) % 2).any()

    @property
    def conserves_parity(self) -> bool:
        """Whether it commutes with Π Z, the product of all spins."""
        return not (self.flipped.sum(axis=1) % 2).any()

    def check_sector(self, sector: Sector) -> None:
        """Checks that the operator conserves the numbers of a sector.

        Args:
            sector: The sector.

        Raises:
            ArgumentError: It does not, or the sector has more or fewer sites.

        Example:
            >>> SpinOperator.of(qml.Z(0) + qml.X(1)).check_sector(Sector(2))
        """
        if sector.num_sites != self.num_sites:
            raise ArgumentError(
                f"sector: expected {self.num_sites} sites, those of the operator, got "
                f"{sector.num_sites}"
            )
        asked = {
            "magnetisation": (self.conserves_magnetisation, "Σ Z"),
            "parity": (self.conserves_parity, "Π Z"),
            "spin_flip": (self.conserves_spin_flip, "Π X"),
        }
        for name, (conserved, symbol) in asked.items():
            value = getattr(sector, name)
            if value is not None and not conserved:
                raise ArgumentError(
                    f"sector: {name}={value} was asked, but the operator does not "
                    f"commute with {symbol}; leave {name} away"
                )
        for sites, _ in sector.sums or ():
            if not self.conserves_sum(sites):
                raise ArgumentError(
                    f"sector: the operator does not commute with Σ Z over {sites}; "
                    "leave that sum away"
                )
        if sector.permutations is not None:
            self.check_symmetry(sector.permutations)

    # ---- Matrices. ----

    def matrix(self, sector: Sector | None = None) -> sp.csr_array:
        """The matrix in the basis of a sector.

        Args:
            sector: The sector; None for all configurations, in the order of
                `qml.matrix`.

        Returns:
            A sparse matrix, real where operator and characters are.

        Raises:
            ArgumentError: The operator does not conserve the numbers of the sector.
            MemoryBoundError: The matrix does not fit into memory.

        Example:
            >>> operator = SpinOperator.of(qml.X(0) @ qml.X(1))
            >>> operator.matrix(Sector(2, parity=-1)).toarray()
            array([[0., 1.],
                   [1., 0.]])
        """
        self.check_numbered()
        sector = Sector(self.num_sites) if sector is None else sector
        self.check_sector(sector)
        needed = self.matrix_bytes(sector)
        check_memory(
            f"sector: the matrix of about {sector.expected_states:,} states",
            needed,
            "conserve more numbers, or take fewer sites",
        )
        states = sector.states
        step = max(1, _ROWS // max(1, len(self.flips)))
        parts = [
            self._rows(sector, slice(first, min(first + step, len(states))))
            for first in range(0, len(states), step)
        ]
        return sp.csr_array(sp.vstack(parts, format="csr"))

    def check_numbered(self) -> None:
        """Checks that the configurations can be numbered, as a sector does.

        Raises:
            ArgumentError: There are too many sites.

        Example:
            >>> SpinOperator.of(qml.X(0)).check_numbered()
        """
        if self.num_sites > MOST_SITES:
            raise ArgumentError(
                f"operator: expected at most {MOST_SITES} sites, got {self.num_sites}; "
                "the configurations of more are not numbered"
            )

    def matrix_bytes(self, sector: Sector) -> int:
        """Bytes that the matrix takes while it is made, at most.

        Args:
            sector: The sector.

        Returns:
            The number of bytes, known before anything is made.

        Example:
            >>> SpinOperator.of(qml.X(0) @ qml.X(1)).matrix_bytes(Sector(2))
            192
        """
        entry = (8 if self.is_real and sector.is_real else 16) + 4
        return 2 * entry * sector.expected_states * (len(self.flips) + 1)

    def _rows(self, sector: Sector, part: slice) -> sp.csr_array:
        """Some rows of the matrix."""
        states = sector.states[part]
        places = np.arange(self.num_sites, dtype=np.uint64)[::-1]
        bits = (np.uint64(1) << places).astype(np.uint64)
        flips, rounds = self._order

        def values(rows: NDArray[Any]) -> NDArray[Any]:
            masks = (self.signs[rows] * bits).sum(axis=1, dtype=np.uint64)
            odd = np.bitwise_count(states[:, None] & masks) & 1
            factors = self.coefficients[rows]
            known = factors.real if self.is_real else factors
            return np.asarray((1.0 - 2.0 * odd) * known)

        dtype = float if self.is_real and sector.is_real else complex
        elements: NDArray[Any] = np.zeros((len(states), len(flips)), dtype)
        for words in rounds:
            elements[:, : len(words)] += values(words)
        still = np.flatnonzero(~self.flipped.any(axis=1))
        masks = (flips * bits).sum(axis=1, dtype=np.uint64)
        row, which = np.nonzero(elements)
        data = elements[row, which]
        column, characters = sector.find(states[row] ^ masks[which])
        inside = column >= 0
        row, column, data = row[inside], column[inside], data[inside]
        if sector.group:
            weights = sector.stabilisers
            ratio = np.sqrt(weights[column] / weights[part][row])
            data = data * characters[inside].conj() * ratio
        diagonal = values(still).sum(axis=1).astype(elements.dtype)
        own = np.arange(len(states))
        shape = (len(states), sector.num_states)
        entries = np.concatenate([diagonal, data])
        at = np.concatenate([own, row]), np.concatenate([own + part.start, column])
        return sp.coo_array((entries, at), shape).tocsr()
