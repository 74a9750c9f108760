from __future__ import annotations

from itertools import product

import pytest

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.manybody import (
    Lattice,
    Sector,
    SpinOperator,
    bethe_energy,
    free_fermion_energy,
    ground_state,
    heisenberg,
    transverse_ising,
)


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("total", [1, 2, 3, 4, 5, 6])
def test_free_fermions_are_diagonalisation(total: int, periodic: bool) -> None:
    """Both sectors, odd rings, frustrated ones, no field, fields of both signs."""
    lattice = Lattice.chain(total, periodic)
    for h, coupling in product((0.0, 0.3, 1.0, 2.0, -0.4, -1.5), (1.0, -1.0, 0.0)):
        operator = SpinOperator.of(transverse_ising(lattice, coupling, h), total)
        for flip in (1, -1):
            wanted = ground_state(operator, Sector(total, spin_flip=flip)).energies[0]
            found = free_fermion_energy(total, h, coupling, periodic, flip)
            assert found == pytest.approx(wanted, abs=1e-10)


@pytest.mark.parametrize(
    ("h", "energy"),
    [(0.5, -85.0835527979), (1.0, -101.8657088579), (2.0, -170.1671055957)],
)
def test_eighty_sites(h: float, energy: float) -> None:
    assert free_fermion_energy(80, h) == pytest.approx(energy, abs=1e-9)
    assert free_fermion_energy(80, h, spin_flip=1) == free_fermion_energy(80, h)


def test_figures_of_ising_chains() -> None:
    assert free_fermion_energy(20) == pytest.approx(-25.490989686, abs=1e-9)
    # Quimb's and the exact value of note 3 of the reference figures.
    found = free_fermion_energy(40, periodic=False)
    assert found == pytest.approx(-50.5694337948, abs=1e-9)
    assert free_fermion_energy(100_000) / 1e5 == pytest.approx(-1.2732395447)


@pytest.mark.parametrize(
    ("total", "energy"),
    [
        (20, -35.6175461195),
        (22, -39.1475226071),
        (40, -70.9860911533),
        (80, -141.8483045989),
    ],
)
def test_figures_of_heisenberg_rings(total: int, energy: float) -> None:
    assert bethe_energy(total) == pytest.approx(energy, abs=1e-9)


@pytest.mark.parametrize("total", range(1, 12))
def test_bethes_ansatz_is_diagonalisation(total: int) -> None:
    sector = Sector(total, magnetisation=total % 2)
    wanted = ground_state(heisenberg(Lattice.chain(total)), sector).energies[0]
    assert bethe_energy(total) == pytest.approx(wanted, abs=1e-11)


def test_wrong_sizes() -> None:
    with pytest.raises(ArgumentError, match="at most 5000"):
        free_fermion_energy(5001, periodic=False)
    with pytest.raises(ArgumentError, match="finite number, got nan"):
        free_fermion_energy(4, float("nan"))
    with pytest.raises(ArgumentError, match="spin_flip: expected one of 1, -1"):
        free_fermion_energy(4, spin_flip=0)
    with pytest.raises(ArgumentError, match="at least 1"):
        bethe_energy(0)
