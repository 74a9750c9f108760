"""Nonlinearities and poolings of complex fields, which turn with the picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import (
    as_items,
    check_choice,
    check_count,
    check_number,
    validate_call,
)
from qml_qdl.geometry.field_types import Fields, FieldType
from qml_qdl.nn.options import check_floating

SMALLEST = 1e-3
"""The norm of a field that vanishes, so that directions have gradients there."""


def norms(fields: Fields) -> Tensor:
    """The norms of fields, smooth where they vanish: `√(|z|² + 10⁻⁶)`.

    Args:
        fields: Complex or real.

    Returns:
        Real, of the same shape.
    """
    sizes = fields.abs()
    return torch.hypot(sizes, torch.full_like(sizes, SMALLEST))


class FeatureNorm(nn.BatchNorm1d):
    """Batch normalisation; a single row, which has no spread, takes the running one."""

    def forward(self, features: Tensor) -> Tensor:
        """The normalised features.

        Args:
            features: (rows, features).
        """
        if len(features) > 1 or not self.training:
            return super().forward(features)
        return functional.batch_norm(
            features, self.running_mean, self.running_var, self.weight, self.bias
        )


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
        >>> round(float(norm(z).detach().abs().square().mean()), 3)
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
    """Changes the norm of each field and keeps its direction: `z ↦ f(|z| + b) z/|z|`.

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
    :math:`f(\theta) = \mathrm{Re} \sum_m c_m e^{-im\theta}`, which turns as they do. It
    is sampled at directions, changed there, and analysed again. Functions make higher
    harmonics than the samples tell apart: the error of ReLU on random fields of orders
    0 to 2 is 9% at 8 samples, 2% at 16, 0.5% at 32 and 0.1% at 64, and none for turns
    by 360°/samples (de Haan et al. 2020, arXiv:2003.05425).

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
        steps = torch.arange(self.samples, dtype=torch.float64)[:, None]
        phases = 2 * math.pi / self.samples * steps * orders
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
class NormPool(nn.Module):
    """The norms of fields: pictures, which turn with the picture and as it does.

    Args:
        in_type: The fields.

    Shape:
        - Input: (rows, in_type.size, H, W), complex.
        - Output: the same, real.

    Example:
        >>> import torch
        >>> pool = NormPool(FieldType({2: 1}))
        >>> float(pool(torch.full((1, 1, 1, 1), 3 + 4j))[0, 0, 0, 0])
        5.0
    """

    def __init__(self, in_type: FieldType) -> None:
        super().__init__()
        self.in_type = in_type

    def forward(self, fields: Fields) -> Tensor:
        """Takes norms.

        Args:
            fields: (rows, in_type.size, H, W), complex.

        Returns:
            The same shape, real.

        Raises:
            ShapeError: The fields have another shape.
            ArgumentTypeError: They are real where an order is not 0.
        """
        self.in_type.check(fields)
        return norms(fields)


@validate_call
class DiskPool(nn.Module):
    """Pools pictures over their largest disk: numbers that do not turn.

    Args:
        poolings: "mean", "max", or both.

    Shape:
        - Input: (rows, channels, H, W), real.
        - Output: (rows, channels · poolings).

    Raises:
        ArgumentError: A pooling is unknown.

    Example:
        >>> import torch
        >>> DiskPool(["mean", "max"])(torch.rand(4, 5, 8, 8)).shape
        torch.Size([4, 10])
    """

    def __init__(self, poolings: Sequence[str] = POOLINGS) -> None:
        super().__init__()
        items = as_items(poolings)
        if not items:
            raise ArgumentError(
                f"poolings: expected some of {POOLINGS}, got {poolings!r}; pass "
                "['mean', 'max']"
            )
        for each in items:
            check_choice("poolings", each, POOLINGS)
        self.poolings = items

    def forward(self, pictures: Tensor) -> Tensor:
        """Pools pictures.

        Args:
            pictures: (rows, channels, H, W).

        Returns:
            (rows, channels · poolings).

        Raises:
            ShapeError: They have another number of dimensions, or no pixels.
            ArgumentTypeError: They are whole numbers.
        """
        check_floating("pictures", pictures)
        if pictures.ndim != 4 or not pictures[0:1].shape[2:].numel():
            raise ShapeError(
                "pictures: expected (rows, channels, H, W), with pixels, got "
                f"{tuple(pictures.shape)}"
            )
        inside = disk(pictures.shape[-2], pictures.shape[-1], pictures)
        found = {
            "mean": (pictures * inside).sum((2, 3)) / inside.sum(),
            "max": pictures.masked_fill(inside == 0, -math.inf).amax((2, 3)),
        }
        return torch.cat([found[each] for each in self.poolings], 1)
