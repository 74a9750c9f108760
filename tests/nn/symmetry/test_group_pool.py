"""Pooling over a group, and the layer that reads maps whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from qml_qdl.circuits.errors import QdlError
from qml_qdl.nn import GroupLinear, GroupPool, ImageGroup


def test_pooling_is_over_the_elements() -> None:
    maps = torch.rand(2, 3, 4, 5, 5)
    torch.testing.assert_close(GroupPool()(maps), maps.amax(2))
    torch.testing.assert_close(GroupPool("mean")(maps), maps.mean(2))
    torch.testing.assert_close(
        GroupPool("mean")(maps[..., 0, 0]), maps[..., 0, 0].mean(2)
    )


@pytest.mark.parametrize("mode", ["max", "mean"])
def test_pooled_maps_turn_and_do_nothing_else(mode: str) -> None:
    group, pool = ImageGroup("p4m"), GroupPool(mode)
    maps = torch.rand(2, 3, 8, 4, 4)
    for element in range(group.order):
        turned = pool(group.act_on_maps(element, maps))
        expected = group.act_on_images(element, pool(maps))
        torch.testing.assert_close(turned, expected)


@pytest.mark.parametrize("name", ["p4", "p4m"])
def test_whole_maps_are_read_in_every_position(name: str) -> None:
    """Turned maps give the same numbers, under other elements."""
    layer = GroupLinear((2, 3, 3), 5, name, dtype=torch.float64)
    group = layer.group
    maps = torch.rand(4, 2, group.order, 3, 3, dtype=torch.float64)
    values = layer(maps)
    assert values.shape == (4, 5, group.order)
    torch.testing.assert_close(values[:, :, 0], layer.linear(maps.flatten(1)))
    for element in range(group.order):
        turned = layer(group.act_on_maps(element, maps))
        places = [group.product(element, g) for g in range(group.order)]
        torch.testing.assert_close(turned[:, :, places], values)


@pytest.mark.parametrize("name", ["c8", "c16"])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_rings_of_a_map_are_read_alike_in_every_position(name: str, size: int) -> None:
    """At quarter turns; by c8 at all, where nothing moves in space."""
    layer = GroupLinear((2, size, size), 3, name, dtype=torch.float64)
    group = layer.group
    assert layer.sampling == "rings"
    maps = torch.rand(4, 2, group.order, size, size, dtype=torch.float64)
    values = layer(maps)
    for element in range(0, group.order, group.order // 4):
        turned = layer(group.act_on_maps(element, maps))
        places = [group.product(element, g) for g in range(group.order)]
        torch.testing.assert_close(turned[:, :, places], values)
    if size % 2 and name == "c8":  # a spot in the middle, which any turn leaves there
        spot = torch.zeros_like(maps)
        spot[..., size // 2, size // 2] = maps[..., size // 2, size // 2]
        moved = spot.index_select(2, group.table[group.inverse(1)])
        places = [group.product(1, g) for g in range(group.order)]
        torch.testing.assert_close(layer(moved)[:, :, places], layer(spot))
    assert layer(maps[:0]).shape == (0, 3, group.order)


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda: GroupPool("min"), r"mode: expected one of 'max', 'mean', got 'min'"),
        (
            lambda: GroupPool()(torch.rand(2, 3)),
            r"maps: expected \(rows, channels, order",
        ),
        (
            lambda: GroupLinear((1, 2, 3), 4),
            r"map_shape: expected \(channels, size, size",
        ),
        (
            lambda: GroupLinear((1, 2, 2), 4)(torch.rand(1, 1, 4, 3, 3)),
            r"maps: expected \(rows, 1, 4, 2, 2\), got \(1, 1, 4, 3, 3\)",
        ),
    ],
)
def test_errors(act: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        act()
