"""Systems: what is prepared to learn and to judge never meets."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.manybody import Lattice, cluster_ising
from qml_qdl.phases import ClusterIsing, Ising2D, make_system


def quiet(done: float, text: str) -> None:
    """Says nothing."""


def test_ising_chains_are_apart() -> None:
    train, test = Ising2D(4, points=4, chains=5, length=3).prepare(0, quiet)
    assert not set(train.group) & set(test.group)
    assert set(train.along()) == set(test.along())
    assert train.snapshots == 1
    assert len(train) == 4 * 3 * 3


def test_couplings_of_the_chain_are_apart() -> None:
    system = ClusterIsing(5, points=9, snapshots=10, states=10, sets=3)
    train, test = system.prepare(1, quiet)
    gaps = np.abs(train.along()[:, None] - test.along())
    assert gaps.min() > 1e-3
    assert len(test) == 27
    known = system.labelled(train)
    assert np.abs(known.along() - 1).min() >= 0.4
    assert system.ordered(known).tolist() == (known.along() < 1).tolist()


def test_parities_change_no_state() -> None:
    """They commute with H, and make the lowest state the even one of the same H."""
    system = ClusterIsing(5, points=4)
    plain = cluster_ising(Lattice.chain(5, periodic=False), 1.0, 0.3, 0.2)
    h, pinned = (
        qml.matrix(each, wire_order=range(5))
        for each in (plain, system.hamiltonian(0.3, 0.2))
    )
    assert np.abs(h @ pinned - pinned @ h).max() < 1e-12
    scan = system.scan(np.array([[0.3, 0.2]]))
    (state,) = scan.amplitudes
    energy = state @ h @ state
    assert np.linalg.norm(h @ state - energy * state) < 1e-8
    assert energy == pytest.approx(np.linalg.eigvalsh(h)[0], abs=2e-2)
    for first in (0, 1):
        parity = qml.prod(*(qml.X(k) for k in range(first, 5, 2)))
        matrix = qml.matrix(parity, wire_order=range(5)).real
        assert state @ matrix @ state == pytest.approx(1)


def test_a_plane_has_no_state_of_training() -> None:
    system = ClusterIsing(5, points=4, snapshots=4)
    plane = system.plane(0, quiet)
    assert plane.names == ("h1", "h2")
    assert np.abs(plane.along("h2")).min() > 0.05
    assert Ising2D(4).plane(0, quiet) is None


def test_by_name() -> None:
    assert make_system("cluster_ising", size=7, states=None).size == 7
    with pytest.raises(ArgumentError, match="chains: cluster_ising has no such option"):
        make_system("cluster_ising", chains=3)
    with pytest.raises(ArgumentError, match="system: expected one of"):
        make_system("potts")


def test_what_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"on both sides of 2\.269"):
        Ising2D(4, limits=(2.5, 3.5))
    with pytest.raises(ArgumentError, match="margin: expected 0 or more"):
        Ising2D(4, margin=-0.1)
    with pytest.raises(ArgumentError, match="further off than the margin"):
        ClusterIsing(margin=1.0)
    with pytest.raises(ArgumentError, match="an even number, for two bases"):
        ClusterIsing(snapshots=7)
    with pytest.raises(ArgumentError, match="size: expected at most 16"):
        ClusterIsing(17)
    with pytest.raises(ArgumentError, match="not prepared by circuits"):
        Ising2D(4).check_circuits()
