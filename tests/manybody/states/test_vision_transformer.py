"""Vision transformers: patches, and what translations do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.manybody import Lattice, Symmetrized, VisionTransformerState

SQUARE = Lattice.square(4, 6)


def spins(size: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return 1.0 - 2 * torch.randint(2, (4, size), generator=generator).double()


def test_translations_by_patches_leave_it() -> None:
    state = VisionTransformerState(SQUARE, patch_size=(2, 3), dtype=torch.complex128)
    grid = spins(24).reshape(4, 4, 6)
    log = state(grid.flatten(1))
    for shift in ((2, 0), (0, 3), (2, 3)):
        moved = state(grid.roll(shift, (1, 2)).flatten(1))
        torch.testing.assert_close(moved, log, rtol=1e-12, atol=1e-12)
    assert (state(grid.roll(1, 2).flatten(1)) - log).abs().max() > 1e-3
    whole = Symmetrized(state, SQUARE.translations)
    torch.testing.assert_close(
        whole(grid.roll((1, 1), (1, 2)).flatten(1)), whole(grid.flatten(1))
    )


def test_a_patch_has_the_sites_of_its_cells() -> None:
    state = VisionTransformerState(SQUARE, patch_size=2)
    assert state.patches[0].tolist() == [0, 1, 6, 7]
    assert state.patches[4].tolist() == [14, 15, 20, 21]
    assert VisionTransformerState(Lattice("kagome", (2, 2))).patches.shape == (1, 12)


def test_open_ends_know_directions() -> None:
    """A displacement to the left is another one than to the right."""
    chain = Lattice.chain(6, periodic=False)
    state = VisionTransformerState(chain, dtype=torch.float64)
    assert state.displacements.unique().numel() == 5
    assert VisionTransformerState(Lattice.chain(6)).displacements.unique().numel() == 3
    rows = spins(6)
    assert (state(rows.roll(2, 1)) - state(rows)).abs().max() > 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_single_precision(dtype: torch.dtype) -> None:
    state = VisionTransformerState(SQUARE, dtype=dtype)
    rows = spins(24).float()
    assert state(rows).dtype == dtype
    assert state.jacobian(rows[:1]).dtype == dtype


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: VisionTransformerState(SQUARE, patch_size=(2, 4)),
            r"patch_size: expected divisors of \[4, 6\].* got \[2, 4\]",
        ),
        (
            lambda: VisionTransformerState(SQUARE, patch_size=(2,)),
            r"patch_size: expected divisors of \[4, 6\].* got \[2\]",
        ),
        (
            lambda: VisionTransformerState(SQUARE, embed_dim=6, heads=4),
            "embed_dim: expected a multiple of the 4 heads, got 6",
        ),
        (lambda: VisionTransformerState(SQUARE, layers=0), "layers: expected at least"),
        (lambda: VisionTransformerState(SQUARE, patch_size=0), "patch_size: expected"),
    ],
)
def test_bad_input(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        make()
