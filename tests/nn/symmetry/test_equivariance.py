"""The check of equivariance sees what is exact, what nears it, and what is broken."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import QdlError
from qml_qdl.nn import (
    EquivariantQuantumConv2d,
    GroupConv2d,
    GroupPool,
    ImageGroup,
    QuantumConv2d,
    check_equivariance,
)
from qml_qdl.nn.symmetry.group_conv import GroupConvolution

EXACT = {torch.float32: 1e-5, torch.float64: 1e-12}


def make(kind: str, *arguments: Any, **options: Any) -> Any:
    if kind == "quantum":
        generator = torch.Generator().manual_seed(1)
        return EquivariantQuantumConv2d(*arguments, generator=generator, **options)
    torch.manual_seed(1)
    return GroupConv2d(*arguments, **options)


class Unturned(nn.Module):
    """A group convolution that forgets to turn its patches."""

    def __init__(self, conv: GroupConvolution) -> None:
        super().__init__()
        self.conv = copy.deepcopy(conv)
        ((_, index),) = self.conv.patches.named_buffers()
        index.copy_(index[:1].expand_as(index).clone())

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv(x)
        return result


@pytest.mark.parametrize(
    ("group", "dtype"), [("p4", torch.float64), ("p4m", torch.float32)], ids=str
)
@pytest.mark.parametrize("lifting", [True, False], ids=["lifting", "group"])
def test_broken_versions_are_seen(
    group: str, lifting: bool, dtype: torch.dtype
) -> None:
    conv = make("quantum", 1, 2, 2, group, lifting=lifting, dtype=dtype)
    order = conv.group.order
    places = () if lifting else (order,)
    inputs = torch.rand(2, 1, *places, 4, 4, dtype=dtype)
    assert check_equivariance(conv, conv.group, inputs).largest < EXACT[dtype]
    assert check_equivariance(Unturned(conv), conv.group, inputs).largest > 0.05
    wrong = ImageGroup("p4m" if group == "p4" else "p4")
    if lifting and group == "p4":  # not equivariant under mirror images
        pooled = nn.Sequential(conv, GroupPool())
        assert check_equivariance(pooled, conv.group, inputs).largest < EXACT[dtype]
        found = check_equivariance(pooled, wrong, inputs)
        assert max(found.by_element[:4]) < EXACT[dtype]
        assert max(found.by_element[4:]) > 0.05
    plain = QuantumConv2d(1, 2, 2, dtype=dtype)
    images = torch.rand(2, 1, 4, 4, dtype=dtype)
    assert check_equivariance(plain, ImageGroup(group), images).largest > 0.05


@pytest.mark.parametrize(
    ("lifting", "dtype"), [(True, torch.float32), (False, torch.float64)], ids=str
)
def test_eighth_turns_hold_to_the_pixels_and_break(
    lifting: bool, dtype: torch.dtype
) -> None:
    """Quarter turns of c8 are exact; forgotten turns are seen at all of them."""
    conv = make("quantum", 1, 1, 3, "c8", lifting=lifting, padding=1, dtype=dtype)
    places = () if lifting else (8,)
    inputs = torch.rand(1, 1, *places, 5, 5, dtype=dtype)
    found = check_equivariance(conv, conv.group, inputs)
    assert max(found.by_element[::2]) < EXACT[dtype]
    broken = check_equivariance(Unturned(conv), conv.group, inputs)
    assert min(broken.by_element[1:]) > 0.05


def test_defaults_of_the_check() -> None:
    for options in ({}, {"stride": 2}, {"padding": 1, "stride": 3}):
        conv = EquivariantQuantumConv2d(1, 1, 2, layers=1, **options)  # type: ignore[arg-type]
        assert conv.check_equivariance(rows=1).largest < 1e-5
    c8 = GroupConv2d(1, 1, 3, "c8", dtype=torch.float64)
    assert c8.check_equivariance(dtype=torch.float64).relative < 0.1


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (
            lambda: check_equivariance(
                lambda x: x[0], ImageGroup("p4"), torch.rand(1, 1, 2, 2)
            ),
            r"values: expected logits .*, images .* or feature maps .*got \(1, 2, 2\)",
        ),
        (
            lambda: check_equivariance(
                lambda x: x[..., :1], ImageGroup("p4"), torch.rand(1, 1, 2, 2)
            ),
            r"outputs: expected those of a turned input to have the shape \(1, 1, 1, 2",
        ),
    ],
)
def test_errors(act: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        act()
