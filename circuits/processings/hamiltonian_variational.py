"""Evolutions under the parts of a Hamiltonian, with trained durations."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Any, TypeAlias

import pennylane as qml
from attrs import field, frozen
from pennylane.operation import Operator

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.processings.processing import Processing
from qml_qdl.circuits.validation import check_count

Term: TypeAlias = tuple[float, tuple[tuple[int, str], ...]]
"""A coefficient, and the letters X, Y and Z of a Pauli word with their places."""

MOST_IMAGINARY = 1e-9
"""Larger imaginary parts of coefficients, relative to the largest, are refused."""


def as_terms(hamiltonian: Any, wires: tuple[Any, ...]) -> tuple[Term, ...]:
    """The Pauli words of a Hamiltonian by places, those of fewer wires first.

    Args:
        hamiltonian: An operator of PennyLane that is a sum of Pauli words; or what this
            function returned.
        wires: The labels of the places.

    Returns:
        The terms, without the identity and what is multiplied by zero.

    Raises:
        ArgumentError: It is no sum of Pauli words with real coefficients, it has other
            wires, or nothing but the identity.
        ArgumentTypeError: It is no operator.

    Example:
        >>> import pennylane as qml
        >>> as_terms(-qml.Z("a") @ qml.Z("b") - 2 * qml.X("b"), ("a", "b"))
        ((-2.0, ((1, 'X'),)), (-1.0, ((0, 'Z'), (1, 'Z'))))
    """
    if not isinstance(hamiltonian, Operator):
        return _checked(hamiltonian, len(wires))
    sentence = hamiltonian.pauli_rep
    if sentence is None:
        raise ArgumentError(
            f"hamiltonian: expected a sum of Pauli words, got {hamiltonian}; "
            "qml.pauli_decompose makes one of a matrix"
        )
    largest = max((abs(value) for value in sentence.values()), default=0)
    terms = []
    for word, value in sentence.items():
        if abs(complex(value).imag) > MOST_IMAGINARY * largest:
            raise ArgumentError(
                f"hamiltonian: expected real coefficients, got {value} of {word}; an "
                "energy is Hermitian"
            )
        strange = [wire for wire in word if wire not in wires]
        if strange:
            raise ArgumentError(
                f"hamiltonian: expected wires among {list(wires)}, got {strange[0]!r} "
                f"in {word}; name all of its wires"
            )
        letters = sorted((wires.index(wire), letter) for wire, letter in word.items())
        if letters and value != 0:
            terms.append((float(complex(value).real), tuple(letters)))
    if not terms:
        raise ArgumentError(
            f"hamiltonian: expected a Pauli word, got {hamiltonian}, under which "
            "nothing evolves"
        )
    return tuple(sorted(terms, key=_order))


def _order(term: Term) -> tuple[int, tuple[int, ...], str]:
    places = tuple(place for place, _ in term[1])
    return len(places), places, "".join(letter for _, letter in term[1])


def _checked(terms: Any, count: int) -> tuple[Term, ...]:
    """Terms that came back: from a copy of a block on other wires, or a file."""
    whole = isinstance(terms, tuple) and terms
    if not whole or not all(_is_term(term, count) for term in terms):
        raise ArgumentTypeError(
            "hamiltonian: expected an operator of PennyLane, a sum of Pauli words, got "
            f"{type(terms).__name__}"
        )
    return tuple(terms)


def _is_term(term: Any, count: int) -> bool:
    return (
        isinstance(term, tuple)
        and len(term) == 2
        and isinstance(term[0], Real)
        and isinstance(term[1], Iterable)
        and all(place in range(count) and letter in "XYZ" for place, letter in term[1])
    )


def _commute(first: Term, second: Term) -> bool:
    """Whether two words differ on an even number of wires that both have."""
    letters = dict(first[1])
    differ = (letters.get(place, letter) != letter for place, letter in second[1])
    return sum(differ) % 2 == 0


_ROTATIONS = {
    "X": qml.RX,
    "Y": qml.RY,
    "Z": qml.RZ,
    "XX": qml.IsingXX,
    "YY": qml.IsingYY,
    "ZZ": qml.IsingZZ,
}
"""Gates with names of their own."""


@frozen(repr=False)
class HamiltonianVariational(Processing):
    """Layers of exp(−iθₖ Hₖ), where the parts Hₖ of a Hamiltonian take turns.

    The words of a part commute with each other: of an Ising chain the fields are one
    and the couplings the other, of a Heisenberg ring every second bond. Each part has
    one weight in each layer, so what all parts conserve is conserved (Wecker, Hastings
    and Troyer 2015, arXiv:1507.08969). The first part comes last in a layer: begin
    with its lowest state, such as `Singlets`. Weights: (layers, parts).

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        hamiltonian: An operator of PennyLane on some of these wires, a sum of Pauli
            words with real coefficients.
        layers: Number of layers, 1 or more.

    Raises:
        ArgumentError: It is no such sum, it has other wires, or nothing but the
            identity.
        ArgumentTypeError: It is no operator.

    Example:
        >>> import pennylane as qml
        >>> from qml_qdl.circuits import Circuit
        >>> H = -qml.Z(0) @ qml.Z(1) - qml.X(0) - qml.X(1)
        >>> W = HamiltonianVariational(2, H, layers=2)
        >>> W.weight_shape
        (2, 2)
        >>> print(Circuit([HamiltonianVariational(2, H)]))
        0: ─╭IsingZZ──RX─┤  <Z>
        1: ─╰IsingZZ──RX─┤  <Z>
    """

    hamiltonian: Any
    layers: int = 1
    parts: tuple[tuple[Term, ...], ...] = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        check_count("layers", self.layers)
        terms = as_terms(self.hamiltonian, self.wires)
        object.__setattr__(self, "hamiltonian", terms)
        parts: list[list[Term]] = []
        for term in terms:
            free = (p for p in parts if all(_commute(term, other) for other in p))
            part = next(free, None)
            if part is None:
                parts.append(part := [])
            part.append(term)
        object.__setattr__(self, "parts", tuple(map(tuple, parts)))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(layers, parts)."""
        return (self.layers, len(self.parts))

    def process(self, weights: Any) -> None:
        """Queues a rotation about each word, part by part, the last part first."""
        for layer in range(self.layers):
            for number in reversed(range(len(self.parts))):
                for value, letters in self.parts[number]:
                    word = "".join(letter for _, letter in letters)
                    wires = [self.wires[place] for place, _ in letters]
                    # exp(−iθcP) is a rotation by 2cθ.
                    angle = 2 * value * weights[..., layer, number]
                    if word in _ROTATIONS:
                        _ROTATIONS[word](angle, wires=wires)
                    else:
                        qml.PauliRot(angle, word, wires=wires)
