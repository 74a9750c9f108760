from __future__ import annotations

import numpy as np
import pytest

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.vqe import Molecule, adapt, expand_subspace, make_pool
from tests.vqe.problems import problem


def test_three_states_of_lithium_hydride() -> None:
    molecule, found = Molecule.named("LiH"), problem("LiH")
    assert found.level is not None
    exact = found.level.energies[:3]
    grown = adapt(found, until=exact[0] + 1.6e-3)
    expansion = expand_subspace(found, grown.state, make_pool(found, "fermionic"))
    assert expansion.dimension == 93  # the state, and each of 92 gates
    off = expansion.energies - exact
    assert (off > -1e-9).all()
    assert (off < 1.6e-3).all()
    assert np.allclose(molecule.spin_squared(expansion.states), [0, 2, 0], atol=1e-3)
    # Cations come between them where all numbers of electrons are diagonalised.
    whole = found.operator.matrix()
    states = expansion.states
    assert np.allclose(states.T @ states, np.eye(3), atol=1e-10)
    padded = np.zeros((4096, 3))
    padded[found.configurations.states.astype(int)] = states
    assert np.allclose((padded * (whole @ padded)).sum(0), expansion.energies)


def test_the_whole_space_gives_exact_states() -> None:
    hydrogen = problem("H2")
    assert hydrogen.level is not None
    state = adapt(hydrogen).state
    found = expand_subspace(hydrogen, state, make_pool(hydrogen), 4)
    assert np.allclose(found.energies, hydrogen.level.energies, atol=1e-10)
    assert found.dimension == 4


def test_complex_states_are_expanded_too() -> None:
    hydrogen = problem("H2")
    state = adapt(hydrogen).state
    plain = expand_subspace(hydrogen, state, make_pool(hydrogen), 2)
    turned = expand_subspace(hydrogen, 1j * state, make_pool(hydrogen), 2)
    assert np.allclose(plain.energies, turned.energies)


def test_bad_arguments() -> None:
    hydrogen = problem("H2")
    pool, state = make_pool(hydrogen), np.eye(4)[0]
    with pytest.raises(ArgumentError, match="k: expected at most 4, the dimensions of"):
        expand_subspace(hydrogen, state, pool, 5)
    with pytest.raises(ShapeError, match="state: expected 4 amplitudes"):
        expand_subspace(hydrogen, np.eye(5)[0], pool)
    with pytest.raises(ArgumentError, match="cutoff: expected a number above 0"):
        expand_subspace(hydrogen, state, pool, cutoff=2.0)
