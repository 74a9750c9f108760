"""Sizes of patches, paddings and feature maps, as torch's convolutions have them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor
from torch.nn import functional

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import MOST, as_items, check_count

Sizes: TypeAlias = int | tuple[int, ...]
"""A size given once for all directions, or for each."""

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")

_NUMERALS = {1: "one", 2: "two", 3: "three"}


def as_sizes(name: str, value: Any, minimum: int, dims: int) -> tuple[int, ...]:
    """Reads a size that may be given once for all directions.

    Args:
        name: The argument's name, for the message.
        value: A whole number, or one for each direction.
        minimum: The least value allowed.
        dims: Number of directions, 1 … 3.

    Returns:
        One number for each direction.

    Raises:
        ArgumentError: It is neither.
    """
    items = as_items(value)
    sizes = (value,) * dims if items is None else items
    if len(sizes) != dims or not all(
        isinstance(n, int | np.integer)
        and not isinstance(n, bool)
        and minimum <= n <= MOST
        for n in sizes
    ):
        raise ArgumentError(
            f"{name}: expected a whole number from {minimum} up, or {_NUMERALS[dims]} "
            f"of them, got {value!r}"
        )
    return tuple(int(n) for n in sizes)


def check_image_shape(image_shape: Sequence[int], *, square: bool = False) -> None:
    """Checks the shape of the images that a model reads.

    Args:
        image_shape: (channels, height, width).
        square: Whether height and width must be equal.

    Raises:
        ArgumentError: There are not three whole numbers from 1 up.
        ShapeError: The images are not square, but must be.
    """
    if len(image_shape) != 3:
        raise ArgumentError(
            "image_shape: expected (channels, height, width), got "
            f"{tuple(image_shape)}; a grey image has one channel"
        )
    for size in image_shape:
        check_count("image_shape", size)
    if square and image_shape[1] != image_shape[2]:
        raise ShapeError(
            f"image_shape: expected square images, which quarter turns keep, got "
            f"{tuple(image_shape)}; pad or crop them"
        )


def sides_of(
    padding: str | tuple[int, ...], kernel: Sequence[int], dilation: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """The pixels that are added on each side.

    Args:
        padding: Pixels on both sides, for each direction; or "valid" or "same".
        kernel: Size of a patch in each direction.
        dilation: Pixels from one place of the patch to the next, likewise.

    Returns:
        For each direction the pixels before and behind.
    """
    if padding == "same":
        # As in torch: where the total is odd, the far side gets more.
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if isinstance(padding, str):
        return ((0, 0),) * len(kernel)
    return tuple((pixels, pixels) for pixels in padding)


def pad(images: Tensor, sides: Sequence[tuple[int, int]], padding_mode: str) -> Tensor:
    """Adds pixels on each side.

    Args:
        images: `(rows, channels, *size)`.
        sides: For each direction the pixels before and behind.
        padding_mode: One of `PADDING_MODES`.

    Returns:
        The padded images.

    Raises:
        ShapeError: The images are too small to be reflected or wrapped around so far.
    """
    if not any(chain.from_iterable(sides)):
        return images
    size = images.shape[2:]
    # Reflected or wrapped around, an image has only so many pixels to give.
    spare = {"reflect": 1, "circular": 0}.get(padding_mode)
    for length, added in zip(size, sides, strict=True):
        if spare is not None and max(added) > length - spare:
            raise ShapeError(
                f"images: padding_mode={padding_mode!r} can add at most "
                f"{length - spare} pixels to a side of {length}, got {max(added)} for "
                f"images of {tuple(size)}; use less padding or larger images"
            )
    mode = "constant" if padding_mode == "zeros" else padding_mode
    # torch begins with the last direction.
    return functional.pad(images, list(chain(*reversed(sides))), mode=mode)


def count_patches(
    padded_size: Sequence[int],
    kernel: Sequence[int],
    dilation: Sequence[int],
    stride: Sequence[int],
) -> tuple[int, ...]:
    """How many patches fit in each direction.

    Args:
        padded_size: Size of the padded images.
        kernel: Size of a patch.
        dilation: Pixels from one place of the patch to the next.
        stride: Pixels from one patch to the next.

    Returns:
        The size of the feature maps.

    Raises:
        ShapeError: A patch is larger than the padded image.
    """
    counts = tuple(
        (size - step * (width - 1) - 1) // stride_ + 1
        for size, step, width, stride_ in zip(
            padded_size, dilation, kernel, stride, strict=True
        )
    )
    if min(counts) < 1:
        raise ShapeError(
            f"images: a patch of kernel_size={tuple(kernel)} with "
            f"dilation={tuple(dilation)} is larger than the padded image "
            f"{tuple(padded_size)}; add padding or use a smaller kernel"
        )
    return counts


def symmetric_size(
    image_size: Sequence[int], kernel_size: int, stride: int, padding: int
) -> tuple[int, int]:
    """How many square patches fit on an image, where they lie as on a turned one.

    Args:
        image_size: Height and width of the images, in pixels.
        kernel_size: Height and width of a patch.
        stride: Pixels from one patch to the next.
        padding: Pixels added on each side.

    Returns:
        (n + 2·padding − kernel_size) / stride + 1 for each.

    Raises:
        ShapeError: A patch is larger than the padded image, or the patches are not
            where they would be on a turned image.
    """
    sizes = []
    for length in as_sizes("image_size", image_size, 1, 2):
        room = length + 2 * padding - kernel_size
        if room < 0:
            raise ShapeError(
                f"images: a patch of kernel_size={kernel_size} is larger than the "
                f"padded image of {length + 2 * padding} pixels; add padding or use a "
                "smaller kernel"
            )
        if room % stride:
            raise ShapeError(
                "images: not equivariant, since (n + 2·padding − kernel_size) mod "
                f"stride = ({length} + 2·{padding} − {kernel_size}) mod {stride} = "
                f"{room % stride} is not 0: patches begin at one edge and do not reach "
                "the other, so that on a turned image they lie elsewhere; change the "
                "padding, the stride or the kernel"
            )
        sizes.append(room // stride + 1)
    return sizes[0], sizes[1]


def extract_patches(
    images: Tensor,
    kernel: Sequence[int],
    dilation: Sequence[int],
    stride: Sequence[int],
    *,
    flip: bool = False,
) -> Tensor:
    """Cuts images into patches, in any number of directions.

    Args:
        images: `(rows, channels, *size)`, padded.
        kernel: Size of a patch.
        dilation: Pixels from one place of the patch to the next.
        stride: Pixels from one patch to the next.
        flip: Whether each patch is turned end for end in every direction.

    Returns:
        (rows, patches, channels, pixels), patches and pixels in the order in which the
        last direction runs fastest.
    """
    dims = len(kernel)
    patches = images
    for axis, (width, step, stride_) in enumerate(
        zip(kernel, dilation, stride, strict=True), start=2
    ):
        # torch's unfold of tensors has no dilation: every step-th of a wider window.
        patches = patches.unfold(axis, step * (width - 1) + 1, stride_)[..., ::step]
    if flip:
        patches = patches.flip(list(range(-dims, 0)))
    counts = patches.shape[2 : 2 + dims]
    patches = patches.movedim(1, 1 + dims)  # (rows, *counts, channels, *kernel)
    size = (images.shape[0], counts.numel(), images.shape[1])
    return patches.reshape(*size, patches.shape[-dims:].numel())
