"""Flows on the sphere: tangent, smooth, and accelerated as finite differences say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from qml_qdl.data import icosphere, load, motions, random_flows
from qml_qdl.data.flows import MOTIONS
from qml_qdl.errors import ArgumentError, DataError, ShapeError

SPHERE = icosphere(2)


def test_accelerations_are_derivatives_along_the_flow() -> None:
    """u a step ahead and behind along great circles, projected back."""
    start = SPHERE.vertices[::9]
    for row in range(3):
        velocities, accelerations = random_flows(start, 3, seed=1)
        u, a = velocities[row], accelerations[row]
        assert np.abs((u * start).sum(1)).max() < 1e-12
        assert np.abs((a * start).sum(1)).max() < 1e-10
        step = 1e-5
        ahead, behind = (
            start * np.cos(s * np.linalg.norm(u, axis=1))[:, None]
            + u
            / np.linalg.norm(u, axis=1)[:, None]
            * np.sin(s * np.linalg.norm(u, axis=1))[:, None]
            for s in (step, -step)
        )
        # All points at once, since velocities have a common unit.
        points = np.concatenate([start, ahead, behind])
        moved = random_flows(points, 3, seed=1)[0][row].reshape(3, -1, 3)
        unit = np.linalg.norm(u) / np.linalg.norm(moved[0])
        change = unit * (moved[1] - moved[2]) / (2 * step)
        change -= (change * start).sum(1, keepdims=True) * start
        assert np.abs(change - a).max() < 1e-6 * np.abs(a).max()


def test_motions_are_quarters() -> None:
    mesh = icosphere(0)
    ahead, left = mesh.frames[:, 0], mesh.frames[:, 1]
    for number, pull in enumerate((ahead, left, -ahead, -left)):
        for lean in (-0.9, 0.9):
            other = (left, -ahead, -left, ahead)[number]
            assert (motions(mesh, 2 * ahead, pull + lean * other) == number).all()
    assert MOTIONS[1] == "bends left"


def test_motions_do_not_hang_on_frames_nor_on_speed() -> None:
    velocities, accelerations = random_flows(SPHERE.vertices, 4)
    found = motions(SPHERE, velocities, accelerations)
    assert found.shape == (4, 162)
    angles = np.random.default_rng(0).uniform(-4, 4, 162)
    rotation = Rotation.random(random_state=0).as_matrix()
    other = SPHERE.with_turned_frames(angles).rotated(rotation)
    again = motions(other, 3 * velocities @ rotation.T, accelerations @ rotation.T)
    assert (again == found).all()
    # Backwards the flow turns the other way, and where it sped up it slows down.
    assert (motions(SPHERE, -velocities, accelerations) == (found + 2) % 4).all()


def test_the_named_data_set() -> None:
    data = load("oriented-mesh")
    assert repr(data) == (
        "Dataset('oriented_mesh', 200 rows of shape (324,), 4 classes at 162 places)"
    )
    shares = np.bincount(data.labels.ravel()) / data.labels.size
    assert np.abs(shares - 0.25).max() < 0.03
    numbers = data.inputs.reshape(200, 162, 2) @ [1, 1j]
    velocities, accelerations = random_flows(SPHERE.vertices, 200)
    assert np.allclose(SPHERE.vectors(numbers), velocities, atol=1e-6)
    assert (data.labels == motions(SPHERE, velocities, accelerations)).all()
    assert np.mean(data.inputs**2) == pytest.approx(0.5, rel=1e-5)


def test_wrong_arguments() -> None:
    with pytest.raises(DataError, match="unit vectors, got 162 of lengths up to 2;"):
        random_flows(2 * SPHERE.vertices, 1)
    with pytest.raises(DataError, match="one or more unit vectors, got 0"):
        random_flows(SPHERE.vertices[:0], 1)
    with pytest.raises(ArgumentError, match="rows: expected at least 1"):
        random_flows(SPHERE.vertices, 0)
    with pytest.raises(ArgumentError, match="wave_number: expected a number above 0"):
        random_flows(SPHERE.vertices, 1, wave_number=0.0)
    with pytest.raises(ShapeError, match=r"accelerations: expected|vectors: expected"):
        motions(SPHERE, SPHERE.vertices, SPHERE.vertices[:3])
