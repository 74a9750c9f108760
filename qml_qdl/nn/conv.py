"""Quantum convolution: a circuit that slides over a signal, an image or a volume."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Sequence
from typing import Unpack

import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import validate_call
from qml_qdl.nn.filters import QuantumFilters
from qml_qdl.nn.options import FilterOptions, hands_on_to
from qml_qdl.nn.patch_sizes import (
    Sizes,
    as_sizes,
    count_patches,
    extract_patches,
    pad,
    sides_of,
)


@validate_call
class QuantumConv(QuantumFilters, ABC):
    """A quantum convolution in any number of directions: abstract base.

    Each patch of the image is one row of data of a circuit; its expectation values are
    the output channels (Henderson et al. 2019, arXiv:1904.04767, there with random,
    untrained circuits). All patches of all images run as one batch of one structure.

    A patch's pixels are read channel by channel and, within each, in the order in which
    the last direction runs fastest: pixel (c, i, j) of a patch with kh × kw pixels is
    feature c·kh·kw + i·kw + j. By "angle", "reupload" and "linear" feature f turns wire
    f; by "amplitude" it is the amplitude of `|f⟩`, the first wire's bit leading. The
    kernel is not flipped, as in torch; with `flip=True` pixels are read from the last
    to the first in each direction, which is the convolution of mathematics.

    The default circuits, by `encoding`:

    - "angle": each pixel turns a wire by π times its value, then strongly entangling
      layers.
    - "reupload": the same turns again before every layer (Pérez-Salinas et al. 2020,
      arXiv:1907.02085).
    - "amplitude": k pixels as the amplitudes of ⌈log₂ k⌉ wires, then the layers. A
      patch's brightness is lost, since amplitudes are normalised.
    - "linear": Σ cos θᵢ · xᵢ for pixels from −1 to 1 (beyond, they count as ±1): for
      each output a product of RX(θᵢ) RY(arccos xᵢ), read as the sum of all ⟨Z⟩. The
      layer then is torch's convolution with the weights cos θ.
    - "auto": "angle" up to 8 pixels a patch, else "amplitude".

    Outputs are ⟨Z⟩ of each wire, then ⟨ZZ⟩ of pairs and so on; when all 2ⁿ − 1 words
    are used, further circuits with weights of their own.

    Args:
        in_channels: Channels of the image.
        out_channels: Channels of the result.
        kernel_size: Size of a patch in each direction, in pixels.
        stride: Pixels from one patch to the next.
        padding: Pixels added on each side, or "valid" (none) or "same".
        dilation: Pixels from one place of the patch to the next.
        groups: Into how many groups channels are divided; each has circuits of its own,
            and reads and makes only its share of the channels.
        bias: Whether a trained number is added to each output channel.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        device: Where the weights are, a torch device.
        dtype: Type of the weights; None for torch's default.
        flip: Whether the kernel is flipped.
        circuit: Instead of the default: a `Circuit` that reads one patch and has as
            many outputs as there are output channels in a group, or several whose
            outputs are put together. Each group, or channel, has weights of its own.
        encoding: How pixels enter the default circuits, see above.
        layers: Strongly entangling layers of the default circuits.
        per_channel: Whether circuits read one input channel each, their outputs being
            added up, instead of all channels jointly.
        trainable: False freezes all weights at random, as Henderson et al. have it.
        **options: What each circuit's layer is told:
            `target`, `shots`, `diff_method`, `spsa_directions`, `fuse_gradient`,
            `resilience_level`, `mitigation`, `account`, `max_qpu_seconds`, `seed` and
            `generator`, as `QuantumLayer` takes them. A seed gives each circuit a
            stream of its own.

    Raises:
        ArgumentError: An argument does not fit.
        TargetError: The target is unknown or cannot run the circuit.
    """

    @hands_on_to(QuantumFilters)
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        flip: bool = False,
        **options: Unpack[FilterOptions],
    ) -> None:
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
        self.flip = flip
        self.padding: str | tuple[int, ...] = (
            padding
            if isinstance(padding, str)
            else as_sizes("padding", padding, 0, self.dims)
        )
        self._check_padding()

    @property
    def num_pixels(self) -> int:
        """Pixels that a circuit reads: of one channel, or of all in its group."""
        channels = 1 if self.per_channel else self._group_channels
        return channels * math.prod(self.kernel_size)

    @property
    def num_outputs(self) -> int:
        """Output channels of a group."""
        return self.out_channels // self.groups

    def _check_padding(self) -> None:
        if not isinstance(self.padding, str):
            return
        if self.padding not in ("valid", "same"):
            raise ArgumentError(
                "padding: expected a number of pixels, 'valid' or 'same', got "
                f"{self.padding!r}"
            )
        if self.padding == "same" and set(self.stride) != {1}:
            raise ArgumentError(
                f"padding: 'same' needs stride=1, got stride={self.stride}; give "
                "the padding in pixels"
            )

    def forward(self, images: Tensor) -> Tensor:
        """Slides the circuits over the images.

        Args:
            images: `(rows, in_channels, *size)` or `(in_channels, *size)`, floating.

        Returns:
            `(rows, out_channels, *output size)` or `(out_channels, *output size)`.

        Raises:
            ShapeError: The images have another shape, or are smaller than a patch or
                than the padding mode allows.
            ArgumentTypeError: The images are not floating.
        """
        padded = pad(self._as_batch(images), self._sides(), self.padding_mode)
        counts = self._patches(padded.shape[2:])
        rows = extract_patches(
            padded, self.kernel_size, self.dilation, self.stride, flip=self.flip
        )
        values = self._filtered(rows)
        if self.bias is not None:
            values = values + self.bias.to(values)
        maps = values.transpose(1, 2).reshape(-1, self.out_channels, *counts)
        return maps if images.ndim == self.dims + 2 else maps[0]

    def output_size(self, image_size: Sequence[int]) -> tuple[int, ...]:
        """The size of the feature maps.

        Args:
            image_size: Size of the images in each direction, in pixels.

        Returns:
            ⌊(n + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1 for each.

        Raises:
            ShapeError: A patch is larger than the padded image.
        """
        padded = [
            size + before + behind
            for size, (before, behind) in zip(image_size, self._sides(), strict=True)
        ]
        return self._patches(padded)

    def _patches(self, padded_size: Sequence[int]) -> tuple[int, ...]:
        return count_patches(padded_size, self.kernel_size, self.dilation, self.stride)

    def _sides(self) -> tuple[tuple[int, int], ...]:
        return sides_of(self.padding, self.kernel_size, self.dilation)

    def _padding_repr(self) -> list[str]:
        parts = []
        if self.padding != "valid" and self.padding != (0,) * self.dims:
            parts.append(f"padding={self.padding!r}")
        if self.flip:
            parts.append("flip=True")
        return parts


class QuantumConv1d(QuantumConv):
    """A quantum convolution of signals, with the signature of `torch.nn.Conv1d`.

    All arguments are those of `QuantumConv`.

    Shape:
        - Input: (rows, in_channels, L) or (in_channels, L), floating.
        - Output: (rows, out_channels, L') or (out_channels, L'), where
          L' = ⌊(L + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1.

    Raises:
        ArgumentError: An argument does not fit.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.nn import QuantumConv1d
        >>> QuantumConv1d(2, 3, kernel_size=3)(torch.rand(5, 2, 10)).shape
        torch.Size([5, 3, 8])
    """

    dims = 1


class QuantumConv2d(QuantumConv):
    """A quantum convolution of images, with the signature of `torch.nn.Conv2d`.

    All arguments are those of `QuantumConv`.

    Shape:
        - Input: (rows, in_channels, H, W) or (in_channels, H, W), floating.
        - Output: (rows, out_channels, H', W') or (out_channels, H', W'), where
          H' = ⌊(H + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1.

    Raises:
        ArgumentError: An argument does not fit.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.nn import QuantumConv2d
        >>> conv = QuantumConv2d(1, 4, kernel_size=2, stride=2)
        >>> conv(torch.rand(3, 1, 8, 8)).shape
        torch.Size([3, 4, 4, 4])

        The linear kernel is torch's convolution:

        >>> conv = QuantumConv2d(1, 1, 3, bias=False, encoding="linear")
        >>> images = torch.rand(2, 1, 5, 5)
        >>> weights = conv.kernels[0].weights_0.cos().reshape(1, 1, 3, 3)
        >>> expected = torch.nn.functional.conv2d(images, weights)
        >>> torch.allclose(conv(images), expected, atol=1e-6)
        True
    """

    dims = 2


class QuantumConv3d(QuantumConv):
    """A quantum convolution of volumes, with the signature of `torch.nn.Conv3d`.

    All arguments are those of `QuantumConv`.

    Shape:
        - Input: (rows, in_channels, D, H, W) or (in_channels, D, H, W), floating.
        - Output: (rows, out_channels, D', H', W') or (out_channels, D', H', W'), where
          D' = ⌊(D + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1.

    Raises:
        ArgumentError: An argument does not fit.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.nn import QuantumConv3d
        >>> QuantumConv3d(1, 2, kernel_size=2)(torch.rand(1, 1, 4, 4, 3)).shape
        torch.Size([1, 2, 3, 3, 2])
    """

    dims = 3
