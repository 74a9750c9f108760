"""How nearly layers turn with pictures by any angle, measured without interpolation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import (
    as_items,
    check_count,
    check_number,
    check_seed,
    validate_call,
)
from qml_qdl.geometry.field_types import Fields, FieldType
from qml_qdl.nn.symmetry.equivariance import smooth_images

ANGLES = tuple(2 * math.pi * k / 36 for k in range(1, 9))
"""10° … 80°; what is beyond differs from these by quarter turns, which are exact."""


@validate_call
def turning_error(
    function: Callable[[Fields], Fields],
    out_type: FieldType,
    size: int,
    *,
    channels: int = 1,
    angles: Sequence[float] = ANGLES,
    rows: int = 32,
    seed: int = 0,
    dtype: torch.dtype | None = None,
) -> float:
    r"""The relative error with which fields turn with analytic pictures.

    Pictures are sums of bell curves, which are turned before they are rendered, about
    the pixel in their middle. There a field of order m must be multiplied by
    :math:`e^{im\alpha}`, and no other pixel is looked at: what is found is the error of
    the layer, not one of interpolation.

    Args:
        function: Maps pictures (rows, channels, size, size) to fields
            (rows, out_type.size, H, W) about the same middle.
        out_type: The orders of the fields.
        size: Height and width of the pictures, in pixels.
        channels: Channels of the pictures.
        angles: In radians.
        rows: Number of pictures.
        seed: Of the pictures, which are the same at every size.
        dtype: Their type; None for torch's default.

    Returns:
        The root mean square of the change, over pictures, angles and fields, as part of
        that of the fields.

    Raises:
        ArgumentError: A number is too small, or the fields are 0 everywhere.
        ShapeError: What comes out are no fields of this type.

    Example:
        >>> from qml_qdl.geometry.steerable import SteerableConv2d
        >>> lift = SteerableConv2d(FieldType({0: 1}), FieldType({1: 1}), 7,
        ...                        padding="same")
        >>> turning_error(lift, lift.out_type, 64, rows=4) < 0.005
        True
    """
    for name, value in (("size", size), ("channels", channels), ("rows", rows)):
        check_count(name, value)
    check_seed(seed)
    turns = as_items(angles)
    if not turns:
        raise ArgumentError(
            f"angles: expected at least one, in radians, got {angles!r}"
        )
    for angle in turns:
        check_number("angles: one", angle, -math.inf, math.inf)

    def middle(angle: float) -> Fields:
        generator = torch.Generator().manual_seed(seed)
        pictures = smooth_images(
            rows, channels, size, angle=angle, dtype=dtype, generator=generator
        )
        fields = function(pictures)
        out_type.check(fields)
        if fields.shape[-1] % 2 != size % 2 or fields.shape[-2] != fields.shape[-1]:
            raise ShapeError(
                "function: expected fields about the same middle as pictures of "
                f"{size} pixels, got {tuple(fields.shape)}; use padding='same'"
            )
        return fields[..., fields.shape[-2] // 2, fields.shape[-1] // 2]

    with torch.no_grad():
        upright = middle(0.0)
        scale = upright.abs().square().mean()
        if not scale > 0:
            raise ArgumentError(
                "function: expected fields that are not 0, which have no relative error"
            )
        changes = [
            (middle(angle) - out_type.turned(upright, angle)).abs().square().mean()
            for angle in turns
        ]
    return float((torch.stack(changes).mean() / scale).sqrt())
