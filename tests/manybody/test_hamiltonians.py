from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.manybody import (
    Lattice,
    annni,
    cluster_ising,
    heisenberg,
    j1_j2,
    transverse_ising,
    xxz,
)

RING, OPEN = Lattice.chain(6), Lattice.chain(6, periodic=False)


def same(first: Any, second: Any) -> bool:
    difference = first.pauli_rep - second.pauli_rep
    difference.simplify()
    return not difference


@pytest.mark.parametrize(
    ("shape", "cells", "joined"),
    [
        ("chain", [5], True),
        ("square", [3, 4], [True, False]),
        ("triangle", [3, 3], True),
        ("honeycomb", [2, 3], False),
    ],
)
def test_hamiltonians_are_pennylanes(shape: str, cells: list[int], joined: Any) -> None:
    lattice = Lattice(shape, cells, joined)
    where = {"lattice": shape, "n_cells": cells, "boundary_condition": joined}
    three = [0.3, -0.5, 0.7]
    assert same(heisenberg(lattice), qml.spin.heisenberg(**where))
    assert same(
        heisenberg(lattice, three), qml.spin.heisenberg(**where, coupling=three)
    )
    assert same(
        xxz(lattice, 2.0, 0.25), qml.spin.heisenberg(**where, coupling=[2, 2, 0.5])
    )
    assert same(
        transverse_ising(lattice, 0.7, 0.2),
        qml.spin.transverse_ising(**where, coupling=0.7, h=0.2),
    )
    assert same(
        j1_j2(lattice, 1.0, 0.5),
        qml.spin.heisenberg(
            **where, neighbour_order=2, coupling=[[1.0] * 3, [0.5] * 3]
        ),
    )


def test_the_longitudinal_field() -> None:
    field = transverse_ising(RING, h=0.0, longitudinal=0.5)
    wanted = transverse_ising(RING, h=0.0) - 0.5 * qml.sum(*map(qml.Z, range(6)))
    assert same(field, wanted)


def test_cluster_terms_are_those_of_cong_choi_and_lukin() -> None:
    clusters = [qml.Z(i) @ qml.X(i + 1) @ qml.Z(i + 2) for i in range(4)]
    pairs = [qml.X(i) @ qml.X(i + 1) for i in range(5)]
    fields = [qml.X(i) for i in range(6)]
    wanted = -qml.sum(*clusters) - 0.3 * qml.sum(*fields) - 0.2 * qml.sum(*pairs)
    assert same(cluster_ising(OPEN, 1.0, 0.3, 0.2), wanted)
    assert len(cluster_ising(RING)) == 6
    star = qml.X(4) @ qml.Z(1) @ qml.Z(3) @ qml.Z(5) @ qml.Z(7)
    assert same(cluster_ising(Lattice.square(3, 3, periodic=False)), -star)


def test_annni_couples_second_neighbours_in_one_direction() -> None:
    near = [qml.Z(i) @ qml.Z((i + 1) % 6) for i in range(6)]
    far = [qml.Z(i) @ qml.Z((i + 2) % 6) for i in range(6)]
    wanted = -2 * (
        qml.sum(*near) - 0.3 * qml.sum(*far) + 0.4 * qml.sum(*map(qml.X, range(6)))
    )
    assert same(annni(RING, 2.0, 0.3, 0.4), wanted)
    square = Lattice.square(3, 2, periodic=False)
    far = [qml.Z(0) @ qml.Z(4), qml.Z(1) @ qml.Z(5)]
    assert same(
        annni(square, 1.0, 0.5, 0.0),
        transverse_ising(square, h=0.0) + qml.dot([0.5] * 2, far),
    )
    graph = Lattice.from_edges(RING.edges, RING.neighbours(2))
    assert same(annni(graph), annni(RING))


def test_majumdar_and_ghoshs_chain() -> None:
    matrix = qml.matrix(j1_j2(Lattice.chain(8)), wire_order=range(8))
    energies = np.linalg.eigvalsh(matrix)
    assert np.allclose(energies[:2], -1.5 * 8)


def test_a_site_alone_and_no_coupling() -> None:
    for operator in (heisenberg(Lattice.chain(1)), xxz(RING, 0.0)):
        assert not len(operator.pauli_rep) or not any(operator.pauli_rep.values())
    assert same(j1_j2(Lattice.chain(2), j2=0.0), heisenberg(Lattice.chain(2)))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: j1_j2(Lattice.chain(3)), "expected next-nearest neighbours"),
        (lambda: annni(Lattice.chain(3)), "expected next-nearest neighbours"),
        (lambda: annni(RING, axis=1), "axis: expected one of 0"),
        (lambda: cluster_ising(Lattice.chain(1)), "expected neighbours"),
        (lambda: heisenberg(RING, [1.0, 2.0]), "a number, or three"),
        (lambda: transverse_ising(RING, float("nan")), "finite number, got nan"),
        (lambda: xxz(RING, anisotropy=float("inf")), "anisotropy: expected"),
    ],
)
def test_wrong_hamiltonians(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        make()
