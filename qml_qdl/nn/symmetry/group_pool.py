"""Group pooling: feature maps on a group to images, or to invariant numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ShapeError
from qml_qdl.circuits.validation import check_choice, check_count, validate_call
from qml_qdl.nn.symmetry.image_groups import ImageGroup
from qml_qdl.nn.symmetry.sampling import as_sampling, readings, sample_points

POOLINGS = ("max", "mean")


@validate_call
class GroupPool(nn.Module):
    """Pools over the elements of a group: the maps then turn as an image does.

    Args:
        mode: "max" or "mean".

    Shape:
        - Input: (rows, channels, order, ...).
        - Output: (rows, channels, ...).

    Raises:
        ArgumentError: The mode is unknown.

    Example:
        >>> import torch
        >>> GroupPool()(torch.rand(5, 3, 4, 6, 6)).shape
        torch.Size([5, 3, 6, 6])
    """

    def __init__(self, mode: str = "max") -> None:
        super().__init__()
        check_choice("mode", mode, POOLINGS)
        self.mode = mode

    def forward(self, maps: Tensor) -> Tensor:
        """Pools over the third dimension.

        Args:
            maps: (rows, channels, order, ...).

        Returns:
            (rows, channels, ...).

        Raises:
            ShapeError: There are fewer than three dimensions.
        """
        if maps.ndim < 3:
            raise ShapeError(
                "maps: expected (rows, channels, order, ...), got "
                f"{tuple(maps.shape)}; pool the output of a group convolution"
            )
        return maps.amax(2) if self.mode == "max" else maps.mean(2)

    def extra_repr(self) -> str:
        """What `print` shows: the mode."""
        return f"mode={self.mode!r}"


@validate_call
class GroupLinear(nn.Module):
    """A group convolution as large as its input: linear in each position of the group.

    It reads where things are, which pooling over positions would lose; `GroupPool`
    after it leaves numbers that do not change when the input is turned.

    Args:
        map_shape: (channels, height, width) of the input; height and width are equal.
        out_features: Numbers for each element of the group.
        group: "p4", "p4m", "c8" or "c16".
        device: Where the weights are, a torch device.
        dtype: Type of the weights; None for torch's default.
        sampling: Where the maps are read: "pixels"; "rings" about their centre, whose
            samples all turns of the group only permute; or "auto", rings where turns
            interpolate.

    Shape:
        - Input: (rows, channels, order, height, width).
        - Output: (rows, out_features, order).

    Raises:
        ArgumentError: An argument does not fit.
        ShapeError: The maps are not square.

    Example:
        >>> import torch
        >>> GroupLinear((3, 6, 6), 10)(torch.rand(5, 3, 4, 6, 6)).shape
        torch.Size([5, 10, 4])
    """

    def __init__(
        self,
        map_shape: tuple[int, int, int],
        out_features: int,
        group: str = "p4",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        sampling: str = "auto",
    ) -> None:
        super().__init__()
        check_count("out_features", out_features)
        if len(map_shape) != 3 or map_shape[1] != map_shape[2]:
            raise ShapeError(
                f"map_shape: expected (channels, size, size), got {tuple(map_shape)}; "
                "maps that are read whole must be square to be turned"
            )
        for size in map_shape:
            check_count("map_shape", size)
        self.map_shape: tuple[int, int, int] = map_shape
        self.group = ImageGroup(group)
        channels, size, _ = self.map_shape
        self.sampling = as_sampling(sampling, self.group)
        points = sample_points(size, self.group.turns, self.sampling)
        if self.sampling == "rings":
            # What leaves the map when it is turned is not read.
            half = (size - 1) / 2
            points = points[points.norm(dim=-1) <= half + 1e-9]
        resample = readings(self.group, points, size)
        self.register_buffer("resample", resample, persistent=False)
        self.linear = nn.Linear(
            channels * self.group.order * len(points),
            out_features,
            device=device,
            dtype=dtype,
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Undoes each element on the maps and reads the result.

        Args:
            maps: (rows, channels, order, height, width).

        Returns:
            (rows, out_features, order).

        Raises:
            ShapeError: The maps have another shape.
        """
        channels, height, width = self.map_shape
        expected = (channels, self.group.order, height, width)
        if tuple(maps.shape[1:]) != expected:
            raise ShapeError(
                f"maps: expected (rows, {', '.join(map(str, expected))}), got "
                f"{tuple(maps.shape)}"
            )
        group = self.group
        if self.sampling == "rings":
            read = self.get_buffer("resample").to(maps)
            places = group.table.to(maps.device)
            turned = torch.einsum("bchq,gpq->bgchp", maps.flatten(3), read)
            turned = torch.stack(
                [turned[:, g][..., places[g], :] for g in range(group.order)], 1
            )
        else:
            turned = torch.stack(
                [group.act_on_maps(group.inverse(g), maps) for g in range(group.order)],
                1,
            )
        values: Tensor = self.linear(turned.flatten(2))
        return values.transpose(1, 2)
