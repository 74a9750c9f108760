"""Equivariant quantum convolution: a circuit that turns with the image."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor, nn

from qml_qdl.circuits import Block, Circuit
from qml_qdl.circuits.circuit import as_circuit
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import validate_call
from qml_qdl.nn.default_circuits import kernel_circuits
from qml_qdl.nn.filters import quantum_layers
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.options import LayerOptions, hands_on_to
from qml_qdl.nn.symmetry.group_conv import GroupConvolution
from qml_qdl.nn.symmetry.group_patches import GroupPatches
from qml_qdl.nn.symmetry.image_groups import ImageGroup


@validate_call
class EquivariantQuantumConv2d(GroupConvolution):
    """A quantum convolution that turns and mirrors with its input.

    One circuit reads each patch of the image in every position of the group; all
    patches, positions and images run as one batch of one structure. The first layer
    lifts images to feature maps with a place for each element of the group; with
    `lifting=False` the layer goes from such maps to such maps. For "p4" and "p4m" it is
    equivariant to rounding, whatever the circuit. "c8" and "c16" read patches on rings
    about their centres, whose samples turns by 45° and 22.5° only permute. These are
    interpolated between pixels, and a square map of patches does not turn into itself,
    so that multiples of 90° alone are exact; the docstring of `EquivariantClassifier`
    has numbers. `check_equivariance` says how large the error is, which falls as the
    images have more pixels.

    The default circuit is that of `QuantumConv2d`.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the result, for each element of the group.
        kernel_size: Height and width of a patch, in pixels.
        group: "p4", "p4m", "c8" or "c16".
        stride: Pixels from one patch to the next; it must divide
            n + 2·padding − kernel_size for images of n pixels.
        padding: Pixels added on each side.
        bias: Whether a trained number is added to each output channel.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        device: Where the weights are, a torch device.
        dtype: Type of the weights; None for torch's default.
        lifting: Whether the input is images; else feature maps of the same group.
        sampling: Where a patch is read: "pixels"; "rings" about its centre, whose
            samples all turns of the group only permute; or "auto", rings where turns
            interpolate.
        circuit: Takes the place of the default: a `Circuit` that reads
            in_channels·kernel_size² features, or as many as `patches.num_pixels` says
            on rings, times the order of the group without lifting, and has as many
            outputs as there are output channels.
        encoding: How the default circuit reads pixels, as in `QuantumConv2d`.
        layers: Strongly entangling layers of the default circuit.
        **options: What each circuit's layer is told:
            `target`, `shots`, `diff_method`, `spsa_directions`, `fuse_gradient`,
            `resilience_level`, `mitigation`, `account`, `max_qpu_seconds`, `seed` and
            `generator`, as `QuantumLayer` takes them. A seed gives each circuit a
            stream of its own.

    Shape:
        - Input: (rows, in_channels, H, W), or without lifting
          (rows, in_channels, order, H, W); floating.
        - Output: (rows, out_channels, order, H', W'), where
          H' = (H + 2·padding − kernel_size) / stride + 1.

    Raises:
        ArgumentError: An argument does not fit.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.nn.symmetry.equivariant_conv import EquivariantQuantumConv2d
        >>> lift = EquivariantQuantumConv2d(1, 2, 2, group="p4", stride=2)
        >>> conv = EquivariantQuantumConv2d(2, 3, 2, group="p4", lifting=False)
        >>> conv(lift(torch.rand(5, 1, 8, 8))).shape
        torch.Size([5, 3, 4, 3, 3])
    """

    @hands_on_to(QuantumLayer)
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        group: str = "p4",
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        lifting: bool = True,
        sampling: str = "auto",
        circuit: Circuit | Block | None = None,
        encoding: str = "auto",
        layers: int = 2,
        **options: Unpack[LayerOptions],
    ) -> None:
        patches = GroupPatches(
            ImageGroup(group),
            in_channels,
            kernel_size,
            stride,
            padding,
            padding_mode,
            lifting,
            sampling,
        )
        super().__init__(patches, out_channels, bias, device, dtype)
        circuits = (
            kernel_circuits(patches.num_pixels, self.out_channels, encoding, layers)
            if circuit is None
            else [self._checked(as_circuit(circuit))]
        )
        self.kernels = quantum_layers(circuits, device, dtype, options)

    def _checked(self, circuit: Circuit) -> Circuit:
        expected = (self.patches.num_pixels, (self.out_channels,))
        if (circuit.num_inputs, circuit.output_shape) != expected:
            raise ArgumentError(
                f"circuit: expected {expected[0]} features, one for each number of a "
                f"patch, and {self.out_channels} outputs, one a channel, got "
                f"{circuit.num_inputs} features and outputs {circuit.output_shape}"
            )
        return circuit

    def respond(self, patches: Tensor) -> Tensor:
        """Expectation values of the circuits, one row of data for each patch."""
        return torch.cat([layer(patches) for layer in self.kernels], dim=-1)

    def quantum_layers(self) -> list[QuantumLayer]:
        """The layers that run the circuits, one for each circuit."""
        return [layer for layer in self.kernels if isinstance(layer, QuantumLayer)]

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Samples the weights anew; the bias becomes zero.

        Args:
            generator: Where random numbers come from; None for torch's own.
        """
        for layer in self.quantum_layers():
            layer.reset_parameters(generator)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
