"""Sizes of patches, paddings and feature maps, as torch's convolutions have them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from qml_qdl.circuits.errors import ArgumentError, ShapeError

Sides: TypeAlias = tuple[int, int, int, int]
"""Pixels added left, right, above and below, as torch's `pad` wants them."""

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def as_pair(name: str, value: Any, minimum: int) -> tuple[int, int]:
    """Reads a size that may be given once for both directions.

    Args:
        name: The argument's name, for the message.
        value: A whole number, or two: vertical, horizontal.
        minimum: The least value allowed.

    Returns:
        The two numbers.

    Raises:
        ArgumentError: It is neither.
    """
    pair = tuple(value) if isinstance(value, Iterable) else (value, value)
    if len(pair) != 2 or not all(
        isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= minimum
        for n in pair
    ):
        raise ArgumentError(
            f"{name}: expected a whole number from {minimum} up, or two of them, got "
            f"{value!r}"
        )
    return int(pair[0]), int(pair[1])


def sides_of(
    padding: str | tuple[int, int], kernel: tuple[int, int], dilation: tuple[int, int]
) -> Sides:
    """The pixels that are added on each side.

    Args:
        padding: Pixels above and below, left and right; or "valid" or "same".
        kernel: Height and width of a patch.
        dilation: Pixels from one row or column of the patch to the next.

    Returns:
        Left, right, above, below.
    """
    if padding == "same":
        # As in torch: where the total is odd, the right and lower side gets more.
        down, across = dilation[0] * (kernel[0] - 1), dilation[1] * (kernel[1] - 1)
        left, top = across // 2, down // 2
        return left, across - left, top, down - top
    if isinstance(padding, str):
        return 0, 0, 0, 0
    vertical, horizontal = padding
    return horizontal, horizontal, vertical, vertical


def check_room(sides: Sides, image_size: Sequence[int], padding_mode: str) -> None:
    """Reflected or wrapped around, an image has only so many pixels to give.

    Args:
        sides: Pixels added left, right, above, below.
        image_size: Height and width of the images.
        padding_mode: One of `PADDING_MODES`.

    Raises:
        ShapeError: The images are too small.
    """
    spare = {"reflect": 1, "circular": 0}.get(padding_mode)
    if spare is None:
        return
    for size, added in zip(image_size, (sides[2:], sides[:2]), strict=True):
        if max(added) > size - spare:
            raise ShapeError(
                f"images: padding_mode={padding_mode!r} can add at most {size - spare} "
                f"pixels to a side of {size}, got {max(added)} for images of "
                f"{tuple(image_size)}; use less padding or larger images"
            )


def count_patches(
    padded_size: Sequence[int],
    kernel: tuple[int, int],
    dilation: tuple[int, int],
    stride: tuple[int, int],
) -> tuple[int, int]:
    """How many patches fit below and beside one another.

    Args:
        padded_size: Height and width of the padded images.
        kernel: Height and width of a patch.
        dilation: Pixels from one row or column of the patch to the next.
        stride: Pixels from one patch to the next.

    Returns:
        Height and width of the feature maps.

    Raises:
        ShapeError: A patch is larger than the padded image.
    """
    counts = [
        (size - step * (width - 1) - 1) // stride_ + 1
        for size, step, width, stride_ in zip(
            padded_size, dilation, kernel, stride, strict=True
        )
    ]
    if min(counts) < 1:
        raise ShapeError(
            f"images: a patch of kernel_size={kernel} with dilation={dilation} is "
            f"larger than the padded image {tuple(padded_size)}; add padding or use a "
            "smaller kernel"
        )
    return counts[0], counts[1]
