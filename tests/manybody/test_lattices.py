from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import networkx as nx
import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.manybody import Lattice
from qml_qdl.manybody.lattices import SHAPES

DIMENSION = {"chain": 1, "cubic": 3, "bcc": 3, "fcc": 3, "diamond": 3}

CASES: list[tuple[str, tuple[int, ...], tuple[bool, ...]]] = [
    (shape, cells, joined)
    for shape in SHAPES
    if shape not in DIMENSION
    for cells in ((2, 3), (4, 3), (1, 2))
    for joined in product((True, False), repeat=2)
]
CASES += [("chain", (n,), (joined,)) for n in (1, 2, 3, 6) for joined in (True, False)]
CASES += [(shape, (2, 1, 2), (True, False, False)) for shape in SHAPES[-4:]]
CASES += [("cubic", (3, 2, 2), (True, True, False))]


@pytest.mark.parametrize(("shape", "cells", "joined"), CASES)
def test_neighbours_are_pennylanes_without_loops_and_repeats(
    shape: str, cells: tuple[int, ...], joined: tuple[bool, ...]
) -> None:
    theirs = qml.spin.generate_lattice(shape, list(cells), list(joined), 2)
    lowest: dict[tuple[int, int], int] = {}
    for i, j, order in theirs.edges:
        if i != j:
            lowest[i, j] = min(order, lowest.get((i, j), order))
    lattice = Lattice(shape, cells, joined)
    assert lattice.num_sites == theirs.n_sites
    for order in (0, 1):
        wanted = sorted(edge for edge, found in lowest.items() if found == order)
        assert list(lattice.neighbours(order + 1)) == wanted


def test_short_rings_have_each_bond_once() -> None:
    assert Lattice.chain(1).edges == ()
    assert Lattice.chain(2).edges == Lattice.chain(2, periodic=False).edges == ((0, 1),)
    assert Lattice.chain(3).neighbours(2) == ()
    assert Lattice.chain(4).neighbours(2) == ((0, 2), (1, 3))
    assert len(Lattice.square(2, 2).edges) == 4
    assert Lattice.square(1, 4, (False, True)).edges == Lattice.chain(4).edges


SYMMETRIC = [
    (Lattice.chain(7), 7, 2),
    (Lattice.chain(2), 2, 2),
    (Lattice.chain(1), 1, 1),
    (Lattice.chain(6, periodic=False), 1, 2),
    (Lattice.square(4, 4), 16, 8),
    (Lattice.square(3, 4), 12, 4),
    (Lattice.square(3, 3, periodic=False), 1, 8),
    (Lattice.square(4, 3, (True, False)), 4, 4),
    (Lattice.triangular(4, 4), 16, 12),
    (Lattice("honeycomb", (3, 3)), 9, 12),
    (Lattice("kagome", (3, 3)), 9, 12),
    (Lattice.from_edges([(0, 1)], num_sites=3), 1, 1),
]


@pytest.mark.parametrize(("lattice", "moves", "turns"), SYMMETRIC)
def test_symmetries_are_a_group_that_keeps_edges(
    lattice: Lattice, moves: int, turns: int
) -> None:
    assert len(lattice.translations) == moves
    assert len(lattice.point_group) == turns
    group = lattice.symmetries
    known = set(map(tuple, group.tolist()))
    assert len(known) == len(group)
    for element in group:
        assert set(map(tuple, group[:, element].tolist())) == known
        for order in (1, 2):
            edges = set(lattice.neighbours(order))
            moved = {tuple(sorted(map(int, element[list(edge)]))) for edge in edges}
            assert moved == edges


@pytest.mark.parametrize("lattice", [each for each, _, _ in SYMMETRIC])
def test_two_colours_are_those_of_networkx(lattice: Lattice) -> None:
    graph = nx.Graph(lattice.edges)
    assert (lattice.sublattice is not None) == nx.is_bipartite(graph)
    if lattice.sublattice is not None:
        assert all(
            (i in lattice.sublattice) != (j in lattice.sublattice)
            for i, j in lattice.edges
        )
        assert 0 not in lattice.sublattice


def test_translations_multiply_as_their_characters() -> None:
    lattice = Lattice.square(3, 2)
    known = {tuple(row): k for k, row in enumerate(lattice.translations.tolist())}
    for momentum in product(range(3), range(2)):
        characters = lattice.characters(momentum)
        for k, row in enumerate(lattice.translations):
            places = [known[tuple(r)] for r in lattice.translations[:, row].tolist()]
            assert np.allclose(characters[places], characters[k] * characters)


def test_a_lattice_of_edges_takes_a_graph() -> None:
    petersen = nx.petersen_graph()
    lattice = Lattice.from_edges(petersen.edges, nx.complement(petersen).edges)
    assert lattice.num_sites == 10
    assert (len(lattice.edges), len(lattice.neighbours(2))) == (15, 30)
    assert lattice.sublattice is None
    assert lattice.positions is None
    assert Lattice.from_edges([(1, 0), (0, 1)]).edges == ((0, 1),)


def test_positions_are_pennylanes() -> None:
    theirs = qml.spin.generate_lattice("kagome", [2, 3])
    found = Lattice("kagome", (2, 3), False).positions
    assert found is not None
    assert np.allclose(found, theirs.lattice_points)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Lattice("cube", (2,)), "did you mean 'cubic'"),
        (lambda: Lattice("graph", (2,)), "Lattice.from_edges"),
        (lambda: Lattice("square", (2,)), "expected 2 numbers of cells"),
        (lambda: Lattice.chain(0), "at least 1, got 0"),
        (lambda: Lattice.square(200, 200), "at most 10000"),
        (lambda: Lattice.square(2, 2, (True,) * 3), "one flag, or 2"),
        (lambda: Lattice.from_edges([(1, 1)]), "no neighbour of itself"),
        (lambda: Lattice.from_edges([(0, 5)], num_sites=2), "raise num_sites"),
        (lambda: Lattice.from_edges([(0, -1)]), "at least 0, got -1"),
        (lambda: Lattice.chain(4).neighbours(0), "at least 1"),
        (lambda: Lattice.chain(4).along(1, 2), "expected one of 0"),
        (lambda: Lattice.from_edges([(0, 1)]).along(0, 1), "no directions"),
        (lambda: Lattice.square(2, 2).characters(1), "expected 2 whole numbers"),
    ],
)
def test_wrong_lattices(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        make()


def test_edges_are_pairs_of_whole_numbers() -> None:
    wrong: list[Any] = [[(0,)], [0], [("a", "b")], [(0.5, 1)], 3, "ab"]
    for edges in wrong:
        with pytest.raises(ArgumentTypeError, match="edges: expected"):
            Lattice.from_edges(edges)
