"""IQP circuits are PennyLane's template, and take rows of weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import ArgumentError, ArgumentTypeError, IQPCircuit
from qml_qdl.circuits.driven import Driven


@pytest.mark.parametrize(
    "words", [None, [(0,), (2, 1)], [(0, 1, 2)], [(1,), (0, 1), (0, 2), (2,)]]
)
def test_it_is_pennylanes_template(words: Any) -> None:
    circuit = IQPCircuit(3, words)
    weights = np.random.default_rng(0).uniform(0, 6, circuit.weight_shape)
    ours = qml.matrix(circuit.process, wire_order=range(3))(weights)
    pattern = [[list(word)] for word in circuit.words]
    theirs = qml.IQP.compute_matrix(weights, 3, pattern, spin_sym=False)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_words_are_places_in_the_order_of_the_wires() -> None:
    circuit = IQPCircuit(["c", "a", "b"], [(2, 0)])
    tape = qml.tape.make_qscript(circuit.process)(np.array([0.3]))
    (gate,) = [op for op in tape.operations if op.name == "MultiRZ"]
    assert list(gate.wires) == ["c", "b"]
    assert gate.data == (0.6,)
    assert circuit.on(["x", "y", "z"]).words == ((0, 2),)


def test_all_angles_may_be_data() -> None:
    assert Driven(IQPCircuit(3)).num_features == 6


@pytest.mark.parametrize(
    ("words", "error", "text"),
    [
        ([], ArgumentError, "expected one or more different words, got 0"),
        (
            [(0, 1), (1, 0)],
            ArgumentError,
            "got 2, of which 1 differ; name each word on",
        ),
        ([(0, 0)], ArgumentError, r"different places from 0 to 2 .* got \(0, 0\)"),
        ([(3,)], ArgumentError, r"different places from 0 to 2 .* got \(3,\)"),
        ([()], ArgumentTypeError, r"one or more whole numbers in each word, got \(\)"),
        (["XX"], ArgumentTypeError, "got 'XX'; write"),
    ],
)
def test_bad_words_are_refused(words: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        IQPCircuit(3, words)
