"""Products of fields on the sphere, by e3nn, and a network of them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.sphere import degree_of
from qml_qdl.geometry.nonlinearities import FeatureNorm
from qml_qdl.geometry.spherical_layers import (
    DegreeLinear,
    DegreeNorm,
    FieldCoefficients,
    by_degree,
)


@validate_call
def bispectrum(coefficients: Tensor) -> Tensor:
    """What no rotation changes of one field, up to third powers.

    c₀₀, the power of each degree, and all triple products by Wigner's 3j symbols, those
    of an odd sum of degrees among them, which tell a field from its mirror image. It
    determines generic fields up to rotation (Kakarala 2012, arXiv:0902.0196).

    Needs the package e3nn: `pip install 'qml-qdl[symmetry]'`.

    Args:
        coefficients: (..., (lmax + 1)²), in the convention of `SphereGrid`.

    Returns:
        (..., numbers), 1 + lmax + triples 1 ≤ a ≤ b ≤ c ≤ a + b.

    Raises:
        ShapeError: The number of coefficients is no square.
        ArgumentError: A third power is not finite.
        MissingPackageError: e3nn is not installed.

    Example:
        >>> bispectrum(torch.tensor([[1.0, 0.0, 2.0, 0.0]]))
        tensor([[1., 4.]])
    """
    o3 = import_module("e3nn.o3")
    lmax = degree_of("coefficients", coefficients)
    parts = coefficients.split([2 * degree + 1 for degree in range(lmax + 1)], dim=-1)
    found = [
        coefficients[..., 0],
        *by_degree(coefficients.square(), lmax).unbind(-1)[1:],
    ]
    for a in range(1, lmax + 1):
        for b in range(a, lmax + 1):
            for c in range(b, min(a + b, lmax) + 1):
                # Two equal degrees couple symmetrically, or not at all.
                if (a + b + c) % 2 and (a == b or b == c):
                    continue
                symbol = o3.wigner_3j(a, b, c, coefficients.dtype, coefficients.device)
                triple = (parts[a], parts[b], parts[c])
                found.append(torch.einsum("abc,...a,...b,...c->...", symbol, *triple))
    result = torch.stack(found, dim=-1)
    if not result.isfinite().all():
        raise ArgumentError(
            "coefficients: expected numbers of which third powers are finite, got some "
            f"up to {float(coefficients.abs().max()):g}; scale them"
        )
    return result


@validate_call
class ClebschGordanProduct(nn.Module):
    """Products of two fields, channel by channel, by e3nn (2022, arXiv:2207.09453).

    Each degree of the result is a sum, with a trained factor each, of all products of
    a degree of the first field with one that is not lower of the second.

    Needs the package e3nn: `pip install 'qml-qdl[symmetry]'`. Its symbols have the
    digits of torch's default dtype when a product is made: for float64 to 1e-12, make
    it after `torch.set_default_dtype(torch.float64)`.

    Args:
        channels: Fields of a row.
        lmax: The highest degree of both, and of the result.

    Shape:
        - Inputs: (rows, channels, (lmax + 1)²) each.
        - Output: The same.

    Raises:
        ArgumentError: A number is below 1, or `lmax` below 0.
        MissingPackageError: e3nn is not installed.
    """

    def __init__(self, channels: int, lmax: int) -> None:
        super().__init__()
        check_count("channels", channels)
        check_count("lmax", lmax, 0)
        o3 = import_module("e3nn.o3")
        self.channels, self.lmax = int(channels), int(lmax)
        # All of even parity: mirror images are told apart.
        irreps = [(channels, (degree, 1)) for degree in range(lmax + 1)]
        paths = [
            (a, b, c, "uuu", True)
            for a in range(lmax + 1)
            for b in range(a, lmax + 1)
            for c in range(b - a, min(a + b, lmax) + 1)
        ]
        self.product: Any = o3.TensorProduct(irreps, irreps, irreps, paths)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Multiplies.

        Args:
            first: (rows, channels, (lmax + 1)²).
            second: The same shape.

        Returns:
            The same shape.

        Raises:
            ShapeError: They have another shape.
        """
        expected = (self.channels, (self.lmax + 1) ** 2)
        for name, fields in (("first", first), ("second", second)):
            if fields.ndim != 3 or tuple(fields.shape[1:]) != expected:
                raise ShapeError(
                    f"{name}: expected (rows, {expected[0]}, {expected[1]}), got "
                    f"{tuple(fields.shape)}"
                )
        sizes = [2 * degree + 1 for degree in range(self.lmax + 1)]
        flat = [
            torch.cat([part.flatten(1) for part in fields.split(sizes, -1)], dim=1)
            for fields in (first, second)
        ]
        parts = self.product(*flat).split([self.channels * size for size in sizes], 1)
        unflat = (part.unflatten(1, (self.channels, -1)) for part in parts)
        return torch.cat(list(unflat), dim=-1)


@validate_call
class SphereNetwork(nn.Module):
    """A classifier of fields on the sphere by Clebsch-Gordan products, no circuit.

    The coefficients of a field, normalised degree by degree, are mixed and multiplied
    with one another once (Kondor et al. 2018, arXiv:1806.09231); inner products of
    what was there with what there is, degree by degree, are of third and fourth power
    in the field, and no rotation changes them. Their signed roots are normalised and
    read by one linear layer.

    Needs the package e3nn: `pip install 'qml-qdl[symmetry]'`.

    Args:
        image_shape: (channels, nlat, nlon), fields on a grid as `SphereGrid` makes it.
        num_classes: Number of classes.
        lmax: The highest degree that is read.
        width: Channels of the products.
        dropout: Share of invariants left out in training, at least 0 and below 1.
        grid: How colatitudes are spaced, as in `SphereGrid`.

    Shape:
        - Input: (rows, channels, nlat, nlon).
        - Output: (rows, num_classes), logits.

    Raises:
        ArgumentError: An argument does not fit, or `lmax` is above the grid's.
        MissingPackageError: e3nn is not installed.

    Example:
        >>> SphereNetwork((1, 8, 16), 3, lmax=2, width=2)(torch.rand(5, 1, 8, 16)).shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int,
        *,
        lmax: int = 7,
        width: int = 8,
        dropout: float = 0.3,
        grid: str = "gauss-legendre",
    ) -> None:
        super().__init__()
        check_count("num_classes", num_classes)
        check_count("width", width)
        check_dropout(dropout)
        self.coefficients = FieldCoefficients(image_shape, lmax, grid)
        channels = image_shape[0]
        self.first = DegreeLinear(channels, width, lmax)
        self.second = DegreeLinear(channels, width, lmax)
        self.kept = DegreeLinear(channels, width, lmax)
        self.product = ClebschGordanProduct(width, lmax)
        self.norm = DegreeNorm(width, lmax)
        self.mixed = DegreeLinear(width, width, lmax)
        size = network_invariants(channels, width, lmax)
        self.invariants_norm = FeatureNorm(size)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(size, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Classifies fields.

        Args:
            images: (rows, channels, nlat, nlon).

        Returns:
            (rows, num_classes), logits.

        Raises:
            ShapeError: The fields are not on the grid.
        """
        fields = self.coefficients(images)
        product = self.product(self.first(fields), self.second(fields))
        squared, kept = self.mixed(self.norm(product)), self.kept(fields)
        total = squared + kept
        lmax = self.mixed.lmax
        found = torch.cat(
            [
                by_degree(one * other, lmax).flatten(1)
                for one, other in ((fields, fields), (squared, kept), (total, total))
            ],
            dim=1,
        )
        # Roots of both signs, smooth at 0: powers of the field have long tails.
        rooted = found * (found.square() + 1e-4).pow(-0.25)
        logits: Tensor = self.head(self.dropout(self.invariants_norm(rooted)))
        return logits


def network_invariants(channels: int, width: int, lmax: int) -> int:
    """How many invariants a `SphereNetwork` reads.

    Args:
        channels: Fields of a row.
        width: Channels of the products.
        lmax: The highest degree.
    """
    return (channels + 2 * width) * (lmax + 1)


def twin_width(channels: int, num_classes: int, lmax: int, weights: int) -> int:
    """The width with which a `SphereNetwork` has about as many weights.

    Args:
        channels: Fields of a row.
        num_classes: Number of classes.
        lmax: The highest degree.
        weights: How many weights it shall have.

    Returns:
        1 or more.

    Example:
        >>> twin_width(1, 10, 3, weights=1282)
        8
    """
    degrees = lmax + 1
    paths = sum(
        min(a + b, lmax) - (b - a) + 1 for b in range(degrees) for a in range(b + 1)
    )

    def count(width: int) -> int:
        invariants = network_invariants(channels, width, lmax)
        layers = (3 * channels + width) * width * degrees + paths * width
        return layers + invariants * (2 + num_classes) + num_classes

    width = 1
    while abs(count(width + 1) - weights) < abs(count(width) - weights):
        width += 1
    return width


def check_dropout(dropout: float) -> None:
    """Checks a share of what is left out.

    Args:
        dropout: What came.

    Raises:
        ArgumentError: It is below 0, or 1 and more.
    """
    if not 0 <= dropout < 1:
        raise ArgumentError(
            f"dropout: expected a share of 0 or more and below 1, got {dropout}"
        )
