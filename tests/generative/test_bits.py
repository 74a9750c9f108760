"""Bit strings drawn by their probabilities."""

from __future__ import annotations

import math

import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.generative import all_bits, frequencies
from qml_qdl.generative.bits import draw_bits


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("num_bits", [1, 3])
def test_strings_come_as_often_as_they_should(
    num_bits: int, dtype: torch.dtype
) -> None:
    weights = torch.arange(2.0**num_bits, dtype=dtype)
    drawn = draw_bits(weights, 40_000, torch.Generator().manual_seed(0))
    assert drawn.dtype == dtype
    assert drawn.shape == (40_000, num_bits)
    seen = frequencies(drawn, dtype)
    torch.testing.assert_close(seen, weights / weights.sum(), atol=0.01, rtol=0)


def test_what_rounding_took_below_zero_is_never_drawn() -> None:
    chances = torch.tensor([-1e-9, 1.0, -1e-9, 0.0])
    assert torch.equal(draw_bits(chances, 9), all_bits(2)[1].expand(9, 2))


def test_nan_is_not_drawn() -> None:
    chances = torch.tensor([0.5, math.nan])
    with pytest.raises(DataError, match=r"probabilities: .* NaN .* learning rate"):
        draw_bits(chances, 2)


def test_frequencies_of_what_is_no_table_of_few_bits() -> None:
    with pytest.raises(ArgumentError, match=r"bits: expected at most 20, got 40"):
        frequencies(torch.zeros(2, 40))
    for shape in ((), (3,), (2, 0)):
        with pytest.raises(ShapeError, match=r"bits: expected the shape \(rows, n\)"):
            frequencies(torch.zeros(shape))
