"""Group convolutions: layers that turn with their input, and the classical one."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.nn.symmetry.equivariance import (
    EquivarianceError,
    check_equivariance,
    smooth_images,
)
from qml_qdl.nn.symmetry.group_patches import GroupPatches
from qml_qdl.nn.symmetry.image_groups import ImageGroup

MOST_PIXELS = 2**16
"""No image that is checked is larger, nor are there more."""


@validate_call
class GroupConvolution(nn.Module, ABC):
    """A convolution over positions, turns and mirror images: abstract base.

    Output channel c, element g, position x is what the kernel makes of the patch at x
    after g is undone on it: y(g, x) = ψ(g⁻¹ P(x)), the correlation Σ f(h) ψ(g⁻¹h) of
    Cohen and Welling 2016, arXiv:1602.07576, for a kernel that need not be linear.

    Args:
        patches: Cuts the input into patches.
        out_channels: Channels of the result.
        bias: Whether a trained number is added to each output channel.
        device: Where the weights are, a torch device.
        dtype: Type of the weights; None for torch's default.
    """

    def __init__(
        self,
        patches: GroupPatches,
        out_channels: int,
        bias: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        check_count("out_channels", out_channels)
        self.patches = patches
        self.out_channels = int(out_channels)
        self.bias = (
            nn.Parameter(torch.zeros(self.out_channels, device=device, dtype=dtype))
            if bias
            else None
        )

    # ---- Must be defined: this one, and nothing else. ----

    @abstractmethod
    def respond(self, patches: Tensor) -> Tensor:
        """What the kernel makes of patches.

        Args:
            patches: (..., num_pixels).

        Returns:
            (..., out_channels).
        """

    # ---- Defined here for all. ----

    @property
    def group(self) -> ImageGroup:
        """The group."""
        return self.patches.group

    def forward(self, images: Tensor) -> Tensor:
        """Slides the kernel over the images, in every position of the group.

        Args:
            images: (rows, in_channels, H, W), or, where `lifting` is False, feature
                maps (rows, in_channels, order, H, W).

        Returns:
            (rows, out_channels, order, H', W').

        Raises:
            ShapeError: The input has another shape, or its size breaks the symmetry.
            ArgumentTypeError: The input is not floating.
        """
        patches = self.patches(images)  # (rows, positions, order, num_pixels)
        height, width = self.output_size((images.shape[-2], images.shape[-1]))
        values: Tensor = self.respond(patches)
        if self.bias is not None:
            values = values + self.bias.to(values)
        maps: Tensor = values.permute(0, 3, 2, 1).unflatten(-1, (height, width))
        return maps

    def output_size(self, image_size: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the feature maps.

        Args:
            image_size: Height and width of the images, in pixels.

        Returns:
            (n + 2·padding − kernel_size) / stride + 1 for each.

        Raises:
            ShapeError: A patch is larger than the padded image, or the stride does not
                divide what is left.
        """
        return self.patches.output_size(image_size)

    def check_equivariance(
        self,
        image_size: int | None = None,
        *,
        rows: int = 2,
        dtype: torch.dtype | None = None,
        generator: torch.Generator | None = None,
    ) -> EquivarianceError:
        """Measures f(gx) against g f(x) on random inputs, for every element.

        Where all elements only move pixels, the inputs are noise and the error is one
        of rounding. For "c8" and "c16" they are smooth images that look alike at every
        size, and a rim of outputs is left out: the error is that of interpolation, and
        falls as the image has more pixels.

        Args:
            image_size: Height and width of the inputs; None for four strides more than
                a patch, and at least 32 for "c8" and "c16".
            rows: How many inputs.
            dtype: Type of the inputs; None for torch's default.
            generator: Random numbers; None for torch's own.

        Returns:
            The errors.

        Raises:
            ShapeError: The size breaks the symmetry.

        Example:
            >>> import torch
            >>> from qml_qdl.nn.symmetry.group_conv import GroupConv2d
            >>> conv = GroupConv2d(1, 2, 3, group="p4m", dtype=torch.float64)
            >>> conv.check_equivariance(dtype=torch.float64).largest < 1e-12
            True
        """
        patches, exact = self.patches, self.group.is_exact
        if image_size is None:
            steps = 4 if exact else max(4, -(-32 // patches.stride))
            image_size = patches.kernel_size + steps * patches.stride
            image_size -= 2 * min(patches.padding, (image_size - 1) // 2)
        check_count("image_size", image_size, most=MOST_PIXELS)
        check_count("rows", rows, most=MOST_PIXELS)
        if exact:
            places = () if patches.lifting else (self.group.order,)
            shape = (rows, patches.in_channels, *places, image_size, image_size)
            inputs = torch.rand(shape, dtype=dtype, generator=generator)
            return check_equivariance(self, self.group, inputs)
        smooth = smooth_images(
            rows, patches.in_channels, image_size, dtype=dtype, generator=generator
        )
        if not patches.lifting:
            elements = range(self.group.order)
            turned = [self.group.act_on_images(g, smooth) for g in elements]
            smooth = torch.stack(turned, dim=2)
        margin = self.output_size((image_size, image_size))[0] // 5
        return check_equivariance(self, self.group, smooth, margin=margin)


@validate_call
class GroupConv2d(GroupConvolution):
    """The classical group convolution, with a linear kernel: the quantum one's twin.

    Cohen and Welling 2016, arXiv:1602.07576.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the result, for each element of the group.
        kernel_size: Height and width of a patch, in pixels.
        group: "p4", "p4m", "c8" or "c16".
        stride: Pixels from one patch to the next.
        padding: Pixels added on each side.
        bias: Whether a trained number is added to each output channel.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        device: Where the weights are, a torch device.
        dtype: Type of the weights; None for torch's default.
        lifting: Whether the input is images; else feature maps of the same group.
        sampling: Where a patch is read: "pixels"; "rings" about its centre, whose
            samples all turns of the group only permute; or "auto", rings where turns
            interpolate.

    Shape:
        - Input: (rows, in_channels, H, W), or without lifting
          (rows, in_channels, order, H, W); floating.
        - Output: (rows, out_channels, order, H', W').

    Raises:
        ArgumentError: An argument does not fit.

    Example:
        >>> import torch
        >>> from qml_qdl.nn.symmetry.group_conv import GroupConv2d
        >>> GroupConv2d(1, 2, 3, group="p4m")(torch.rand(5, 1, 8, 8)).shape
        torch.Size([5, 2, 8, 6, 6])
    """

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
        self.kernel = nn.Linear(
            patches.num_pixels,
            self.out_channels,
            bias=False,
            device=device,
            dtype=dtype,
        )

    def respond(self, patches: Tensor) -> Tensor:
        """The inner products of patches and kernels."""
        values: Tensor = self.kernel(patches)
        return values
