"""The law of error against resolution, on pictures that are rendered turned."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from qml_qdl.circuits.errors import QdlError
from qml_qdl.geometry import FieldType, NormNonlinearity, SteerableConv2d
from qml_qdl.geometry.turning import turning_error

PICTURE = FieldType({0: 1})
FIELDS = FieldType.uniform(2, 2)
DOUBLE: dict[str, Any] = {"dtype": torch.float64}


def network(factor: float, orders: FieldType = FIELDS) -> nn.Module:
    """Two layers, as they are or fixed in the picture's units."""
    generator = torch.Generator().manual_seed(1)
    options: dict[str, Any] = {"padding": "same", "generator": generator, **DOUBLE}
    lift = SteerableConv2d(PICTURE, FIELDS, 7, **options)
    conv = SteerableConv2d(FIELDS, orders, 7, **options)
    return nn.Sequential(
        lift.rescaled(factor),
        NormNonlinearity(FIELDS, torch.tanh, None),
        conv.rescaled(factor),
    )


def test_the_error_falls_with_the_resolution() -> None:
    """Kernels fixed in pixels: under 0.5 % at 64 × 64."""
    found = [
        turning_error(network(1), FIELDS, n, rows=4, **DOUBLE) for n in (16, 32, 64)
    ]
    print(found)
    assert found[0] > 3 * found[1]
    assert found[2] < 0.005


def test_kernels_fixed_in_the_picture_are_more_exact() -> None:
    found = turning_error(network(31 / 15), FIELDS, 32, rows=4, **DOUBLE)
    print(found)
    assert found < 0.002
    # Quarter turns are exact at any resolution.
    quarter = {"angles": [math.pi / 2], "rows": 2, **DOUBLE}
    assert turning_error(network(1), FIELDS, 17, **quarter) < 1e-12


def test_wrong_orders_are_seen() -> None:
    wrong = FieldType({0: 2, 1: 2, 3: 2})
    assert turning_error(network(1), wrong, 32, rows=4, **DOUBLE) > 0.2


def test_zero_padding_is_seen_at_the_rim_alone() -> None:
    """A plain convolution is far from it at every resolution."""
    torch.manual_seed(0)
    plain = nn.Conv2d(1, 1, 7, padding=3, bias=False, dtype=torch.float64)
    smooth = turning_error(plain, PICTURE, 17, rows=4, **DOUBLE)
    assert smooth > 0.05


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (
            lambda: turning_error(lambda x: x, FieldType({0: 2}), 8),
            r"fields: expected \(rows, 2, H, W\)",
        ),
        (
            lambda: turning_error(lambda x: 0 * x, PICTURE, 8),
            r"function: expected fields that are not 0",
        ),
        (
            lambda: turning_error(lambda x: x[..., 1:, 1:], PICTURE, 8),
            r"function: expected fields about the same middle as pictures of 8 pixels",
        ),
        (
            lambda: turning_error(lambda x: x, PICTURE, 8, angles=[]),
            r"angles: expected at least one, in radians, got \[\]",
        ),
        (lambda: turning_error(lambda x: x, PICTURE, 0), r"size: expected at least 1"),
    ],
)
def test_errors(act: Callable[[], Any], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        act()
