"""Twirling: the mean over the group, against matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import (
    WireAction,
    WireGroup,
    invariant_operators,
    invariant_readout,
    twirl,
)
from qml_qdl.circuits.errors import ArgumentTypeError, QdlError
from qml_qdl.circuits.symmetry.named_groups import (
    local_flips,
    p4m,
    spin_flip,
    symmetric_group,
    translations,
)

TURN = np.array([[1, -1], [1, 1]]) / 2**0.5  # about Y: X becomes −Z

GROUPS = [
    pytest.param(translations(3), id="Z3"),
    pytest.param(symmetric_group(3), id="S3"),
    pytest.param(spin_flip(3), id="Z2"),
    pytest.param(local_flips(3), id="flips"),
    pytest.param(WireGroup([WireAction([1, 2, 0], [TURN] * 3)]), id="turned"),
    pytest.param(
        WireGroup([WireAction([0, 1, 2], [np.diag([1, np.exp(2j * np.pi / 3)])] * 3)]),
        id="not-clifford",
    ),
]
OPERATORS = ["ZII", "XYI", "ZZZ", qml.X(0) @ qml.X(1) + 0.5 * qml.Z(2)]


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("operator", OPERATORS, ids=str)
def test_it_is_the_mean_over_the_group(group: WireGroup, operator: Any) -> None:
    given = qml.pauli.string_to_pauli_word if isinstance(operator, str) else None
    matrix = qml.matrix(given(operator) if given else operator, wire_order=range(3))
    unitaries = [element.matrix() for element in group.elements]
    expected = sum(u @ matrix @ u.conj().T for u in unitaries) / len(unitaries)
    sentence = twirl(operator, group)
    found = sentence.to_mat(range(3)) if len(sentence) else np.zeros((8, 8))
    np.testing.assert_allclose(found, expected, atol=1e-12)
    for unitary in unitaries:  # and it commutes with every element
        np.testing.assert_allclose(unitary @ found, found @ unitary, atol=1e-12)
    twice = twirl(sentence, group) if len(sentence) else sentence
    assert set(twice) == set(sentence)
    assert all(np.isclose(twice[word], sentence[word]) for word in sentence)


def test_it_needs_generators_only() -> None:
    """All 12! permutations would be too many."""
    sentence = twirl("ZZ" + "I" * 10, symmetric_group(12))
    assert len(sentence) == 66
    assert set(np.round(list(sentence.values()), 12)) == {round(1 / 66, 12)}
    assert len(twirl("X" + "I" * 15, p4m(4))) == 16


def test_wires_have_labels() -> None:
    sentence = twirl("ZI", symmetric_group(2), ["b", "a"])
    assert set(sentence.wires) == {"a", "b"}
    assert len(twirl(qml.Z("a"), symmetric_group(2), ["b", "a"])) == 2


@pytest.mark.parametrize(
    ("group", "counts"),
    [(translations(4), (3, 3 + 3 * 3 + 3 + 3)), (symmetric_group(4), (3, 9))],
    ids=["Z4", "S4"],
)
def test_all_invariant_operators(group: WireGroup, counts: tuple[int, int]) -> None:
    assert len(invariant_operators(group, 1)) == counts[0]
    found = invariant_operators(group, 2)
    assert len(found) == counts[1]
    for sentence in found:
        assert set(twirl(sentence, group)) == set(sentence)
    assert len(invariant_operators(local_flips(3), 3)) == 7  # words of I and X


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: twirl("ZZ", translations(3)),
            r"operator: expected a letter for each o",
        ),
        (
            lambda: twirl("", translations(3)),
            r"operator: expected a Pauli word such as",
        ),
        (lambda: twirl(3, translations(3)), r"operator: expected a Pauli word such as"),
        (
            lambda: twirl(qml.Z(5), translations(3)),
            r"operator: Z\(5\) acts on \[5\], but",
        ),
        (
            lambda: twirl(1j * qml.Z(0), translations(3)),
            r"operator: expected a Hermiti",
        ),
        (
            lambda: twirl("ZZ", translations(3), 2),
            r"group: expected an action on 2 wir",
        ),
        (lambda: invariant_operators(translations(3), 0), r"most_wires: expected at"),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()


@pytest.mark.parametrize("group", [{}, None, "S3", WireAction([1, 0])])
def test_a_group_is_a_wire_group(group: Any) -> None:
    for call in (
        lambda: twirl(qml.Z(0), group),
        lambda: invariant_operators(group),
        lambda: invariant_readout(group, ["Z"]),
    ):
        with pytest.raises(ArgumentTypeError, match="group: expected a WireGroup, got"):
            call()


def test_letters_are_those_of_paulis() -> None:
    with pytest.raises(
        QdlError, match="letters: expected one of 'X', 'Y', 'Z', got 'Q'"
    ):
        invariant_operators(translations(3), letters="QZ")
