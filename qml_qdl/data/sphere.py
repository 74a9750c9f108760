r"""Fields on the sphere: grids, spherical harmonics, and rotations that are exact.

Coefficients belong to real orthonormal harmonics :math:`Y_{lm}` in the order
l² + l + m, m = −l … l: cos mφ for m > 0, sin `|m|`φ for m < 0, without the sign of
Condon and Shortley, so that l = 1 is y, z, x. They are e3nn's with its axes renamed,
:math:`Y_{lm}(x, y, z)` here is that of (y, z, x) there. Colatitudes run from the north
pole, z, longitudes from x towards y, in radians.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation
from scipy.special import sph_harm_y_all

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import (
    check_choice,
    check_count,
    check_number,
    shape_of,
    validate_call,
)

Doubles = NDArray[np.float64]

KINDS = ("gauss-legendre", "equiangular", "equiangular-poles")
"""How colatitudes are spaced."""


@frozen
class SphereGrid:
    """Colatitudes × longitudes, with the weights of an exact quadrature.

    A field of degrees up to `lmax` comes back from its coefficients to rounding; what
    a grid cannot tell is refused. Longitudes are equally spaced from 0, an odd or even
    number 2·lmax + 1 or more. Colatitudes are

    - "gauss-legendre": zeros of a Legendre polynomial; lmax up to nlat − 1;
    - "equiangular": (i + ½)π/nlat, the middle of cells; lmax up to (nlat − 1)/2;
    - "equiangular-poles": iπ/(nlat − 1) with both poles, as weather models are often
      given (721 × 1440 at a quarter of a degree); lmax up to (nlat − 1)/2.

    Args:
        nlat: Number of colatitudes.
        nlon: Number of longitudes; twice as many if left out.
        kind: How colatitudes are spaced, one of the above.

    Raises:
        ArgumentError: The kind is unknown, or a number is too small.

    Example:
        >>> grid = SphereGrid(8)
        >>> grid.shape, grid.lmax
        ((8, 16), 7)
        >>> float(grid.weights.sum() * grid.nlon / np.pi)  # the sphere's area over π
        4.0
    """

    nlat: int
    nlon: int = field()
    kind: str = "gauss-legendre"

    @nlon.default
    def _twice(self) -> int:
        return 2 * self.nlat

    def __attrs_post_init__(self) -> None:
        check_choice("kind", self.kind, KINDS)
        check_count("nlat", self.nlat, 2 if self.kind == KINDS[2] else 1)
        check_count("nlon", self.nlon)

    @property
    def shape(self) -> tuple[int, int]:
        """(nlat, nlon)."""
        return self.nlat, self.nlon

    @property
    def lmax(self) -> int:
        """The highest degree that it tells from all lower ones."""
        exact = self.nlat - 1 if self.kind == KINDS[0] else (self.nlat - 1) // 2
        return min(exact, (self.nlon - 1) // 2)

    @property
    def colatitudes(self) -> Doubles:
        """(nlat,), rising, from 0 to π."""
        if self.kind == KINDS[0]:
            return np.arccos(np.polynomial.legendre.leggauss(self.nlat)[0][::-1])
        if self.kind == KINDS[1]:
            return (np.arange(self.nlat) + 0.5) * np.pi / self.nlat
        return np.linspace(0, np.pi, self.nlat)

    @property
    def longitudes(self) -> Doubles:
        """(nlon,), from 0 to below 2π."""
        return 2 * np.pi * np.arange(self.nlon) / self.nlon

    @property
    def weights(self) -> Doubles:
        """(nlat,) the area that stands for a point of each colatitude, sum 4π/nlon.

        Those of equal angles integrate cosines of kθ, k below nlat, exactly (Fejér;
        Clenshaw and Curtis with the poles).
        """
        if self.kind == KINDS[0]:
            weights = np.polynomial.legendre.leggauss(self.nlat)[1][::-1]
        else:
            k = np.arange(self.nlat)
            even = k % 2 == 0
            integrals = np.where(even, 2 / (1 - np.where(even, k, 0) ** 2.0), 0.0)
            weights = np.linalg.solve(np.cos(np.outer(k, self.colatitudes)), integrals)
        return np.asarray(weights * 2 * np.pi / self.nlon)

    @property
    def directions(self) -> Doubles:
        """(nlat, nlon, 3) x, y and z of all points."""
        theta, phi = self.colatitudes[:, None], self.longitudes
        x, y = np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi)
        return np.stack([x, y, np.broadcast_to(np.cos(theta), x.shape)], axis=-1)

    def tables(self, lmax: int | None = None) -> tuple[Doubles, Doubles]:
        """What transforms are made of: waves in longitude, polynomials in colatitude.

        Args:
            lmax: The highest degree; None for the grid's.

        Returns:
            (nlon, 2·lmax + 1) the waves of m = −lmax … lmax, and (2·lmax + 1, nlat,
            lmax + 1) the rest of the harmonics of each m and l, 0 where l < `|m|`.

        Raises:
            ArgumentError: `lmax` is above the grid's.
        """
        lmax = self._degree(lmax)
        orders = np.arange(-lmax, lmax + 1)
        return (
            _waves(lmax, self.longitudes),
            np.moveaxis(_polynomials(lmax, self.colatitudes)[:, :, abs(orders)], 2, 0),
        )

    def analysis(self, fields: Any, lmax: int | None = None) -> Doubles:
        """The coefficients of fields, by quadrature.

        Args:
            fields: (..., nlat, nlon), real.
            lmax: The highest degree; None for the grid's.

        Returns:
            (..., (lmax + 1)²); exact for fields of degrees up to the grid's lmax, else
            the higher ones are taken for lower ones.

        Raises:
            ArgumentError: `lmax` is above the grid's.
            ShapeError: The fields are not on this grid.

        Example:
            >>> grid = SphereGrid(4)
            >>> z = grid.directions[..., 2]
            >>> (grid.analysis(z, 1) ** 2).round(6).tolist()  # 4π/3
            [0.0, 0.0, 4.18879, 0.0]
        """
        values = self._on_grid(fields)
        waves, polynomials = self.tables(lmax)
        weighted = polynomials * self.weights[:, None]
        found = np.einsum("...im,mil->...ml", values @ waves, weighted, optimize=True)
        degrees, orders = degrees_and_orders(polynomials.shape[-1] - 1)
        return np.asarray(found[..., orders + polynomials.shape[-1] - 1, degrees])

    def synthesis(self, coefficients: Any) -> Doubles:
        """Fields of coefficients.

        Args:
            coefficients: (..., (lmax + 1)²).

        Returns:
            (..., nlat, nlon).

        Raises:
            ArgumentError: Their degrees are above the grid's.
            ShapeError: Their number is no square.

        Example:
            >>> SphereGrid(2, 2).synthesis([2 * np.pi**0.5])
            array([[1., 1.],
                   [1., 1.]])
        """
        given = np.asarray(coefficients, dtype=np.float64)
        lmax = degree_of("coefficients", given)
        waves, polynomials = self.tables(lmax)
        degrees, orders = degrees_and_orders(lmax)
        by_order = np.zeros((*given.shape[:-1], 2 * lmax + 1, lmax + 1))
        by_order[..., orders + lmax, degrees] = given
        found = np.einsum("...ml,mil->...im", by_order, polynomials, optimize=True)
        return np.asarray(found @ waves.T)

    def rotate(
        self, fields: Any, rotation: Rotation, lmax: int | None = None
    ) -> Doubles:
        """Turns fields, by their coefficients: f(x) becomes f(R⁻¹x).

        Args:
            fields: (..., nlat, nlon), real.
            rotation: One rotation, or one for each field.
            lmax: The highest degree that is kept; None for the grid's.

        Returns:
            Of the same shape; exact for fields of degrees up to `lmax`.

        Raises:
            ArgumentError: `lmax` is above the grid's.
            ShapeError: The fields are not on this grid, or the rotations are not as
                many.
        """
        return self.synthesis(
            rotate_coefficients(self.analysis(fields, lmax), rotation)
        )

    def _degree(self, lmax: int | None) -> int:
        if lmax is None:
            return self.lmax
        check_count("lmax", lmax, 0)
        if lmax > self.lmax:
            longitudes = 2 * lmax + 1
            latitudes = lmax + 1 if self.kind == KINDS[0] else longitudes
            raise ArgumentError(
                f"lmax: {self.nlat} × {self.nlon} points ({self.kind}) tell degrees up "
                f"to {self.lmax}, got {lmax}; use {latitudes} colatitudes and "
                f"{longitudes} longitudes or more, or a lower lmax"
            )
        return lmax

    def _on_grid(self, fields: Any) -> Doubles:
        if shape_of("fields", fields)[-2:] != self.shape:
            raise ShapeError(
                f"fields: expected (..., {self.nlat}, {self.nlon}), colatitudes × "
                f"longitudes of the grid, got {shape_of('fields', fields)}"
            )
        return np.asarray(fields, dtype=np.float64)


def _waves(lmax: int, longitudes: Doubles) -> Doubles:
    """(…, 2·lmax + 1): sin `|m|`φ, 1 and cos mφ, with the factor √2 of m ≠ 0."""
    orders = np.arange(-lmax, lmax + 1)
    angles = longitudes[..., None] * abs(orders)
    waves = np.where(orders < 0, np.sin(angles), np.cos(angles))
    return np.asarray(waves * np.where(orders == 0, 1.0, np.sqrt(2)))


def _polynomials(lmax: int, colatitudes: Doubles) -> Doubles:
    """(…, lmax + 1, lmax + 1): of each l and m ≥ 0, without Condon and Shortley."""
    found = sph_harm_y_all(lmax, lmax, colatitudes, 0.0).real[:, : lmax + 1]
    signs = (-1.0) ** np.arange(lmax + 1)
    return np.asarray(np.moveaxis(found, (0, 1), (-2, -1)) * signs)


def degrees_and_orders(lmax: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Degree l and order m of each coefficient.

    Args:
        lmax: The highest degree.

    Returns:
        Two arrays ((lmax + 1)²,).

    Example:
        >>> [each.tolist() for each in degrees_and_orders(1)]
        [[0, 1, 1, 1], [0, -1, 0, 1]]
    """
    index = np.arange((lmax + 1) ** 2)
    degrees = np.sqrt(index).astype(np.int64)
    return degrees, index - degrees * (degrees + 1)


def degree_of(name: str, coefficients: Any) -> int:
    """The highest degree of coefficients, by their number.

    Args:
        name: What an error calls them.
        coefficients: (..., (lmax + 1)²).

    Raises:
        ShapeError: Their number is no square.
    """
    shape = shape_of(name, coefficients)
    root = math.isqrt(shape[-1] if shape else 0)
    if not shape or root < 1 or root**2 != shape[-1]:
        raise ShapeError(
            f"{name}: expected (..., (lmax + 1)²), all orders of the degrees 0 to "
            f"lmax, got {shape}"
        )
    return root - 1


@validate_call
def spherical_harmonics(lmax: int, directions: Any) -> Doubles:
    """Real orthonormal spherical harmonics of all degrees.

    Args:
        lmax: The highest degree.
        directions: (..., 3), x, y and z of any length but 0.

    Returns:
        (..., (lmax + 1)²), in the order l² + l + m.

    Raises:
        ArgumentError: `lmax` is below 0, or a direction is zero.
        ShapeError: The directions are not (..., 3).

    Example:
        >>> (spherical_harmonics(1, [0, 0, 2]) * np.sqrt(4 * np.pi)).round(3)
        array([1.   , 0.   , 1.732, 0.   ])
    """
    check_count("lmax", lmax, 0)
    if shape_of("directions", directions)[-1:] != (3,):
        raise ShapeError(
            f"directions: expected (..., 3), x, y and z, got "
            f"{shape_of('directions', directions)}"
        )
    x, y, z = np.moveaxis(np.asarray(directions, dtype=np.float64), -1, 0)
    if not np.all(x**2 + y**2 + z**2 > 0):
        raise ArgumentError(
            "directions: expected vectors of some length, got a zero one"
        )
    degrees, orders = degrees_and_orders(lmax)
    polynomials = _polynomials(lmax, np.arctan2(np.hypot(x, y), z))
    waves = _waves(lmax, np.arctan2(y, x))
    # `+ 0.0`: what is zero has no sign.
    return polynomials[..., degrees, abs(orders)] * waves[..., orders + lmax] + 0.0


@validate_call
def rotate_coefficients(coefficients: Any, rotation: Rotation) -> Doubles:
    r"""Turns fields given by their coefficients, exactly.

    Each degree by its Wigner matrix: with z-y-z Euler angles, two turns about z, which
    mix m and −m, and one about y, which is one about z between fixed matrices.

    Args:
        coefficients: (..., (lmax + 1)²).
        rotation: One rotation for all, or as many as there are fields.

    Returns:
        Of the same shape, f(R⁻¹x) where f was.

    Raises:
        ShapeError: The number of coefficients is no square, or the rotations are not
            as many as the fields.

    Example:
        >>> from scipy.spatial.transform import Rotation
        >>> quarter = Rotation.from_euler("y", 90, degrees=True)  # z becomes x
        >>> (rotate_coefficients([0, 0, 1, 0], quarter).round(6) + 0.0).tolist()
        [0.0, 0.0, 0.0, 1.0]
    """
    given = np.asarray(coefficients, dtype=np.float64)
    lmax = degree_of("coefficients", given)
    matrices = rotation.as_matrix()
    if not rotation.single and matrices.shape[:-2] != given.shape[:-1]:
        raise ShapeError(
            f"rotation: expected one, or one for each of the fields "
            f"{given.shape[:-1]}, got {matrices.shape[:-2]}"
        )
    alpha, beta, gamma = _euler_angles(matrices)
    turned = _about_z(given, gamma, lmax)
    turned = _by_degree(turned, [block.T for block in _to_y(lmax)])
    turned = _by_degree(_about_z(turned, beta, lmax), _to_y(lmax))
    return _about_z(turned, alpha, lmax)


def _euler_angles(matrices: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """α, β, γ of R = Z(α)Y(β)Z(γ), well-conditioned also where β is 0 or π."""
    alpha = np.arctan2(matrices[..., 1, 2], matrices[..., 0, 2])
    across = np.hypot(matrices[..., 0, 2], matrices[..., 1, 2])
    beta = np.arctan2(across, matrices[..., 2, 2])
    # The second row of Z(−α)R = Y(β)Z(γ) is (sin γ, cos γ, 0).
    sine, cosine = (
        np.cos(alpha) * matrices[..., 1, k] - np.sin(alpha) * matrices[..., 0, k]
        for k in (0, 1)
    )
    return alpha, beta, np.arctan2(sine, cosine)


def _about_z(coefficients: Doubles, angle: Doubles, lmax: int) -> Doubles:
    degrees, orders = degrees_and_orders(lmax)
    turns = np.asarray(angle)[..., None] * orders
    opposite = coefficients[..., degrees * (degrees + 1) - orders]
    return np.asarray(np.cos(turns) * coefficients - np.sin(turns) * opposite)


def _by_degree(coefficients: Doubles, blocks: Any) -> Doubles:
    """Each degree's coefficients times a matrix."""
    parts = [
        coefficients[..., degree**2 : (degree + 1) ** 2] @ block.T
        for degree, block in enumerate(blocks)
    ]
    return np.concatenate(parts, axis=-1)


@lru_cache(maxsize=32)
def _to_y(lmax: int) -> tuple[Doubles, ...]:
    """For each degree the Wigner matrix of the turn about x that brings z to y.

    By quadrature: the product of a harmonic and a turned one is of degree 2l at most.
    """
    grid = SphereGrid(lmax + 1, 2 * lmax + 1)
    directions = grid.directions.reshape(-1, 3)
    x, y, z = directions.T
    weights = np.repeat(grid.weights, grid.nlon)[:, None]
    there = spherical_harmonics(lmax, directions) * weights
    turned = spherical_harmonics(lmax, np.stack([x, -z, y], axis=-1))  # at R⁻¹x
    return tuple(
        there[:, l**2 : (l + 1) ** 2].T @ turned[:, l**2 : (l + 1) ** 2]
        for l in range(lmax + 1)  # noqa: E741
    )


@validate_call
def stereographic(
    images: Any, grid: SphereGrid, *, half_angle: float = np.pi / 3
) -> Doubles:
    """Puts images on the sphere about the north pole, by stereographic projection.

    Angles stay as they are; seen from outside, an image is upright with x to its right.
    Between pixels values are bilinear, outside the image they are 0.

    Args:
        images: (..., height, width).
        grid: Where fields are sampled; finer than the pixels, lest some be lost.
        half_angle: From the pole to the middle of an image's nearest edges, in
            radians, above 0 and below π.

    Returns:
        (..., nlat, nlon).

    Raises:
        ArgumentError: The angle is out of range.
        ShapeError: The images have less than two dimensions.

    Example:
        >>> field = stereographic(np.ones((4, 4)), SphereGrid(9))
        >>> field[:, 0].round(2).tolist()
        [1.0, 1.0, 0.8, 0.03, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    check_number("half_angle", half_angle, 0.0, np.pi)
    shape = shape_of("images", images)
    if len(shape) < 2 or 0 in shape[-2:]:
        raise ShapeError(f"images: expected (..., height, width), got {shape}")
    radius = np.tan(grid.colatitudes / 2)[:, None] / np.tan(half_angle / 2)
    radius = radius * min(shape[-2:]) / 2
    # One pixel of zeros around each image, where values fade out.
    rows = shape[-2] / 2 + 0.5 - radius * np.sin(grid.longitudes)
    columns = shape[-1] / 2 + 0.5 + radius * np.cos(grid.longitudes)
    flat = np.asarray(images, dtype=np.float64).reshape(-1, *shape[-2:])
    fields = [
        map_coordinates(np.pad(image, 1), [rows, columns], order=1, mode="constant")
        for image in flat
    ]
    return np.reshape(fields, (*shape[:-2], *grid.shape))
