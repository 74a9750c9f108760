"""Readouts against explicit matrices."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import (
    AngleEncoding,
    ArgumentError,
    ArgumentTypeError,
    Expectation,
    Probabilities,
    Readout,
    Samples,
    State,
    StronglyEntangling,
    z_words,
)

PAULI = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}
CIRCUIT = StronglyEntangling(3, layers=2) @ AngleEncoding(3)
INPUTS = np.array([[0.3, -0.8, 1.9], [2.2, 0.4, -0.1]])
WEIGHTS = np.random.default_rng(0).uniform(0, 6, (2, 3, 3))

READOUTS = [
    pytest.param(Expectation(), (3,), id="z"),
    pytest.param(Expectation("XYZ"), (1,), id="word"),
    pytest.param(Expectation(["ZZI", "IXI"]), (2,), id="words"),
    pytest.param(Expectation([qml.Z(0), 2 * qml.X(1)]), (2,), id="operators"),
    pytest.param(Probabilities(), (8,), id="probabilities"),
    pytest.param(Probabilities([2, 0]), (4,), id="marginal"),
    pytest.param(Samples(), (None, 3), id="samples"),
    pytest.param(Samples([1]), (None, 1), id="samples-one"),
    pytest.param(State(), (8,), id="state"),
]


@pytest.fixture(scope="module")
def states(execute: Callable[..., torch.Tensor]) -> Any:
    return execute(CIRCUIT.with_readout(State()), INPUTS, WEIGHTS).numpy()


@pytest.mark.parametrize(("readout", "shape"), READOUTS)
def test_the_shape_is_told_beforehand(
    readout: Readout, shape: tuple[int | None, ...]
) -> None:
    circuit = CIRCUIT.with_readout(readout)
    assert circuit.output_shape == shape
    node = qml.QNode(
        circuit,
        qml.device("default.qubit", wires=3, seed=0),
        shots=5 if isinstance(readout, Samples) else None,
    )
    for inputs, rows in ((INPUTS, (2,)), (INPUTS[0], ())):
        result = node(inputs, WEIGHTS)
        if isinstance(result, list):
            result = np.stack(result, axis=-1)
        expected = tuple(5 if size is None else size for size in shape)
        assert np.shape(result) == (*rows, *expected)


@pytest.mark.parametrize(("readout", "shape"), READOUTS)
def test_it_is_a_value(
    readout: Readout, shape: tuple[int, ...], rebuild: Callable[[object], Any]
) -> None:
    for twin in (pickle.loads(pickle.dumps(readout)), rebuild(readout)):
        assert twin == readout
        assert hash(twin) == hash(readout)
        assert twin.output_shape(range(3)) == shape


def test_every_pauli_word(states: Any, execute: Callable[..., torch.Tensor]) -> None:
    words = ["".join(letters) for letters in product("IXYZ", repeat=3)]
    found = execute(CIRCUIT.with_readout(Expectation(words)), INPUTS, WEIGHTS)
    for word, column in zip(words, found.T, strict=True):
        matrix: Any = reduce(np.kron, [PAULI[letter] for letter in word])
        expected = np.einsum("ri,ij,rj->r", states.conj(), matrix, states).real
        np.testing.assert_allclose(column, expected, atol=1e-12)


def test_letters_follow_the_order_of_the_wires(
    execute: Callable[..., torch.Tensor],
) -> None:
    circuit = AngleEncoding([2, 0]).with_readout(Expectation(["ZI", "IZ"]))
    inputs = np.array([0.3, 1.2])
    # Wires are sorted to 0, 2; wire 2 was turned by the first feature.
    np.testing.assert_allclose(execute(circuit, inputs), np.cos(inputs[::-1]))
    named = AngleEncoding(["b", "a"]).with_readout(Expectation(["ZI", "IZ"]))
    np.testing.assert_allclose(execute(named, inputs), np.cos(inputs))


def test_hamiltonians(states: Any, execute: Callable[..., torch.Tensor]) -> None:
    hamiltonian = 0.5 * qml.X(0) @ qml.Z(2) - 2 * qml.Y(1) + qml.Z(0)
    lone = Expectation(hamiltonian)
    assert lone.observables == (hamiltonian,)
    found = execute(CIRCUIT.with_readout(lone), INPUTS, WEIGHTS)
    matrix = qml.matrix(hamiltonian, wire_order=range(3))
    expected = np.einsum("ri,ij,rj->r", states.conj(), matrix, states).real
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-12)


def test_probabilities(states: Any, execute: Callable[..., torch.Tensor]) -> None:
    expected = np.abs(states) ** 2
    found = execute(CIRCUIT.with_readout(Probabilities()), INPUTS, WEIGHTS)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    part = execute(CIRCUIT.with_readout(Probabilities([2, 0])), INPUTS, WEIGHTS)
    marginal = expected.reshape(2, 2, 2, 2).sum(2).transpose(0, 2, 1).reshape(2, 4)
    np.testing.assert_allclose(part, marginal, atol=1e-12)


def test_none_is_z_on_every_wire() -> None:
    assert Expectation(None) == Expectation([]) == Expectation()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Expectation("ZA"), "observables: expected Pauli words .* got 'ZA'"),
        (
            lambda: Expectation(["ZZZ", ""]),
            "observables: expected Pauli words .* got ''",
        ),
        (lambda: Expectation(3), "observables: expected Pauli words .* got 3"),
        (lambda: Expectation([qml.Z]), "observables: expected Pauli words"),
        (
            lambda: CIRCUIT.with_readout(Expectation("ZZ")),
            "observables: expected a letter for each of 3 wires, got 'ZZ'; write I for",
        ),
        (
            lambda: CIRCUIT.with_readout(Expectation(qml.Z(7))),
            r"observables: Z\(7\) acts on \[7\], but the circuit has the wires \[0, 1",
        ),
        (
            lambda: CIRCUIT.with_readout(Probabilities([0, 7])),
            r"wires: the readout names \['7'\], but the circuit has the wires \[0,",
        ),
        (
            lambda: CIRCUIT.with_readout(Samples(["a"])),
            r"wires: the readout names \['a'",
        ),
        (lambda: Samples([0, 0]), "wires overlap: name each wire once"),
        (lambda: z_words(2, 4), "count: 2 wires have 3 words of I and Z, got 4"),
        (lambda: z_words(0, 1), "num_wires: expected at least 1, got 0"),
        (lambda: z_words(2, 0), "count: expected at least 1, got 0"),
    ],
)
def test_wrong_readouts_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        make()


def test_z_words_count_up() -> None:
    words = z_words(4, 15)
    assert len(set(words)) == 15
    weights = [word.count("Z") for word in words]
    assert weights == sorted(weights)
    assert words[:4] == ("ZIII", "IZII", "IIZI", "IIIZ")
    assert words[-1] == "ZZZZ"
