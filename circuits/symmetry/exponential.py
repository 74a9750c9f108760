"""exp(−iθG) of Hermitian matrices G, and of sums of words that do not commute."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from attrs import field, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.errors import ArgumentError

PauliTerm: TypeAlias = tuple[str, tuple[Hashable, ...], float]
"""A Pauli word: its letters, their wires, its factor."""

MOST_WIRES = 6
"""Words that do not commute act on at most so many wires together."""

_PAULI = {
    "X": np.array([[0, 1], [1, 0]], complex),
    "Y": np.array([[0, -1j], [1j, 0]], complex),
    "Z": np.array([[1, 0], [0, -1]], complex),
}


def exponential_parts(terms: Sequence[PauliTerm]) -> tuple[tuple[PauliTerm, ...], ...]:
    """Splits a sum of Pauli words into parts that commute with one another.

    exp(−iθG) is then the product of the parts' exponentials, in any order, so that
    only words that are tied by words they do not commute with need one gate together.

    Args:
        terms: Pauli words.

    Returns:
        The parts, each in the order of the words; most are single words.

    Example:
        >>> exponential_parts(
        ...     [("X", (0,), 1.0), ("Z", (1,), 1.0), ("ZY", (0, 2), 1.0)])
        ((('X', (0,), 1.0), ('ZY', (0, 2), 1.0)), (('Z', (1,), 1.0),))
    """
    if len({letter for letters, _, _ in terms for letter in letters}) < 2:
        return tuple((term,) for term in terms)
    words = [
        qml.pauli.PauliWord(dict(zip(wires, letters, strict=True)))
        for letters, wires, _ in terms
    ]
    parts: list[list[int]] = []
    for index, word in enumerate(words):
        clashing = [
            part
            for part in parts
            if not all(word.commutes_with(words[other]) for other in part)
        ]
        parts = [part for part in parts if part not in clashing]
        parts.append(sorted([*(i for part in clashing for i in part), index]))
    parts.sort()
    return tuple(tuple(terms[index] for index in part) for part in parts)


def _matrix(
    terms: Sequence[PauliTerm], wires: Sequence[Hashable]
) -> NDArray[np.complex128]:
    """The sum of Pauli words as a matrix, the first wire leading."""
    total = np.zeros((2 ** len(wires),) * 2, complex)
    for letters, places, factor in terms:
        word = dict(zip(places, letters, strict=True))
        matrices = [_PAULI[word[w]] if w in word else np.eye(2) for w in wires]
        total += factor * reduce(np.kron, matrices)
    return total


def z_products(values: NDArray[np.float64], count: int) -> dict[tuple[int, ...], float]:
    """Numbers, one for each basis state, as a sum of products of Z (Walsh).

    Args:
        values: (2ᵏ,).
        count: k wires.

    Returns:
        Each product's factor, by positions of its wires; that of none is left out, and
        so are those that rounding makes.

    Example:
        >>> z_products(np.array([1.0, 2.0, 2.0, 5.0]), 2)
        {(1,): -1.0, (0,): -1.0, (0, 1): 0.5}
    """
    coefficients = values.reshape((2,) * count)
    for axis in range(count):
        plus, minus = np.moveaxis(coefficients, axis, 0)
        coefficients = np.stack([plus + minus, plus - minus], axis) / 2
    smallest = 1e-14 * max(1.0, float(np.abs(values).max()))
    return {
        tuple(int(place) for place in np.flatnonzero(index)): float(factor)
        for index, factor in np.ndenumerate(coefficients)
        if any(index) and abs(factor) > smallest
    }


@frozen(eq=False)
class Diagonalised:
    """exp(−iθG) of one Hermitian matrix G = VΛV†, exact for every θ.

    Three gates: V†, then exp(−iθΛ) as rotations about products of Z by 2θ times a
    number each, then V. θ is in angles of rotations only, so that every target and
    every way to gradients knows what to do with it; V does not depend on θ. On k wires
    there are up to 2ᵏ − 1 rotations, and half of them where the eigenvalues come in
    pairs ±λ. A machine needs of the order of 4ᵏ CNOT gates for V and for V†. A multiple
    of the identity in G is left out: it is a phase.

    Args:
        matrix: G, (2ᵏ, 2ᵏ), the first wire leading.
        wires: The labels of k wires.

    Example:
        >>> gate = Diagonalised.of([("X", (0,), 1.0), ("Z", (0,), 1.0)])
        >>> gate.wires, gate.factors  # ±√2
        ((0,), {(0,): -1.414...})
    """

    matrix: NDArray[Any] = field(repr=False)
    wires: tuple[Hashable, ...]
    vectors: NDArray[np.complex128] = field(init=False, repr=False)
    factors: dict[tuple[int, ...], float] = field(init=False)

    def __attrs_post_init__(self) -> None:
        values, vectors = np.linalg.eigh(self.matrix)
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "factors", z_products(values, len(self.wires)))

    @classmethod
    def of(cls, terms: Iterable[PauliTerm]) -> Diagonalised:
        """The exponential of a sum of Pauli words.

        Args:
            terms: Pauli words; a multiple of the identity must not be among them.

        Returns:
            The gate, on the wires of the words.

        Raises:
            ArgumentError: They act on more than `MOST_WIRES` wires together.
        """
        words = tuple(terms)
        wires = tuple(dict.fromkeys(w for _, each, _ in words for w in each))
        if len(wires) > MOST_WIRES:
            raise ArgumentError(
                f"generators: words that do not commute act on {len(wires)} wires "
                f"together, {list(wires)}, and at most {MOST_WIRES} are done exactly; "
                "use a smaller group, fewer wires, or generators whose words commute, "
                "such as words of one letter"
            )
        return cls(_matrix(words, wires), wires)

    def queue(self, theta: Any) -> None:
        """Queues the gates of exp(−iθG).

        Args:
            theta: θ, a number or one for each row.
        """
        angles = {places: 2 * factor * theta for places, factor in self.factors.items()}
        queue_in_basis(self.vectors, self.wires, angles)


def queue_in_basis(
    vectors: NDArray[np.complex128],
    wires: Sequence[Hashable],
    angles: Mapping[tuple[int, ...], Any],
) -> None:
    """Queues V†, rotations about products of Z, and V.

    Args:
        vectors: V, (2ᵏ, 2ᵏ).
        wires: k labels.
        angles: The angle of each product, by positions of its wires.
    """
    qml.QubitUnitary(vectors.conj().T, wires=wires, unitary_check=False)
    for places, angle in angles.items():
        turned = [wires[place] for place in places]
        if len(turned) == 1:
            qml.RZ(angle, wires=turned)
        else:
            qml.MultiRZ(angle, wires=turned)
    qml.QubitUnitary(vectors, wires=wires, unitary_check=False)
