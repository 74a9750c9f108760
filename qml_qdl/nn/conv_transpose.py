"""Transposed quantum convolution: each pixel becomes a patch, for generators."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import index
from typing import Unpack

import torch
from torch import Tensor
from torch.nn import functional

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import validate_call
from qml_qdl.nn.filters import QuantumFilters
from qml_qdl.nn.options import FilterOptions, hands_on_to
from qml_qdl.nn.patch_sizes import Sizes, as_sizes


@validate_call
class QuantumConvTranspose2d(QuantumFilters):
    """A transposed quantum convolution with `torch.nn.ConvTranspose2d`'s signature.

    Each pixel of the image, with all its channels, is one row of data of a circuit,
    whose expectation values are a patch of the result; where patches overlap they are
    added up. So small images become larger ones, as generators need it.

    A circuit reads channel c of its group as feature c. Its output o·kh·kw + i·kw + j
    is pixel (i, j) of output channel o. The default circuits are those of
    `QuantumConv`; with encoding="linear" the layer is torch's with the weights cos θ.

    Args:
        in_channels: Channels of the image.
        out_channels: Channels of the result.
        kernel_size: Height and width of a patch of the result, in pixels.
        stride: Pixels from one patch to the next.
        padding: Pixels cut off on each side.
        output_padding: Pixels added below and on the right, fewer than the stride or
            the dilation.
        groups: Into how many groups channels are divided that do not mix.
        bias: Whether a trained number is added to each output channel.
        dilation: Pixels from one place of the patch to the next.
        padding_mode: Only "zeros", as in torch.
        device: Where the weights are, a torch device.
        dtype: Type of the weights; None for torch's default.
        circuit: Instead of the default: a `Circuit` that reads a pixel's channels and
            has kh·kw outputs for each output channel of a group, or several whose
            outputs are put together.
        encoding: How channels enter the default circuits, see `QuantumConv`.
        layers: Strongly entangling layers of the default circuits.
        per_channel: Whether circuits read one input channel each, their outputs being
            added up, instead of all channels jointly.
        trainable: False freezes all weights at random.
        **options: What each circuit's layer is told:
            `target`, `shots`, `diff_method`, `spsa_directions`, `fuse_gradient`,
            `resilience_level`, `mitigation`, `account`, `max_qpu_seconds`, `seed` and
            `generator`, as `QuantumLayer` takes them. A seed gives each circuit a
            stream of its own.

    Shape:
        - Input: (rows, in_channels, H, W) or (in_channels, H, W), floating.
        - Output: (rows, out_channels, H', W') or (out_channels, H', W'), where
          H' = (H − 1)·stride − 2·padding + dilation·(kernel_size − 1) +
          output_padding + 1.

    Raises:
        ArgumentError: An argument does not fit.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.nn import QuantumConvTranspose2d
        >>> grow = QuantumConvTranspose2d(4, 1, kernel_size=2, stride=2)
        >>> grow(torch.rand(3, 4, 4, 4)).shape
        torch.Size([3, 1, 8, 8])
    """

    dims = 2

    @hands_on_to(QuantumFilters)
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Unpack[FilterOptions],
    ) -> None:
        if padding_mode != "zeros":
            raise ArgumentError(
                "padding_mode: a transposed convolution has only 'zeros', as in torch, "
                f"got {padding_mode!r}"
            )
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
            **options,
        )
        self.padding = as_sizes("padding", padding, 0, self.dims)
        self.output_padding = as_sizes("output_padding", output_padding, 0, self.dims)
        steps = zip(self.output_padding, self.stride, self.dilation, strict=True)
        if not all(extra < max(stride, dilation) for extra, stride, dilation in steps):
            raise ArgumentError(
                "output_padding: expected fewer pixels than the stride or the dilation,"
                f" got {self.output_padding} with stride={self.stride} and "
                f"dilation={self.dilation}"
            )

    @property
    def num_pixels(self) -> int:
        """Numbers that a circuit reads, one or all channels of its group."""
        return 1 if self.per_channel else self._group_channels

    @property
    def num_outputs(self) -> int:
        """A patch for each output channel of a group."""
        return self.out_channels // self.groups * math.prod(self.kernel_size)

    def forward(
        self, images: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """Turns each pixel into a patch.

        Args:
            images: (rows, in_channels, H, W) or (in_channels, H, W), floating.
            output_size: Height and width of the result, with or without the dimensions
                before them, from which `output_padding` then follows; None takes the
                layer's own.

        Returns:
            (rows, out_channels, H', W') or (out_channels, H', W').

        Raises:
            ShapeError: The images have another shape, the result would have no pixel,
                or `output_size` cannot be reached.
            ArgumentTypeError: The images are not floating.
        """
        batch = self._as_batch(images)
        size = self.output_size(batch.shape[2:], output_size)
        rows = batch.flatten(2).transpose(1, 2)[..., None]
        values = self._filtered(rows)
        full = self._reach(batch.shape[2:])
        maps = functional.fold(
            values.transpose(1, 2),
            full,
            self.kernel_size,
            dilation=self.dilation,
            stride=self.stride,
        )
        ends = [
            (-before, wanted - whole + before)
            for before, wanted, whole in zip(self.padding, size, full, strict=True)
        ]
        maps = functional.pad(maps, [*ends[1], *ends[0]])
        if self.bias is not None:
            maps = maps + self.bias.to(maps)[:, None, None]
        return maps if images.ndim == self.dims + 2 else maps[0]

    def _reach(self, image_size: Sequence[int]) -> tuple[int, ...]:
        """The size that all patches cover together."""
        return tuple(
            (size - 1) * stride + dilation * (width - 1) + 1
            for size, stride, dilation, width in zip(
                image_size, self.stride, self.dilation, self.kernel_size, strict=True
            )
        )

    def output_size(
        self, image_size: Sequence[int], wanted: Sequence[int] | None = None
    ) -> tuple[int, ...]:
        """Height and width of the result.

        Args:
            image_size: Height and width of the images, in pixels.
            wanted: As `forward` takes it.

        Returns:
            (n − 1)·stride − 2·padding + dilation·(kernel_size − 1) + output_padding + 1
            for each, or what is wanted.

        Raises:
            ShapeError: There would be no pixel, or what is wanted cannot be reached.
        """
        least = [
            whole - 2 * cut
            for whole, cut in zip(self._reach(image_size), self.padding, strict=True)
        ]
        if wanted is None:
            extras: Sequence[int] = self.output_padding
        else:
            ends = tuple(map(index, tuple(wanted)[-self.dims :]))
            extras = [end - low for end, low in zip(ends, least, strict=False)]
            steps = zip(extras, self.stride, strict=False)
            if len(ends) != self.dims or not all(0 <= e < step for e, step in steps):
                most = [low + s - 1 for low, s in zip(least, self.stride, strict=True)]
                raise ShapeError(
                    f"output_size: expected a height and width from {tuple(least)} to "
                    f"{tuple(most)} for images of {tuple(image_size)}, got "
                    f"{tuple(wanted)}"
                )
        size = tuple(low + extra for low, extra in zip(least, extras, strict=True))
        if min(size) < 1:
            raise ShapeError(
                f"images: padding={self.padding} cuts off all of the result for images "
                f"of {tuple(image_size)}; use less padding or larger images"
            )
        return size

    def _padding_repr(self) -> list[str]:
        parts = []
        if self.padding != (0, 0):
            parts.append(f"padding={self.padding}")
        if self.output_padding != (0, 0):
            parts.append(f"output_padding={self.output_padding}")
        return parts
