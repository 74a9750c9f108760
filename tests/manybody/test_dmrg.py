from __future__ import annotations

import sys

import pennylane as qml
import pytest

from qml_qdl.circuits.errors import (
    ArgumentError,
    MemoryBoundError,
    MissingPackageError,
)
from qml_qdl.manybody import (
    Lattice,
    cluster_ising,
    dmrg,
    free_fermion_energy,
    ground_state,
    heisenberg,
    transverse_ising,
)


@pytest.mark.slow
def test_small_operators_are_diagonalisation() -> None:
    """Rings, words of three letters, elements that are not real, two sites."""
    pytest.importorskip("quimb")
    for operator in (
        heisenberg(Lattice.chain(8)),
        cluster_ising(Lattice.chain(6), 1.0, 0.3, 0.2),
        qml.X(0) @ qml.Y(1) @ qml.Z(3) + 0.3 * qml.Y(2) + qml.Z(1) @ qml.Z(2),
        heisenberg(Lattice.chain(2)),
    ):
        found = dmrg(operator)
        wanted = ground_state(operator).energies[0]
        assert found.energy == pytest.approx(wanted, abs=1e-7)
        assert found.converged


@pytest.mark.slow
def test_an_open_chain_of_forty_sites() -> None:
    pytest.importorskip("quimb")
    found = dmrg(transverse_ising(Lattice.chain(40, periodic=False)))
    assert found.energy == pytest.approx(
        free_fermion_energy(40, periodic=False), abs=1e-8
    )
    assert found.bond <= 100


def test_what_does_not_fit_is_refused_first() -> None:
    with pytest.raises(MemoryBoundError, match="bond: a bond dimension of 1,048,576"):
        dmrg(heisenberg(Lattice.chain(100)), bond=2**20)
    with pytest.raises(ArgumentError, match="at least two sites and one word"):
        dmrg(qml.X(0))


def test_quimb_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "quimb", None)
    monkeypatch.setitem(sys.modules, "quimb.operator", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'qml-qdl\[manybody\]'"):
        dmrg(heisenberg(Lattice.chain(4)))
