"""Fields on the sphere in torch: transforms, and layers that turn with them."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import check_count, check_number, validate_call
from qml_qdl.data.sphere import SphereGrid, degrees_and_orders


@lru_cache(maxsize=32)
def _tables(
    grid: SphereGrid, lmax: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Waves, polynomials and areas, of all digits in every precision."""
    tables = (*grid.tables(lmax), grid.weights.copy())
    return tuple(torch.tensor(t, dtype=dtype, device=device) for t in tables)  # type: ignore[return-value]


@validate_call
class SphericalTransform(nn.Module):
    """Coefficients of fields on a grid, and fields of coefficients.

    Args:
        grid: Where fields are sampled.
        lmax: The highest degree; None for the grid's.

    Shape:
        - Input: `(*batch, nlat, nlon)`.
        - Output: `(*batch, (lmax + 1)²)`, in the convention of `SphereGrid`.

    Raises:
        ArgumentError: `lmax` is above the grid's.

    Example:
        >>> from qml_qdl.data import SphereGrid
        >>> transform = SphericalTransform(SphereGrid(8), 3)
        >>> coefficients = torch.randn(2, 16)
        >>> fields = transform.synthesis(coefficients)
        >>> fields.shape, torch.allclose(transform(fields), coefficients, atol=1e-5)
        (torch.Size([2, 8, 16]), True)
    """

    def __init__(self, grid: SphereGrid, lmax: int | None = None) -> None:
        super().__init__()
        self.grid = grid
        self.lmax = len(grid.tables(lmax)[1]) // 2

    def forward(self, fields: Tensor) -> Tensor:
        """The coefficients of fields.

        Args:
            fields: `(*batch, nlat, nlon)`.

        Returns:
            `(*batch, (lmax + 1)²)`.

        Raises:
            ShapeError: The fields are not on the grid.
        """
        if fields.shape[-2:] != self.grid.shape:
            raise ShapeError(
                f"fields: expected (*batch, {self.grid.nlat}, {self.grid.nlon}), "
                f"colatitudes × longitudes, got {tuple(fields.shape)}"
            )
        waves, polynomials, areas = self._on(fields)
        weighted = polynomials * areas[:, None]
        by_order = torch.einsum("...im,mil->...ml", fields @ waves, weighted)
        degrees, orders = degrees_and_orders(self.lmax)
        return by_order[..., orders + self.lmax, degrees]

    def synthesis(self, coefficients: Tensor) -> Tensor:
        """The fields of coefficients.

        Args:
            coefficients: `(*batch, (lmax + 1)²)`.

        Returns:
            `(*batch, nlat, nlon)`.

        Raises:
            ShapeError: There are more or fewer coefficients.
        """
        size = (self.lmax + 1) ** 2
        if coefficients.shape[-1:] != (size,):
            raise ShapeError(
                f"coefficients: expected (*batch, {size}), degrees 0 to {self.lmax}, "
                f"got {tuple(coefficients.shape)}"
            )
        waves, polynomials, _ = self._on(coefficients)
        degrees, orders = degrees_and_orders(self.lmax)
        shape = (*coefficients.shape[:-1], len(polynomials), self.lmax + 1)
        by_order = coefficients.new_zeros(shape)
        by_order[..., orders + self.lmax, degrees] = coefficients
        return torch.einsum("...ml,mil->...im", by_order, polynomials) @ waves.mT

    def _on(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return _tables(self.grid, self.lmax, like.dtype, like.device)

    def extra_repr(self) -> str:
        """Grid and degree."""
        return f"{self.grid}, lmax={self.lmax}"


@validate_call
class DegreeNorm(nn.Module):
    """Batch normalisation of fields, degree by degree, which turns with them.

    The mean of l = 0 is subtracted, and each degree divided by the root of its mean
    square, of the batch in training and of a running mean after it, as torch's
    `BatchNorm1d` does. A field that is zero stays finite.

    Args:
        channels: Fields of a row.
        lmax: The highest degree.
        momentum: Share of a batch in the running means, between 0 and 1.
        eps: Added to mean squares, above 0.

    Shape:
        - Input: (rows, channels, (lmax + 1)²).
        - Output: The same.

    Raises:
        ArgumentError: A number is below 1, or `lmax` below 0.
    """

    mean: Tensor
    square: Tensor

    def __init__(
        self, channels: int, lmax: int, momentum: float = 0.1, eps: float = 1e-6
    ) -> None:
        super().__init__()
        check_count("channels", channels)
        check_count("lmax", lmax, 0)
        check_number("momentum", momentum, 0.0, 1.0)
        check_number("eps", eps)
        self.lmax, self.momentum, self.eps = int(lmax), momentum, eps
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("square", torch.ones(channels, lmax + 1))

    def forward(self, fields: Tensor) -> Tensor:
        """Centres and scales.

        Args:
            fields: (rows, channels, (lmax + 1)²).

        Returns:
            The same shape.

        Raises:
            ShapeError: The fields have another shape.
        """
        _check_fields(fields, len(self.mean), self.lmax)
        degrees = torch.tensor(degrees_and_orders(self.lmax)[0], device=fields.device)
        first = fields[..., :1]
        if self.training and len(fields):
            mean = first.mean(0)
            centred = torch.cat([first - mean, fields[..., 1:]], -1)
            square = by_degree(centred.square().mean(0), self.lmax)
            square = square / torch.bincount(degrees)
            with torch.no_grad():
                self.mean.lerp_(mean[:, 0].to(self.mean), self.momentum)
                self.square.lerp_(square.to(self.square), self.momentum)
        else:
            centred = torch.cat([first - self.mean[:, None], fields[..., 1:]], -1)
            square = self.square
        return centred * (square + self.eps).rsqrt()[:, degrees]


@validate_call
class DegreeLinear(nn.Module):
    """Mixes fields by one matrix for each degree: all linear maps that turn with them.

    Those between fields on the sphere, by Schur's lemma, are multiples of the identity
    within a degree (the convolution theorem of Esteves et al. 2018, arXiv:1711.06721).

    Args:
        in_channels: Fields of a row.
        out_channels: Fields of the result.
        lmax: The highest degree.

    Shape:
        - Input: (rows, in_channels, (lmax + 1)²).
        - Output: (rows, out_channels, (lmax + 1)²).

    Raises:
        ArgumentError: A number is below 1, or `lmax` below 0.
    """

    def __init__(self, in_channels: int, out_channels: int, lmax: int) -> None:
        super().__init__()
        check_count("in_channels", in_channels)
        check_count("out_channels", out_channels)
        check_count("lmax", lmax, 0)
        self.lmax = int(lmax)
        weight = torch.randn(lmax + 1, out_channels, in_channels)
        self.weight = nn.Parameter(weight / in_channels**0.5)

    def forward(self, fields: Tensor) -> Tensor:
        """Mixes the channels.

        Args:
            fields: (rows, in_channels, (lmax + 1)²).

        Returns:
            (rows, out_channels, (lmax + 1)²).

        Raises:
            ShapeError: The fields have another shape.
        """
        _check_fields(fields, self.weight.shape[2], self.lmax)
        degrees = degrees_and_orders(self.lmax)[0]
        return torch.einsum("koi,nik->nok", self.weight[degrees], fields)


class FieldCoefficients(nn.Module):
    """Fields on a grid as normalised coefficients: where spherical models begin.

    Args:
        image_shape: (channels, nlat, nlon).
        lmax: The highest degree.
        grid: How colatitudes are spaced.

    Raises:
        ArgumentError: The shape is none, or `lmax` is above the grid's.
    """

    def __init__(self, image_shape: tuple[int, int, int], lmax: int, grid: str) -> None:
        super().__init__()
        if len(image_shape) != 3:
            raise ArgumentError(
                "image_shape: expected (channels, nlat, nlon), got "
                f"{tuple(image_shape)}; a single field has one channel"
            )
        channels, nlat, nlon = image_shape
        check_count("image_shape", channels)
        self.transform = SphericalTransform(SphereGrid(nlat, nlon, grid), lmax)
        self.norm = DegreeNorm(channels, lmax)

    def forward(self, images: Tensor) -> Tensor:
        """Transforms and normalises.

        Args:
            images: (rows, channels, nlat, nlon).

        Returns:
            (rows, channels, (lmax + 1)²).
        """
        grid, channels = self.transform.grid, len(self.norm.mean)
        if images.ndim != 4 or tuple(images.shape[1:]) != (channels, *grid.shape):
            raise ShapeError(
                f"images: expected (rows, {channels}, {grid.nlat}, {grid.nlon}), "
                f"colatitudes × longitudes, got {tuple(images.shape)}"
            )
        fields: Tensor = self.norm(self.transform(images))
        return fields


def by_degree(values: Tensor, lmax: int) -> Tensor:
    """Sums over the orders of each degree.

    Args:
        values: (..., (lmax + 1)²).
        lmax: The highest degree.

    Returns:
        (..., lmax + 1).

    Example:
        >>> by_degree(torch.ones(9), 2)
        tensor([1., 3., 5.])
    """
    parts = values.split([2 * degree + 1 for degree in range(lmax + 1)], dim=-1)
    return torch.stack([part.sum(-1) for part in parts], dim=-1)


def _check_fields(fields: Tensor, channels: int, lmax: int) -> None:
    expected = (channels, (lmax + 1) ** 2)
    if fields.ndim != 3 or tuple(fields.shape[1:]) != expected:
        raise ShapeError(
            f"fields: expected (rows, {expected[0]}, {expected[1]}), coefficients of "
            f"the degrees 0 to {lmax}, got {tuple(fields.shape)}"
        )
