"""The classical layer between fields of a group: all that is linear and equivariant."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.circuits.symmetry.induced import FeatureField
from qml_qdl.circuits.validation import (
    check_count,
    check_flag,
    check_type,
    validate_call,
)


class InducedLinear(nn.Module):
    """A linear layer from one field of a group to another, exactly equivariant.

    For each pair of channels its matrix is a combination of the basis of Hom_G(E, F),
    so that it is the most general such layer (Cohen, Geiger and Weiler 2019,
    arXiv:1811.02017): group convolutions are instances. The bias is a combination of
    what the group leaves alone in F. Of the nonlinearities after it, those of single
    numbers keep the symmetry where the irrep of F is trivial, such as `torch.relu`;
    elsewhere those of a point's norm do.

    Args:
        source: E, an `InducedField` or a `SpinWeightedField`.
        target: F, of the same group.
        in_channels: Channels of the input.
        out_channels: Channels of the result.
        bias: Whether there is a bias; without invariants in F it has no numbers.
        device: Where the weights are, a torch device.
        dtype: Type of the weights, as it is of real fields; None for torch's default.

    Shape:
        - Input: (rows, in_channels, source.dimension), complex where a field is.
        - Output: (rows, out_channels, target.dimension).

    Raises:
        ArgumentError: The fields are of different groups, nothing but 0 is equivariant
            between them, or a number of channels is below 1.
        ArgumentTypeError: A field is none.

    Example:
        >>> from qml_qdl.circuits.symmetry.induced import InducedField
        >>> from qml_qdl.circuits.symmetry.named_groups import p4, quarter_turns
        >>> from qml_qdl.circuits import WireAction, WireGroup
        >>> group = p4(3)
        >>> images = InducedField(group, quarter_turns(3))
        >>> maps = InducedField(group, WireGroup([WireAction.identity(9)]))
        >>> layer = InducedLinear(images, maps, 1, 2)
        >>> layer.weight.shape, layer(torch.rand(5, 1, 9)).shape
        (torch.Size([2, 1, 9]), torch.Size([5, 2, 36]))
    """

    basis: Tensor
    invariants: Tensor

    @validate_call
    def __init__(
        self,
        source: FeatureField,
        target: FeatureField,
        in_channels: int = 1,
        out_channels: int = 1,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, space in (("source", source), ("target", target)):
            check_type(name, space, FeatureField)
        check_count("in_channels", in_channels)
        check_count("out_channels", out_channels)
        check_flag("bias", bias)
        self.source, self.target = source, target
        maps = torch.from_numpy(source.maps_to(target))
        if not len(maps):
            raise ArgumentError(
                f"target: nothing but 0 is equivariant from {source!r} to {target!r}; "
                "choose another irrep or subgroup"
            )
        kind = torch.get_default_dtype() if dtype is None else dtype
        if not (source.is_real and target.is_real):
            kind = kind.to_complex()
        self.register_buffer("basis", maps.to(device, kind), persistent=False)
        channels = int(out_channels), int(in_channels)
        self.weight = nn.Parameter(
            torch.empty(*channels, len(maps), device=device, dtype=kind)
        )
        self.register_buffer("invariants", torch.empty(0), persistent=False)
        self.bias: nn.Parameter | None = None
        if bias:
            fixed = torch.from_numpy(target.trivial.maps_to(target))[..., 0]
            self.invariants = fixed.to(device, kind)
            self.bias = nn.Parameter(
                torch.empty(channels[0], len(fixed), device=device, dtype=kind)
            )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """New weights, so that outputs vary as much as inputs; biases of zero."""
        maps, size = self.basis.shape[:2]
        spread = math.sqrt(size / (maps * self.weight.shape[1]))
        nn.init.normal_(self.weight, std=spread)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, values: Tensor) -> Tensor:
        """Maps feature maps to feature maps.

        Args:
            values: (rows, in_channels, source.dimension).

        Returns:
            (rows, out_channels, target.dimension).

        Raises:
            ShapeError: The feature maps have another shape.
            ArgumentTypeError: They are complex where the fields are real.
        """
        if not isinstance(values, Tensor):
            raise ArgumentTypeError(f"values: expected a tensor, got {values!r}")
        expected = self.weight.shape[1], self.source.dimension
        if values.ndim != 3 or tuple(values.shape[1:]) != expected:
            raise ShapeError(
                f"values: expected (rows, {expected[0]}, {expected[1]}), got "
                f"{tuple(values.shape)}"
            )
        if values.is_complex() and not self.weight.is_complex():
            raise ArgumentTypeError(
                "values: expected real numbers, as both fields are real, got "
                f"{values.dtype}; pass real and imaginary parts as two channels"
            )
        kernel = torch.einsum("oik,kab->oiab", self.weight, self.basis)
        result = torch.einsum("oiab,rib->roa", kernel, values.to(kernel.dtype))
        if self.bias is not None:
            result = result + self.bias @ self.invariants
        return result

    def extra_repr(self) -> str:
        """Fields and channels."""
        out, channels, maps = self.weight.shape
        sizes = f"{self.source.dimension} -> {self.target.dimension}"
        return f"{sizes}, channels={channels} -> {out}, maps={maps}"
