"""Bit strings sampled by their probabilities."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from qml_qdl.circuits import BasicEntangler
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    ShapeError,
)
from qml_qdl.data import all_bits, bit_index, frequencies
from qml_qdl.data.bits import sample_bits
from qml_qdl.models import RBM
from qml_qdl.nn import QuantumConv2d, QuantumLayer


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("num_bits", [1, 3])
def test_strings_come_as_often_as_they_should(
    num_bits: int, dtype: torch.dtype
) -> None:
    weights = torch.arange(2.0**num_bits, dtype=dtype)
    sampled = sample_bits(weights, 40_000, torch.Generator().manual_seed(0))
    assert sampled.dtype == dtype
    assert sampled.shape == (40_000, num_bits)
    seen = frequencies(sampled, dtype)
    torch.testing.assert_close(seen, weights / weights.sum(), atol=0.01, rtol=0)


def test_what_rounding_took_below_zero_is_never_sampled() -> None:
    chances = torch.tensor([-1e-9, 1.0, -1e-9, 0.0])
    assert torch.equal(sample_bits(chances, 9), all_bits(2)[1].expand(9, 2))


def test_nan_is_not_sampled() -> None:
    chances = torch.tensor([0.5, math.nan])
    with pytest.raises(DataError, match=r"probabilities: .* NaN .* learning rate"):
        sample_bits(chances, 2)


def test_frequencies_of_what_is_no_table_of_few_bits() -> None:
    with pytest.raises(ArgumentError, match=r"bits: expected at most 20, got 40"):
        frequencies(torch.zeros(2, 40))
    for shape in ((), (3,), (2, 0)):
        with pytest.raises(ShapeError, match=r"bits: expected the shape \(rows, n\)"):
            frequencies(torch.zeros(shape))


@pytest.mark.parametrize("value", [0.5, 2, -1, float("nan")])
def test_numbers_that_are_no_bits_have_no_index(value: float) -> None:
    with pytest.raises(DataError, match="bits: expected zeros and ones, got"):
        bit_index(torch.tensor([[0.0, value]]))


def test_bits_of_other_shapes_have_no_index() -> None:
    with pytest.raises(ShapeError, match=r"bits: expected \(..., n\) with n ≤ 62"):
        bit_index(torch.zeros(2, 63))
    with pytest.raises(ShapeError, match=r"bits: .* got \(\)"):
        bit_index(torch.tensor(1.0))


@pytest.mark.parametrize("generator", ["torch", 0, 3.0, object()])
def test_what_is_no_generator_is_refused(generator: Any) -> None:
    machine = RBM(2, 2)
    for call in (
        lambda: RBM(2, 2, generator=generator),
        lambda: machine.reset_parameters(generator),
        lambda: machine.sample(2, 1, generator=generator),
        lambda: QuantumLayer(BasicEntangler(2), generator=generator),
        lambda: QuantumConv2d(1, 1, 2, generator=generator),
    ):
        with pytest.raises(ArgumentTypeError, match=r"generator: .* a Generator, got"):
            call()
