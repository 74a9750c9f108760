"""Random flows on the unit sphere, and what a fluid does that moves along with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from qml_qdl.circuits.errors import DataError
from qml_qdl.circuits.validation import check_count, check_number, validate_call
from qml_qdl.data.meshes import Doubles, Indices, Mesh, finite_array

MOTIONS = ("speeds up", "bends left", "slows down", "bends right")
"""What a flow does: its acceleration ahead, to the left, behind or to the right."""

WAVES = 6
"""Of which each potential is a sum."""


@validate_call
def random_flows(
    points: Any, rows: int, *, wave_number: float = 1.5, seed: int = 0
) -> tuple[Doubles, Doubles]:
    r"""Smooth random flows on the unit sphere, with their accelerations.

    A flow :math:`u = \nabla f + n \times \nabla g` is made of two potentials, each
    a sum of six plane waves of random direction, length and phase in space. A steady
    flow accelerates what it carries by :math:`a = \nabla_u u`, the covariant
    derivative, which is exact here: with
    :math:`H_f = P\, \mathrm{Hess} f\, P - \partial_n f\, P`, P the projection onto
    the tangent plane, :math:`a = H_f u + n \times H_g u`.

    Args:
        points: Where on the unit sphere (points, 3).
        rows: How many flows, 1 or more.
        wave_number: Typical wave number, above 0, in radians for a radius.
        seed: Fixes the flows, which do not depend on the points.

    Returns:
        Velocities and accelerations, each (rows, points, 3), tangent to the sphere;
        velocities have a mean square of 1 over all points and rows.

    Raises:
        ArgumentError: A number is out of its range.
        DataError: The points are not on the unit sphere.

    Example:
        >>> from qml_qdl.data import icosphere
        >>> velocities, accelerations = random_flows(icosphere(1).vertices, 5)
        >>> velocities.shape
        (5, 42, 3)
    """
    check_count("rows", rows)
    check_count("seed", seed, 0)
    check_number("wave_number", wave_number, 0.0, np.inf)
    n = finite_array("points", points, None, 3)
    lengths = np.linalg.norm(n, axis=1)
    if not len(n) or np.abs(lengths - 1).max() > 1e-6:
        raise DataError(
            f"points: expected one or more unit vectors, got {len(n)} of lengths up to "
            f"{lengths.max(initial=0):g}; divide them by their lengths"
        )
    generator = np.random.default_rng(seed)
    normal, tangent = n[:, :, None] * n[:, None, :], np.eye(3)
    project = tangent - normal
    velocities, slopes = np.zeros((rows, *n.shape)), np.zeros((rows, *n.shape, 3))
    for turned in (False, True):
        waves = wave_number * generator.normal(size=(rows, WAVES, 3))
        phases = generator.uniform(0, 2 * np.pi, (rows, WAVES))
        angles = np.einsum("rwx,px->rpw", waves, n) + phases[:, None]
        rise = -np.einsum("rpw,rwx->rpx", np.sin(angles), waves)
        bend = -np.einsum("rpw,rwx,rwy->rpxy", np.cos(angles), waves, waves)
        outward = np.einsum("rpx,px->rp", rise, n)[..., None, None]
        flow = np.einsum("pxy,rpy->rpx", project, rise)
        slope = project @ bend @ project - outward * project
        if turned:
            flow, slope = np.cross(n, flow), np.cross(n[:, :, None], slope, axis=-2)
        velocities, slopes = velocities + flow, slopes + slope
    unit = np.sqrt((velocities**2).sum(-1).mean())
    velocities = velocities / unit
    return velocities, np.einsum("rpxy,rpy->rpx", slopes / unit, velocities)


@validate_call
def motions(mesh: Mesh, velocities: Any, accelerations: Any) -> Indices:
    """What a flow does at each vertex, seen from outside.

    Args:
        mesh: The surface.
        velocities: Vectors (..., vertices, 3).
        accelerations: Vectors (..., vertices, 3).

    Returns:
        Indices (..., vertices) into `MOTIONS`: the quarter around forward, left,
        backward or right in which the acceleration lies.

    Raises:
        ShapeError: The vectors have another shape.
    """
    ahead, pull = mesh.components(velocities), mesh.components(accelerations)
    turn = np.angle(pull * ahead.conj())
    found: Indices = np.rint(turn / (np.pi / 2)).astype(np.int64) % 4
    return found
