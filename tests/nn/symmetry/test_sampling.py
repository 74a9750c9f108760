"""Where kernels read: at pixels, or on rings that turns permute."""

from __future__ import annotations

import math

import pytest
import torch

from qml_qdl.circuits.errors import QdlError
from qml_qdl.nn import ImageGroup
from qml_qdl.nn.symmetry.sampling import as_sampling, reach, readings, sample_points


@pytest.mark.parametrize("name", ["p4", "p4m", "c8", "c16"])
@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_readings_are_bilinear_at_turned_points(name: str, size: int) -> None:
    group = ImageGroup(name)
    for sampling in ("rings", "pixels"):
        points = sample_points(size, group.turns, sampling)
        wide = size + 2 * reach(points, size)
        found = readings(group, points, wide)
        torch.testing.assert_close(found.sum(-1), torch.ones_like(found[..., 0]))
        for g in range(group.order):
            again = readings_of_turned(group, points, wide, g)
            assert float((again - found[g]).abs().max()) < 1e-12


@pytest.mark.parametrize("turns", [8, 16])
def test_elements_permute_the_readings_of_rings(turns: int) -> None:
    """So they do on a ring of as many samples, and every such step on one of fewer."""
    group = ImageGroup(f"c{turns}")
    points = sample_points(6, turns, "rings")
    found = readings(group, points, 6 + 2 * reach(points, 6))
    first = 0
    for count in (4, 8, turns):
        ring = found[:, first : first + count]
        step = turns // count
        torch.testing.assert_close(ring[step], ring[0].roll(-1, 0))
        torch.testing.assert_close(ring[step + 1], ring[1].roll(-1, 0))
        first += count
    assert first == len(points)


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
    with pytest.raises(QdlError, match=r"sampling: expected one of 'auto', 'pixe"):
        as_sampling("ring", ImageGroup("c8"))
