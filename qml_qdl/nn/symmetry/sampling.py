"""Where a kernel reads an image: at pixels, or on rings whose samples turns permute."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from qml_qdl.circuits.validation import check_choice
from qml_qdl.nn.symmetry.image_groups import ImageGroup, turned_points

SAMPLINGS = ("auto", "pixels", "rings")
"""How a square of pixels is read; "auto" stands for rings where turns interpolate."""


def as_sampling(sampling: str, group: ImageGroup) -> str:
    """What a sampling stands for.

    Args:
        sampling: One of `SAMPLINGS`.
        group: The group.

    Returns:
        "pixels" or "rings".

    Raises:
        ArgumentError: It is none of them.
    """
    check_choice("sampling", sampling, SAMPLINGS)
    if sampling == "auto":
        return "pixels" if group.is_exact else "rings"
    return sampling


def sample_points(size: int, turns: int, sampling: str) -> Tensor:
    """Where a square of pixels is read.

    On rings the positions of all turns are the same set: elements permute samples, and
    none reads more sharply than another, as pixels are read by those that hit them.

    Args:
        size: Pixels of a side.
        turns: Rotations of the group.
        sampling: "pixels" or "rings".

    Returns:
        (points, 2): x to the right and y downwards, in pixels from the centre.
    """
    if sampling == "pixels":
        line = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
        y, x = torch.meshgrid(line, line, indexing="ij")
        return torch.stack([x, y], dim=-1).reshape(-1, 2)
    points = []
    for ring in range((size + 1) // 2):
        radius = ring + (0 if size % 2 else math.sqrt(0.5))
        # A power of two of about the circumference, as the turns are.
        count = 2 ** round(math.log2(2 * math.pi * radius)) if radius else 1
        count = max(4, min(count, turns)) if radius else 1
        # Half a step off the axis, eight points lie all alike between the pixels.
        steps = torch.arange(count, dtype=torch.float64) / count + 0.5 / turns
        angles = 2 * math.pi * steps
        points.append(radius * torch.stack([angles.cos(), -angles.sin()], dim=-1))
    return torch.cat(points)


def readings(group: ImageGroup, points: Tensor, size: int) -> Tensor:
    """How each element of a group reads points of a square, once it is undone.

    Args:
        group: The group.
        points: (points, 2), in pixels from the centre.
        size: Pixels of a side of the square.

    Returns:
        (order, points, size²), float64: bilinear weights of the pixels, zero outside.
    """
    basis = torch.eye(size**2, dtype=torch.float64).reshape(1, -1, size, size)
    found = []
    for element in range(group.order):
        mirrored, turned = divmod(element, group.turns)
        # Undone on the image, the element itself is done to the points.
        source = points * points.new_tensor([-1.0 if mirrored else 1.0, 1.0])
        source = turned_points(source, 2 * math.pi * turned / group.turns)
        grid = (source * (2 / max(size - 1, 1)))[None, None]
        read = functional.grid_sample(basis, grid, mode="bilinear", align_corners=True)
        found.append(read[0, :, 0].T)
    weights = torch.stack(found)
    # What rounding leaves of a weight of 0 would be all that a blank patch has.
    return weights.where(weights > 1e-12, 0.0)


def reach(points: Tensor, size: int) -> int:
    """By how many pixels turned points leave a square.

    Args:
        points: (points, 2), in pixels from the centre.
        size: Pixels of a side of the square.
    """
    farthest = float(points.norm(dim=-1).max()) if len(points) else 0.0
    return max(0, math.ceil(farthest - (size - 1) / 2 - 1e-9))
