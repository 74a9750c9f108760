"""Groups acting on images: they are groups, and the action is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from qml_qdl.circuits.errors import QdlError
from qml_qdl.nn import ImageGroup
from qml_qdl.nn.symmetry.equivariance import smooth_images
from qml_qdl.nn.symmetry.image_groups import turned_grid

NAMES = ["p4", "p4m", "c8", "c16"]


@pytest.mark.parametrize("name", NAMES)
def test_the_table_is_that_of_a_group(name: str) -> None:
    group = ImageGroup(name)
    order, table = group.order, group.table
    assert order == {"p4": 4, "p4m": 8, "c8": 8, "c16": 16}[name]
    for line in (*table, *table.T):
        assert sorted(line.tolist()) == list(range(order))
    for g in range(order):
        assert group.product(g, group.inverse(g)) == 0
        for h in range(order):
            for k in range(order):
                left = group.product(group.product(g, h), k)
                assert left == group.product(g, group.product(h, k))


@pytest.mark.parametrize("name", NAMES)
def test_the_action_multiplies_as_the_group(name: str) -> None:
    group = ImageGroup(name)
    images, maps = torch.rand(2, 3, 5, 5), torch.rand(2, 3, group.order, 5, 5)
    exact = [g for g in range(group.order) if group.only_moves_pixels(g)]
    assert len(exact) == 4 * (1 + (name == "p4m"))
    for g in exact:
        for h in exact:
            product = group.product(g, h)
            one = group.act_on_images(h, images)
            assert torch.equal(
                group.act_on_images(g, one), group.act_on_images(product, images)
            )
            one = group.act_on_maps(h, maps)
            assert torch.equal(
                group.act_on_maps(g, one), group.act_on_maps(product, maps)
            )


def test_turns_are_counter_clockwise() -> None:
    image = torch.zeros(1, 5, 5)
    image[0, 2, 4] = 1  # to the right
    for group, quarter in ((ImageGroup("p4"), 1), (ImageGroup("c8"), 2)):
        assert group.act_on_images(quarter, image)[0, 0, 2] == 1  # above
    eighth = ImageGroup("c8").act_on_images(1, image)
    assert eighth[0, :3, 2:].sum() > 0.4  # above and to the right
    assert eighth[0].argmax() in (3, 4, 8, 9)


def test_two_eighths_are_nearly_a_quarter() -> None:
    """The error of interpolation falls with the square of the pixels' size."""
    group = ImageGroup("c8")
    errors = []
    for size in (16, 32, 64):
        images = smooth_images(2, 1, size, generator=torch.Generator().manual_seed(0))
        twice = group.act_on_images(1, group.act_on_images(1, images))
        errors.append(float((twice - group.act_on_images(2, images)).abs().max()))
    assert errors[0] > 2.5 * errors[1] > 7 * errors[2]
    assert 1e-6 < errors[2] < 0.02


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: ImageGroup("p3"),
            r"group: expected one of 'p4', 'p4m', 'c8', 'c16', got 'p3'",
        ),
        (
            lambda: ImageGroup("c8").act_on_images(1, torch.rand(2, 3)),
            r"images: to be turned by less than 90° they must be square, got 2 × 3",
        ),
        (
            lambda: ImageGroup("p4").act_on_maps(1, torch.rand(2, 8, 3, 3)),
            r"maps: expected \(..., 4, H, W\), one place for each element of p4, got",
        ),
        (
            lambda: turned_grid(1, 0.1, torch.rand(1)),
            r"size: expected at least 2 pixels",
        ),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()


@pytest.mark.parametrize("element", [-1, 4, 2**40, "1", None])
def test_an_element_is_one_of_the_group(element: Any) -> None:
    group = ImageGroup("p4")
    for call in (
        lambda: group.inverse(element),
        lambda: group.product(1, element),
        lambda: group.act_on_images(element, torch.zeros(1, 1, 3, 3)),
    ):
        with pytest.raises(QdlError, match=r"(element|first): expected"):
            call()
