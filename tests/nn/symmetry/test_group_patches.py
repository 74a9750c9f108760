"""Patches under every element of a group: where they come from, and how many."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from qml_qdl.circuits.errors import QdlError
from qml_qdl.nn import ImageGroup
from qml_qdl.nn.symmetry.group_patches import GroupPatches


@pytest.mark.parametrize("name", ["p4", "p4m", "c8"])
def test_the_first_elements_patches_are_torchs(name: str) -> None:
    patches = GroupPatches(
        ImageGroup(name), 2, 3, stride=2, padding=1, sampling="pixels"
    )
    images = torch.rand(4, 2, 7, 7, dtype=torch.float64)
    found = patches(images)
    assert found.shape == (4, 16, patches.group.order, 2 * 9)
    expected = functional.unfold(images, 3, padding=1, stride=2).transpose(1, 2)
    torch.testing.assert_close(found[:, :, 0], expected)


@pytest.mark.parametrize("name", ["p4", "p4m"])
def test_each_element_is_undone_on_the_patch(name: str) -> None:
    group = ImageGroup(name)
    patches = GroupPatches(group, 1, 3)
    patch = torch.rand(1, 1, 3, 3)
    found = patches(patch)[0, 0]
    for element in range(group.order):
        back = group.act_on_images(group.inverse(element), patch)
        torch.testing.assert_close(found[element], back.flatten())


def test_places_of_maps_are_undone_too() -> None:
    group = ImageGroup("p4")
    maps = torch.rand(1, 2, 4, 2, 2)
    found = GroupPatches(group, 2, 2, lifting=False)(maps)[0, 0]
    for element in range(group.order):
        back = group.act_on_maps(group.inverse(element), maps)
        torch.testing.assert_close(found[element], back.flatten())


def test_eighth_turns_are_interpolated_from_wider_patches() -> None:
    patches = GroupPatches(ImageGroup("c8"), 1, 3, sampling="pixels")
    assert patches.margin == 1
    assert patches.wide == 5
    constant = patches(torch.ones(1, 1, 7, 7))  # its middle is as it was
    middle = constant[0, 12]
    torch.testing.assert_close(middle, torch.ones(8, 9))


@pytest.mark.parametrize("name", ["c8", "c16"])
@pytest.mark.parametrize("lifting", [True, False])
def test_turns_permute_what_is_read_on_rings(name: str, lifting: bool) -> None:
    """Element g reads what element g + s reads, s samples further: exactly, always."""
    group = ImageGroup(name)
    patches = GroupPatches(group, 1, 2, lifting=lifting)
    assert patches.num_points == 4
    places = () if lifting else (group.order,)
    images = torch.rand(2, 1, *places, 5, 5, dtype=torch.float64)
    read = patches(images).unflatten(-1, (-1, 4))
    step = group.turns // 4
    further = read.roll(-1, -1)  # each sample is the next one's
    if not lifting:
        further = further.roll(-step, -2)
    torch.testing.assert_close(read.roll(-step, 2), further)
    # A square's pixels are no such ring.
    square = GroupPatches(group, 1, 2, lifting=lifting, sampling="pixels")
    assert square.margin == 1
    eighth = square(images)[:, :, group.turns // 8].sort(-1).values
    upright = square(images)[:, :, 0].sort(-1).values
    assert float((eighth - upright).abs().max()) > 0.1


@pytest.mark.parametrize(
    ("size", "options", "expected"),
    [
        ((5, 8), {}, (4, 7)),
        ((6, 6), {"stride": 2}, (3, 3)),
        ((6, 6), {"padding": 1, "stride": 3}, (3, 3)),
    ],
)
def test_sizes(
    size: tuple[int, int], options: dict[str, Any], expected: object
) -> None:
    patches = GroupPatches(ImageGroup("p4"), 1, 2, **options)
    assert patches.output_size(size) == expected
    count = patches(torch.rand(1, 1, *size)).shape[1]
    assert count == patches.output_size(size)[0] * patches.output_size(size)[1]


def test_patches_that_would_lie_elsewhere_on_a_turned_image_are_refused() -> None:
    with pytest.raises(QdlError, match=r"\(7 \+ 2·0 − 2\) mod 2 = 1 is not 0"):
        GroupPatches(ImageGroup("p4"), 1, 2, stride=2).output_size((6, 7))
    with pytest.raises(QdlError, match=r"in_channels: expected at least"):
        GroupPatches(ImageGroup("p4"), 0, 2)
