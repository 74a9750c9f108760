from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.manybody import (
    Lattice,
    cluster_ising,
    ground_state,
    heisenberg,
    mean_field_energy,
    transverse_ising,
)


@pytest.mark.parametrize("h", [0.0, 0.5, 1.0, 3.0])
def test_an_ising_ring_in_mean_field(h: float) -> None:
    """−cos²θ − h sin θ a site: lowest at sin θ = h/2, up to h = 2."""
    wanted = -10 * (1 + h**2 / 4 if h <= 2 else h)
    found = mean_field_energy(transverse_ising(Lattice.chain(10), h=h))
    assert found == pytest.approx(wanted, abs=1e-6)


def test_known_product_states() -> None:
    """Néel's order; three directions at 120° on a triangle; opposite pairs."""
    cases = [(Lattice.square(4, 4), -32.0), (Lattice.triangular(3, 3), -13.5)]
    for lattice, wanted in cases:
        found = mean_field_energy(heisenberg(lattice), starts=4)
        assert found == pytest.approx(wanted, abs=1e-6)


def test_words_of_many_letters_and_y() -> None:
    operator = (
        qml.Y(0) @ qml.Z(1) @ qml.Y(2) - 0.5 * qml.X(1) @ qml.Y(0) + 0.25 * qml.I(0)
    )
    found = mean_field_energy(operator, starts=4)
    # y₀ (z₁ y₂ − x₁/2): the site 1 turns between both, so √(1 + ¼).
    assert found == pytest.approx(0.25 - np.sqrt(1.25), abs=1e-6)


def test_never_below_the_ground_state() -> None:
    operator = cluster_ising(Lattice.chain(6), 1.0, 0.3, 0.2)
    assert mean_field_energy(operator) > ground_state(operator).energies[0]


def test_nothing_and_the_identity() -> None:
    assert mean_field_energy(0 * qml.X(0)) == 0
    assert mean_field_energy(2 * qml.I(0)) == 2
    with pytest.raises(ArgumentError, match="starts: expected at least 1"):
        mean_field_energy(qml.X(0), starts=0)
