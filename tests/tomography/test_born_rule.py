"""Born's rule for many bases: against states that are turned, and its adjoint."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest

from qml_qdl.circuits.errors import MemoryBoundError
from qml_qdl.tomography import DensityMatrix, Measurements, pauli_bases
from qml_qdl.tomography.born_rule import (
    BornRule,
    on_wires,
    pauli_coordinates,
    pauli_sum,
)
from qml_qdl.tomography.measurements import misread


def any_state(num_wires: int, seed: int = 0) -> DensityMatrix:
    """A mixed state of full rank."""
    generator = np.random.default_rng(seed)
    shape = (2, 2**num_wires, 2**num_wires)
    real, imaginary = generator.normal(size=shape)
    return DensityMatrix.from_factor(real + 1j * imaginary)


def any_confusion(num_wires: int) -> np.ndarray:
    """Wires that are misread, each in its own way."""
    wrong = np.random.default_rng(1).uniform(0.01, 0.2, size=(num_wires, 2))
    table = np.empty((num_wires, 2, 2))
    table[:, 0] = np.stack([1 - wrong[:, 0], wrong[:, 0]], axis=1)
    table[:, 1] = np.stack([wrong[:, 1], 1 - wrong[:, 1]], axis=1)
    return table


@pytest.mark.parametrize("misreads", [False, True])
@pytest.mark.parametrize("num_wires", [1, 2, 3, 4])
def test_probabilities_are_those_of_turned_states(
    num_wires: int, misreads: bool
) -> None:
    bases = pauli_bases(num_wires)[::-1]
    confusion = any_confusion(num_wires) if misreads else None
    state = any_state(num_wires)
    found = BornRule(bases, confusion).probabilities(state.matrix)
    assert np.allclose(
        found, misread(state.probabilities(bases), confusion), atol=1e-14
    )


def test_seven_wires_in_one_basis() -> None:
    state = any_state(7)
    basis, confusion = "XYZZYXY", any_confusion(7)
    found = BornRule([basis], confusion).probabilities(state.matrix)
    expected = misread(state.probabilities([basis]), confusion)
    assert np.allclose(found, expected, atol=1e-14)


def test_the_adjoint_is_one() -> None:
    rule = BornRule(["XZY", "ZZZ"], any_confusion(3))
    weights = np.random.default_rng(2).normal(size=(2, 8))
    operator = rule.adjoint(weights)
    assert np.allclose(operator, operator.conj().T)
    state = any_state(3)
    expected = np.vdot(weights, rule.probabilities(state.matrix))
    assert state.expectation(operator) == pytest.approx(expected)


def test_moments_are_expectation_values() -> None:
    rule = BornRule(["XZ", "YY"], any_confusion(2))
    state = any_state(2)
    found = rule.moments(rule.probabilities(state.matrix))
    words = [["II", "IZ", "XI", "XZ"], ["II", "IY", "YI", "YY"]]
    expected = [[state.expectation(word) for word in row] for row in words]
    assert np.allclose(found, expected)


def test_coordinates_are_those_of_words() -> None:
    state = any_state(2)
    found = pauli_coordinates(state.matrix)
    expected = [state.expectation(a + b) for a in "IXYZ" for b in "IXYZ"]
    assert np.allclose(found, expected)
    assert np.allclose(pauli_sum(found) / 4, state.matrix)


def test_matrices_on_wires_are_their_kronecker_product() -> None:
    generator = np.random.default_rng(3)
    matrices = generator.normal(size=(8, 2, 2))
    table = generator.normal(size=(3, 256))
    assert np.allclose(on_wires(table, matrices), table @ reduce(np.kron, matrices).T)


def test_what_does_not_fit_is_refused() -> None:
    bases = ["X" * 15]
    data = Measurements.from_bits(bases, [np.zeros((1, 15), int)])
    with pytest.raises(MemoryBoundError, match="15 wires in 1 bases takes 262,144"):
        BornRule.of(data)
