"""The groups that are used most: translations, quarter turns, permutations, flips."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

import numpy as np
from numpy.typing import NDArray

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.symmetry.groups import WireGroup
from qml_qdl.circuits.symmetry.wire_action import WireAction
from qml_qdl.circuits.validation import check_choice, check_count


def _grid(shape: int | tuple[int, int]) -> NDArray[np.int64]:
    """The places of wires on a chain, taken for one row, or on a grid, row by row."""
    size = (1, shape) if isinstance(shape, int) else tuple(shape)
    if len(size) != 2:
        raise ArgumentError(
            f"shape: expected a number of wires, or rows and columns, got {shape!r}"
        )
    for number in size:
        check_count("shape", number)
    return np.arange(prod(size)).reshape(size)


def _moving(grid: NDArray[np.int64]) -> WireAction:
    """The action after which place k of the grid holds wire `grid.flat[k]`."""
    return WireAction(np.argsort(grid.ravel()))


def translations(shape: int | tuple[int, int]) -> WireGroup:
    """Translations of a ring (Zₙ) or of a grid whose edges are joined.

    Args:
        shape: Number of wires, or rows and columns.

    Returns:
        The group, of as many elements as there are wires.

    Raises:
        ArgumentError: A number is below 1.

    Example:
        >>> translations(5).order, translations((2, 3)).order
        (5, 6)
    """
    grid = _grid(shape)
    return WireGroup([_moving(np.roll(grid, 1, axis)) for axis in (0, 1)])


def reflections(shape: int | tuple[int, int]) -> WireGroup:
    """Mirror images: of a chain, end for end; of a grid, along both its axes.

    Args:
        shape: Number of wires, or rows and columns.

    Returns:
        The group, of 2 elements for a chain and 4 for a grid.

    Raises:
        ArgumentError: A number is below 1.

    Example:
        >>> reflections(3).generators[-1].permutation
        (2, 1, 0)
    """
    grid = _grid(shape)
    return WireGroup([_moving(np.flip(grid, axis)) for axis in (0, 1)])


def quarter_turns(size: int) -> WireGroup:
    """Rotations of a square grid by multiples of 90° about its centre (C₄).

    Args:
        size: Rows and columns of the grid; wire i·size + j is at row i, column j.

    Returns:
        The group, of 4 elements where the grid has more than one place.

    Raises:
        ArgumentError: `size` is below 1.

    Example:
        >>> quarter_turns(3).order
        4
    """
    return WireGroup([_moving(np.rot90(_grid((size, size))))])


def square_symmetries(size: int) -> WireGroup:
    """Quarter turns and mirror images of a square grid (D₄).

    Args:
        size: Rows and columns of the grid.

    Returns:
        The group, of 8 elements where the grid has more than one place.

    Raises:
        ArgumentError: `size` is below 1.

    Example:
        >>> square_symmetries(3).order
        8
    """
    mirror = _moving(np.fliplr(_grid((size, size))))
    return quarter_turns(size).joined(WireGroup([mirror]))


def p4(size: int) -> WireGroup:
    """Translations and quarter turns of a square grid whose edges are joined.

    Args:
        size: Rows and columns of the grid.

    Returns:
        The group, of 4·size² elements for a size of 3 or more.

    Raises:
        ArgumentError: `size` is below 1.

    Example:
        >>> p4(3).order
        36
    """
    return translations((size, size)).joined(quarter_turns(size))


def p4m(size: int) -> WireGroup:
    """Translations, quarter turns and mirror images of a grid with joined edges.

    Args:
        size: Rows and columns of the grid.

    Returns:
        The group, of 8·size² elements for a size of 3 or more.

    Raises:
        ArgumentError: `size` is below 1.

    Example:
        >>> p4m(3).order
        72
    """
    return translations((size, size)).joined(square_symmetries(size))


def symmetric_group(num_wires: int) -> WireGroup:
    """All permutations of the wires (Sₙ).

    Args:
        num_wires: Number of wires.

    Returns:
        The group, of n! elements; twirling needs only its two generators.

    Raises:
        ArgumentError: `num_wires` is below 1.

    Example:
        >>> symmetric_group(4).order
        24
    """
    check_count("num_wires", num_wires)
    places = list(range(num_wires))
    swap = WireAction(places[1::-1] + places[2:])
    return WireGroup([swap, WireAction(places[1:] + places[:1])])


def spin_flip(num_wires: int, letter: str = "X") -> WireGroup:
    """One Pauli gate on all wires at once (Z₂).

    Args:
        num_wires: Number of wires.
        letter: The gate, "X", "Y" or "Z".

    Returns:
        The group, of 2 elements.

    Raises:
        ArgumentError: `num_wires` is below 1, or the gate is unknown.

    Example:
        >>> spin_flip(3).order
        2
    """
    check_count("num_wires", num_wires)
    check_choice("letter", letter, ("X", "Y", "Z"))
    return WireGroup([WireAction(range(num_wires), letter * num_wires)])


def local_flips(
    num_wires: int, places: Iterable[Iterable[int]] | None = None, letter: str = "X"
) -> WireGroup:
    """Independent Pauli gates on some of the wires (Z₂ᵏ).

    Args:
        num_wires: Number of wires.
        places: For each generator the places that are flipped together; None for each
            wire on its own.
        letter: The gate, "X", "Y" or "Z".

    Returns:
        The group, of at most 2ᵏ elements for k generators.

    Raises:
        ArgumentError: `num_wires` is below 1, the gate is unknown, or a place is not
            one of 0 … n−1.

    Example:
        >>> local_flips(3).order, local_flips(3, [[0, 1], [1, 2], [0, 2]]).order
        (8, 4)
    """
    check_count("num_wires", num_wires)
    check_choice("letter", letter, ("X", "Y", "Z"))
    everywhere = range(num_wires)
    flipped = [[place] for place in everywhere]
    if places is not None:
        flipped = [list(each) for each in places]
    unknown = {place for each in flipped for place in each} - set(everywhere)
    if unknown:
        raise ArgumentError(
            f"places: expected numbers from 0 to {num_wires - 1}, got {sorted(unknown)}"
        )
    return WireGroup(
        [
            WireAction(
                everywhere,
                "".join("I" if p not in each else letter for p in everywhere),
            )
            for each in flipped
        ]
    )
