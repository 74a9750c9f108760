"""Symmetry actions on wires: a permutation, and a gate for each wire."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from itertools import product
from numbers import Integral
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from attrs import field, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.diagrams import compact_repr
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.circuits.validation import (
    MOST_WIRES,
    as_items,
    check_count,
    shape_of,
    validate_call,
)

OneWireMatrix: TypeAlias = tuple[tuple[complex, complex], tuple[complex, complex]]
"""A unitary of one wire, as rows."""

_ROOT = 0.5**0.5
GATES = MappingProxyType(
    {
        "I": ((1, 0), (0, 1)),
        "X": ((0, 1), (1, 0)),
        "Y": ((0, -1j), (1j, 0)),
        "Z": ((1, 0), (0, -1)),
        "H": ((_ROOT, _ROOT), (_ROOT, -_ROOT)),
        "S": ((1, 0), (0, 1j)),
    }
)
"""The local unitaries that have a letter."""

_PAULIS = {letter: np.array(GATES[letter], complex) for letter in "XYZ"}


def _as_permutation(permutation: Any) -> tuple[int, ...]:
    places = tuple(permutation) if isinstance(permutation, Iterable) else (None,)
    if not all(isinstance(place, Integral) for place in places):
        raise ArgumentTypeError(
            f"permutation: expected one whole number for each wire, got {permutation!r}"
        )
    if not places or sorted(places) != list(range(len(places))):
        raise ArgumentError(
            f"permutation: expected each of 0 … n−1 once, got {list(places)}; entry i "
            "says to which place wire i goes"
        )
    return tuple(int(place) for place in places)


def _as_unitary(item: Any) -> OneWireMatrix:
    """A unitary without its phase: the first entry that is not zero is positive."""
    matrix = np.array(GATES[item] if isinstance(item, str) else item, complex)
    if matrix.shape != (2, 2) or not np.allclose(
        matrix @ matrix.conj().T, np.eye(2), atol=1e-9
    ):
        raise ArgumentError(
            f"local: expected unitary 2×2 matrices, got {np.round(matrix, 6).tolist()}"
        )
    lead = matrix.flat[int(abs(matrix.flat[0]) < 1e-6)]
    matrix = matrix * (abs(lead) / lead)
    first, second = (tuple(complex(entry) for entry in row) for row in matrix)
    return first, second  # type: ignore[return-value]


def _as_local(local: Any) -> tuple[OneWireMatrix, ...] | None:
    if local is None:
        return None
    letters = [item for item in as_items(local) or local if isinstance(item, str)]
    if set(letters) - set(GATES):
        raise ArgumentError(
            f"local: expected a letter of {''.join(GATES)} for each wire, got {local!r}"
        )
    matrices = tuple(_as_unitary(item) for item in local)
    identity = _as_unitary("I")
    trivial = all(_rounded([m]) == _rounded([identity]) for m in matrices)
    return None if trivial else matrices


def _rounded(local: Any) -> tuple[complex, ...] | None:
    """What local unitaries are compared by: products carry rounding errors."""
    if local is None:
        return None
    # Adding zero turns −0 into 0.
    return tuple((np.round(np.array(local, complex), 6) + 0).ravel().tolist())


@validate_call
@frozen(repr=False, slots=False)
class WireAction:
    """What one group element does: wires move, then each is turned on its own.

    The unitary is U = L·P. P carries the qubit at place i to place `permutation[i]`; L
    applies `local[j]` to the qubit that is then at place j. Phases are left out, since
    no measurement sees them. Actions know places 0 … n−1, not the labels of wires.

    Args:
        permutation: For each wire the place it goes to.
        local: One letter of "IXYZHS" or unitary 2×2 matrix for each place; None for
            no local unitaries.

    Raises:
        ArgumentError: The permutation misses a place, a matrix is not unitary, or
            there are more or fewer unitaries than wires.
        ArgumentTypeError: The permutation holds anything but whole numbers.

    Example:
        >>> swap, flip = WireAction([1, 0]), WireAction([0, 1], "XI")
        >>> (swap @ flip).matrix().real
        array([[0., 0., 1., 0.],
               [1., 0., 0., 0.],
               [0., 0., 0., 1.],
               [0., 1., 0., 0.]])
    """

    permutation: tuple[int, ...] = field(converter=_as_permutation)
    local: tuple[OneWireMatrix, ...] | None = field(
        default=None, converter=_as_local, eq=_rounded
    )

    def __attrs_post_init__(self) -> None:
        if self.local is not None and len(self.local) != self.num_wires:
            raise ArgumentError(
                f"local: expected {self.num_wires} unitaries, one for each wire, got "
                f"{len(self.local)}; write I for a wire that is not turned"
            )

    @classmethod
    def identity(cls, num_wires: int) -> WireAction:
        """The action that changes nothing.

        Args:
            num_wires: Number of wires.

        Returns:
            The action.
        """
        check_count("num_wires", num_wires, most=MOST_WIRES)
        return cls(range(num_wires))

    @property
    def num_wires(self) -> int:
        """How many wires it acts on."""
        return len(self.permutation)

    def __matmul__(self, first: WireAction) -> WireAction:
        """The action of `first`, then this one."""
        if first.num_wires != self.num_wires:
            raise ArgumentError(
                f"action: expected one on {self.num_wires} wires, got "
                f"{first.num_wires}; both sides of @ act on the same wires"
            )
        permutation = [self.permutation[place] for place in first.permutation]
        if self.local is None and first.local is None:
            return WireAction(permutation)
        local: list[Any] = [np.eye(2)] * self.num_wires
        for place, moved in enumerate(self.permutation):
            after, before = self._local_at(moved), first._local_at(place)
            local[moved] = after @ before
        return WireAction(permutation, local)

    @property
    def inverse(self) -> WireAction:
        """The action that undoes this one."""
        back = tuple(int(place) for place in np.argsort(self.permutation))
        if self.local is None:
            return WireAction(back)
        return WireAction(
            back, [self._local_at(place).conj().T for place in self.permutation]
        )

    def _local_at(self, place: int) -> NDArray[np.complex128]:
        return np.array(
            GATES["I"] if self.local is None else self.local[place], complex
        )

    @cached_property
    def _turned(self) -> tuple[dict[str, list[tuple[str, float]]], ...]:
        """For each place what its unitary makes of X, Y and Z."""
        tables = []
        for place in range(self.num_wires):
            unitary = self._local_at(place)
            table = {}
            for letter, pauli in _PAULIS.items():
                image = unitary @ pauli @ unitary.conj().T
                parts = {q: np.trace(p @ image).real / 2 for q, p in _PAULIS.items()}
                table[letter] = [
                    (q, float(np.round(c, 14)))
                    for q, c in parts.items()
                    if abs(c) > 1e-12
                ]
            tables.append(table)
        return tuple(tables)

    def conjugate(self, word: Any) -> Any:
        """What the action makes of a Pauli word: U·word·U†.

        Args:
            word: A PennyLane `PauliWord` on the places 0 … n−1.

        Returns:
            A PennyLane `PauliSentence`; one word of factor ±1 for permutations and
            Clifford unitaries.

        Example:
            >>> import pennylane as qml
            >>> word = qml.pauli.PauliWord({0: "Z", 1: "X"})
            >>> WireAction([1, 0], "XI").conjugate(word)
            1.0 * X(0) @ Z(1)
        """
        if not isinstance(word, qml.pauli.PauliWord):
            raise ArgumentTypeError(f"word: expected a PauliWord, got {word!r}")
        moved = [(self.permutation[place], letter) for place, letter in word.items()]
        choices = [self._turned[place][letter] for place, letter in moved]
        places = [place for place, _ in moved]
        sentence = qml.pauli.PauliSentence()
        for combination in product(*choices):
            letters = sorted(zip(places, (q for q, _ in combination), strict=True))
            factor = float(np.prod([c for _, c in combination]))
            sentence[qml.pauli.PauliWord(dict(letters))] += factor
        return sentence

    def permute(self, features: Any) -> Any:
        """Moves one number for each wire along with the wires.

        Args:
            features: Array (..., n).

        Returns:
            Array (..., n), where the number of wire i is at place `permutation[i]`.

        Example:
            >>> WireAction([1, 2, 0]).permute(np.array([10, 20, 30])).tolist()
            [30, 10, 20]
        """
        if shape_of("features", features)[-1:] != (self.num_wires,):
            raise ShapeError(
                f"features: expected (..., {self.num_wires}), one for each wire, got "
                f"{shape_of('features', features)}"
            )
        return features[..., list(np.argsort(self.permutation))]

    def matrix(self) -> NDArray[np.complex128]:
        """The unitary U = L·P, up to a phase.

        Returns:
            Complex array (2ⁿ, 2ⁿ), the first wire's bit leading.
        """
        size = self.num_wires
        moved = np.eye(2**size, dtype=complex).reshape((2,) * size + (-1,))
        moved = moved.transpose(*np.argsort(self.permutation), size)
        local = np.ones((1, 1), complex)
        for place in range(size):
            local = np.kron(local, self._local_at(place))
        return np.asarray(local @ moved.reshape(2**size, -1))

    def character(self) -> float:
        """The absolute value of the unitary's trace, which no phase changes.

        Returns:
            `|tr U|`, the product of a factor for each cycle of the permutation.
        """
        left, total = set(range(self.num_wires)), 1.0
        while left:
            place = start = min(left)
            around = np.eye(2, dtype=complex)
            while place in left:
                left.remove(place)
                place = self.permutation[place]
                around = self._local_at(place) @ around
            assert place == start
            total *= abs(np.trace(around))
        return float(total)

    def __repr__(self) -> str:
        return compact_repr(self)
