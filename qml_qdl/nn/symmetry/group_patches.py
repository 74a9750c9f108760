"""Patches of images, each turned and mirrored by every element of a group."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.circuits.errors import ShapeError
from qml_qdl.circuits.validation import check_choice, check_count, validate_call
from qml_qdl.nn.options import check_floating
from qml_qdl.nn.patch_sizes import PADDING_MODES, as_sizes
from qml_qdl.nn.symmetry.image_groups import ImageGroup, turned_grid


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
        # A patch turned by 45° reaches beyond itself.
        self.margin = math.ceil((self.kernel_size - 1) / 2 * group.margin)
        if group.is_exact:
            self.register_buffer("index", self._index(), persistent=False)
        else:
            self.register_buffer("resample", self._resample(), persistent=False)

    @property
    def num_pixels(self) -> int:
        """Numbers in a patch: the features that a kernel reads."""
        places = 1 if self.lifting else self.group.order
        return self.in_channels * places * self.kernel_size**2

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

    def _resample(self) -> Tensor:
        """(order, k², K²): how each pixel of a turned patch is interpolated."""
        group, size, wide = self.group, self.kernel_size, self.wide
        basis = torch.eye(wide**2, dtype=torch.float64).reshape(-1, 1, wide, wide)
        inner = slice(self.margin, self.margin + size)
        matrices = []
        for element in range(group.order):
            back = group.inverse(element)
            if group.only_moves_pixels(back):
                pixels = group.act_on_images(back, basis)[..., inner, inner]
            else:
                scale = (size - 1) / (wide - 1)
                angle = 2 * math.pi * back / group.turns
                grid = turned_grid(size, angle, basis, scale)
                pixels = functional.grid_sample(
                    basis,
                    grid.expand(len(basis), -1, -1, -1),
                    mode="bilinear",
                    align_corners=True,
                )
            matrices.append(pixels.reshape(wide**2, size**2).T)
        return torch.stack(matrices)

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
        patches = functional.unfold(self._padded(flat), self.wide, stride=self.stride)
        patches = patches.transpose(1, 2)  # (rows, patches, channels·elements·pixels)
        if self.group.is_exact:
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
        sizes = []
        for length in as_sizes("image_size", image_size, 1, 2):
            room = length + 2 * self.padding - self.kernel_size
            if room < 0:
                raise ShapeError(
                    f"images: a patch of kernel_size={self.kernel_size} is larger than "
                    f"the padded image of {length + 2 * self.padding} pixels; add "
                    "padding or use a smaller kernel"
                )
            if room % self.stride:
                raise ShapeError(
                    "images: not equivariant, since (n + 2·padding − kernel_size) mod "
                    f"stride = ({length} + 2·{self.padding} − {self.kernel_size}) mod "
                    f"{self.stride} = {room % self.stride} is not 0: patches begin at "
                    "one edge and do not reach the other, so that on a turned image "
                    "they lie elsewhere; change the padding, the stride or the kernel"
                )
            sizes.append(room // self.stride + 1)
        return sizes[0], sizes[1]

    def _padded(self, images: Tensor) -> Tensor:
        added = self.padding + self.margin
        if not added:
            return images
        spare = {"reflect": 1, "circular": 0}.get(self.padding_mode)
        if spare is not None and added > min(images.shape[-2:]) - spare:
            raise ShapeError(
                f"images: padding_mode={self.padding_mode!r} can add at most "
                f"{min(images.shape[-2:]) - spare} pixels to images of "
                f"{tuple(images.shape[-2:])}, got {added}; use less padding or larger "
                "images"
            )
        mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
        return functional.pad(images, (added,) * 4, mode=mode)

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
        return ", ".join(parts)
