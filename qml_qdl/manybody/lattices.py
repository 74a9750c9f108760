"""Lattices: which sites are neighbours, and which permutations leave them so."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import product
from math import prod
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from attrs import field, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import (
    MOST_WIRES,
    as_items,
    check_choice,
    check_count,
    check_flag,
    validate_call,
)

Edge: TypeAlias = tuple[int, int]
"""Two sites, the smaller first."""

SHAPES = (
    "chain",
    "square",
    "rectangle",
    "triangle",
    "honeycomb",
    "kagome",
    "lieb",
    "cubic",
    "bcc",
    "fcc",
    "diamond",
)
"""The shapes that `qml.spin.generate_lattice` knows."""

GRAPH = "graph"
"""The shape of a lattice that is given by its edges."""

MOST_ORDER = 8
"""Neighbours further apart than those of this order are not looked for."""


def _as_cells(n_cells: Any) -> tuple[int, ...]:
    cells = as_items(n_cells)
    for count in cells or (None,):
        check_count("n_cells", count, most=MOST_WIRES)
    return tuple(map(int, cells or ()))


def _as_periodic(periodic: Any) -> tuple[bool, ...]:
    flags = as_items(periodic)
    for flag in (periodic,) if flags is None else flags:
        check_flag("periodic", flag)
    return (periodic,) if flags is None else flags


def _as_edges(edges: Any) -> tuple[Edge, ...]:
    found: dict[Edge, None] = {}
    # networkx has edges as a mapping to their data.
    given = as_items(list(edges) if isinstance(edges, Mapping) else edges)
    if given is None:
        raise ArgumentTypeError(
            f"edges: expected pairs of sites such as (0, 1), got {edges!r}"
        )
    for edge in given:
        sites = as_items(edge) or ()
        if len(sites) < 2:
            raise ArgumentTypeError(
                f"edges: expected pairs of sites such as (0, 1), got {edge!r}"
            )
        for site in sites[:2]:  # a third entry is the data of an edge
            check_count("edges", site, 0, MOST_WIRES - 1)
        first, second = int(sites[0]), int(sites[1])
        if first == second:
            raise ArgumentError(
                f"edges: expected two different sites, got ({first}, {second}); a site "
                "is no neighbour of itself"
            )
        found[min(first, second), max(first, second)] = None
    return tuple(found)


def _as_orders(orders: Any) -> tuple[tuple[Edge, ...], ...]:
    return tuple(map(_as_edges, as_items(orders) or ()))


@validate_call
@frozen(slots=False)
class Lattice:
    """Sites 0 … N−1, their neighbours, and the permutations that leave these alike.

    Sites are numbered as by `qml.spin.generate_lattice`: cell by cell, the last
    direction fastest. Two sites are joined by one edge at most, in the lowest order of
    neighbours at which they meet: on a ring of two sites, where a step to the left
    leads where a step to the right does, there is one bond, not two, and on a ring of
    four the sites 0 and 2 are next-nearest neighbours once. A site is never its own
    neighbour.

    Args:
        shape: A shape that `qml.spin.generate_lattice` knows: "chain", "square",
            "triangle", "honeycomb", "kagome", …
        n_cells: Number of cells in each direction.
        periodic: Whether the ends are joined, for all directions or for each.
        given: Edges by order of neighbours, as `from_edges` has them.

    Raises:
        ArgumentError: The shape is unknown, or the directions do not fit it.
        ArgumentTypeError: A number of cells is no whole number, or a flag is none.

    Example:
        >>> Lattice("kagome", (2, 2)).num_sites
        12
    """

    shape: str
    n_cells: tuple[int, ...] = field(converter=_as_cells)
    periodic: tuple[bool, ...] = field(default=True, converter=_as_periodic)
    given: tuple[tuple[Edge, ...], ...] = field(default=(), converter=_as_orders)

    def __attrs_post_init__(self) -> None:
        check_choice("shape", self.shape, (*SHAPES, GRAPH))
        if (self.shape == GRAPH) != bool(self.given):
            raise ArgumentError(
                f"shape: {self.shape!r} with {len(self.given)} lists of edges; make a "
                "lattice of edges with Lattice.from_edges"
            )
        dimension = 1 if self.shape == GRAPH else len(self._primitive.vectors)
        if len(self.n_cells) != dimension:
            raise ArgumentError(
                f"n_cells: expected {dimension} numbers of cells for the shape "
                f"{self.shape!r}, got {list(self.n_cells)}"
            )
        if len(self.periodic) not in (1, dimension):
            raise ArgumentError(
                f"periodic: expected one flag, or {dimension} for the shape "
                f"{self.shape!r}, got {list(self.periodic)}"
            )
        object.__setattr__(self, "periodic", self.periodic * dimension)
        object.__setattr__(self, "periodic", self.periodic[:dimension])
        check_count("n_cells", self.num_sites, most=MOST_WIRES)
        for first, second in (edge for edges in self.given for edge in edges):
            if second >= self.num_sites:
                raise ArgumentError(
                    f"edges: expected sites below {self.num_sites}, got ({first}, "
                    f"{second}); raise num_sites"
                )

    @classmethod
    def chain(cls, num_sites: int, periodic: bool = True) -> Lattice:
        """A ring, or an open chain.

        Args:
            num_sites: Number of sites.
            periodic: Whether the ends are joined.

        Returns:
            The lattice.

        Raises:
            ArgumentError: There is no site.

        Example:
            >>> Lattice.chain(4).edges
            ((0, 1), (0, 3), (1, 2), (2, 3))
            >>> Lattice.chain(2).edges, Lattice.chain(1).edges
            (((0, 1),), ())
        """
        return cls("chain", (num_sites,), periodic)

    @classmethod
    def square(
        cls, rows: int, columns: int, periodic: bool | Sequence[bool] = True
    ) -> Lattice:
        """A square lattice; site i·columns + j is at row i, column j.

        Args:
            rows: Number of rows.
            columns: Number of columns.
            periodic: Whether the edges are joined, for both directions or for each.

        Returns:
            The lattice.

        Raises:
            ArgumentError: There is no site.

        Example:
            >>> lattice = Lattice.square(4, 4)
            >>> len(lattice.edges), len(lattice.neighbours(2))
            (32, 32)
        """
        return cls("square", (rows, columns), periodic)

    @classmethod
    def triangular(
        cls, rows: int, columns: int, periodic: bool | Sequence[bool] = True
    ) -> Lattice:
        """A triangular lattice, as `qml.spin` has its "triangle".

        Args:
            rows: Number of rows.
            columns: Number of columns.
            periodic: Whether the edges are joined, for both directions or for each.

        Returns:
            The lattice.

        Raises:
            ArgumentError: There is no site.

        Example:
            >>> len(Lattice.triangular(4, 4).edges)
            48
        """
        return cls("triangle", (rows, columns), periodic)

    @classmethod
    def from_edges(
        cls, *edges: Iterable[Iterable[int]], num_sites: int | None = None
    ) -> Lattice:
        """A lattice of any form, by its edges.

        Args:
            *edges: Pairs of sites that are nearest neighbours, such as `graph.edges`
                of networkx; then, if wanted, those that are next-nearest, and so on.
            num_sites: Number of sites; None for those that have edges.

        Returns:
            The lattice, without positions.

        Raises:
            ArgumentError: A site is its own neighbour, negative or too large.
            ArgumentTypeError: An edge is no pair of whole numbers.

        Example:
            >>> Lattice.from_edges([(0, 1), (1, 2), (2, 0)]).num_sites
            3
        """
        orders = tuple(map(_as_edges, edges))
        if num_sites is None:
            num_sites = 1 + max(
                (edge[1] for each in orders for edge in each), default=0
            )
        return cls(GRAPH, (num_sites,), False, orders or ((),))

    @cached_property
    def _primitive(self) -> Any:
        """One cell: PennyLane's vectors, and positions in it."""
        dimension = {"chain": 1, "cubic": 3, "bcc": 3, "fcc": 3, "diamond": 3}
        return qml.spin.generate_lattice(self.shape, [1] * dimension.get(self.shape, 2))

    @property
    def _in_cell(self) -> int:
        return 1 if self.shape == GRAPH else len(self._primitive.positions)

    @property
    def num_sites(self) -> int:
        """Number of sites, N."""
        return prod(self.n_cells) * self._in_cell

    @property
    def _grid(self) -> NDArray[np.int64]:
        """Sites by their cell and their number in it."""
        return np.arange(self.num_sites).reshape(*self.n_cells, self._in_cell)

    @cached_property
    def _fractional(self) -> NDArray[np.float64]:
        """Positions in units of the primitive vectors, (N, d)."""
        inverse = np.linalg.inv(self._primitive.vectors)
        places = np.array(list(product(*map(range, self.n_cells))), float)
        inside = self._primitive.positions @ inverse
        return np.asarray((places[:, None] + inside).reshape(self.num_sites, -1))

    @property
    def positions(self) -> NDArray[np.float64] | None:
        """Where the sites are, (N, d); None for a lattice made of edges."""
        if self.shape == GRAPH:
            return None
        return np.asarray(self._fractional @ self._primitive.vectors)

    @property
    def momenta(self) -> NDArray[np.float64]:
        """Wave vectors of waves that fit the lattice, (cells, d), zero first.

        They are those of `characters`: q·a = 2π k/n for each primitive vector a.
        """
        if self.shape == GRAPH:
            raise ArgumentError(
                "lattice: one made of edges has no positions, so no wave vectors"
            )
        turns = np.indices(self.n_cells).reshape(len(self.n_cells), -1).T
        inverse = np.linalg.inv(self._primitive.vectors)
        return np.asarray(2 * np.pi * (turns / np.array(self.n_cells)) @ inverse.T)

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Pairs of nearest neighbours."""
        return self.neighbours(1)

    @cached_property
    def _orders(self) -> dict[int, tuple[Edge, ...]]:
        return dict(enumerate(self.given, 1))

    def neighbours(self, order: int = 1) -> tuple[Edge, ...]:
        """Pairs of sites that are neighbours of an order.

        Orders are those of the distances in the infinite lattice: on a square lattice
        1, √2, 2, √5, …

        Args:
            order: 1 for nearest, 2 for next-nearest neighbours, …

        Returns:
            The pairs, sorted; none where the lattice is too small for them.

        Raises:
            ArgumentError: The order is below 1 or too large.

        Example:
            >>> Lattice.chain(5, periodic=False).neighbours(2)
            ((0, 2), (1, 3), (2, 4))
        """
        check_count("order", order, most=MOST_ORDER)
        if self.shape != GRAPH and order not in self._orders:
            nearer = {e for k in range(1, order) for e in self.neighbours(k)}
            pairs = {e for s in self._shell(order) for e in self._displaced(*s)}
            self._orders[order] = tuple(sorted(pairs - nearer))
        return self._orders.get(order, ())

    def along(self, axis: int, steps: int) -> tuple[Edge, ...]:
        """Pairs of sites that are some cells apart in one direction.

        Args:
            axis: The direction.
            steps: Number of cells.

        Returns:
            The pairs, sorted, also such as are nearer across the boundary.

        Raises:
            ArgumentError: There is no such direction, or the lattice is made of edges.

        Example:
            >>> Lattice.square(3, 2, periodic=False).along(0, 2)
            ((0, 4), (1, 5))
        """
        check_count("steps", steps, most=MOST_WIRES)
        if self.shape == GRAPH:
            raise ArgumentError(
                "axis: a lattice made of edges has no directions; give the pairs as "
                "neighbours of a higher order to Lattice.from_edges"
            )
        check_choice("axis", axis, range(len(self.n_cells)))
        offset = tuple(steps * (k == axis) for k in range(len(self.n_cells)))
        inside = range(self._in_cell)
        pairs = {e for k in inside for e in self._displaced(k, k, offset)}
        return tuple(sorted(pairs))

    def _shell(self, order: int) -> list[tuple[int, int, tuple[int, ...]]]:
        """From which site of a cell to which, in what cell, neighbours lead."""
        reach = range(-order - 2, order + 3)
        offsets = list(product(reach, repeat=len(self.n_cells)))
        places = self._primitive.positions
        steps = np.array(offsets) @ np.asarray(self._primitive.vectors, float)
        between = places[None, :] - places[:, None]  # [from, to]
        distances = np.linalg.norm(between[:, :, None] + steps, axis=-1).round(6)
        wanted = np.unique(distances)[order]  # the zeroth is no distance
        found = np.argwhere(distances == wanted)
        return [(int(a), int(b), offsets[k]) for a, b, k in found]

    def _displaced(
        self, start: int, end: int, offset: tuple[int, ...]
    ) -> Iterable[Edge]:
        """Edges from a site of each cell to one of the cell that is displaced."""
        grid, axes = self._grid, tuple(range(len(self.n_cells)))
        there = np.roll(grid[..., end], [-step for step in offset], axes)
        inside = np.ones(self.n_cells, bool)
        for axis, (step, count) in enumerate(zip(offset, self.n_cells, strict=True)):
            if not self.periodic[axis]:
                to = np.arange(count) + step
                shape = [-1 if k == axis else 1 for k in axes]
                inside &= ((to >= 0) & (to < count)).reshape(shape)
        pairs = zip(grid[..., start][inside], there[inside], strict=True)
        return {(int(min(a, b)), int(max(a, b))) for a, b in pairs if a != b}

    @cached_property
    def sublattice(self) -> tuple[int, ...] | None:
        """Every second site, where nearest neighbours are of two colours; else None.

        It is the colour of which site 0 is not. Odd rings and triangular lattices have
        none.
        """
        near: list[list[int]] = [[] for _ in range(self.num_sites)]
        for first, second in self.edges:
            near[first].append(second)
            near[second].append(first)
        colours: dict[int, int] = {}
        for start in range(self.num_sites):
            waiting = deque([] if start in colours else [start])
            colours.setdefault(start, 0)
            while waiting:
                site = waiting.popleft()
                for other in near[site]:
                    if other not in colours:
                        colours[other] = 1 - colours[site]
                        waiting.append(other)
                    elif colours[other] == colours[site]:
                        return None
        return tuple(site for site in range(self.num_sites) if colours[site])

    @cached_property
    def translations(self) -> NDArray[np.int64]:
        """Translations as permutations of sites, (N_group, N), the identity first.

        A permutation p takes a configuration s to that whose spin k is `s[p[k]]`, so
        `spins[:, translations]` are all images. Open directions have none.
        """
        grid, axes = self._grid, tuple(range(len(self.n_cells)))
        images = [np.roll(grid, [-k for k in shift], axes) for shift in self._shifts]
        return np.stack(images).reshape(len(images), -1)

    @property
    def _shifts(self) -> list[tuple[int, ...]]:
        pairs = zip(self.n_cells, self.periodic, strict=True)
        return list(product(*(range(n if joined else 1) for n, joined in pairs)))

    def characters(self, momentum: int | Sequence[int]) -> NDArray[Any]:
        """The characters of the translations in states of one momentum.

        ψ(T s) = χ(T) ψ(s) with χ = exp(2πi Σₐ kₐ tₐ / nₐ) for a translation by tₐ of nₐ
        cells in direction a.

        Args:
            momentum: kₐ for each direction, whole numbers; one number for a chain.

        Returns:
            One number for each row of `translations`; real where all are ±1.

        Raises:
            ArgumentError: There are more or fewer numbers than directions.
            ArgumentTypeError: It is no whole number.

        Example:
            >>> Lattice.chain(4).characters(2)
            array([ 1., -1.,  1., -1.])
        """
        numbers = as_items(momentum)
        numbers = (momentum,) if numbers is None else numbers
        if len(numbers) != len(self.n_cells):
            raise ArgumentError(
                f"momentum: expected {len(self.n_cells)} whole numbers, one for each "
                f"direction, got {list(numbers)}"
            )
        for number in numbers:
            check_count("momentum", number, -MOST_WIRES, MOST_WIRES)
        turns = np.array(self._shifts) @ (np.array(numbers) / np.array(self.n_cells))
        values = np.exp(2j * np.pi * turns)
        real = bool((abs(values.imag) < 1e-12).all())
        return np.asarray(np.round(values.real) if real else values)

    @cached_property
    def point_group(self) -> NDArray[np.int64]:
        """Turns and mirror images about one point, (N_group, N), the identity first.

        The point is one about which there are most, site 0 if that is one.
        """
        if self.shape == GRAPH:
            return self._grid.reshape(1, -1)
        joined = np.array(self.periodic)
        vectors = np.asarray(self._primitive.vectors, float)
        lengths = vectors @ vectors.T
        dimension = len(vectors)
        turns = [
            matrix
            for entries in product((-1, 0, 1), repeat=dimension**2)
            if self._fits(matrix := np.array(entries).reshape(dimension, dimension))
            and np.allclose(matrix @ lengths @ matrix.T, lengths)
        ]
        middle = self._fractional.mean(axis=0)
        best: NDArray[np.int64] = self._grid.reshape(1, -1)
        for sixths in product(*(range(6 if each else 1) for each in joined)):
            centre = np.where(joined, np.array(sixths) / 6, middle)
            images = [self._image(turn, centre) for turn in turns]
            found = _distinct([image for image in images if image is not None])
            best = max(best, found, key=len)
            if len(best) == len(turns):
                break
        return best

    def _fits(self, turn: NDArray[np.int64]) -> bool:
        """Whether a turn takes what is joined to what is joined."""
        for axis, count in enumerate(self.n_cells):
            for other, size in enumerate(self.n_cells):
                entry = turn[axis, other]
                if self.periodic[axis] != self.periodic[other]:
                    if entry:
                        return False
                elif self.periodic[axis] and entry * count % size:
                    return False
        return True

    def _image(
        self, turn: NDArray[np.int64], centre: NDArray[np.float64]
    ) -> NDArray[np.int64] | None:
        """Where a turn about a point takes each site; None if it takes one nowhere."""
        moved = (self._fractional - centre) @ turn + centre
        wanted = {
            place: site for site, place in enumerate(self._keys(self._fractional))
        }
        found = [wanted.get(place, -1) for place in self._keys(moved)]
        whole = sorted(found) == list(range(self.num_sites))
        return np.array(found) if whole else None

    def _keys(self, places: NDArray[np.float64]) -> list[tuple[int, ...]]:
        """Positions as whole numbers, the same for what is the same across borders."""
        scaled = np.rint(places * 1000).astype(int)
        counts = np.where(self.periodic, np.array(self.n_cells) * 1000, 2**40)
        wrapped = np.where(self.periodic, scaled % counts, scaled)
        return list(map(tuple, wrapped.tolist()))

    @cached_property
    def symmetries(self) -> NDArray[np.int64]:
        """All products of translations and the point group, (N_group, N)."""
        both = self.translations[:, self.point_group]
        return _distinct(list(both.reshape(-1, self.num_sites)))


def _distinct(permutations: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Each once, the identity, which is the smallest, first."""
    return np.unique(np.stack(permutations), axis=0)
