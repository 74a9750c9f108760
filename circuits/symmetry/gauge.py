"""A Z₂ lattice gauge circuit, whose results no local gauge transformation changes."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.circuit import Circuit
from qml_qdl.circuits.composition import reupload
from qml_qdl.circuits.encodings.encoding import Encoding
from qml_qdl.circuits.errors import ArgumentError, MissingAttributeError, ShapeError
from qml_qdl.circuits.readouts import Expectation
from qml_qdl.circuits.symmetry.equivariant import EquivariantProcessing
from qml_qdl.circuits.symmetry.groups import WireGroup
from qml_qdl.circuits.symmetry.named_groups import local_flips
from qml_qdl.circuits.symmetry.wire_action import WireAction
from qml_qdl.circuits.validation import (
    MOST,
    MOST_WIRES,
    check_count,
    check_flag,
    checked,
    shape_of,
    validate_call,
)

Link: TypeAlias = tuple[int, int, int]
"""Row and column of a site, and 0 for the link to its right, 1 for the one below."""

Walk: TypeAlias = tuple[tuple[int, int], ...]
"""Steps along links: each the link's number, and 1 for onwards or −1 for back."""


@frozen(slots=False)
class GaugeLattice:
    """A square lattice with a variable on each link.

    Of the group Z₂ a variable is ±1 and has one wire. A gauge transformation at a site
    flips the variables of all links that end there: X on their wires (Wegner 1971;
    Kogut 1979, Rev. Mod. Phys. 51, 659). Around each plaquette the product of the four
    variables does not change; nor does the product along a loop around the torus. Of
    U(1) and SU(2) a variable u on the link from site s to site t, to the right or
    downwards, becomes gₛ u gₜ⁻¹, and products along `walks` begin and end with the g
    of one site.

    Args:
        rows: Rows of sites, 2 or more.
        columns: Columns of sites, 2 or more.
        periodic: Whether opposite edges are joined.

    Raises:
        ArgumentError: There are fewer than two rows or columns.

    Example:
        >>> lattice = GaugeLattice(2, 2)
        >>> lattice.num_links, lattice.stars[0], lattice.plaquettes[0]
        (8, (0, 1, 2, 5), (0, 1, 3, 4))
        >>> lattice.group.order, lattice.ends[1], lattice.walks[0]
        (8, (0, 2), ((0, 1), (3, 1), (4, -1), (1, -1)))
    """

    rows: int
    columns: int
    periodic: bool = field(default=True, validator=checked(check_flag), kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_count("rows", self.rows, 2, MOST_WIRES)
        check_count("columns", self.columns, 2, MOST_WIRES // self.rows)

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """All links in the order of their wires, site by site, right before down."""
        return tuple(
            (row, column, down)
            for row in range(self.rows)
            for column in range(self.columns)
            for down in (0, 1)
            if self.periodic or (row + 1 < self.rows if down else self._inside(column))
        )

    def _inside(self, column: int) -> bool:
        return column + 1 < self.columns

    @property
    def num_links(self) -> int:
        """Number of links, which is the number of wires."""
        return len(self.links)

    @property
    def num_sites(self) -> int:
        """Number of sites, which are counted row by row."""
        return self.rows * self.columns

    @cached_property
    def _wire(self) -> dict[Link, int]:
        return {link: wire for wire, link in enumerate(self.links)}

    @cached_property
    def ends(self) -> tuple[tuple[int, int], ...]:
        """For each link the numbers of the sites from which and to which it leads."""
        return tuple(
            (self._site(row, column), self._site(row + down, column + 1 - down))
            for row, column, down in self.links
        )

    def _site(self, row: int, column: int) -> int:
        return row % self.rows * self.columns + column % self.columns

    @cached_property
    def stars(self) -> tuple[tuple[int, ...], ...]:
        """For each site the wires of the links that end there."""
        return tuple(
            tuple(wire for wire, ends in enumerate(self.ends) if site in ends)
            for site in range(self.num_sites)
        )

    @cached_property
    def walks(self) -> tuple[Walk, ...]:
        """Closed walks around each plaquette, clockwise, then around the torus.

        A plaquette's begins at its upper left site, one around the torus at its first
        row or column.
        """
        rows, columns = range(self.rows), range(self.columns)
        wire, periodic = self._wire, self.periodic
        squares = [
            (
                (wire[r, c, 0], 1),
                (wire[r, (c + 1) % self.columns, 1], 1),
                (wire[(r + 1) % self.rows, c, 0], -1),
                (wire[r, c, 1], -1),
            )
            for r in (rows if periodic else rows[:-1])
            for c in (columns if periodic else columns[:-1])
        ]
        if not periodic:
            return tuple(squares)
        across = [tuple((wire[r, c, 0], 1) for c in columns) for r in rows]
        down = [tuple((wire[r, c, 1], 1) for r in rows) for c in columns]
        return (*squares, *across, *down)

    @cached_property
    def plaquettes(self) -> tuple[tuple[int, ...], ...]:
        """For each plaquette the wires of its four links."""
        around = self.rows + self.columns if self.periodic else 0
        squares = self.walks[: len(self.walks) - around]
        return tuple(tuple(sorted(wire for wire, _ in walk)) for walk in squares)

    @cached_property
    def loops(self) -> tuple[tuple[int, ...], ...]:
        """The wires of the loops around the torus; none without periodic edges."""
        loops = self.walks[len(self.plaquettes) :]
        return tuple(tuple(wire for wire, _ in walk) for walk in loops)

    @cached_property
    def group(self) -> WireGroup:
        """All gauge transformations, from one generator for each site."""
        return local_flips(self.num_links, self.stars)

    @cached_property
    def translations(self) -> WireGroup:
        """The translations of the torus, by one row and by one column.

        Raises:
            MissingAttributeError: The edges are not joined.
        """
        if not self.periodic:
            raise MissingAttributeError(
                "periodic: a lattice with edges has no translations; join them with "
                "periodic=True, or give every link weights of its own"
            )
        return WireGroup(
            [
                WireAction(
                    self._wire[(r + down) % self.rows, (c + right) % self.columns, d]
                    for r, c, d in self.links
                )
                for down, right in ((1, 0), (0, 1))
            ]
        )

    def transform(self, variables: Any, site: int) -> Any:
        """A gauge transformation of data at one site.

        Args:
            variables: Array (..., num_links), −1 … 1.
            site: Number of the site, row by row.

        Returns:
            Array of the same shape, the links of the site times −1.

        Raises:
            ArgumentError: There is no such site.
        """
        check_count("site", site, -MOST)
        if not 0 <= site < len(self.stars):
            raise ArgumentError(
                f"site: expected a number from 0 to {len(self.stars) - 1}, got {site}"
            )
        if shape_of("variables", variables)[-1:] != (self.num_links,):
            raise ShapeError(
                f"variables: expected (..., {self.num_links}), one for each link, got "
                f"{shape_of('variables', variables)}"
            )
        signs = np.ones(self.num_links)
        signs[list(self.stars[site])] = -1
        return variables * qml.math.cast_like(
            qml.math.asarray(signs, like=qml.math.get_interface(variables)), variables
        )


@frozen(repr=False)
class LinkEncoding(Encoding):
    """One Z₂ variable u a wire: RY(π(1 − u)/2), so that u = 1 is `|0⟩` and −1 is `|1⟩`.

    A change of sign of u is X on its wire, also for values in between.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        features: Which features of x are read; None for the whole x.
        scaling: Factor on the variables.
        trainable_scaling: Whether each variable's factor is trained.

    Raises:
        ArgumentError: The number of features is not the number of wires.

    Example:
        >>> import numpy as np
        >>> qml.matrix(LinkEncoding(1).encode, wire_order=[0])(
        ...     np.array([-1.0])).real.round(3)[:, 0]
        array([0., 1.])
    """

    @property
    def num_features(self) -> int:
        """One for each wire."""
        return len(self.wires)

    def encode(self, features: Any) -> None:
        """Queues one rotation for each link."""
        angles = (1 - features) * (math.pi / 2)
        qml.AngleEmbedding(angles, wires=self.wires, rotation="Y")


def gauge_processing(
    lattice: GaugeLattice, layers: int = 1, *, shared: bool = False
) -> EquivariantProcessing:
    """W(θ) of plaquettes ZZZZ and link terms X, the lattice Hamiltonian's own.

    Args:
        lattice: The lattice.
        layers: Number of layers, 1 or more.
        shared: Whether all plaquettes, and all links of one direction, share an angle,
            which makes the circuit equivariant under translations too.

    Returns:
        The processing, equivariant under every gauge transformation.

    Raises:
        ArgumentError: `layers` is below 1, or the lattice has no translations to share
            weights under.

    Example:
        >>> gauge_processing(GaugeLattice(2, 2), layers=2).weight_shape
        (2, 12)
        >>> gauge_processing(GaugeLattice(2, 2), shared=True).weight_shape
        (1, 3)
    """
    group, squares = lattice.group, lattice.plaquettes
    turns: list[tuple[int, ...]] = [(wire,) for wire in range(lattice.num_links)]
    if shared:
        group = group.joined(lattice.translations)
        squares, turns = squares[:1], turns[:2]
    words = [_word(lattice, square, "Z") for square in squares]
    words += [_word(lattice, link, "X") for link in turns]
    return EquivariantProcessing(lattice.num_links, group, words, layers)


def gauge_readout(lattice: GaugeLattice) -> Expectation:
    """⟨ZZZZ⟩ of each plaquette, then ⟨Z…Z⟩ of each loop around the torus.

    Args:
        lattice: The lattice.

    Returns:
        The readout.

    Example:
        >>> gauge_readout(GaugeLattice(2, 2)).output_shape(range(8))
        (8,)
    """
    loops = (*lattice.plaquettes, *lattice.loops)
    return Expectation([_word(lattice, loop, "Z") for loop in loops])


@validate_call
def gauge_circuit(
    lattice: GaugeLattice, layers: int = 1, *, shared: bool = False
) -> Circuit:
    """A circuit on link variables whose results are gauge invariant.

    The quantum counterpart of lattice gauge equivariant networks (Favoni et al. 2020,
    arXiv:2012.12901) for the group Z₂.

    Args:
        lattice: The lattice; x has one variable −1 … 1 for each link.
        layers: Layers of the processing, 1 or more.
        shared: Whether translations share weights.

    Returns:
        The circuit, read out on plaquettes and loops.

    Raises:
        ArgumentError: `layers` is below 1, or the lattice has no translations.

    Example:
        >>> U = gauge_circuit(GaugeLattice(2, 2), layers=2)
        >>> U.num_inputs, U.output_shape
        (8, (8,))
    """
    processing = gauge_processing(lattice, layers, shared=shared)
    circuit = reupload(processing, LinkEncoding(lattice.num_links), 1)
    return circuit.with_readout(gauge_readout(lattice))


def _word(lattice: GaugeLattice, wires: tuple[int, ...], letter: str) -> str:
    return "".join(letter if w in wires else "I" for w in range(lattice.num_links))
