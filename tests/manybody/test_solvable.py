from __future__ import annotations

from itertools import product

import pennylane as qml
import pytest

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.manybody import (
    ExactDynamics,
    Lattice,
    Sector,
    SpinOperator,
    bethe_energy,
    free_fermion_energy,
    free_fermion_quench,
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


@pytest.mark.parametrize("total", [3, 4, 5, 8, 9])
@pytest.mark.parametrize(
    ("before", "after", "coupling"),
    [(1.0, 0.5, 1.0), (0.3, 2.0, 0.7), (1.7, -0.4, 1.3)],
)
def test_quenches_are_exact_dynamics(
    total: int, before: float, after: float, coupling: float
) -> None:
    ring = Lattice.chain(total)
    old, new = (
        SpinOperator.of(transverse_ising(ring, h=h, coupling=coupling))
        for h in (before, after)
    )
    sector = Sector(total, spin_flip=1)
    dynamics = ExactDynamics(new, ground_state(old, sector).vectors[:, 0], sector)
    times = [0.0, 0.4, 2.5]
    found = free_fermion_quench(total, times, before, after, coupling)
    sites = range(total)
    x = SpinOperator.of(qml.sum(*(qml.X(k) / total for k in sites)))
    zz = SpinOperator.of(
        qml.sum(*(qml.Z(k) @ qml.Z((k + 1) % total) / total for k in sites))
    )
    for place, time in enumerate(times):
        dynamics.advance(time)
        assert dynamics.expectation(x) == pytest.approx(found.x[place], abs=1e-11)
        assert dynamics.expectation(zz) == pytest.approx(found.zz[place], abs=1e-11)
    assert dynamics.expectation(new) == pytest.approx(found.energy, abs=1e-10)


def test_quenches_of_wrong_numbers() -> None:
    assert free_fermion_quench(4, [], 1.0, 0.5).x.shape == (0,)
    with pytest.raises(ArgumentError, match="num_sites: expected at least 3"):
        free_fermion_quench(2, [0.0], 1.0, 0.5)
    with pytest.raises(ArgumentError, match="before: expected a number above 0"):
        free_fermion_quench(4, [0.0], -1.0, 0.5)
    with pytest.raises(ArgumentError, match="times: expected finite numbers"):
        free_fermion_quench(4, [float("nan")], 1.0, 0.5)
    with pytest.raises(TypeError, match=r"times: expected several numbers, got 0\.5"):
        free_fermion_quench(4, 0.5, 1.0, 0.5)  # type: ignore[arg-type]
