"""Equivariance errors of layers and models, under groups of images."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits.errors import ShapeError
from qml_qdl.circuits.validation import (
    check_count,
    check_number,
    check_type,
    validate_call,
)
from qml_qdl.nn.symmetry.image_groups import ImageGroup, turned_points


@frozen
class EquivarianceError:
    """The difference of f(gx) and g f(x), for every element of a group.

    Args:
        by_element: For each element the largest difference over all outputs.
        scale: The largest absolute value of an output.

    Example:
        >>> EquivarianceError((0.0, 1e-7), scale=0.5).largest
        1e-07
    """

    by_element: tuple[float, ...]
    scale: float

    @property
    def largest(self) -> float:
        """The largest difference."""
        return max(self.by_element)

    @property
    def relative(self) -> float:
        """The largest difference, in units of the largest output."""
        return self.largest / max(self.scale, torch.finfo(torch.float64).tiny)


@validate_call
def check_equivariance(
    function: Callable[[Tensor], Tensor],
    group: ImageGroup,
    inputs: Tensor,
    *,
    margin: int = 0,
) -> EquivarianceError:
    """Measures f(gx) against g f(x) for every element g of a group.

    Inputs of four dimensions are images, of five are feature maps with a place for
    each element; so are outputs, and those of two dimensions are not to change at all.

    Args:
        function: A layer or a model, in evaluation mode where it has one.
        group: The group.
        inputs: (rows, channels, H, W) or (rows, channels, order, H, W).
        margin: How many pixels along the edges of the outputs are left out, for groups
            that turn corners out of the image.

    Returns:
        The differences.

    Raises:
        ShapeError: The outputs are neither logits, images nor feature maps.

    Example:
        >>> x = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        >>> check_equivariance(torch.tanh, ImageGroup("p4m"), x).largest
        0.0
        >>> check_equivariance(lambda x: x.roll(1), ImageGroup("p4"), x).largest > 0.1
        True
    """
    check_count("margin", margin, 0)
    differences = []
    with torch.no_grad():
        outputs = function(inputs)
        check_type("function: its result", outputs, Tensor)
        for element in range(group.order):
            got = function(_acted(group, element, inputs))
            expected = _acted(group, element, outputs)
            if got.shape != expected.shape:
                raise ShapeError(
                    "outputs: expected those of a turned input to have the shape "
                    f"{tuple(expected.shape)}, got {tuple(got.shape)}"
                )
            difference = _inner(got - expected, margin).abs()
            differences.append(float(difference.max()) if difference.numel() else 0.0)
        scale = float(outputs.abs().max()) if outputs.numel() else 0.0
    return EquivarianceError(tuple(differences), scale)


def _acted(group: ImageGroup, element: int, values: Tensor) -> Tensor:
    match values.ndim:
        case 2:
            return values
        case 4:
            return group.act_on_images(element, values)
        case 5:
            return group.act_on_maps(element, values)
    raise ShapeError(
        "values: expected logits (rows, classes), images (rows, channels, H, W) or "
        f"feature maps (rows, channels, order, H, W), got {tuple(values.shape)}"
    )


def _inner(values: Tensor, margin: int) -> Tensor:
    if not margin or values.ndim < 4:
        return values
    return values[..., margin:-margin, margin:-margin]


def smooth_images(
    rows: int,
    channels: int,
    size: int,
    *,
    angle: float = 0.0,
    dtype: torch.dtype | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Random images that look alike at every resolution: a few bell curves each.

    They vanish towards the edges, so that nothing is lost when they are turned.

    Args:
        rows: Number of images.
        channels: Channels of each.
        size: Height and width, in pixels.
        angle: By how much they are turned before they are rendered, in radians and
            counter-clockwise, about the pixel in row and column size // 2: nothing is
            interpolated.
        dtype: Their type; None for torch's default.
        generator: Random numbers; None for torch's own.

    Returns:
        (rows, channels, size, size), from 0 to 1. The same generator gives the same
        pictures, rendered with more or fewer pixels, or turned.

    Raises:
        ArgumentError: A number is below 1.

    Example:
        >>> smooth_images(2, 3, 16).shape
        torch.Size([2, 3, 16, 16])
    """
    for name, value in (("rows", rows), ("channels", channels), ("size", size)):
        check_count(name, value)
    check_number("angle", angle, -math.inf, math.inf)
    bells = 4
    shape = (rows, channels, bells, 1, 1)
    random = torch.rand(3, *shape, generator=generator, dtype=torch.float64)
    radius, place = 0.45 * random[0].sqrt(), 2 * torch.pi * random[1]
    line = torch.linspace(-1, 1, size, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1)
    middle = line[size // 2]
    x, y = (turned_points(grid - middle, -angle) + middle).unbind(-1)
    squares = (x - radius * place.cos()) ** 2 + (y - radius * place.sin()) ** 2
    images = (random[2] * torch.exp(-squares / (2 * 0.15**2))).sum(2)
    # Not by the brightest pixel, which is another one where the picture is turned.
    images = images / random[2].sum(2)
    return images.to(dtype or torch.get_default_dtype())
