"""Networks that know a group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.manybody import GroupConvolutionalState, Lattice, Symmetrized

SQUARE = Lattice.square(4, 4)


def spins(rows: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return 1.0 - 2 * torch.randint(2, (rows, 16), generator=generator).double()


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("momentum", [(0, 0), (2, 2), (1, 0)])
def test_it_turns_as_its_characters(
    dtype: torch.dtype, momentum: tuple[int, int]
) -> None:
    characters = torch.as_tensor(SQUARE.characters(momentum))
    state = GroupConvolutionalState(
        SQUARE,
        layers=3,
        features=2,
        permutations=SQUARE.translations,
        characters=characters,
        dtype=dtype,
    )
    amplitudes = state(spins()).exp()
    for element, character in zip(SQUARE.translations, characters, strict=True):
        moved = state(spins()[:, element]).exp()
        torch.testing.assert_close(
            moved, (character * amplitudes).to(moved), rtol=1e-12, atol=1e-12
        )


def test_the_whole_group_of_a_square() -> None:
    state = GroupConvolutionalState(SQUARE, features=2, dtype=torch.complex128)
    images = spins(1)[0, torch.from_numpy(SQUARE.symmetries)]
    log = state(images)
    assert len(log) == 128
    torch.testing.assert_close(log, log[:1].expand(128), rtol=1e-12, atol=1e-12)
    other = state(spins(2))
    assert abs(other[0] - other[1]) > 1e-3


def test_a_sign_of_mirrors_and_the_spin_flip() -> None:
    ring = Lattice.chain(6)
    turns = {tuple(row) for row in ring.translations.tolist()}
    signs = [1 if tuple(row) in turns else -1 for row in ring.symmetries.tolist()]
    state = GroupConvolutionalState(ring, characters=signs, dtype=torch.float64)
    state_odd = Symmetrized(state, spin_flip=-1)
    row = torch.tensor([[1.0, 1, -1, 1, -1, -1]], dtype=torch.float64)
    assert state_odd(row).is_complex()
    amplitude = state_odd(row).exp()
    torch.testing.assert_close(state_odd(row.flip(1)).exp(), -amplitude)
    torch.testing.assert_close(state_odd(-row).exp(), -amplitude)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: GroupConvolutionalState(SQUARE, layers=0),
            ArgumentError,
            "layers: expected at least 1, got 0",
        ),
        (
            lambda: GroupConvolutionalState(SQUARE, features=0),
            ArgumentError,
            "features: expected at least 1, got 0",
        ),
        (
            lambda: GroupConvolutionalState(SQUARE, characters=[1, -1]),
            ShapeError,
            "characters: expected one for each of 128 elements",
        ),
        (
            lambda: GroupConvolutionalState(
                SQUARE, permutations=SQUARE.translations[:3]
            ),
            ArgumentError,
            "permutations: expected a group",
        ),
    ],
)
def test_bad_input(make: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()
