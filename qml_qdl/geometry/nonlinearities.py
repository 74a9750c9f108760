"""Nonlinearities and poolings of complex fields, which turn with the picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
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
from qml_qdl.geometry.field_types import FieldType, Fields

SMALLEST = 1e-6
"""Added to squared norms, so that a norm has a gradient where the field vanishes."""


def norms(fields: Fields) -> Tensor:
    """The norms of fields, smooth where they vanish: √(|z|² + 10⁻⁶).

    Args:
        fields: Complex or real.

    Returns:
        Real, of the same shape.
    """
    if not fields.is_complex():
        return (fields.square() + SMALLEST).sqrt()
    return (fields.real.square() + fields.imag.square() + SMALLEST).sqrt()


@validate_call
class NormBatchNorm(nn.Module):
    """Divides each field by the root mean square of its norm over the batch.

    Nothing is subtracted, which would not turn with the picture. In evaluation the mean
    over the batches of training takes the batch's place.

    Args:
        in_type: The fields.
        eps: Added to the mean square, above 0.
        momentum: Share of a new batch in the running mean, above 0 and below 1.
        device: Where the weights are, a torch device.
        dtype: Real type of the weights; None for torch's default.

    Shape:
        - Input and output: (rows, in_type.size, H, W), complex.

    Raises:
        ArgumentError: A number is out of its range.

    Example:
        >>> import torch
        >>> norm = NormBatchNorm(FieldType({1: 2}))
        >>> z = 5 * torch.randn(4, 2, 8, 8, dtype=torch.complex64)
        >>> round(float(norm(z).abs().square().mean()), 3)
        1.0
    """

    def __init__(
        self,
        in_type: FieldType,
        eps: float = 1e-5,
        momentum: float = 0.1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_number("eps", eps, 0, math.inf)
        check_number("momentum", momentum, 0, 1)
        self.in_type, self.eps, self.momentum = in_type, float(eps), float(momentum)
        ones = torch.ones(in_type.size, device=device, dtype=dtype)
        self.weight = nn.Parameter(ones)
        self.mean_square: Tensor
        self.register_buffer("mean_square", ones.clone())

    def forward(self, fields: Fields) -> Tensor:
        """Scales fields.

        Args:
            fields: (rows, in_type.size, H, W), complex.

        Returns:
            The same shape.

        Raises:
            ShapeError: The fields have another shape.
            ArgumentTypeError: They are real where an order is not 0.
        """
        self.in_type.check(fields)
        square = self.mean_square
        if self.training and fields.numel():
            square = fields.abs().square().mean((0, 2, 3)).to(square)
            with torch.no_grad():
                self.mean_square.lerp_(square, self.momentum)
        scale = self.weight * (square + self.eps).rsqrt()
        return fields * scale[:, None, None]


@validate_call
class NormNonlinearity(nn.Module):
    """Changes the norm of each field and keeps its direction: z ↦ f(|z| + b) z/|z|.

    Args:
        in_type: The fields.
        function: f, from real to real numbers, one by one.
        bias: What each trained b begins with; None for no b.
        device: Where the weights are, a torch device.
        dtype: Real type of the weights; None for torch's default.

    Shape:
        - Input and output: (rows, in_type.size, H, W), complex.

    Example:
        >>> import torch
        >>> relu = NormNonlinearity(FieldType({1: 2}), bias=-1.0)
        >>> z = torch.tensor([0.5j, 3j]).reshape(1, 2, 1, 1)
        >>> relu(z).imag.flatten().round(decimals=3).tolist()
        [0.0, 2.0]
    """

    def __init__(
        self,
        in_type: FieldType,
        function: Callable[[Tensor], Tensor] = functional.relu,
        bias: float | None = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if bias is not None:
            check_number("bias", bias, -math.inf, math.inf)
        self.in_type, self.function = in_type, function
        self.bias = (
            None
            if bias is None
            else nn.Parameter(
                torch.full((in_type.size,), float(bias), device=device, dtype=dtype)
            )
        )

    def forward(self, fields: Fields) -> Tensor:
        """Applies it.

        Args:
            fields: (rows, in_type.size, H, W), complex.

        Returns:
            The same shape.

        Raises:
            ShapeError: The fields have another shape.
            ArgumentTypeError: They are real where an order is not 0.
        """
        self.in_type.check(fields)
        size = norms(fields)
        shifted = size if self.bias is None else size + self.bias[:, None, None]
        return fields * (self.function(shifted) / size)


@validate_call
class GatedNonlinearity(nn.Module):
    """Multiplies each field by a gate from 0 to 1, the sigmoid of a field of order 0.

    Args:
        out_type: The fields that go out. `in_type`, what must come in, has as many
            fields of order 0 besides: these come last among those of order 0.

    Shape:
        - Input: (rows, in_type.size, H, W), complex.
        - Output: (rows, out_type.size, H, W), complex.

    Example:
        >>> gates = GatedNonlinearity(FieldType({0: 2, 1: 4}))
        >>> gates.in_type
        FieldType({0: 8, 1: 4})
    """

    def __init__(self, out_type: FieldType) -> None:
        super().__init__()
        self.out_type = out_type
        counts = dict(out_type.multiplicities)
        counts[0] = counts.get(0, 0) + out_type.size
        self.in_type = FieldType(counts)

    def forward(self, fields: Fields) -> Tensor:
        """Applies the gates, the real parts of the last fields of order 0.

        Args:
            fields: (rows, in_type.size, H, W), complex.

        Returns:
            (rows, out_type.size, H, W).

        Raises:
            ShapeError: The fields have another shape.
            ArgumentTypeError: They are real where an order is not 0.
        """
        self.in_type.check(fields)
        behind = sum(n for m, n in self.out_type.multiplicities.items() if m > 0)
        first = self.in_type.size - behind - self.out_type.size
        gates = fields[:, first : first + self.out_type.size].real
        kept = torch.cat([fields[:, :first], fields[:, fields.shape[1] - behind :]], 1)
        return kept * gates.sigmoid()


@validate_call
class FourierNonlinearity(nn.Module):
    r"""Applies a function to fields as functions of the direction.

    Fields of orders 0 … M are Fourier coefficients of a real function on the circle,
    :math:`f(\theta) = \mathrm{Re} \sum_m c_m e^{-im\theta}`, which turns as they do. It is
    sampled at directions, changed there, and analysed again. Functions make higher
    harmonics than the samples tell apart: the error falls as the samples grow in number,
    and is none for turns by 360°/samples (Cohen and Welling 2017, arXiv:1612.08498;
    de Haan et al. 2020, arXiv:2003.05425).

    Args:
        in_type: The fields, as many of each order from 0 up.
        samples: How many directions, at least 2M + 1.
        function: From real to real numbers, one by one.

    Shape:
        - Input and output: (rows, in_type.size, H, W), complex; those of order 0 go out
          real.

    Raises:
        ArgumentError: The type has other orders, or there are too few samples.

    Example:
        >>> import torch
        >>> FourierNonlinearity(FieldType.uniform(3, 2), samples=16)
        FourierNonlinearity(FieldType({0: 3, 1: 3, 2: 3}), samples=16)
    """

    def __init__(
        self,
        in_type: FieldType,
        samples: int = 16,
        function: Callable[[Tensor], Tensor] = functional.relu,
    ) -> None:
        super().__init__()
        counts = set(in_type.multiplicities.values())
        top = len(in_type.multiplicities) - 1
        if len(counts) > 1 or tuple(in_type.multiplicities) != tuple(range(top + 1)):
            raise ArgumentError(
                "in_type: expected as many fields of each order from 0 up, which are "
                f"functions of the direction, got {in_type}; use FieldType.uniform"
            )
        check_count("samples", samples, 2 * top + 1, most=10_000)
        self.in_type, self.samples, self.function = in_type, int(samples), function
        orders = torch.arange(top + 1, dtype=torch.float64)
        angles = 2 * math.pi * torch.arange(self.samples) / self.samples
        phases = angles[:, None].double() * orders
        self.register_buffer("cosines", phases.cos(), persistent=False)
        self.register_buffer("sines", phases.sin(), persistent=False)

    def forward(self, fields: Fields) -> Tensor:
        """Applies it.

        Args:
            fields: (rows, in_type.size, H, W), complex.

        Returns:
            The same shape.

        Raises:
            ShapeError: The fields have another shape.
            ArgumentTypeError: They are real where an order is not 0.
        """
        self.in_type.check(fields)
        fields = fields if fields.is_complex() else fields + 0j
        modes = fields.unflatten(1, (len(self.in_type.multiplicities), -1))
        cosines = self.get_buffer("cosines").to(modes.real)
        sines = self.get_buffer("sines").to(modes.real)
        values = torch.einsum("nm,bmchw->bnchw", cosines, modes.real)
        values = values + torch.einsum("nm,bmchw->bnchw", sines, modes.imag)
        values = self.function(values)
        real = torch.einsum("nm,bnchw->bmchw", cosines, values)
        imaginary = torch.einsum("nm,bnchw->bmchw", sines, values)
        # Of cos² the mean is ½, of 1 it is 1.
        weights = torch.full_like(real[:1, :, :1, :1, :1], 2 / self.samples)
        weights[:, 0] = 1 / self.samples
        return (torch.complex(real, imaginary) * weights).flatten(1, 2)

    def extra_repr(self) -> str:
        """What `print` shows: the arguments."""
        return f"{self.in_type}, samples={self.samples}"


def disk(height: int, width: int, like: Tensor) -> Tensor:
    """1 on the largest circle in a picture, 0 outside, and in between on its rim.

    What is in the corners of a picture leaves it when the picture is turned.

    Args:
        height: Pixels.
        width: Pixels.
        like: A tensor of the wanted dtype and device.

    Returns:
        (height, width); the rim is a pixel wide.
    """
    y = torch.arange(height, device=like.device) - (height - 1) / 2
    x = torch.arange(width, device=like.device) - (width - 1) / 2
    distance = torch.hypot(*torch.meshgrid(y, x, indexing="ij"))
    return ((min(height, width) + 1) / 2 - distance).clamp(0, 1).to(like)


POOLINGS = ("mean", "max")


@validate_call
class InvariantPool(nn.Module):
    """Numbers that do not change when the picture turns: norms, pooled over the disk.

    Args:
        in_type: The fields.
        poolings: "mean", "max", or both.

    Shape:
        - Input: (rows, in_type.size, H, W), complex.
        - Output: (rows, num_features), real.

    Raises:
        ArgumentError: A pooling is unknown.

    Example:
        >>> import torch
        >>> pool = InvariantPool(FieldType({0: 2, 1: 3}))
        >>> pool(torch.randn(4, 5, 8, 8, dtype=torch.complex64)).shape
        torch.Size([4, 10])
    """

    def __init__(
        self, in_type: FieldType, poolings: Sequence[str] = POOLINGS
    ) -> None:
        super().__init__()
        items = as_items(poolings)
        if not items:
            raise ArgumentError(
                f"poolings: expected some of {POOLINGS}, got {poolings!r}; pass "
                "['mean', 'max']"
            )
        for each in items:
            check_choice("poolings", each, POOLINGS)
        self.in_type, self.poolings = in_type, items

    @property
    def num_features(self) -> int:
        """Numbers that go out: one for each field and pooling."""
        return self.in_type.size * len(self.poolings)

    def forward(self, fields: Fields) -> Tensor:
        """Pools fields.

        Args:
            fields: (rows, in_type.size, H, W), complex.

        Returns:
            (rows, num_features).

        Raises:
            ShapeError: The fields have another shape.
            ArgumentTypeError: They are real where an order is not 0.
        """
        self.in_type.check(fields)
        sizes = norms(fields)
        inside = disk(fields.shape[-2], fields.shape[-1], sizes)
        found = {
            "mean": lambda: (sizes * inside).sum((2, 3)) / inside.sum(),
            "max": lambda: (sizes * inside).amax((2, 3)),
        }
        return torch.cat([found[each]() for each in self.poolings], 1)
