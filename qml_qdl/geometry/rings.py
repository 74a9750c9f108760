"""Rings about an image's centre as Fourier modes, which a rotation turns by phases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.circuits.validation import (
    as_items,
    check_choice,
    check_count,
    check_number,
    validate_call,
)
from qml_qdl.data import rotate_images


def _linear(distance: Tensor) -> Tensor:
    return (1 - distance).clamp(min=0)


def _cubic(distance: Tensor) -> Tensor:
    """The kernel that has quadratic pictures exactly, 0 from a distance of 2."""
    d = distance.clamp(max=2)
    inner = 1 + d**2 * (1.5 * d - 2.5)
    return torch.where(d < 1, inner, 2 + d * (-4 + d * (2.5 - 0.5 * d)))


_KERNELS = MappingProxyType({"bicubic": _cubic, "bilinear": _linear})


@validate_call
class ImageRings(nn.Module):
    r"""Rings about the centre of images, as Fourier modes c_m.

    With f(t) the pixels along a ring, counter-clockwise from the right, at N angles t,

    .. math:: c_m = \frac{1}{N} \sum_t f(t) e^{imt}.

    Where a ring's signal has no frequency from N/2 up, a rotation by α turns c_m into
    e^{imα}c_m, exactly and for every α. To turn the pixels themselves means to resample
    them, which is not exact: `resampling_error` says how far it is from that. Modes of
    −m are the conjugates. An image of zeros has modes of zeros.

    Args:
        image_size: Height and width of the images, even or odd; a number for squares.
        radii: Radii of the rings, in pixels; None for 0.7, 1.7, 2.7, … up to the edges.
        samples: N, angles on each ring.
        max_mode: The highest m, at most N/2 − 1: the frequency N/2, Nyquist's, and
            those above are not turned by a phase.
        interpolation: Between pixels, "bicubic" (Keys 1981, doi:
            10.1109/TASSP.1981.1163711) or "bilinear".

    Shape:
        - Input: (rows, channels, height, width).
        - Output: (rows, channels, rings, max_mode + 1), complex.

    Raises:
        ArgumentError: A ring leaves the image, there is none, or there are too few
            samples for the modes.
        ArgumentTypeError: The radii are no numbers.

    Example:
        >>> import torch
        >>> rings = ImageRings(14, max_mode=4)
        >>> rings.radii
        (0.7, 1.7, 2.7, 3.7, 4.7, 5.7)
        >>> rings(torch.rand(2, 1, 14, 14)).shape
        torch.Size([2, 1, 6, 5])
    """

    numbers: Tensor
    weights: Tensor
    waves: Tensor

    def __init__(
        self,
        image_size: int | tuple[int, int],
        *,
        radii: Sequence[float] | None = None,
        samples: int = 16,
        max_mode: int = 5,
        interpolation: str = "bicubic",
    ) -> None:
        super().__init__()
        sides = as_items(image_size) or (image_size, image_size)
        if len(sides) != 2:
            raise ArgumentError(
                f"image_size: expected height and width, got {image_size!r}"
            )
        for side in sides:
            check_count("image_size", side, 2)
        check_count("samples", samples)
        check_count("max_mode", max_mode, 0)
        check_choice("interpolation", interpolation, tuple(_KERNELS))
        if 2 * max_mode >= samples:
            raise ArgumentError(
                f"max_mode: with {samples} samples a ring the modes 0 to "
                f"{(samples - 1) // 2} turn by a phase, got {max_mode}; take "
                f"samples={2 * max_mode + 2}, or fewer modes"
            )
        self.image_size = (int(sides[0]), int(sides[1]))
        self.radii = self._as_radii(radii)
        self.samples, self.max_mode = int(samples), int(max_mode)
        self.interpolation = interpolation
        numbers, weights = self._neighbours()
        self.register_buffer("numbers", numbers, persistent=False)
        self.register_buffer("weights", weights, persistent=False)
        self.register_buffer("waves", self._waves(), persistent=False)

    def _as_radii(self, radii: Sequence[float] | None) -> tuple[float, ...]:
        reach = (min(self.image_size) - 1) / 2
        if radii is None:
            radii = [0.7 + k for k in range(math.floor(reach + 0.3))]
        items = as_items(radii) or ()
        if not all(isinstance(r, Real) and not isinstance(r, bool) for r in items):
            raise ArgumentTypeError(
                f"radii: expected numbers, in pixels, got {radii!r}"
            )
        found = tuple(float(radius) for radius in items)
        if not found or not all(0 <= radius <= reach for radius in found):
            raise ArgumentError(
                f"radii: expected one or more from 0 to {reach}, which is as far as "
                f"images of {self.image_size[0]} × {self.image_size[1]} pixels reach, "
                f"got {list(found)}; leave out what is larger, or pad the images"
            )
        return found

    def _angles(self) -> Tensor:
        turns = torch.arange(self.samples, dtype=torch.float64) / self.samples
        return 2 * math.pi * turns

    def _waves(self) -> Tensor:
        """Real and imaginary part of exp(imt)/N, (2, samples, modes)."""
        phases = torch.outer(self._angles(), torch.arange(self.max_mode + 1).double())
        return torch.stack([phases.cos(), phases.sin()]) / self.samples

    def _neighbours(self) -> tuple[Tensor, Tensor]:
        """Of each point 16 pixels, by their numbers, and their weights."""
        angles = self._angles()
        radii = torch.tensor(self.radii, dtype=torch.float64)[:, None]
        height, width = self.image_size
        x = (width - 1) / 2 + radii * angles.cos()
        y = (height - 1) / 2 - radii * angles.sin()  # rows count downwards
        near = torch.arange(-1, 3)
        columns = x.floor().long()[..., None] + near
        rows = y.floor().long()[..., None] + near
        kernel = _KERNELS[self.interpolation]
        across = kernel((columns - x[..., None]).abs())
        down = kernel((rows - y[..., None]).abs())
        # Beyond the edges the pixels there go on.
        columns, rows = columns.clamp(0, width - 1), rows.clamp(0, height - 1)
        numbers = rows[..., None] * width + columns[..., None, :]
        weights = down[..., None] * across[..., None, :]
        return numbers.flatten(2), weights.flatten(2)

    def forward(self, images: Tensor) -> Tensor:
        """The modes of images.

        Args:
            images: (rows, channels, height, width).

        Returns:
            (rows, channels, rings, max_mode + 1), complex.

        Raises:
            ShapeError: The images have another size.
        """
        pixels = self.sampled(images)
        waves = self.waves.to(pixels)
        return torch.complex(pixels @ waves[0], pixels @ waves[1])

    def sampled(self, images: Tensor) -> Tensor:
        """The pixels along the rings.

        Args:
            images: (rows, channels, height, width).

        Returns:
            (rows, channels, rings, samples), counter-clockwise from the right.

        Raises:
            ShapeError: The images have another size.
        """
        if images.ndim != 4 or tuple(images.shape[-2:]) != self.image_size:
            height, width = self.image_size
            raise ShapeError(
                f"images: expected (rows, channels, {height}, {width}), got "
                f"{tuple(images.shape)}"
            )
        near = images.flatten(2)[..., self.numbers]
        return torch.einsum("bcrnk,rnk->bcrn", near, self.weights.to(images))

    def turned(self, modes: Any, angle: float) -> Tensor:
        """What a rotation makes of modes: c_m times exp(imα), exactly.

        Args:
            modes: (..., max_mode + 1), complex.
            angle: α in radians, counter-clockwise.

        Returns:
            The turned modes.

        Raises:
            ArgumentTypeError: The modes are no complex tensor.
            ShapeError: There are more or fewer modes.
        """
        if not isinstance(modes, Tensor) or not modes.is_complex():
            raise ArgumentTypeError(
                "modes: expected a complex tensor, as rings(images) returns it, got "
                f"{type(modes).__name__} {getattr(modes, 'dtype', '')}"
            )
        if modes.shape[-1:] != (self.max_mode + 1,):
            raise ShapeError(
                f"modes: expected (..., {self.max_mode + 1}), got {tuple(modes.shape)}"
            )
        check_number("angle", angle, -math.inf, math.inf)
        phases = angle * torch.arange(self.max_mode + 1, dtype=torch.float64)
        turns = torch.polar(torch.ones_like(phases), phases)
        found: Tensor = modes * turns.to(modes)
        return found

    def resampling_error(self, images: Tensor, degrees: float) -> Tensor:
        """How far modes of turned pixels are from turned modes.

        Pixels are turned by `rotate_images`, by cubic splines.

        Args:
            images: (rows, channels, height, width).
            degrees: The angle, counter-clockwise.

        Returns:
            (max_mode + 1,), for each m the length of the difference over all images and
            rings, in units of the length of the modes; 0 where there are none.

        Raises:
            ShapeError: The images have another size.
        """
        turned = torch.as_tensor(rotate_images(images.numpy(force=True), degrees))
        expected = self.turned(self(images), math.radians(degrees))
        difference = self(turned.to(images)) - expected
        change, scale = (
            torch.linalg.vector_norm(each, dim=(0, 1, 2))
            for each in (difference, expected)
        )
        found: Tensor = change / scale.clamp(min=torch.finfo(scale.dtype).tiny)
        return found

    def extra_repr(self) -> str:
        """The arguments, as `repr` shows them."""
        return (
            f"{self.image_size}, radii={self.radii}, samples={self.samples}, "
            f"max_mode={self.max_mode}"
        )
