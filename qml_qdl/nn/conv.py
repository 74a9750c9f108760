"""Quantum convolution: a circuit that slides over an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.circuits import Block, Circuit
from qml_qdl.circuits.circuit import as_circuit
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.circuits.validation import check_count
from qml_qdl.hardware.targets import Target
from qml_qdl.nn.geometry import (
    PADDING_MODES,
    Sides,
    as_pair,
    check_room,
    count_patches,
    sides_of,
)
from qml_qdl.nn.kernels import default_circuits
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.program import Shots

Pair: TypeAlias = int | tuple[int, int]


class QuantumConv2d(nn.Module):
    """A quantum convolution with the signature of `torch.nn.Conv2d`.

    Each patch of the image is one row of data of a circuit; its expectation values are
    the output channels (Henderson et al. 2019, arXiv:1904.04767, there with random,
    untrained circuits). All patches of all images run as one batch of one structure.

    A patch's pixels are read channel by channel, row by row: pixel (c, i, j) of a patch
    with kh × kw pixels is feature c·kh·kw + i·kw + j. The kernel is not flipped, as in
    torch.

    The default circuit is two strongly entangling layers after an encoding: up to 8
    pixels a patch one wire for each, turned by π times the pixel; above, the pixels as
    amplitudes of ⌈log₂⌉ wires. Outputs are ⟨Z⟩ of each wire, then ⟨ZZ⟩ of pairs and so
    on; when all 2ⁿ − 1 words are used, further circuits with weights of their own.

    Args:
        in_channels: Channels of the image.
        out_channels: Channels of the result.
        kernel_size: Height and width of a patch, in pixels.
        stride: Pixels from one patch to the next.
        padding: Pixels added on each side, or "valid" (none) or "same".
        dilation: Pixels from one row of the patch to the next.
        groups: Only 1 so far.
        bias: Whether a trained number is added to each output channel.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        device: Where the weights are, a torch device.
        dtype: Type of the weights; None for torch's default.
        circuit: Makes each circuit instead of the default: a `Circuit` that reads one
            patch and has as many outputs as there are output channels.
        layers: Strongly entangling layers of the default circuit.
        target: Where it runs; None means "auto".
        shots: Number of shots; None or "keep" for exact results.
        diff_method: How gradients are computed, as in `QuantumLayer`.
        generator: Random numbers for the initial weights; None for torch's own.

    Shape:
        - Input: (rows, in_channels, H, W) or (in_channels, H, W), floating.
        - Output: (rows, out_channels, H', W') or (out_channels, H', W'), where
          H' = ⌊(H + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1.

    Raises:
        ArgumentError: An argument does not fit, or is not built yet.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.nn import QuantumConv2d
        >>> conv = QuantumConv2d(1, 4, kernel_size=2, stride=2)
        >>> conv(torch.rand(3, 1, 8, 8)).shape
        torch.Size([3, 4, 4, 4])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair | str = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        circuit: Circuit | Block | None = None,
        layers: int = 2,
        target: Target | None = None,
        shots: Shots = "keep",
        diff_method: str = "best",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_count("in_channels", in_channels)
        check_count("out_channels", out_channels)
        self.in_channels = int(in_channels)
        self.out_channels = int(out_channels)
        self.kernel_size = as_pair("kernel_size", kernel_size, 1)
        self.stride = as_pair("stride", stride, 1)
        self.dilation = as_pair("dilation", dilation, 1)
        self.padding: str | tuple[int, int] = (
            padding if isinstance(padding, str) else as_pair("padding", padding, 0)
        )
        self.padding_mode = padding_mode
        self._check_options(groups)
        circuits = (
            default_circuits(self.num_pixels, self.out_channels, layers)
            if circuit is None
            else [self._checked(as_circuit(circuit))]
        )
        self.kernels = nn.ModuleList(
            QuantumLayer(
                each,
                target=target,
                shots=shots,
                diff_method=diff_method,
                generator=generator,
                device=device,
                dtype=dtype,
            )
            for each in circuits
        )
        self.bias = (
            nn.Parameter(torch.zeros(self.out_channels, device=device, dtype=dtype))
            if bias
            else None
        )

    @property
    def num_pixels(self) -> int:
        """Pixels of a patch, all channels together: the features of the circuit."""
        return self.in_channels * math.prod(self.kernel_size)

    def _check_options(self, groups: int) -> None:
        if groups != 1:
            raise ArgumentError(
                f"groups: only groups=1 is built so far, got {groups}; use one "
                "QuantumConv2d for each group of channels"
            )
        if self.padding_mode not in PADDING_MODES:
            raise ArgumentError(
                f"padding_mode: expected one of {', '.join(PADDING_MODES)}, got "
                f"{self.padding_mode!r}"
            )
        if isinstance(self.padding, str):
            if self.padding not in ("valid", "same"):
                raise ArgumentError(
                    "padding: expected a number of pixels, 'valid' or 'same', got "
                    f"{self.padding!r}"
                )
            if self.padding == "same" and self.stride != (1, 1):
                raise ArgumentError(
                    f"padding: 'same' needs stride=1, got stride={self.stride}; give "
                    "the padding in pixels"
                )

    def _checked(self, circuit: Circuit) -> Circuit:
        expected = (self.num_pixels, (self.out_channels,))
        if (circuit.num_inputs, circuit.output_shape) != expected:
            raise ArgumentError(
                f"circuit: expected {expected[0]} features, one a pixel of the patch, "
                f"and {expected[1][0]} outputs, one a channel, got "
                f"{circuit.num_inputs} features and outputs {circuit.output_shape}"
            )
        return circuit

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draws the weights anew; the bias becomes zero.

        Args:
            generator: Where random numbers come from; None for torch's own.
        """
        for layer in self.quantum_layers():
            layer.reset_parameters(generator)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def quantum_layers(self) -> list[QuantumLayer]:
        """The layers that run the circuits, one for each circuit."""
        return [layer for layer in self.kernels if isinstance(layer, QuantumLayer)]

    def forward(self, images: Tensor) -> Tensor:
        """Slides the circuits over the images.

        Args:
            images: (rows, in_channels, H, W) or (in_channels, H, W), floating.

        Returns:
            (rows, out_channels, H', W') or (out_channels, H', W').

        Raises:
            ShapeError: The images have another shape, or are smaller than a patch or
                than the padding mode allows.
            ArgumentTypeError: The images are not floating.
        """
        if not images.is_floating_point():
            raise ArgumentTypeError(
                f"images: expected a floating tensor, got {images.dtype}; convert it "
                "with .float()"
            )
        if images.ndim not in (3, 4) or images.shape[-3] != self.in_channels:
            raise ShapeError(
                f"images: expected (rows, {self.in_channels}, H, W) or "
                f"({self.in_channels}, H, W), got {tuple(images.shape)}"
            )
        batch = images if images.ndim == 4 else images[None]
        padded = self._padded(batch)
        height, width = self._patches(padded.shape[-2:])
        patches = functional.unfold(
            padded, self.kernel_size, dilation=self.dilation, stride=self.stride
        )
        rows = patches.transpose(1, 2)  # (images, patches, pixels)
        values = torch.cat([layer(rows) for layer in self.kernels], dim=-1)
        if self.bias is not None:
            values = values + self.bias.to(values)
        maps = values.transpose(1, 2).reshape(-1, self.out_channels, height, width)
        return maps if images.ndim == 4 else maps[0]

    def output_size(self, image_size: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the feature maps.

        Args:
            image_size: Height and width of the images, in pixels.

        Returns:
            ⌊(n + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1 for each.

        Raises:
            ShapeError: A patch is larger than the padded image.
        """
        left, right, top, bottom = self._sides()
        height, width = image_size
        return self._patches((height + top + bottom, width + left + right))

    def _patches(self, padded_size: Sequence[int]) -> tuple[int, int]:
        return count_patches(padded_size, self.kernel_size, self.dilation, self.stride)

    def _sides(self) -> Sides:
        return sides_of(self.padding, self.kernel_size, self.dilation)

    def _padded(self, images: Tensor) -> Tensor:
        sides = self._sides()
        if not any(sides):
            return images
        mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
        check_room(sides, images.shape[-2:], self.padding_mode)
        return functional.pad(images, sides, mode=mode)

    def extra_repr(self) -> str:
        """What `print(conv)` shows: the arguments of the convolution."""
        parts = [
            f"{self.in_channels}, {self.out_channels}",
            f"kernel_size={self.kernel_size}",
            f"stride={self.stride}",
        ]
        if self.padding not in ((0, 0), "valid"):
            parts.append(f"padding={self.padding!r}")
        if self.dilation != (1, 1):
            parts.append(f"dilation={self.dilation}")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode!r}")
        if self.bias is None:
            parts.append("bias=False")
        circuits = self.quantum_layers()
        first = circuits[0].circuit
        formula = " @ ".join(repr(block) for block in reversed(first.blocks))
        parts.append(f"{len(circuits)} × {formula}")
        return ", ".join(parts)
