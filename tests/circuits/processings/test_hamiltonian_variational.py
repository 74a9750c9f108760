"""Variational evolutions are exponentials of a Hamiltonian's parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
from scipy.linalg import expm

from qml_qdl.circuits import (
    ArgumentError,
    ArgumentTypeError,
    Driven,
    HamiltonianVariational,
)

ISING = (
    -qml.Z(0) @ qml.Z(1) - qml.Z(1) @ qml.Z(2) - 0.7 * qml.sum(*map(qml.X, range(3)))
)
RING = qml.sum(
    *(
        letter(site) @ letter((site + 1) % 4)
        for site in range(4)
        for letter in (qml.X, qml.Y, qml.Z)
    )
)


def matrix(terms: Any, size: int) -> Any:
    """Σ c P of a part, dense."""
    words = (
        value * qml.prod(*(getattr(qml, name)(place) for place, name in letters))
        for value, letters in terms
    )
    return qml.matrix(qml.sum(*words), wire_order=range(size))


@pytest.mark.parametrize(("hamiltonian", "size"), [(ISING, 3), (RING, 4)])
def test_layers_are_exponentials(hamiltonian: Any, size: int) -> None:
    circuit = HamiltonianVariational(size, hamiltonian, layers=2)
    weights = np.random.default_rng(0).normal(size=circuit.weight_shape)
    found = qml.matrix(circuit.process, wire_order=range(size))(weights)
    wanted = np.eye(2**size)
    for row in weights:
        for part, angle in reversed([*zip(circuit.parts, row, strict=True)]):
            wanted = expm(-1j * angle * matrix(part, size)) @ wanted
    np.testing.assert_allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize(("hamiltonian", "size"), [(ISING, 3), (RING, 4)])
def test_parts_are_the_hamiltonian_and_each_commutes(
    hamiltonian: Any, size: int
) -> None:
    parts = HamiltonianVariational(size, hamiltonian).parts
    assert len(parts) == 2
    whole = sum(matrix(part, size) for part in parts)
    np.testing.assert_allclose(whole, qml.matrix(hamiltonian, wire_order=range(size)))
    for part in parts:
        words = [matrix([term], size) for term in part]
        for first in words:
            for second in words:
                np.testing.assert_allclose(first @ second, second @ first)


def test_what_all_parts_conserve_is_conserved() -> None:
    circuit = HamiltonianVariational(4, RING, layers=2)
    weights = np.random.default_rng(1).normal(size=circuit.weight_shape)
    found = qml.matrix(circuit.process, wire_order=range(4))(weights)
    for letter in (qml.X, qml.Y, qml.Z):
        total = qml.matrix(qml.sum(*map(letter, range(4))), wire_order=range(4))
        np.testing.assert_allclose(found @ total, total @ found, atol=1e-12)


def test_words_go_with_the_wires() -> None:
    hamiltonian = qml.Z("a") @ qml.Y("b") + qml.Identity("c")
    circuit = HamiltonianVariational(["c", "a", "b"], hamiltonian)
    assert circuit.hamiltonian == ((1.0, ((1, "Z"), (2, "Y"))),)
    moved = circuit.on(["x", "y", "z"])
    tape = qml.tape.make_qscript(moved.process)(np.array([[0.3]]))
    (gate,) = tape.operations
    assert (gate.name, list(gate.wires), gate.data) == ("PauliRot", ["y", "z"], (0.6,))


def test_all_angles_may_be_data() -> None:
    assert Driven(HamiltonianVariational(3, ISING, layers=2)).num_features == 4


@pytest.mark.parametrize(
    ("hamiltonian", "error", "text"),
    [
        (qml.X(0) + 1j * qml.Z(0), ArgumentError, "expected real coefficients, got"),
        (qml.X(3), ArgumentError, r"expected wires among \[0, 1, 2\], got 3 in X\(3\)"),
        (qml.RX(0.1, 0), ArgumentError, "expected a sum of Pauli words, got RX"),
        (2 * qml.Identity(0), ArgumentError, "expected a Pauli word, got"),
        (0 * qml.X(0), ArgumentError, "expected a Pauli word, got"),
        ("ZZ", ArgumentTypeError, "expected an operator of PennyLane, .* got str"),
        ((), ArgumentTypeError, "got tuple"),
        (((1.0, ((5, "X"),)),), ArgumentTypeError, "got tuple"),
    ],
)
def test_bad_hamiltonians_are_refused(
    hamiltonian: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        HamiltonianVariational(3, hamiltonian)
