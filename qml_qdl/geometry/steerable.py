r"""Steerable convolution: circular harmonics, which turn fields with pictures.

A kernel κ from fields of order i to fields of order o keeps the symmetry exactly if
:math:`\kappa(R_\alpha x) = e^{i(o - i)\alpha} \kappa(x)`, that is, if it is a circular
harmonic :math:`e^{i(o - i)\varphi}` times any function of the radius. With
:math:`f'(x) = e^{i\,i\alpha} f(R_{-\alpha} x)` and :math:`y = R_\alpha z`,

.. math:: \sum_y \kappa(y) f'(x + y) = e^{i\,i\alpha} \sum_z \kappa(R_\alpha z)
          f(R_{-\alpha} x + z) = e^{i\,o\alpha} \sum_z \kappa(z) f(R_{-\alpha} x + z) .

The functions of the radius are rings: the circle of radius q, carrying
:math:`e^{im\varphi}`, blurred by a Gaussian of width σ. Up to a factor this is

.. math:: I_m(rq/\sigma^2)\, e^{-(r^2 + q^2)/2\sigma^2}\, e^{im\varphi} ,

which is :math:`r^{|m|}` times a smooth function of :math:`r^2`: without a kink in the
middle, and with a Fourier transform that falls as a Gaussian, so that pixels sample it
with an error that falls exponentially with σ.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ive
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import (
    as_items,
    check_choice,
    check_count,
    check_number,
    validate_call,
)
from qml_qdl.geometry.field_types import Fields, FieldType
from qml_qdl.nn.patch_sizes import PADDING_MODES, pad, symmetric_size

REACH = 3.0
"""A ring of radius q is cut off at q + 3σ, where it is 1% of its height."""

MOST_PIXELS = 1001
"""No kernel has more pixels a side."""


def ring_harmonic(
    order: int, radius: float, sigma: float, kernel_size: int
) -> NDArray[np.complex128]:
    """A blurred ring that carries a circular harmonic, sampled at pixels.

    Args:
        order: The order m of `exp(i m φ)`; φ runs counter-clockwise from the right.
        radius: Of the ring, in pixels, ≥ 0, and > 0 unless m is 0.
        sigma: Its width, in pixels, > 0.
        kernel_size: Pixels of a side.

    Returns:
        (kernel_size, kernel_size). Its square integrates to 1 over the plane, in units
        of pixels, whether or not the pixels hold all of it.

    Example:
        >>> round(float((abs(ring_harmonic(1, 8.0, 2.4, 41)) ** 2).sum()), 3)
        1.0
    """
    line = np.arange(kernel_size) - (kernel_size - 1) / 2
    x, y = line[None, :], -line[:, None]  # rows of pixels point down
    r, angle = np.hypot(x, y), np.arctan2(y, x)
    # `ive` is the Bessel function I times exp(−argument). The norm is Weber's integral
    # ∫ r exp(−r²/σ²) I_m(rq/σ²)² dr = σ²/2 exp(q²/2σ²) I_m(q²/2σ²).
    profile = ive(order, r * radius / sigma**2)
    profile = profile * np.exp(-((r - radius) ** 2) / (2 * sigma**2))
    norm = math.sqrt(math.pi) * sigma * math.sqrt(ive(order, radius**2 / 2 / sigma**2))
    found: NDArray[np.complex128] = profile / norm * np.exp(1j * order * angle)
    return found


def default_rings(kernel_size: int, sigma: float) -> tuple[float, ...]:
    """Radii 0, 1, 2, … of the rings that end before the first pixel beyond the kernel.

    Args:
        kernel_size: Pixels of a side.
        sigma: Width of the rings, in pixels.

    Returns:
        Those q with q + 3σ ≤ (kernel_size + 1) / 2.

    Example:
        >>> default_rings(7, 0.6)
        (0.0, 1.0, 2.0)
    """
    largest = math.floor((kernel_size + 1) / 2 - REACH * sigma + 1e-9)
    return tuple(float(q) for q in range(largest + 1))


@validate_call
class SteerableConv2d(nn.Module):
    r"""A convolution of complex fields that commutes with turns by any angle.

    Kernels from order i to order o are :math:`e^{i(o-i)\varphi}` times trained complex
    combinations of smooth rings (harmonic networks, Worrall et al. 2017,
    arXiv:1612.04642; steerable networks, Weiler and Cesa 2019, arXiv:1911.08251). On
    pixels quarter turns are exact; others are as exact as pixels sample the kernels:
    `turning_errors` measures it. A ring of radius q carries harmonics up to
    `|o − i| ≤ 2q`, since its pixels tell no higher ones apart.

    Args:
        in_type: The fields that come in; `FieldType({0: channels})` for pictures.
        out_type: The fields that go out.
        kernel_size: Height and width of the kernel, in pixels.
        stride: Pixels from one position to the next; it must divide
            n + 2·padding − kernel_size for pictures of n pixels.
        padding: Pixels added on each side, "valid" for none, or "same" for as many as
            keep the size, which an odd kernel can.
        bias: Whether a trained complex number is added to each field of order 0, which
            alone may have one.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        device: Where the weights are, a torch device.
        dtype: Real type of the weights, of which there are two for a complex number;
            None for torch's default.
        rings: Radii of the rings, in pixels; None for 0, 1, 2, … as far as the kernel
            holds them up to three of their widths.
        sigma: Width of the rings, in pixels, above 0.
        scale: How many pixels of the pictures stand for one of the kernel's, for
            pictures of a higher resolution; see `rescaled`.
        generator: Random numbers for the first weights; None for torch's own.

    Shape:
        - Input: (rows, in_type.size, H, W), complex, or real where all orders are 0.
        - Output: (rows, out_type.size, H', W'), complex, where
          H' = (H + 2·padding − kernel_size) / stride + 1.

    Raises:
        ArgumentError: An argument does not fit, or no ring carries what an outgoing
            field needs.
        ArgumentTypeError: A type is no `FieldType`.

    Example:
        >>> import torch
        >>> lift = SteerableConv2d(FieldType({0: 1}), FieldType({0: 2, 1: 2}), 7,
        ...                        padding="same", dtype=torch.float64)
        >>> x = torch.rand(1, 1, 9, 9, dtype=torch.float64)
        >>> turned = lift.out_type.quarter_turned(lift(x))
        >>> torch.allclose(lift(x.rot90(1, (-2, -1))), turned)
        True
    """

    def __init__(
        self,
        in_type: FieldType,
        out_type: FieldType,
        kernel_size: int,
        stride: int = 1,
        padding: int | str = 0,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        rings: Sequence[float] | None = None,
        sigma: float = 0.6,
        scale: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_count("kernel_size", kernel_size, most=MOST_PIXELS)
        check_count("stride", stride)
        check_choice("padding_mode", padding_mode, PADDING_MODES)
        check_number("sigma", sigma, 0, math.inf)
        check_number("scale", scale, 0, math.inf)
        self.in_type, self.out_type = in_type, out_type
        self.kernel_size, self.stride = int(kernel_size), int(stride)
        self.padding_mode = padding_mode
        self.sigma, self.scale = float(sigma), float(scale)
        self.rings = (
            default_rings(self.kernel_size, self.sigma)
            if rings is None
            else _checked_rings(rings)
        )
        # The next size, as odd or even, at whose rim the rings have ended.
        wider = math.ceil((self.scale - 1) * (self.kernel_size + 1) / 2 - 1e-9)
        self.pixels = self.kernel_size + 2 * wider
        check_count("scale: the kernel's pixels", self.pixels, most=MOST_PIXELS)
        self.padding = self._as_pixels(padding)
        self.weights = nn.ParameterDict()
        self._lay_out(device, dtype)
        fields = out_type.multiplicities.get(0, 0)
        self.bias = (
            nn.Parameter(torch.zeros(fields, 2, device=device, dtype=dtype))
            if bias and fields
            else None
        )
        self.reset_parameters(generator)

    def _as_pixels(self, padding: int | str) -> int:
        if not isinstance(padding, str):
            check_count("padding", padding, 0)
            return int(padding)
        check_choice("padding", padding, ("same", "valid"))
        if padding == "valid":
            return 0
        if not self.pixels % 2:
            raise ArgumentError(
                "padding: 'same' would add more on one side for a kernel of "
                f"{self.pixels} pixels, which no turn keeps; use an odd kernel_size"
            )
        return self.pixels // 2

    def _pairs(self) -> list[tuple[int, int]]:
        """The orders, out and in, of every kernel."""
        return [(o, i) for o in self.out_type.orders for i in self.in_type.orders]

    def _lay_out(
        self, device: torch.device | str | None, dtype: torch.dtype | None
    ) -> None:
        """One tensor of weights for each harmonic: (pairs of fields, rings, 2)."""
        harmonics = torch.tensor([o - i for o, i in self._pairs()])
        places, filled = torch.full_like(harmonics, -1), 0
        for order in harmonics.unique().tolist():
            basis = [
                ring_harmonic(
                    order, q * self.scale, self.sigma * self.scale, self.pixels
                )
                for q in self.rings
                if abs(order) <= 2 * q
            ]
            if not basis:
                continue
            (pairs,) = torch.nonzero(harmonics == order, as_tuple=True)
            places[pairs] = torch.arange(filled, filled + len(pairs))
            filled += len(pairs)
            # A unit square integral, and as many more pixels to sum over.
            pixels = torch.tensor(np.stack(basis) / self.scale).flatten(1)
            pixels = torch.view_as_real(pixels).to(
                device=device, dtype=dtype or torch.get_default_dtype()
            )
            self.register_buffer(f"basis_{order}", pixels, persistent=False)
            shape = (len(pairs), len(basis), 2)
            weight = torch.empty(shape, device=device, dtype=dtype)
            self.weights[str(order)] = nn.Parameter(weight)
        carried = (places >= 0).reshape(self.out_type.size, -1).any(1)
        if not bool(carried.all()):
            orders = zip(self.out_type.orders, carried.tolist(), strict=True)
            raise ArgumentError(
                f"out_type: expected fields that rings of radii {self.rings} carry "
                f"from {self.in_type}, a ring of radius q differences of orders up to "
                f"2q, got the orders {sorted({m for m, ok in orders if not ok})}, too; "
                "use a larger kernel_size, other rings, or a smaller sigma"
            )
        # What no ring carries reads a row of zeros behind all others.
        places[places < 0] = filled
        self.register_buffer("places", places.to(device), persistent=False)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Samples the weights anew, so that noise keeps its variance; no bias.

        Args:
            generator: Where random numbers come from; None for torch's own.
        """
        pairs = self._pairs()
        rings = {int(m): weight.shape[1] for m, weight in self.weights.items()}
        fans = Counter[int]()
        for o, i in set(pairs):
            fans[o] += rings.get(o - i, 0) * self.in_type.multiplicities[i]
        with torch.no_grad():
            for order, weight in self.weights.items():
                inputs = [fans[o] for o, i in pairs if o - i == int(order)]
                std = (2 * torch.tensor(inputs)).rsqrt()[:, None, None]
                weight.copy_(std * torch.randn(weight.shape, generator=generator))
            if self.bias is not None:
                nn.init.zeros_(self.bias)

    def kernel(self) -> Tensor:
        """The kernels, as the weights have them now.

        Returns:
            (out_type.size, in_type.size, pixels, pixels), complex.
        """
        rows = [
            torch.view_as_complex(weight)
            @ torch.view_as_complex(self.get_buffer(f"basis_{order}"))
            for order, weight in self.weights.items()
        ]
        rows.append(rows[0].new_zeros(1, self.pixels**2))
        kernels = torch.cat(rows)[self.get_buffer("places")]
        return kernels.reshape(
            self.out_type.size, self.in_type.size, self.pixels, self.pixels
        )

    def forward(self, fields: Fields) -> Tensor:
        """Slides the kernels over the fields.

        Args:
            fields: (rows, in_type.size, H, W), complex, or real where all orders are 0.

        Returns:
            (rows, out_type.size, H', W'), complex.

        Raises:
            ShapeError: The fields have another shape, or their size breaks the
                symmetry.
            ArgumentTypeError: The fields are whole numbers, or real where an order is
                not 0.
        """
        self.in_type.check(fields)
        self.output_size((fields.shape[-2], fields.shape[-1]))
        kernel = self.kernel()
        real, imaginary = kernel.real, kernel.imag
        stacked = torch.cat([real, imaginary])
        if fields.is_complex():
            stacked = torch.cat([stacked, torch.cat([-imaginary, real])], 1)
            fields = torch.cat([fields.real, fields.imag], 1)
        sides = ((self.padding, self.padding),) * 2
        padded = pad(fields, sides, self.padding_mode)
        found = functional.conv2d(padded, stacked, stride=self.stride)
        result = torch.complex(*found.chunk(2, 1))
        if self.bias is None:
            return result
        before = sum(n for m, n in self.out_type.multiplicities.items() if m < 0)
        behind = self.out_type.size - before - len(self.bias)
        bias = functional.pad(torch.view_as_complex(self.bias), (before, behind))
        return result + bias[:, None, None]

    def output_size(self, image_size: tuple[int, int]) -> tuple[int, int]:
        """Height and width of what comes out.

        Args:
            image_size: Height and width of the pictures, in pixels.

        Returns:
            (n + 2·padding − kernel_size) / stride + 1 for each.

        Raises:
            ShapeError: The kernel is larger than the padded picture, or the stride does
                not divide what is left.
        """
        return symmetric_size(image_size, self.pixels, self.stride, self.padding)

    def rescaled(self, factor: float) -> SteerableConv2d:
        """The same kernels for pictures with more pixels: fixed in the picture's units.

        Args:
            factor: How many pixels stand where one was, on a line, above 0.

        Returns:
            A new layer with the same weights, whose rings are as large in the picture
            as here.

        Raises:
            ArgumentError: The padding does not keep the size, or the stride is not 1.
        """
        check_number("factor", factor, 0, math.inf)
        if self.stride != 1 or 2 * self.padding != self.pixels - 1:
            raise ArgumentError(
                "rescaled: expected a layer of stride 1 with padding='same', got "
                f"stride={self.stride} and padding={self.padding}; others would cut "
                "off another part of the picture"
            )
        like = next(self.parameters())
        layer: SteerableConv2d = SteerableConv2d(
            self.in_type,
            self.out_type,
            self.kernel_size,
            padding="same",
            bias=self.bias is not None,
            padding_mode=self.padding_mode,
            device=like.device,
            dtype=like.dtype,
            rings=self.rings,
            sigma=self.sigma,
            scale=factor * self.scale,
        )
        layer.load_state_dict(self.state_dict())
        return layer

    def extra_repr(self) -> str:
        """What `print` shows: the arguments."""
        return (
            f"{self.in_type}, {self.out_type}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, rings={self.rings}, "
            f"sigma={self.sigma}, scale={self.scale}"
        )


def _checked_rings(rings: Sequence[float]) -> tuple[float, ...]:
    items = as_items(rings)
    if not items:
        raise ArgumentError(
            f"rings: expected at least one radius, in pixels, got {rings!r}"
        )
    for radius in items:
        check_number("rings: a radius", radius, -math.inf, math.inf)
        if radius < 0:
            raise ArgumentError(
                f"rings: expected radii of 0 pixels or more, got {radius}"
            )
    return tuple(map(float, items))
