"""Permutation-equivariant circuits and the small algebra they live in."""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import permutation_equivariant
from qml_qdl.circuits.errors import QdlError
from qml_qdl.circuits.symmetry.collective import spin_matrices, spin_multiplicities
from qml_qdl.circuits.symmetry.groups import commutant_dimension
from qml_qdl.circuits.symmetry.named_groups import symmetric_group
from qml_qdl.circuits.symmetry.twirling import invariant_operators


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_the_commutant_grows_polynomially(n: int) -> None:
    """C(n + 3, 3), three ways: characters, orbits of Pauli words, total spins."""
    expected = comb(n + 3, 3)
    assert commutant_dimension(symmetric_group(n)) == expected
    # Each orbit of words is a count of X, Y and Z; the identity is one more.
    assert len(invariant_operators(symmetric_group(n), n)) + 1 == expected
    assert sum(d**2 for d in spin_multiplicities(n)) == expected
    assert sum(d * copies for d, copies in spin_multiplicities(n).items()) == 2**n


@pytest.mark.parametrize("n", [2, 3, 4])
def test_its_lie_algebra_stays_small(n: int) -> None:
    """The circuit's generators close within the commutant, far below 4ⁿ."""
    terms = permutation_equivariant(n).terms
    generators = [
        qml.pauli.PauliSentence(
            {
                qml.pauli.PauliWord(dict(zip(wires, letters, strict=True))): factor
                for letters, wires, factor in words
            }
        )
        for words in terms
    ]
    algebra = qml.liealg.lie_closure(generators, pauli=True)
    # Traceless on each total spin, those of one dimension and the constants left out.
    assert len(algebra) <= comb(n + 3, 3)
    for sentence in algebra:
        matrix = sentence.to_mat(range(n))
        for generator in symmetric_group(n).generators:
            unitary = generator.matrix()
            np.testing.assert_allclose(unitary @ matrix, matrix @ unitary, atol=1e-10)


@pytest.mark.parametrize("dimension", [1, 2, 3, 6])
def test_spin_matrices_commute_as_spins_do(dimension: int) -> None:
    x, y, z = spin_matrices(dimension)
    np.testing.assert_allclose(x @ y - y @ x, 1j * z, atol=1e-12)
    np.testing.assert_allclose(y @ z - z @ y, 1j * x, atol=1e-12)
    spin = (dimension - 1) / 2
    total = x @ x + y @ y + z @ z
    np.testing.assert_allclose(total, spin * (spin + 1) * np.eye(dimension), atol=1e-12)


def test_it_commutes_with_permutations(unitary: Callable[..., Any]) -> None:
    processing = permutation_equivariant(4, 2)
    matrix = unitary(processing, None, np.linspace(0.2, 1.7, 6).reshape(2, 3))
    for element in symmetric_group(4).elements:
        u = element.matrix()
        np.testing.assert_allclose(u @ matrix, matrix @ u, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: permutation_equivariant(1), r"wires: permutations need two wires or"),
        (lambda: permutation_equivariant(2, 0), r"layers: expected at least 1, got 0"),
        (lambda: spin_multiplicities(0), r"num_wires: expected at least 1, got 0"),
        (lambda: spin_matrices(0), r"dimension: expected at least 1, got 0"),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
