"""Filters: circuits through which patches go, the base of quantum convolutions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from qml_qdl.circuits import Block, Circuit
from qml_qdl.circuits.circuit import as_whole_circuit
from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import check_choice, check_count, validate_call
from qml_qdl.nn.default_circuits import kernel_circuits
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.options import LayerOptions, check_floating, hands_on_to
from qml_qdl.nn.patch_sizes import PADDING_MODES, Sizes, as_sizes

_AXES = {1: "L", 2: "H, W", 3: "D, H, W"}


@validate_call
class QuantumFilters(nn.Module, ABC):
    """Circuits that slide over images: abstract base of all quantum convolutions.

    Holds the circuits, group by group, for each group channel by channel if channels
    have circuits of their own, and runs rows of pixels through them.

    Args:
        in_channels: Channels of the image.
        out_channels: Channels of the result.
        kernel_size: Size of a patch.
        stride: Pixels from one patch to the next.
        dilation: Pixels from one place of the patch to the next.
        groups: Into how many groups channels are divided that do not mix.
        bias: Whether a trained number is added to each output channel.
        padding_mode: One of `PADDING_MODES`.
        device: Where the weights are.
        dtype: Type of the weights.
        circuit: One or several circuits instead of the default ones.
        encoding: How pixels enter the default circuits.
        layers: Layers of the default circuits.
        per_channel: Whether each input channel has circuits of its own, whose outputs
            are added up.
        trainable: Whether weights are trained.
        **options: What each `QuantumLayer` takes.

    Raises:
        ArgumentError: An argument does not fit.
    """

    dims: ClassVar[int]
    """Number of directions of an image."""

    # ---- Must be defined: these two, and nothing else. ----

    @property
    @abstractmethod
    def num_pixels(self) -> int:
        """Numbers that a circuit reads."""

    @property
    @abstractmethod
    def num_outputs(self) -> int:
        """Numbers that the circuits of a group have as outputs, all together."""

    # ---- Defined here for all. ----

    @hands_on_to(QuantumLayer)
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes,
        dilation: Sizes,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
        *,
        circuit: Circuit | Block | Sequence[Circuit | Block] | None = None,
        encoding: str = "auto",
        layers: int = 2,
        per_channel: bool = False,
        trainable: bool = True,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__()
        check_count("in_channels", in_channels)
        check_count("out_channels", out_channels)
        check_count("groups", groups)
        self.in_channels = int(in_channels)
        self.out_channels = int(out_channels)
        self.groups = int(groups)
        self.kernel_size = as_sizes("kernel_size", kernel_size, 1, self.dims)
        self.stride = as_sizes("stride", stride, 1, self.dims)
        self.dilation = as_sizes("dilation", dilation, 1, self.dims)
        self.padding_mode = padding_mode
        self.per_channel = per_channel
        self.trainable = trainable
        self._check_channels()
        circuits = (
            kernel_circuits(self.num_pixels, self.num_outputs, encoding, layers)
            if circuit is None
            else self._checked(circuit)
        )
        banks = self.groups * (self._group_channels if self.per_channel else 1)
        self.kernels = quantum_layers(circuits * banks, device, dtype, options)
        self._bank_size = len(circuits)
        self.bias = (
            nn.Parameter(torch.zeros(self.out_channels, device=device, dtype=dtype))
            if bias
            else None
        )
        if not self.trainable:
            self.requires_grad_(False)

    @property
    def _group_channels(self) -> int:
        """Input channels of a group."""
        return self.in_channels // self.groups

    def _check_channels(self) -> None:
        for name, count in (
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
        ):
            if count % self.groups:
                raise ArgumentError(
                    f"groups: expected a divisor of {name}={count}, got {self.groups}; "
                    f"change groups or {name}"
                )
        check_choice("padding_mode", self.padding_mode, PADDING_MODES)

    def _checked(
        self, circuit: Circuit | Block | Sequence[Circuit | Block]
    ) -> list[Circuit]:
        if isinstance(circuit, Sequence) and not isinstance(circuit, str):
            circuits = [as_whole_circuit(each) for each in circuit]
        else:
            circuits = [as_whole_circuit(circuit)]
        shapes = [each.output_shape for each in circuits]
        inputs = [each.num_inputs for each in circuits]
        sizes = [shape[0] if len(shape) == 1 else None for shape in shapes]
        fits = None not in sizes and sum(n or 0 for n in sizes) == self.num_outputs
        if not fits or set(inputs) != {self.num_pixels}:
            shown = inputs[0] if len(circuits) == 1 else inputs
            raise ArgumentError(
                f"circuit: expected {self.num_pixels} features, one a pixel of the "
                f"patch, and {self.num_outputs} outputs, one a channel, got {shown} "
                f"features and outputs {shapes[0] if len(circuits) == 1 else shapes}"
            )
        return circuits

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Samples the weights anew, frozen ones too; the bias becomes zero.

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

    def _as_batch(self, images: Tensor) -> Tensor:
        """The images, with a rows dimension where there was none."""
        check_floating("images", images)
        ndim = images.ndim
        fits = ndim in (self.dims + 1, self.dims + 2)
        if not fits or images.shape[-self.dims - 1] != self.in_channels:
            shape = f"{self.in_channels}, {_AXES[self.dims]}"
            raise ShapeError(
                f"images: expected (rows, {shape}) or ({shape}), got "
                f"{tuple(images.shape)}"
            )
        return images if ndim == self.dims + 2 else images[None]

    def _filtered(self, rows: Tensor) -> Tensor:
        """Runs rows of pixels (…, in_channels, pixels of one channel)."""
        layers = self.quantum_layers()
        banks = [
            layers[first : first + self._bank_size]
            for first in range(0, len(layers), self._bank_size)
        ]
        if self.per_channel:
            values = [
                _joined([layer(rows[..., channel, :]) for layer in bank])
                for channel, bank in enumerate(banks)
            ]
            size = self._group_channels
            groups = [
                torch.stack(values[first : first + size]).sum(0)
                for first in range(0, len(values), size)
            ]
            return _joined(groups)
        parts = rows.chunk(self.groups, dim=-2)
        return _joined(
            [
                layer(part.flatten(-2))
                for part, bank in zip(parts, banks, strict=True)
                for layer in bank
            ]
        )

    def extra_repr(self) -> str:
        """What `print(conv)` shows: the arguments of the convolution."""
        ones = (1,) * self.dims
        parts = [
            f"{self.in_channels}, {self.out_channels}",
            f"kernel_size={self.kernel_size}",
            f"stride={self.stride}",
            *self._padding_repr(),
        ]
        if self.dilation != ones:
            parts.append(f"dilation={self.dilation}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode!r}")
        if self.bias is None:
            parts.append("bias=False")
        if self.per_channel:
            parts.append("per_channel=True")
        if not self.trainable:
            parts.append("trainable=False")
        circuits = self.quantum_layers()
        first = circuits[0].circuit
        formula = " @ ".join(repr(block) for block in reversed(first.blocks))
        parts.append(f"{len(circuits)} × {formula}")
        return ", ".join(parts)

    def _padding_repr(self) -> list[str]:
        """How `extra_repr` shows padding, and what else the subclass has."""
        return []


def quantum_layers(
    circuits: Sequence[Circuit],
    device: torch.device | str | None,
    dtype: torch.dtype | None,
    options: LayerOptions,
) -> nn.ModuleList:
    """Layers side by side, whose shots are independent.

    Args:
        circuits: A circuit for each.
        device: Where the weights are.
        dtype: Type of the weights.
        options: What each is told; a seed becomes one for each, the first one's as it
            is.

    Returns:
        The layers.
    """
    layers, seed = nn.ModuleList(), options.get("seed")
    for number, circuit in enumerate(circuits):
        if isinstance(seed, int) and seed >= 0 and number:
            own = np.random.SeedSequence([seed, number]).generate_state(1)
            options = {**options, "seed": int(own[0])}
        layers.append(QuantumLayer(circuit, device=device, dtype=dtype, **options))
    return layers


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
