"""Features, against sums by hand."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
from attrs import evolve

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.phases import (
    ClusterIsing,
    Scan,
    bond_order,
    correlators,
    magnetisation,
    raw_spins,
    string_order,
)


def spins(*sides: int, rows: int = 2, shots: int = 3) -> Scan:
    sites = int(np.prod(sides))
    bits = np.random.default_rng(0).integers(2, size=(rows, 1, shots, sites))
    return Scan(("T",), [1.0], ("Z" * sites,), bits, [0] * rows, shape=sides)


def test_magnetisation_by_hand() -> None:
    scan = spins(3, 4)
    grid = scan.spins.reshape(2, 3, 3, 4)
    plain = np.abs(grid.mean((2, 3))).mean(1)
    assert magnetisation(scan)[:, 0] == pytest.approx(plain)
    board = (-1.0) ** np.add.outer(np.arange(3), np.arange(4))
    staggered = np.abs((grid * board).mean((2, 3))).mean(1)
    assert magnetisation(scan, staggered=True)[:, 0] == pytest.approx(staggered)
    with pytest.raises(DataError, match=r"in the basis X…X"):
        magnetisation(scan, letter="X")


def test_bonds_and_correlators_by_hand() -> None:
    scan = spins(4, 4)
    grid = scan.spins.reshape(2, 3, 4, 4).astype(float)
    found = correlators(scan)
    bonds = [(grid * np.roll(grid, 1, axis)).mean((1, 2, 3)) for axis in (2, 3)]
    assert bond_order(scan)[:, 0] == pytest.approx(np.mean(bonds, axis=0))
    # One of each pair of opposite distances: (16 + 4)/2, without the distance 0.
    assert found.shape == (2, 9)
    for down, right in ((0, 1), (1, 0), (2, 2), (1, 1)):
        moved = np.roll(grid, (down, right), (2, 3))
        expected = (grid * moved).mean((1, 2, 3))
        near = np.abs(found - expected[:, None]).max(0)
        assert near.min() < 1e-12


def test_correlators_do_not_see_translations_and_flips() -> None:
    scan = spins(3, 5)
    moved = np.roll(scan.bits.reshape(2, 1, 3, 3, 5), (1, 2), (3, 4))
    other = evolve(scan, bits=1 - moved.reshape(2, 1, 3, 15))
    assert correlators(other) == pytest.approx(correlators(scan))
    assert raw_spins(other) != pytest.approx(raw_spins(scan))


def test_correlators_of_a_chain() -> None:
    scan = spins(4, shots=1)
    values = scan.spins[:, 0, 0]
    pairs = [values[:, i] * values[:, j] for i in range(4) for j in range(i + 1, 4)]
    assert np.array_equal(correlators(scan), np.c_[values, np.stack(pairs, 1)])


@pytest.mark.parametrize("sites", [5, 6, 9])
def test_string_order_of_the_cluster_state_is_one(sites: int) -> None:
    """In the ground state without a field every string is a product of stabilisers."""
    system = ClusterIsing(sites, points=4, snapshots=40)
    scan = system.scan([1e-4, 50.0])
    ordered, not_at_all = scan.take([0]), scan.take([1])
    for span in range(2, sites - 1, 2):
        assert string_order(ordered, span)[0, 0] == pytest.approx(1)
        assert abs(string_order(not_at_all, span)[0, 0]) < 0.5


def test_string_order_is_the_exact_expectation() -> None:
    system = ClusterIsing(5, points=4, snapshots=40_000)
    scan = system.scan([0.8])
    words = [qml.Z(a) @ qml.X(a + 1) @ qml.Z(a + 2) for a in range(3)]
    (state,) = scan.amplitudes
    exact = [state @ qml.matrix(w, wire_order=range(5)).real @ state for w in words]
    assert string_order(scan, 2)[0, 0] == pytest.approx(np.mean(exact), abs=0.02)


def test_string_order_needs_its_letters() -> None:
    with pytest.raises(DataError, match="where Z and X alternate, such as ZXZXZ"):
        string_order(spins(5))
    for span in (3, 6):
        with pytest.raises(ArgumentError, match="an even number below 5"):
            string_order(spins(5), span)
