"""The groups that have names: how they move wires, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from qml_qdl.circuits import WireGroup
from qml_qdl.circuits.errors import QdlError
from qml_qdl.circuits.symmetry.named_groups import (
    local_flips,
    p4,
    p4m,
    quarter_turns,
    reflections,
    spin_flip,
    square_symmetries,
    symmetric_group,
    translations,
)


def test_grids_turn_as_images_do() -> None:
    image = np.arange(9)
    (turn,) = quarter_turns(3).generators
    assert (turn.permute(image) == np.rot90(image.reshape(3, 3)).ravel()).all()
    mirror = square_symmetries(3).generators[-1]
    assert (mirror.permute(image) == np.fliplr(image.reshape(3, 3)).ravel()).all()
    down = translations((2, 3)).generators[0]
    grid = np.arange(6).reshape(2, 3)
    assert (down.permute(grid.ravel()) == np.roll(grid, 1, 0).ravel()).all()


@pytest.mark.parametrize(
    ("group", "order"),
    [
        (translations((2, 3)), 6),
        (reflections((2, 3)), 4),
        (quarter_turns(4), 4),
        (square_symmetries(3), 8),
        (p4(2), 8),  # a quarter turn of four joined pixels is its own translation
        (p4(3), 4 * 9),
        (p4m(3), 8 * 9),
        (symmetric_group(4), 24),
        (spin_flip(3, "Y"), 2),
        (local_flips(3, [[0, 1], [1, 2], [0, 2]]), 4),  # the third is the others'
    ],
    ids=["Z2xZ3", "mirrors", "C4", "D4", "p4(2)", "p4", "p4m", "S4", "Z2", "pairs"],
)
def test_orders(group: WireGroup, order: int) -> None:
    assert group.order == order


def test_flips_are_the_gates_of_their_letter() -> None:
    """Up to a phase, which acts on nothing that is measured."""
    y, eye = np.array([[0, -1j], [1j, 0]]), np.eye(2)
    (flip,) = spin_flip(2, "Y").generators
    first, second = local_flips(2, [[0], [1]], letter="Y").generators
    for action, pair in ((flip, (y, y)), (first, (y, eye)), (second, (eye, y))):
        overlap = np.trace(np.kron(*pair).conj().T @ action.matrix()) / 4
        assert abs(overlap) == pytest.approx(1)


def test_two_generators_are_all_permutations() -> None:
    swap, shift = symmetric_group(4).generators
    assert swap.permute(np.arange(4)).tolist() == [1, 0, 2, 3]
    assert sorted(shift.permute(np.arange(4)).tolist()) == [0, 1, 2, 3]
    for small in (1, 2):
        assert symmetric_group(small).order == small


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: translations(0), r"shape: expected at least 1, got 0"),
        (lambda: translations((1, 2, 3)), r"shape: expected a number of wires, or"),  # type: ignore[arg-type]
        (lambda: spin_flip(2, "H"), r"letter: expected one of 'X', 'Y', 'Z', got 'H'"),
        (lambda: local_flips(2, [[2]]), r"places: expected numbers from 0 to 1, got"),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
