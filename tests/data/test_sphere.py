"""Grids, harmonics and rotations: by quadrature, e3nn, and fields turned in space."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from qml_qdl.circuits.errors import QdlError
from qml_qdl.data import (
    SphereGrid,
    load,
    rotate_coefficients,
    spherical_harmonics,
    stereographic,
)
from qml_qdl.data.sphere import KINDS

EDGES = [
    Rotation.identity(),
    Rotation.from_euler("z", 30, degrees=True),
    Rotation.from_euler("y", 180, degrees=True),
    Rotation.from_rotvec([1e-9, 2e-9, 0]),
    Rotation.from_euler("ZYZ", [0.4, np.pi - 1e-10, 0.2]),
    *Rotation.random(3, rng=np.random.default_rng(0)),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("nlat", [1, 2, 3, 8, 9])
def test_fields_come_back_to_the_last_degree_and_no_further(
    kind: str, nlat: int
) -> None:
    if kind == "equiangular-poles" and nlat == 1:
        return
    for nlon in (2 * nlat, 2 * nlat + 1):
        grid = SphereGrid(nlat, nlon, kind)
        assert grid.weights.sum() * nlon == pytest.approx(4 * np.pi)
        c = np.random.default_rng(1).normal(size=(2, (grid.lmax + 1) ** 2))
        fields = grid.synthesis(c)
        assert fields.shape == (2, nlat, nlon)
        np.testing.assert_allclose(grid.analysis(fields), c, atol=1e-12)
        # The degree after the last is no longer told from others.
        harmonics = spherical_harmonics(grid.lmax + 1, grid.directions).reshape(
            nlat * nlon, -1
        )
        weights = np.repeat(grid.weights, nlon)[:, None]
        gram = harmonics.T @ (harmonics * weights)
        last = (grid.lmax + 1) ** 2
        np.testing.assert_allclose(gram[:last, :last], np.eye(last), atol=1e-12)
        assert abs(gram - np.eye(len(gram))).max() > 1e-3
        with pytest.raises(QdlError, match=f"degrees up to {grid.lmax}, got"):
            grid.analysis(fields, grid.lmax + 1)


def test_harmonics_are_e3nns_with_other_axes() -> None:
    torch = pytest.importorskip("torch")
    o3 = pytest.importorskip("e3nn.o3")
    points = np.random.default_rng(0).normal(size=(10, 3))
    points[0] = [0, 0, -2]
    renamed = torch.tensor(points[:, [1, 2, 0]])
    theirs = o3.spherical_harmonics(list(range(8)), renamed, True, "integral")
    np.testing.assert_allclose(spherical_harmonics(7, points), theirs, atol=1e-13)


@pytest.mark.parametrize("rotation", EDGES)
def test_coefficients_turn_with_their_field(rotation: Any) -> None:
    generator = np.random.default_rng(2)
    c, points = generator.normal(size=64), generator.normal(size=(20, 3))
    here = spherical_harmonics(7, points) @ rotate_coefficients(c, rotation)
    there = spherical_harmonics(7, rotation.inv().apply(points)) @ c
    np.testing.assert_allclose(here, there, atol=1e-12)


def test_rotations_compose_and_go_row_by_row() -> None:
    one, other = Rotation.random(2, rng=np.random.default_rng(3))
    c = np.random.default_rng(4).normal(size=(2, 3, 25))
    twice = rotate_coefficients(rotate_coefficients(c, one), other)
    np.testing.assert_allclose(twice, rotate_coefficients(c, other * one), atol=1e-13)
    rows = rotate_coefficients(c[0, :2], Rotation.concatenate([one, other]))
    np.testing.assert_allclose(rows[1], rotate_coefficients(c[0, 1], other), atol=1e-14)
    np.testing.assert_allclose(rotate_coefficients([3.0], one), [3.0])


def test_fields_turn_on_the_grid_but_not_what_it_cannot_tell() -> None:
    grid, (rotation,) = SphereGrid(6), Rotation.random(1, rng=np.random.default_rng(5))
    low = np.random.default_rng(6).normal(size=36)
    back = grid.rotate(grid.rotate(grid.synthesis(low), rotation), rotation.inv())
    np.testing.assert_allclose(grid.analysis(back), low, atol=1e-13)
    steep = grid.directions[..., 0] ** 9  # above the band
    change = grid.rotate(grid.rotate(steep, rotation), rotation.inv()) - steep
    assert abs(change).max() > 1e-3
    ones = grid.rotate(np.ones(grid.shape), rotation)
    np.testing.assert_allclose(ones, 1, atol=1e-14)
    assert not grid.rotate(np.zeros((2, *grid.shape)), rotation).any()


def test_images_lie_about_the_pole() -> None:
    grid = SphereGrid(181, 360, "equiangular-poles")
    image = np.zeros((8, 8))
    image[:4, 4:] = 1.0  # the upper right
    field = stereographic(image, grid)
    x, y, z = np.moveaxis(grid.directions, -1, 0)
    inside = z > np.cos(np.pi / 6)
    assert field[inside & (x > 0.2) & (y > 0.2)].min() > 1 - 1e-12
    assert field[inside & ((x < -0.2) | (y < -0.2))].max() < 1e-12
    assert not field[z < 0].any()
    several = stereographic(np.ones((2, 3, 5, 4)), SphereGrid(4))
    assert several.shape == (2, 3, 4, 8)


def test_spherical_digits_are_the_digits() -> None:
    flat, data = load("digits"), load("spherical_digits")
    assert data.input_shape == (1, 16, 32)
    np.testing.assert_array_equal(data.labels, flat.labels)
    grid = SphereGrid(16)
    field = 1.5 * data.inputs[0, 0] - 0.25
    area = np.sum(field * grid.weights[:, None])
    fine = SphereGrid(200)
    exact = stereographic(flat.inputs[0, 0], fine)
    assert area == pytest.approx(np.sum(exact * fine.weights[:, None]), rel=5e-3)
    angles = Rotation.random(5, rng=np.random.default_rng(0))
    turned = grid.rotate(data.inputs[:5, 0], angles)
    assert 0 <= turned.min() <= turned.max() <= 1


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: SphereGrid(0), "nlat: expected at least 1"),
        (lambda: SphereGrid(4, 0), "nlon: expected at least 1"),
        (lambda: SphereGrid(1, 2, "equiangular-poles"), "nlat: expected at least 2"),
        (lambda: SphereGrid(4, 8, "gauss"), "kind: expected one of"),
        (
            lambda: SphereGrid(8, 16, "equiangular").tables(4),
            r"lmax: 8 × 16 points \(equiangular\) .* 3, got 4; use 9 colatitudes and 9",
        ),
        (lambda: SphereGrid(8, 8).tables(4), "use 5 colatitudes and 9 longitudes"),
        (lambda: SphereGrid(4).analysis(np.zeros((8, 4))), r"fields: .* \(8, 4\)"),
        (lambda: SphereGrid(4).synthesis(np.zeros(5)), r"coefficients: .* got \(5,\)"),
        (lambda: SphereGrid(4).synthesis(np.zeros(0)), r"coefficients: .* got \(0,\)"),
        (lambda: SphereGrid(2).synthesis(np.zeros(9)), "degrees up to 1, got 2"),
        (
            lambda: rotate_coefficients(np.zeros((3, 4)), Rotation.random(2)),
            r"rotation: .* \(3,\), got \(2,\)",
        ),
        (lambda: spherical_harmonics(1, [[0.0, 0, 0]]), "directions: .* a zero one"),
        (lambda: spherical_harmonics(1, [0.0, 1.0]), r"directions: .* \(2,\)"),
        (lambda: spherical_harmonics(-1, [0, 0, 1]), "lmax: expected at least 0"),
        (
            lambda: stereographic(np.ones((2, 2)), SphereGrid(3), half_angle=4.0),
            "half_angle: expected a number above 0 and below 3.14",
        ),
        (lambda: stereographic(np.ones(3), SphereGrid(3)), r"images: .* \(3,\)"),
    ],
)
def test_wrong_arguments_are_refused(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
