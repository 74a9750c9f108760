"""Where kernels read: at pixels, or on rings that turns permute."""

from __future__ import annotations

import math

import pytest
import torch

from qml_qdl.circuits.errors import QdlError
from qml_qdl.nn import ImageGroup
from qml_qdl.nn.symmetry.sampling import as_sampling, reach, readings, sample_points


@pytest.mark.parametrize("name", ["p4", "p4m", "c8", "c16"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 6])
def test_elements_permute_the_readings_of_rings(name: str, size: int) -> None:
    """Every element reads positions that others read, too: the set of all is the same."""
    group = ImageGroup(name)
    points = sample_points(size, group.turns, "rings")
    wide = size + 2 * reach(points, size)
    found = readings(group, points, wide)
    torch.testing.assert_close(found.sum(-1), torch.ones(found.shape[:2]).double())
    every = found.reshape(-1, wide**2)
    distances = torch.cdist(found[1], every, compute_mode="donot_use_mm_for_euclid_dist")
    # Those of the first element are met again among those that element 1 would read.
    for g in range(group.order):
        again = readings_of_turned(group, points, wide, g)
        assert float((again - found[g]).abs().max()) < 1e-12
    assert float(distances.min(1).values.max()) < 1e-12
    if size == 3 and name == "c8":
        # A full ring: one turn moves each of the eight samples to the next.
        torch.testing.assert_close(found[1, 1:], found[0, 1:].roll(-1, 0))


def readings_of_turned(
    group: ImageGroup, points: torch.Tensor, wide: int, element: int
) -> torch.Tensor:
    """Bilinear weights by hand."""
    mirrored, turned = divmod(element, group.turns)
    angle = 2 * math.pi * turned / group.turns
    weights = torch.zeros(len(points), wide, wide, dtype=torch.float64)
    for k, (x, y) in enumerate(points.tolist()):
        x = -x if mirrored else x
        x, y = (
            math.cos(angle) * x + math.sin(angle) * y,
            math.cos(angle) * y - math.sin(angle) * x,
        )
        column, row = x + (wide - 1) / 2, y + (wide - 1) / 2
        for i in range(wide):
            for j in range(wide):
                near = max(0, 1 - abs(i - row)) * max(0, 1 - abs(j - column))
                weights[k, i, j] = near
    return weights.reshape(len(points), -1)


def test_pixels_are_read_as_they_are() -> None:
    group = ImageGroup("c8")
    points = sample_points(3, 8, "pixels")
    found = readings(group, points, 5)
    patch = torch.rand(5, 5, dtype=torch.float64)
    upright = (found[0] @ patch.flatten()).reshape(3, 3)
    assert torch.equal(upright, patch[1:4, 1:4])
    # Element 2 is undone: turned back by 90°.
    quarter = (found[2] @ patch.flatten()).reshape(3, 3)
    assert torch.equal(quarter, patch[1:4, 1:4].rot90(-1))


def test_features_are_no_more_than_pixels() -> None:
    counts = {n: len(sample_points(n, 16, "rings")) for n in range(1, 7)}
    assert counts == {1: 1, 2: 4, 3: 9, 4: 12, 5: 17 + 8, 6: 28}
    assert len(sample_points(3, 4, "rings")) == 5


def test_auto_is_what_is_more_exact() -> None:
    assert as_sampling("auto", ImageGroup("p4m")) == "pixels"
    assert as_sampling("auto", ImageGroup("c16")) == "rings"
    with pytest.raises(QdlError, match=r"sampling: expected one of 'auto', 'pixels', 'r"):
        as_sampling("ring", ImageGroup("c8"))
