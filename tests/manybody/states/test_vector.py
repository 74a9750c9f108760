"""Vectors as states."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.manybody import Lattice, Sector, VectorState, ground_state, heisenberg
from tests.manybody.tables import all_spins


def test_it_has_the_amplitudes_of_its_eigenstate() -> None:
    ring = Lattice.chain(6)
    sector = Sector(6, 0, permutations=ring.translations, characters=ring.characters(3))
    found = ground_state(heisenberg(ring), sector)
    state = VectorState(found.vectors[:, 0], sector)
    spins = all_spins(6)
    expected = found.amplitudes(spins)
    torch.testing.assert_close(state(spins).exp(), expected.to(torch.complex128))
    torch.testing.assert_close(expected.norm(), torch.ones_like(expected.norm()))
    assert torch.isneginf(state(spins[:1]).real)


@pytest.mark.parametrize(
    ("vector", "error", "text"),
    [
        ([1.0, 2.0], ShapeError, r"vector: expected \(4,\), one amplitude for each"),
        ([0, 0, 0, 0], ArgumentError, "vector: expected finite amplitudes that do not"),
        ([1, torch.nan, 0, 0], ArgumentError, "vector: expected finite amplitudes"),
        ("spin", ArgumentTypeError, "vector: expected numbers, one for each state"),
    ],
)
def test_bad_input(vector: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        VectorState(vector, 2)
