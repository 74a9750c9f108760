"""IQP circuits: gates of X words, which all commute."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from numbers import Integral
from typing import Any

import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.processings.processing import Processing


def as_words(words: Any, num_wires: int) -> tuple[tuple[int, ...], ...]:
    """Turns places of X words into tuples; None means all words of one or two X.

    Args:
        words: For each word the places 0 … n − 1 where it has an X, or None.
        num_wires: How many places there are, n.

    Returns:
        The words, places in rising order.

    Raises:
        ArgumentError: There is no word, one is empty or occurs twice, or a place is not
            there or named twice.
        ArgumentTypeError: A place is no whole number.

    Example:
        >>> as_words(None, 2)
        ((0,), (1,), (0, 1))
    """
    if words is None:
        pairs = combinations(range(num_wires), 2)
        return (*((place,) for place in range(num_wires)), *pairs)
    found: list[tuple[int, ...]] = []
    for word in words:
        places = tuple(word) if isinstance(word, Iterable) else (word,)
        if not places or not all(isinstance(place, Integral) for place in places):
            raise ArgumentTypeError(
                f"words: expected one or more whole numbers in each word, got {word!r};"
                " write (0, 2) for X on the first and the third wire"
            )
        distinct = sorted({int(place) for place in places})
        if len(distinct) != len(places) or not 0 <= distinct[0] <= distinct[-1] < (
            num_wires
        ):
            raise ArgumentError(
                f"words: expected different places from 0 to {num_wires - 1} in each "
                f"word, got {word!r}"
            )
        found.append(tuple(distinct))
    if not found or len(set(found)) != len(found):
        raise ArgumentError(
            f"words: expected one or more different words, got {len(found)}, of which "
            f"{len(set(found))} differ; name each word once"
        )
    return tuple(found)


@frozen(repr=False)
class IQPCircuit(Processing):
    """Commuting gates exp(−iθⱼ Xⱼ), each Xⱼ a product of X on some wires.

    Instantaneous quantum polynomial time: drawn between two layers of Hadamard gates,
    all gates are diagonal (Shepherd and Bremner 2009, arXiv:0809.0847). Expectation
    values of Z words are easy to estimate without a quantum computer, samples are not
    (Recio-Armengol, Ahmed and Bowles 2025, arXiv:2503.02934). The same as PennyLane's
    `IQP` template. Weights: one for each word.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        words: For each gate the places 0 … n − 1, in the order of the wires, where its
            word has an X; None for all single wires, then all pairs.

    Raises:
        ArgumentError: There is no word, a word is empty or occurs twice, or a place is
            not there or named twice.
        ArgumentTypeError: A place is no whole number.

    Example:
        >>> IQPCircuit(3).words
        ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2))
        >>> IQPCircuit(3, [[0, 1, 2]]).weight_shape
        (1,)
    """

    words: Any = field(default=None)

    def __attrs_post_init__(self) -> None:
        words = as_words(self.words, len(self.wires))
        object.__setattr__(self, "words", words)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(words,)."""
        return (len(self.words),)

    def process(self, weights: Any) -> None:
        """Queues Hadamard gates, a Z rotation for each word, Hadamard gates."""
        for wire in self.wires:
            qml.Hadamard(wire)
        for number, word in enumerate(self.words):
            on = [self.wires[place] for place in word]
            # exp(−iθ Z…Z) is a rotation by 2θ.
            qml.MultiRZ(2 * weights[..., number], wires=on)
        for wire in self.wires:
            qml.Hadamard(wire)
