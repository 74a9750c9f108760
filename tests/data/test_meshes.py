"""Surfaces: Gauss and Bonnet, frames, transport, and what is no closed surface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from qml_qdl.data.meshes import Mesh, convex_mesh, ellipsoid, icosphere, torus
from qml_qdl.errors import ArgumentError, DataError, ShapeError

CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
TETRAHEDRON = CUBE[[0, 3, 5, 6]]


def random_sphere(points: int = 80, seed: int = 0) -> Mesh:
    places = np.random.default_rng(seed).normal(size=(points, 3))
    return convex_mesh(places / np.linalg.norm(places, axis=1, keepdims=True))


SURFACES = {
    "tetrahedron": (convex_mesh(TETRAHEDRON), 2),
    "icosahedron": (icosphere(0), 2),
    "sphere": (icosphere(2), 2),
    "ellipsoid": (ellipsoid((0.5, 1.0, 2.0)), 2),
    "torus": (torus(), 0),
    "small torus": (torus(around=3, across=3), 0),
    "random": (random_sphere(), 2),
}
every_surface = pytest.mark.parametrize(
    ("mesh", "characteristic"), SURFACES.values(), ids=SURFACES
)


def turned(mesh: Mesh, seed: int = 0) -> tuple[Mesh, np.ndarray]:
    angles = np.random.default_rng(seed).uniform(-9, 9, mesh.num_vertices)
    return mesh.with_turned_frames(angles), angles


@every_surface
def test_curvatures_add_up(mesh: Mesh, characteristic: int) -> None:
    """Descartes: deficits of angles. Gauss and Bonnet: holonomies of transport."""
    assert mesh.euler_characteristic == characteristic
    assert np.isclose(mesh.angle_deficits.sum(), 2 * np.pi * characteristic)
    if np.abs(mesh.face_holonomies).max() < 3:
        assert np.isclose(mesh.face_holonomies.sum(), 2 * np.pi * characteristic)
    other, _ = turned(mesh)
    change = other.face_holonomies - mesh.face_holonomies
    assert np.allclose(np.exp(1j * change), 1, rtol=0, atol=1e-12)


def test_two_surfaces_are_one_mesh() -> None:
    one, other = icosphere(1), torus()
    faces = np.concatenate([one.faces, other.faces + one.num_vertices])
    both = Mesh(np.concatenate([one.vertices + 9, other.vertices]), faces)
    assert both.euler_characteristic == 2
    assert np.isclose(both.face_holonomies.sum(), 4 * np.pi)


def test_holonomy_is_the_curvature_enclosed() -> None:
    """Of the unit sphere both are areas, of triangles and of cells of vertices."""
    mesh = icosphere(3)
    a, b, c = np.moveaxis(mesh.vertices[mesh.faces], 1, 0)
    volume = np.einsum("fx,fx->f", a, np.cross(b, c))
    cosines = 1 + (a * b).sum(1) + (b * c).sum(1) + (c * a).sum(1)
    area = 2 * np.arctan2(volume, cosines)  # Van Oosterom and Strackee
    assert np.isclose(area.sum(), 4 * np.pi)
    assert np.allclose(mesh.face_holonomies, area, rtol=0, atol=1e-12)
    assert np.allclose(mesh.angle_deficits, mesh.areas, rtol=0.2)
    assert mesh.areas.sum() == pytest.approx(4 * np.pi, rel=0.01)


def test_transport_on_a_great_circle() -> None:
    """A tangent of a great circle stays one, and so does what is across."""
    mesh = icosphere(2)
    found = mesh.neighbours()
    here, slot = np.nonzero(found.present)
    there = found.places[here, slot]
    back = {pair: n for n, pair in enumerate(zip(here, there, strict=True))}
    opposite = [back[pair] for pair in zip(there, here, strict=True)]
    angles = found.angles[here, slot]
    # At the neighbour the circle goes on away from here, at −(the way back).
    onward = angles[opposite] + np.pi
    carried = np.exp(1j * (onward + found.transports[here, slot]))
    assert np.allclose(carried, np.exp(1j * angles))


@every_surface
def test_transport_there_and_back_is_nothing(mesh: Mesh, characteristic: int) -> None:
    found = mesh.neighbours()
    size = mesh.num_vertices
    turns = np.zeros((size, size))
    here = np.repeat(np.arange(size)[:, None], found.places.shape[1], 1)
    turns[here[found.present], found.places[found.present]] = found.transports[
        found.present
    ]
    assert np.allclose(np.exp(1j * (turns + turns.T)), 1)


@every_surface
def test_frames_turn_directions_and_transports(mesh: Mesh, characteristic: int) -> None:
    other, turns = turned(mesh)
    before, after = mesh.neighbours(2), other.neighbours(2)
    here = turns[:, None] * before.present
    there = turns[before.places] * before.present
    assert np.allclose(after.lengths, before.lengths)
    assert np.allclose(np.exp(1j * (after.angles - before.angles + here)), 1)
    change = after.transports - before.transports + here - there
    assert np.allclose(np.exp(1j * change), 1)
    field = np.random.default_rng(1).normal(size=(3, mesh.num_vertices, 3))
    field -= (field * mesh.normals).sum(-1, keepdims=True) * mesh.normals
    assert np.allclose(mesh.vectors(mesh.components(field)), field)
    expected = mesh.components(field) * np.exp(-1j * turns)
    assert np.allclose(other.components(field), expected)


def test_rotations_and_names_change_nothing() -> None:
    mesh = random_sphere()
    rotation = Rotation.random(random_state=0).as_matrix()
    before, after = mesh.neighbours(), mesh.rotated(rotation).neighbours()
    assert np.allclose(after.angles, before.angles)
    assert np.allclose(after.transports, before.transports)
    order = np.random.default_rng(0).permutation(mesh.num_vertices)
    named = mesh.relabelled(order)
    assert np.array_equal(named.vertices, mesh.vertices[order])
    assert np.array_equal(
        np.sort(named.neighbours().lengths), np.sort(before.lengths[order])
    )
    assert np.allclose(named.angle_deficits, mesh.angle_deficits[order])


def test_rings_are_steps() -> None:
    mesh = icosphere(2)
    counts = [mesh.neighbours(rings).present.sum(1) for rings in (1, 2, 3)]
    corner = int(np.argmin(counts[0]))
    assert [int(count[corner]) for count in counts] == [5, 15, 30]
    assert int(counts[1].max()) == 18
    one = mesh.neighbours()
    assert one.present.sum() == 2 * len(mesh.edges)
    assert not one.lengths[~one.present].any()
    assert (one.places[~one.present] == np.argwhere(~one.present)[:, 0]).all()
    assert mesh.mean_edge == pytest.approx(one.lengths[one.present].mean())


def test_the_logarithm_keeps_lengths() -> None:
    """On the pole of the sphere directions are longitudes."""
    mesh = icosphere(3)
    pole = mesh.rotated(
        Rotation.align_vectors([[0, 0, 1]], mesh.normals[:1])[0].as_matrix()
    )
    found = pole.neighbours(2)
    places = pole.vertices[found.places[0][found.present[0]]] - pole.vertices[0]
    longitudes = np.arctan2(places[:, 1], places[:, 0])
    start = np.arctan2(pole.frames[0, 0, 1], pole.frames[0, 0, 0])
    wanted = np.exp(1j * (longitudes - start))
    assert np.allclose(np.exp(1j * found.angles[0][found.present[0]]), wanted)
    lengths = np.linalg.norm(places, axis=1)
    assert np.allclose(found.lengths[0][found.present[0]], lengths)


def test_given_frames_are_kept() -> None:
    mesh = icosphere(1)
    other, _ = turned(mesh)
    again = Mesh(mesh.vertices, mesh.faces, other.frames.astype(np.float32))
    assert np.allclose(again.frames, other.frames, atol=1e-6)
    with pytest.raises(ValueError, match="read-only"):
        again.frames[0] = 0


def holed(mesh: Mesh) -> Any:
    return mesh.faces[1:]


def flipped(mesh: Mesh) -> Any:
    faces = mesh.faces.copy()
    faces[3] = faces[3, ::-1]
    return faces


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        (holed, r"hole: one face alone is at the edge .* \(3 such edges\); fill it"),
        (flipped, r"faces .* both pass .* flipped; reverse the order"),
        (lambda m: np.concatenate([m.faces, m.faces[:1]]), "got 3 at that of"),
        (lambda m: np.concatenate([m.faces, [[0, 0, 1]]]), "face 20, .* degenerate"),
        (lambda m: m.faces + 1, r"numbers of vertices 0 … 11, got 12 in face"),
        (lambda m: m.faces[:0], "got none"),
        (lambda m: m.faces.astype(float), r"whole numbers \(faces, 3\)"),
        (lambda m: m.faces[:, :2], r"shape \(20, 2\); cut larger polygons"),
        (lambda m: [[0, 1, 2], [0, 1]], "rows of equal shape"),
        (lambda m: np.where(m.faces == 11, 10, m.faces), "none at vertex 11"),
    ],
)
def test_what_is_no_closed_surface(faces: Any, message: str) -> None:
    mesh = icosphere(0)
    with pytest.raises(DataError, match=message):
        Mesh(mesh.vertices, faces(mesh))


def test_surfaces_that_touch_are_told_apart() -> None:
    one = convex_mesh(TETRAHEDRON)
    other = one.faces + 3
    other[one.faces == 0] = 0
    places = np.concatenate([one.vertices, -one.vertices[1:]])
    flipped_faces = other[:, ::-1]
    with pytest.raises(DataError, match="touch in vertex 0; give each"):
        Mesh(places, np.concatenate([one.faces, flipped_faces]))


def test_faces_that_lie_on_one_another_have_no_normal() -> None:
    faces = [[0, 1, 2], [0, 2, 1]]
    with pytest.raises(DataError, match="around vertex 0 cancel"):
        Mesh(CUBE[[0, 1, 2]], faces)


def test_folds_have_no_shortest_transport() -> None:
    with pytest.raises(DataError, match=r"opposite, .* take fewer rings"):
        icosphere(0).neighbours(3)


def test_what_is_straight_below_has_no_direction() -> None:
    square = np.array([[1.0, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]])
    skew = [*square, *np.add(square, [0.3, 0, -1]), [0, 0, 1.0], [0, 0, -2]]
    with pytest.raises(DataError, match=r"straight above or below .* fewer rings"):
        convex_mesh(skew).neighbours(3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f * 1.01, r"off by 2.0e-02: project its first"),
        (lambda f: f[:, ::-1], "left-handed: exchange its vectors"),
        (lambda f: f[1:], "each of 12 vertices, got 11"),
        (lambda f: f[:, 0], r"finite numbers \(n, 2, 3\)"),
        (lambda f: f * np.nan, "not all finite"),
        (lambda f: f[np.roll(np.arange(12), 1)], "project its first"),
    ],
)
def test_what_is_no_frame(change: Any, message: str) -> None:
    mesh = icosphere(0)
    with pytest.raises(DataError, match=message):
        Mesh(mesh.vertices, mesh.faces, change(mesh.frames))


def test_other_wrong_arguments() -> None:
    mesh = icosphere(0)
    wrong: tuple[tuple[Callable[[], Any], str], ...] = (
        (lambda: Mesh([["a"] * 3] * 4, mesh.faces), "vertices: expected finite"),
        (lambda: Mesh(mesh.vertices + np.inf, mesh.faces), "not all finite"),
        (lambda: mesh.rotated(-np.eye(3)), "determinant 1, got one of -1"),
        (lambda: mesh.rotated(2 * np.eye(3)), "off by 3"),
        (lambda: mesh.relabelled([0] * 12), "each of the numbers 0 … 11"),
        (lambda: mesh.with_turned_frames([0.0]), r"finite numbers \(12\)"),
        (lambda: convex_mesh(CUBE[:4]), "lie in no plane, got 4"),
        (lambda: convex_mesh([*CUBE, [0.5] * 3]), "got 1 inside"),
        (lambda: ellipsoid((1, 2)), "axes: expected finite"),
    )
    for bad, message in wrong:
        with pytest.raises(DataError, match=message):
            bad()
    wrong = (
        (lambda: icosphere(8), "subdivisions: expected at most 7"),
        (lambda: mesh.neighbours(0), "rings: expected at least 1"),
        (lambda: torus(1.0, 1.0), "minor: expected a number above 0 and below 1"),
        (lambda: torus(around=2), "around: expected at least 3"),
        (lambda: ellipsoid((1, 2, 0)), "lengths above 0"),
    )
    for bad, message in wrong:
        with pytest.raises(ArgumentError, match=message):
            bad()
    with pytest.raises(ShapeError, match=r"vectors: expected numbers \(..., 12, 3\)"):
        mesh.components(np.zeros((12, 2)))
    with pytest.raises(ShapeError, match=r"components: expected numbers \(..., 12\)"):
        mesh.vectors(np.zeros(3))
