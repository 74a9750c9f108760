"""Twirling: the part of an operator that commutes with a group."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np
import pennylane as qml

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.symmetry.groups import WireGroup
from qml_qdl.circuits.validation import (
    WiresLike,
    as_wires,
    check_choice,
    check_count,
    check_text,
    validate_call,
)


@validate_call
def twirl(operator: Any, group: WireGroup, wires: WiresLike | None = None) -> Any:
    """The mean of UₘHUₘ† over a group: the part of H that commutes with all of it.

    The generator of an equivariant gate (Meyer et al. 2022, arXiv:2205.06217). A Pauli
    word that permutations and Clifford gates move about becomes the mean of its orbit,
    found from the group's generators alone, so that Sₙ is no harder than Zₙ.

    Args:
        operator: A Pauli word as text, one letter a wire ("ZZI"), or a PennyLane
            operator made of Pauli words.
        group: The group; its place k is the k-th wire.
        wires: A number of wires, meaning 0 … n−1, or their labels; None means 0 … n−1.

    Returns:
        A PennyLane `PauliSentence` on the wires; it is empty where nothing is left.

    Raises:
        ArgumentError: The operator acts on other wires, is not Hermitian, or a word is
            longer or shorter than the group has wires.
        ArgumentTypeError: It is not made of Pauli words.

    Example:
        >>> from qml_qdl.circuits.symmetry.named_groups import symmetric_group
        >>> twirl("ZZI", symmetric_group(3))
        0.333... * Z(0) @ Z(1)
        + 0.333... * Z(1) @ Z(2)
        + 0.333... * Z(0) @ Z(2)
    """
    labels = labels_of(group, wires)
    place = {label: k for k, label in enumerate(labels)}
    result = qml.pauli.PauliSentence()
    for word, factor in _sentence(operator, labels).items():
        result += factor * twirled_word(word.map_wires(place), group)
    result.simplify(1e-12)
    return result.map_wires(dict(enumerate(labels)))


def labels_of(group: WireGroup, wires: WiresLike | None) -> tuple[Hashable, ...]:
    """The wires that a group acts on.

    Args:
        group: The group.
        wires: A number of wires, meaning 0 … n−1, or their labels; None means 0 … n−1.

    Returns:
        The labels; the group's place k is the k-th.

    Raises:
        ArgumentError: There are more or fewer than the group acts on.
    """
    labels = as_wires(group.num_wires if wires is None else wires)
    if len(labels) != group.num_wires:
        raise ArgumentError(
            f"group: expected an action on {len(labels)} wires, got one on "
            f"{group.num_wires}; make the group for the wires {list(labels)}"
        )
    return labels


def _sentence(operator: Any, labels: Sequence[Hashable]) -> Any:
    """The Pauli words of an operator, checked."""
    if isinstance(operator, str) and operator and not set(operator) - set("IXYZ"):
        if len(operator) != len(labels):
            raise ArgumentError(
                f"operator: expected a letter for each of {len(labels)} wires, got "
                f"{operator!r}; write I for wires that it does not act on"
            )
        letters = dict(zip(labels, operator, strict=True))
        return qml.pauli.PauliSentence({qml.pauli.PauliWord(letters): 1.0})
    sentence = getattr(operator, "pauli_rep", None)
    if isinstance(operator, qml.pauli.PauliSentence):
        sentence = operator
    if not sentence:
        raise ArgumentTypeError(
            "operator: expected a Pauli word such as 'ZZI' or a PennyLane operator "
            f"made of Pauli words, got {operator!r}"
        )
    if any(abs(np.imag(factor)) > 1e-12 for factor in sentence.values()):
        raise ArgumentError(
            f"operator: expected a Hermitian one, got {operator!r}; make the factors "
            "of its Pauli words real"
        )
    if set(sentence.wires) - set(labels):
        raise ArgumentError(
            f"operator: {operator!r} acts on {list(sentence.wires)}, but the wires are "
            f"{list(labels)}"
        )
    return sentence


def twirled_word(word: Any, group: WireGroup) -> Any:
    """The mean of one Pauli word over a group.

    Args:
        word: A PennyLane `PauliWord` on the places 0 … n−1.
        group: The group.

    Returns:
        A PennyLane `PauliSentence`, empty where the mean is zero.
    """
    orbit = {word: 1.0}
    waiting = deque([word])
    while waiting:
        current = waiting.popleft()
        for generator in group.generators:
            image = generator.conjugate(current)
            if len(image) > 1:  # no Clifford gate: words become sums of words
                parts = [element.conjugate(word) for element in group.elements]
                total: Any = sum(parts, qml.pauli.PauliSentence())
                return total / len(parts)
            ((moved, sign),) = image.items()
            sign = sign * orbit[current]
            if moved not in orbit:
                orbit[moved] = sign
                waiting.append(moved)
            elif orbit[moved] * sign < 0:  # met with both signs, the orbit cancels
                return qml.pauli.PauliSentence()
    return qml.pauli.PauliSentence({w: s / len(orbit) for w, s in orbit.items()})


@validate_call
def invariant_operators(
    group: WireGroup, most_wires: int = 2, letters: str = "XYZ"
) -> tuple[Any, ...]:
    """All different twirled Pauli words of few letters: what generators there are.

    Args:
        group: The group.
        most_wires: How many wires a word acts on, at most.
        letters: The letters that words are made of.

    Returns:
        PennyLane `PauliSentence` objects on the wires 0 … n−1, none of them zero.

    Raises:
        ArgumentError: `most_wires` is below 1.

    Example:
        >>> from qml_qdl.circuits.symmetry.named_groups import symmetric_group
        >>> len(invariant_operators(symmetric_group(4))), len(
        ...     invariant_operators(symmetric_group(4), letters="Z"))
        (9, 2)
    """
    check_count("most_wires", most_wires)
    check_text("letters", letters)
    for letter in letters:
        check_choice("letters", letter, ("X", "Y", "Z"))
    found: list[Any] = []
    seen: set[Any] = set()
    size = group.num_wires
    for count in range(1, min(most_wires, size) + 1):
        for places in combinations(range(size), count):
            for chosen in product(letters, repeat=count):
                word = qml.pauli.PauliWord(dict(zip(places, chosen, strict=True)))
                if word in seen:
                    continue
                sentence = twirled_word(word, group)
                sentence.simplify(1e-12)
                seen |= set(sentence) | {word}
                if len(sentence):
                    found.append(sentence)
    return tuple(found)
