"""Types of fields: which channels there are, and how a turn changes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from qml_qdl.circuits.errors import QdlError
from qml_qdl.geometry import FieldType

KIND = FieldType({2: 1, 0: 2, -1: 1})
wrong: Any = "x"


def test_channels_are_in_the_order_of_their_orders() -> None:
    assert KIND.orders == (-1, 0, 0, 2)
    assert FieldType({-1: 1, 0: 2, 2: 1}) == KIND
    assert hash(KIND) == hash(FieldType({-1: 1, 0: 2, 2: 1}))
    assert FieldType({-1: 1, 0: 2}) != KIND
    assert FieldType.uniform(2, 1).orders == (0, 0, 1, 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_turns_are_a_representation(dtype: torch.dtype) -> None:
    fields = torch.randn(3, KIND.size, 5, 4, dtype=dtype.to_complex())
    twice = KIND.turned(KIND.turned(fields, 0.3), 1.1)
    assert twice.dtype == fields.dtype
    torch.testing.assert_close(twice, KIND.turned(fields, 1.4))
    torch.testing.assert_close(KIND.turned(fields, 2 * math.pi), fields)
    phases = KIND.turned(torch.ones(1, KIND.size, dtype=dtype), 0.3)[0]
    expected = torch.exp(0.3j * torch.tensor(KIND.orders, dtype=torch.float64))
    torch.testing.assert_close(phases, expected.to(phases))


def test_four_quarter_turns_are_none() -> None:
    fields = torch.randn(2, KIND.size, 3, 6, dtype=torch.complex128)
    found = fields
    for _ in range(4):
        found = KIND.quarter_turned(found)
    torch.testing.assert_close(found, fields)
    torch.testing.assert_close(
        KIND.quarter_turned(fields, -1), KIND.quarter_turned(fields, 3)
    )
    assert KIND.quarter_turned(fields).shape == (2, KIND.size, 6, 3)


def test_a_gradient_is_a_field_of_order_one() -> None:
    """The gradient of x, which points to the right, points up after a quarter turn."""
    ramp = torch.arange(5.0).expand(1, 1, 5, 5)  # brighter to the right

    def gradient(picture: torch.Tensor) -> torch.Tensor:
        down, right = torch.gradient(picture, dim=(-2, -1))
        return torch.complex(right, -down)  # up is the imaginary direction

    one = FieldType({1: 1})
    turned = gradient(ramp.rot90(1, (-2, -1)))
    torch.testing.assert_close(turned, one.quarter_turned(gradient(ramp)))
    assert (turned == 1j).all()


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda: FieldType({}), r"multiplicities: expected how many fields .*got \{\}"),
        (lambda: FieldType([0, 1]), r"multiplicities: expected how many .*\[0, 1\]"),
        (lambda: FieldType({0: 0}), r"multiplicities: of order 0: expected at least 1"),
        (lambda: FieldType({0.5: 1}), r"multiplicities: an order: expected a whole"),
        (lambda: FieldType({10**6: 1}), r"an order: expected at most 1000"),
        (lambda: FieldType.uniform(2, -1), r"max_order: expected at least 0"),
        (
            lambda: KIND.check(torch.zeros(1, 3, 4, 4)),
            r"fields: expected \(rows, 4, H, W\), a channel for each field of",
        ),
        (
            lambda: KIND.check(torch.zeros(1, 4, 4, 4)),
            r"fields: expected complex numbers for .*got torch.float32; only pictures",
        ),
        (lambda: KIND.check(wrong), r"fields: expected a Tensor, got 'x'"),
        (
            lambda: KIND.turned(torch.zeros(4), 1.0),
            r"fields: expected \(rows, 4, \.\.\.",
        ),
        (lambda: KIND.turned(torch.zeros(1, 4), math.nan), r"angle: expected a finite"),
    ],
)
def test_errors(act: Callable[[], Any], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        act()
