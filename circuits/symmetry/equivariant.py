"""Equivariant processings and invariant readouts, made of a group."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from attrs import evolve, field, frozen

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.processings.processing import Processing
from qml_qdl.circuits.readouts import Expectation
from qml_qdl.circuits.symmetry.exponential import (
    Diagonalised,
    PauliTerm,
    exponential_parts,
)
from qml_qdl.circuits.symmetry.groups import WireGroup
from qml_qdl.circuits.symmetry.twirling import twirl
from qml_qdl.circuits.validation import (
    WiresLike,
    as_many_wires,
    check_count,
    validate_call,
)

Terms: TypeAlias = tuple[PauliTerm, ...]
"""Pauli words: their letters, their wires, their factor."""


def _as_operators(items: Any) -> tuple[Any, ...]:
    lone = isinstance(items, str | qml.operation.Operator | qml.pauli.PauliSentence)
    given = (items,) if lone or not isinstance(items, Iterable) else tuple(items)
    if not given:
        raise ArgumentError("generators: expected at least one operator, got none")
    # Sentences are dictionaries, which cannot be hashed; operators can.
    return tuple(
        item.operation() if isinstance(item, qml.pauli.PauliSentence) else item
        for item in given
    )


@frozen(repr=False)
class EquivariantProcessing(Processing):
    """W(θ) that commutes with a group: ∏ exp(−iθₖGₖ) of twirled generators.

    Each operator given is twirled, and scaled so that the largest factor of its Pauli
    words is 1: ZZ on one bond becomes ΣZZ over all bonds of its orbit (Meyer et al.
    2022, arXiv:2205.06217). exp(−iθG) is then one Pauli rotation for each word, all by
    the angle 2θ, which is exact where the words commute. Of words that do not commute
    a product of rotations would break the symmetry: those become one gate together,
    see `Diagonalised`, on six wires at most.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        group: The group; its place k is the k-th wire.
        generators: Pauli words as text, one letter a wire ("ZZI"), or PennyLane
            operators made of Pauli words on these wires.
        layers: Number of layers, 1 or more; weights are (layers, generators).

    Raises:
        ArgumentError: The group acts on more or fewer wires, a generator vanishes when
            it is twirled or becomes a sum of words that do not commute on more than
            six wires together, or `layers` is below 1.
        ArgumentTypeError: The group is none, or a generator is not made of Pauli words.

    Example:
        >>> from qml_qdl.circuits import Circuit
        >>> from qml_qdl.circuits.symmetry.named_groups import translations
        >>> W = EquivariantProcessing(3, translations(3), ["ZZI", "XII"], layers=2)
        >>> W.weight_shape
        (2, 2)
        >>> print(Circuit([W]))
        0: ─╭RZZ──────╭RZZ──RX─╭RZZ──────╭RZZ──RX─┤  <Z>
        1: ─╰RZZ─╭RZZ─│─────RX─╰RZZ─╭RZZ─│─────RX─┤  <Z>
        2: ──────╰RZZ─╰RZZ──RX──────╰RZZ─╰RZZ──RX─┤  <Z>
    """

    group: WireGroup
    generators: tuple[Any, ...] = field(converter=_as_operators)
    layers: int = 1

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.group, WireGroup):
            raise ArgumentTypeError(f"group: expected a WireGroup, got {self.group!r}")
        check_count("layers", self.layers)
        _ = self._gates

    @cached_property
    def terms(self) -> tuple[Terms, ...]:
        """For each generator its twirled Pauli words: letters, wires and factor."""
        return tuple(self._twirled(operator) for operator in self.generators)

    def _twirled(self, operator: Any) -> Terms:
        sentence = twirl(operator, self.group, self.wires)
        words = {word: float(np.real(c)) for word, c in sentence.items() if word}
        if not words:
            raise ArgumentError(
                f"generators: nothing is left of {operator!r} when it is twirled: no "
                "part of it, but for a constant, commutes with the group; choose "
                "another, such as one of invariant_operators(group)"
            )
        largest = max(words.values(), key=abs)
        return tuple(
            ("".join(word.values()), tuple(word), factor / abs(largest))
            for word, factor in words.items()
        )

    @cached_property
    def _gates(self) -> tuple[tuple[PauliTerm | Diagonalised, ...], ...]:
        """For each generator words that are rotations, and sums that are one gate."""
        return tuple(
            tuple(
                part[0] if len(part) == 1 else Diagonalised.of(part)
                for part in exponential_parts(words)
            )
            for words in self.terms
        )

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(layers, generators)."""
        return (self.layers, len(self.generators))

    def on(self, wires: WiresLike) -> EquivariantProcessing:
        """The same processing on other wires, its generators moved along."""
        labels = as_many_wires(wires, self.wires)
        names = dict(zip(self.wires, labels, strict=True))
        generators = [
            item if isinstance(item, str) else qml.map_wires(item, names)
            for item in self.generators
        ]
        return evolve(self, wires=labels, generators=generators)

    def process(self, weights: Any) -> None:
        """Queues one Pauli rotation for each word, or one gate for many together."""
        for layer in range(self.layers):
            for index, gates in enumerate(self._gates):
                theta = weights[..., layer, index]
                for gate in gates:
                    if isinstance(gate, Diagonalised):
                        gate.queue(theta)
                    else:
                        letters, wires, factor = gate
                        qml.PauliRot(2 * factor * theta, letters, wires=wires)


@validate_call
def invariant_readout(
    group: WireGroup, observables: Any, wires: WiresLike | None = None
) -> Expectation:
    """Expectation values that no element of the group changes.

    Each observable is twirled; after an equivariant circuit its expectation value is a
    function of the orbit of x alone.

    Args:
        group: The group; its place k is the k-th wire.
        observables: Pauli words as text, one letter a wire, or PennyLane operators.
        wires: A number of wires, meaning 0 … n−1, or their labels; None means 0 … n−1.

    Returns:
        The readout, one output for each observable.

    Raises:
        ArgumentError: Nothing but a constant is left of an observable, or it does not
            fit the wires.
        ArgumentTypeError: An observable is not made of Pauli words.

    Example:
        >>> from qml_qdl.circuits.symmetry.named_groups import symmetric_group
        >>> invariant_readout(symmetric_group(2), ["ZI"])
        Expectation([0.5 * Z(0) + 0.5 * Z(1)])
    """
    means = []
    for observable in _as_operators(observables):
        sentence = twirl(observable, group, wires)
        if not any(sentence):
            raise ArgumentError(
                f"observables: nothing is left of {observable!r} when it is twirled; "
                "choose another, such as one of invariant_operators(group)"
            )
        means.append(sentence.operation())
    return Expectation(means)
