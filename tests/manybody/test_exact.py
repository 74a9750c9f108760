from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, MemoryBoundError
from qml_qdl.manybody import (
    Lattice,
    Sector,
    SpinOperator,
    bethe_energy,
    free_fermion_energy,
    ground_state,
    heisenberg,
    j1_j2,
    transverse_ising,
)


def test_four_by_four_in_sectors() -> None:
    lattice = Lattice.square(4, 4)
    sector = Sector(16, 0, spin_flip=1, permutations=lattice.symmetries)
    assert sector.num_states == 107
    energy = ground_state(heisenberg(lattice), sector).energies[0]
    assert energy == pytest.approx(-44.913932834, abs=1e-9)
    frustrated = ground_state(j1_j2(lattice), sector)
    assert frustrated.energies[0] == pytest.approx(-33.8316934, abs=1e-7)
    every = Sector(16, magnetisation=0)
    amplitudes = frustrated.amplitudes(every.spins())
    matrix = SpinOperator.of(j1_j2(lattice)).matrix(every)
    wrong = matrix @ amplitudes.numpy() - frustrated.energies[0] * amplitudes.numpy()
    assert abs(wrong).max() < 1e-10
    assert float((amplitudes**2).sum()) == pytest.approx(1)


def test_lanczos_finds_what_the_whole_matrix_has() -> None:
    ring = Lattice.chain(12)
    sector = Sector(12, magnetisation=0)
    found = ground_state(heisenberg(ring), sector, k=3)
    matrix = SpinOperator.of(heisenberg(ring)).matrix(sector).toarray()
    assert np.allclose(found.energies, np.linalg.eigvalsh(matrix)[:3])
    assert found.energies[0] == pytest.approx(bethe_energy(12), abs=1e-10)
    assert np.allclose(matrix @ found.vectors, found.vectors * found.energies)


def test_excited_states_by_momentum_are_complex() -> None:
    ring = Lattice.chain(8)
    operator = SpinOperator.of(heisenberg(ring))
    sector = Sector(8, 0, permutations=ring.translations, characters=ring.characters(1))
    state = ground_state(operator, sector)
    every = Sector(8)
    amplitudes = state.amplitudes(every.spins()).numpy()
    assert np.iscomplexobj(amplitudes)
    matrix = operator.matrix()
    assert np.allclose(matrix @ amplitudes, state.energies[0] * amplitudes)
    shifted = state.amplitudes(every.spins()[:, ring.translations[1]]).numpy()
    assert np.allclose(shifted, ring.characters(1)[1] * amplitudes)


def test_outside_the_sector_amplitudes_vanish() -> None:
    state = ground_state(heisenberg(Lattice.chain(4)), Sector(4, 0))
    assert state.amplitudes(torch.ones(1, 4)).tolist() == [0.0]


def test_a_site_no_coupling_reaches() -> None:
    alone = Lattice.from_edges([(0, 1)], num_sites=3)
    found = ground_state(heisenberg(alone), Sector(3), k=2)
    assert np.allclose(found.energies, -3)


@pytest.mark.slow
def test_twenty_two_sites_and_five_by_five() -> None:
    found = ground_state(heisenberg(Lattice.chain(22)), Sector(22, 0)).energies[0]
    assert found == pytest.approx(-39.1475226071, abs=1e-9)
    found = ground_state(
        transverse_ising(Lattice.chain(20)), Sector(20, spin_flip=1)
    ).energies[0]
    assert found == pytest.approx(free_fermion_energy(20), abs=1e-9)
    square = Lattice.square(5, 5)
    sector = Sector(25, spin_flip=1, permutations=square.symmetries)
    found = ground_state(transverse_ising(square, h=3.0), sector).energies[0]
    assert found == pytest.approx(-80.13310152422413, abs=1e-9)


def test_what_does_not_fit_is_refused_first() -> None:
    with pytest.raises(MemoryBoundError, match=r"need [\d,]+ bytes, but [\d,]+ are f"):
        ground_state(heisenberg(Lattice.chain(40)), Sector(40, 0))
    with pytest.raises(ArgumentError, match="at most 62 sites"):
        ground_state(heisenberg(Lattice.chain(80)))
    with pytest.raises(ArgumentError, match="k: expected at most 2"):
        ground_state(qml.X(0), k=3)
    state = ground_state(qml.X(0))
    with pytest.raises(ArgumentError, match="number: expected one of 0"):
        state.amplitudes(torch.ones(1, 1), number=1)
