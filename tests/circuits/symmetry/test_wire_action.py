"""One group element on wires: products, inverses, what it makes of Pauli words."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import WireAction
from qml_qdl.circuits.errors import QdlError

T = np.diag([1, np.exp(0.25j * np.pi)])
ROTATED = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])

ACTIONS = [
    pytest.param(WireAction([2, 0, 1]), id="permutation"),
    pytest.param(WireAction([0, 1, 2], "XYZ"), id="paulis"),
    pytest.param(WireAction([1, 0, 2], "HSI"), id="clifford"),
    pytest.param(WireAction([1, 2, 0], [T, ROTATED, np.eye(2)]), id="any"),
]
every_action = pytest.mark.parametrize("action", ACTIONS)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal up to a phase."""
    return bool(np.isclose(abs(np.trace(a.conj().T @ b)), len(a)))


@every_action
def test_the_matrix_moves_bits_and_turns_them(action: WireAction) -> None:
    matrix = action.matrix()
    np.testing.assert_allclose(matrix @ matrix.conj().T, np.eye(8), atol=1e-12)
    gates = qml.tape.QuantumScript(
        [qml.Permute(list(np.argsort(action.permutation)), wires=range(3))]
        + [
            qml.QubitUnitary(np.array(local), wires=place)
            for place, local in enumerate(action.local or ())
        ]
    )
    assert same(qml.matrix(gates, wire_order=range(3)), matrix)


@every_action
@pytest.mark.parametrize("other", ACTIONS)
def test_products_and_inverses(action: WireAction, other: WireAction) -> None:
    assert same((action @ other).matrix(), action.matrix() @ other.matrix())
    assert action @ action.inverse == WireAction.identity(3)
    assert (action @ other).inverse == other.inverse @ action.inverse
    assert hash(action @ action.inverse) == hash(WireAction.identity(3))


@every_action
@pytest.mark.parametrize("letters", ["ZII", "IXY", "YZX"])
def test_words_are_conjugated(action: WireAction, letters: str) -> None:
    word = qml.pauli.PauliWord(dict(enumerate(letters)))
    matrix = action.matrix()
    expected = matrix @ word.to_mat(range(3)) @ matrix.conj().T
    found = action.conjugate(word).to_mat(range(3))
    np.testing.assert_allclose(found, expected, atol=1e-12)


@every_action
def test_characters(action: WireAction) -> None:
    assert action.character() == pytest.approx(abs(np.trace(action.matrix())))


@every_action
def test_it_is_a_value(action: WireAction, rebuild: Callable[[object], Any]) -> None:
    for twin in (pickle.loads(pickle.dumps(action)), rebuild(action)):
        assert twin == action
        assert hash(twin) == hash(action)
    with pytest.raises(AttributeError):
        action.local = None  # type: ignore[misc]


def test_phases_do_not_count() -> None:
    assert WireAction([0], [1j * np.eye(2)]) == WireAction([0])
    assert WireAction([0], "X") @ WireAction([0], "Y") == WireAction([0], "Z")
    assert WireAction([0], "X") != WireAction([0], "Y")
    assert WireAction([0], "X") != WireAction([0])


def test_features_move_with_the_wires() -> None:
    action = WireAction([2, 0, 1])
    x = np.arange(6).reshape(2, 3)
    assert action.permute(x).tolist() == [[1, 2, 0], [4, 5, 3]]
    assert action.inverse.permute(action.permute(x)).tolist() == x.tolist()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: WireAction([0, 2]), r"permutation: expected each of 0 … n−1 once"),
        (
            lambda: WireAction([]),
            r"permutation: expected each of 0 … n−1 once, got \[\]",
        ),
        (lambda: WireAction(["a"]), r"permutation: expected one whole number for each"),
        (lambda: WireAction(3), r"permutation: expected one whole number .* got 3"),
        (lambda: WireAction([0], "Q"), r"local: expected a letter of IXYZHS for each"),
        (
            lambda: WireAction([0], "XX"),
            r"local: expected 1 unitaries, .* got 2; write",
        ),
        (lambda: WireAction([0], [[[1, 1], [0, 1]]]), r"local: expected unitary 2×2"),
        (lambda: WireAction([0]) @ WireAction([0, 1]), r"expected one on 1 wires, got"),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
