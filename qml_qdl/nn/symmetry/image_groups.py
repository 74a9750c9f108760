"""Groups of rotations and mirror images, acting on images and on feature maps."""

from __future__ import annotations

import math
from functools import cached_property

import torch
from attrs import frozen
from torch import Tensor
from torch.nn import functional

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import check_choice, check_count, validate_call

_KINDS = {"p4": (4, False), "p4m": (4, True), "c8": (8, False), "c16": (16, False)}


@validate_call
@frozen(slots=False)
class ImageGroup:
    """Rotations of an image about its centre, with mirror images or without.

    Element number m·turns + r mirrors the image left to right where m is 1, then turns
    it r times, counter-clockwise. "p4" turns by 90°, "p4m" by 90° and mirrors; both
    only move pixels (Cohen and Welling 2016, arXiv:1602.07576). "c8" turns by 45° and
    "c16" by 22.5°, coarse stand-ins for all rotations of the plane; there other turns
    than by 90° interpolate linearly between pixels, and cut off corners, so that they
    are no exact symmetry: see `EquivariantClassifier` for how far from it they are on
    small images.

    An element g acts on an image as (Lf)(x) = f(g⁻¹x), and on feature maps with a place
    for each element as (Lf)(h, x) = f(g⁻¹h, g⁻¹x).

    Args:
        name: "p4", "p4m", "c8" or "c16".

    Raises:
        ArgumentError: The name is unknown.

    Example:
        >>> group = ImageGroup("p4m")
        >>> group.order, group.product(1, 4), group.inverse(5)
        (8, 5, 5)
    """

    name: str

    def __attrs_post_init__(self) -> None:
        check_choice("group", self.name, tuple(_KINDS))

    @property
    def turns(self) -> int:
        """How many rotations there are."""
        return _KINDS[self.name][0]

    @property
    def order(self) -> int:
        """How many elements there are."""
        turns, mirrored = _KINDS[self.name]
        return turns * (2 if mirrored else 1)

    @property
    def is_exact(self) -> bool:
        """Whether every element only moves pixels."""
        return self.turns == 4

    def _check_element(self, name: str, element: int) -> None:
        check_count(name, element, 0, self.order - 1)

    def only_moves_pixels(self, element: int) -> bool:
        """Whether an element turns by a multiple of 90°.

        Args:
            element: Its number.

        Returns:
            True if nothing is interpolated.
        """
        self._check_element("element", element)
        return (element % self.turns) * 4 % self.turns == 0

    def product(self, second: int, first: int) -> int:
        """The element that acts as `first`, then `second`.

        Args:
            second: The number of the element on the left.
            first: The number of the element on the right.

        Returns:
            The number of their product.
        """
        self._check_element("second", second)
        self._check_element("first", first)
        (m, a), (n, b) = divmod(second, self.turns), divmod(first, self.turns)
        return (m ^ n) * self.turns + (a - b if m else a + b) % self.turns

    def inverse(self, element: int) -> int:
        """The element that undoes another.

        Args:
            element: Its number.

        Returns:
            The number of its inverse.
        """
        self._check_element("element", element)
        mirrored, turned = divmod(element, self.turns)
        return element if mirrored else -turned % self.turns

    @cached_property
    def table(self) -> Tensor:
        """(order, order), whole; entry g, h is the number of gh."""
        numbers = range(self.order)
        return torch.tensor([[self.product(g, h) for h in numbers] for g in numbers])

    def act_on_images(self, element: int, images: Tensor) -> Tensor:
        """Turns and mirrors images.

        Args:
            element: The number of the element.
            images: (..., H, W); H = W where a rotation is not by a multiple of 90°.

        Returns:
            (..., H, W), or (..., W, H) for a quarter turn.

        Raises:
            ShapeError: An image that is turned by less than 90° is not square.
        """
        self._check_element("element", element)
        mirrored, turned = divmod(element, self.turns)
        if mirrored:
            images = images.flip(-1)
        quarters, rest = divmod(turned * 4, self.turns)
        images = images.rot90(quarters, (-2, -1))
        return (
            self._rotated(images, math.pi / 2 * rest / self.turns) if rest else images
        )

    def _rotated(self, images: Tensor, angle: float) -> Tensor:
        height, width = images.shape[-2:]
        if height != width:
            raise ShapeError(
                f"images: to be turned by less than 90° they must be square, got "
                f"{height} × {width}; pad them to a square"
            )
        flat = images.reshape(-1, 1, height, width)
        grid = turned_grid(height, angle, flat)
        sampled = functional.grid_sample(
            flat,
            grid.expand(len(flat), -1, -1, -1),
            mode="bilinear",
            align_corners=True,
        )
        return sampled.reshape(images.shape)

    def act_on_maps(self, element: int, maps: Tensor) -> Tensor:
        """Turns and mirrors feature maps that have a place for each element.

        Args:
            element: The number of the element.
            maps: (..., order, H, W).

        Returns:
            (..., order, H, W), or (..., order, W, H) for a quarter turn.

        Raises:
            ShapeError: There are more or fewer places than elements.
        """
        if maps.ndim < 3 or maps.shape[-3] != self.order:
            raise ShapeError(
                f"maps: expected (..., {self.order}, H, W), one place for each element "
                f"of {self.name}, got {tuple(maps.shape)}"
            )
        places = self.table[self.inverse(element)].to(maps.device)
        return self.act_on_images(element, maps.index_select(-3, places))


def turned_grid(size: int, angle: float, like: Tensor) -> Tensor:
    """Where the pixels of an image were before it was turned counter-clockwise.

    Args:
        size: Pixels of a side.
        angle: In radians.
        like: A tensor of the wanted dtype and device.

    Returns:
        (1, size, size, 2): x to the right and y downwards, −1 … 1 from the centre of
        the first to that of the last pixel, as torch's `grid_sample` reads them.

    Raises:
        ArgumentError: An image of one pixel is turned.
    """
    if size < 2:
        raise ArgumentError(
            f"size: expected at least 2 pixels to turn, got {size}; use a larger kernel"
        )
    line = torch.linspace(-1, 1, size, dtype=torch.float64)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return turned_points(torch.stack([x, y], dim=-1), -angle)[None].to(like)


def turned_points(points: Tensor, angle: float) -> Tensor:
    """Turns points counter-clockwise on the screen, whose y axis points down.

    Args:
        points: (..., 2): x to the right, y downwards.
        angle: In radians.

    Returns:
        (..., 2).
    """
    x, y = points.unbind(-1)
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.stack([cos * x + sin * y, cos * y - sin * x], dim=-1)
