"""Patches of images, each turned and mirrored by every element of a group."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.circuits.errors import ShapeError
from qml_qdl.circuits.validation import check_choice, check_count, validate_call
from qml_qdl.nn.options import check_floating
from qml_qdl.nn.patch_sizes import PADDING_MODES, pad, symmetric_size
from qml_qdl.nn.symmetry.image_groups import ImageGroup
from qml_qdl.nn.symmetry.sampling import as_sampling, reach, readings, sample_points


@validate_call
class GroupPatches(nn.Module):
    """Cuts images into patches and undoes each element of a group on each patch.

    What any function makes of the results is equivariant: where the image is turned,
    the patches are the same ones, at turned places and under other elements.

    A patch's numbers are read channel by channel, element by element where the input
    has a place for each, then row by row.

    Args:
        group: The group.
        in_channels: Channels of the input.
        kernel_size: Height and width of a patch, in pixels.
        stride: Pixels from one patch to the next.
        padding: Pixels added on each side.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        lifting: Whether the input is images; else feature maps with a place for each
            element of the group.
        sampling: "pixels", "rings" about the patch's centre, or "auto" for rings where
            turns interpolate. Where all only move pixels, rings are not needed.

    Shape:
        - Input: (rows, in_channels, H, W), or (rows, in_channels, order, H, W).
        - Output: (rows, H'·W', order, num_pixels).

    Raises:
        ArgumentError: An argument does not fit.
        ArgumentTypeError: A size is no whole number.
    """

    def __init__(
        self,
        group: ImageGroup,
        in_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        padding_mode: str = "zeros",
        lifting: bool = True,
        sampling: str = "auto",
    ) -> None:
        super().__init__()
        check_count("in_channels", in_channels)
        check_count("kernel_size", kernel_size)
        check_count("stride", stride)
        check_count("padding", padding, 0)
        check_choice("padding_mode", padding_mode, PADDING_MODES)
        self.group, self.lifting = group, lifting
        self.in_channels, self.kernel_size = int(in_channels), int(kernel_size)
        self.stride, self.padding = int(stride), int(padding)
        self.padding_mode = padding_mode
        self.sampling = as_sampling(sampling, group)
        points = sample_points(self.kernel_size, group.turns, self.sampling)
        self.num_points = len(points)
        self.moves_pixels = group.is_exact and self.sampling == "pixels"
        if self.moves_pixels:
            self.margin = 0
            self.register_buffer("index", self._index(), persistent=False)
        else:
            # A square turned by 45° reaches beyond itself.
            self.margin = reach(points, self.kernel_size)
            resample = readings(group, points, self.wide)
            self.register_buffer("resample", resample, persistent=False)

    @property
    def num_pixels(self) -> int:
        """Numbers in a patch: the features that a kernel reads."""
        places = 1 if self.lifting else self.group.order
        return self.in_channels * places * self.num_points

    def _index(self) -> Tensor:
        """(order, num_pixels): where each number of a turned patch was before."""
        size = self.kernel_size
        numbers = torch.arange(self.num_pixels).reshape(
            self.in_channels, -1, size, size
        )
        group = self.group
        act = group.act_on_images if self.lifting else group.act_on_maps
        turned = [act(group.inverse(g), numbers) for g in range(group.order)]
        return torch.stack([each.flatten() for each in turned])

    @property
    def wide(self) -> int:
        """Height and width of what a patch is interpolated from."""
        return self.kernel_size + 2 * self.margin

    def forward(self, images: Tensor) -> Tensor:
        """Cuts the images up.

        Args:
            images: (rows, in_channels, H, W) or (rows, in_channels, order, H, W).

        Returns:
            (rows, H'·W', order, num_pixels).

        Raises:
            ShapeError: The images have another shape, are smaller than a patch, or do
                not divide into patches symmetrically.
            ArgumentTypeError: The images are not floating.
        """
        self._check(images)
        flat = images.flatten(1, -3)  # channels and elements are one dimension
        added = (self.padding + self.margin,) * 2
        padded = pad(flat, (added, added), self.padding_mode)
        patches = functional.unfold(padded, self.wide, stride=self.stride)
        patches = patches.transpose(1, 2)  # (rows, patches, channels·elements·pixels)
        if self.moves_pixels:
            return patches[..., self.get_buffer("index")]
        return self._interpolated(patches)

    def _interpolated(self, patches: Tensor) -> Tensor:
        pixels = patches.unflatten(-1, (self.in_channels, -1, self.wide**2))
        matrices = self.get_buffer("resample").to(patches)
        if self.lifting:
            turned = torch.einsum("blchq,gpq->blgchp", pixels, matrices)
        else:
            # Undoing g on both: place h now holds what was at gh.
            places = self.group.table.to(patches.device)
            pixels = pixels[..., places, :]  # (rows, patches, channels, g, h, q)
            turned = torch.einsum("blcghq,gpq->blgchp", pixels, matrices)
        return turned.flatten(-3)

    def _check(self, images: Tensor) -> None:
        check_floating("images", images)
        places = "" if self.lifting else f"{self.group.order}, "
        fits = images.ndim == (4 if self.lifting else 5)
        if fits and not self.lifting:
            fits = images.shape[2] == self.group.order
        if not fits or images.shape[1] != self.in_channels:
            kind = "images" if self.lifting else "feature maps of a group convolution"
            raise ShapeError(
                f"images: expected {kind}, (rows, {self.in_channels}, {places}H, W), "
                f"got {tuple(images.shape)}; lifting=True reads images, lifting=False "
                "what another group convolution gives"
            )
        self.output_size((images.shape[-2], images.shape[-1]))

    def output_size(self, image_size: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the feature maps.

        Args:
            image_size: Height and width of the images, in pixels.

        Returns:
            (n + 2·padding − kernel_size) / stride + 1 for each.

        Raises:
            ShapeError: A patch is larger than the padded image, or the patches are not
                where they would be on a turned image.
        """
        return symmetric_size(image_size, self.kernel_size, self.stride, self.padding)

    def extra_repr(self) -> str:
        """What `print` shows: the arguments."""
        parts = [
            f"{self.in_channels}",
            f"kernel_size={self.kernel_size}",
            f"group={self.group.name!r}",
            f"stride={self.stride}",
        ]
        if self.padding:
            parts.append(f"padding={self.padding}")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode!r}")
        if not self.lifting:
            parts.append("lifting=False")
        if self.sampling == "rings":
            parts.append("sampling='rings'")
        return ", ".join(parts)
