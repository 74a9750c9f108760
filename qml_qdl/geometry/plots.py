"""Pictures of tangent fields on meshes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import check_number, check_type, validate_call
from qml_qdl.data.meshes import Mesh

COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown")
"""Of classes, and then again from the first."""


@validate_call
def plot_field(
    mesh: Mesh,
    vectors: Any,
    classes: Any = None,
    class_names: Sequence[str] = (),
    *,
    axes: Any = None,
    elevation: float = 20.0,
    azimuth: float = 30.0,
) -> Any:
    """Plots the arrows of a tangent field that face the viewer, on the surface.

    Args:
        mesh: The surface.
        vectors: Vectors (vertices, 3); the longest is drawn 1.2 mean edges long.
        classes: A class index for each vertex (vertices,), which colours it;
            None for black arrows.
        class_names: What the legend calls them; none for no legend.
        axes: Three-dimensional axes of matplotlib; None makes a figure.
        elevation: From where one looks, in degrees above the equator.
        azimuth: From where one looks, in degrees of longitude.

    Returns:
        The axes, whose `figure` can be shown or saved.

    Raises:
        ArgumentError: An angle is not finite, or there are more classes than names.
        ArgumentTypeError: The axes are no three-dimensional ones.
        ShapeError: There is not one vector, or class, for each vertex.

    Example:
        >>> from qml_qdl.data import icosphere, random_flows
        >>> mesh = icosphere(2)
        >>> velocities, _ = random_flows(mesh.vertices, 1)
        >>> plot_field(mesh, velocities[0]).figure.savefig("flow.png")  # doctest: +SKIP
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from mpl_toolkits.mplot3d import Axes3D

    for name, angle in (("elevation", elevation), ("azimuth", azimuth)):
        check_number(name, angle, -np.inf, np.inf)
    arrows = mesh.vectors(mesh.components(vectors))
    kinds = np.zeros(mesh.num_vertices, int) if classes is None else np.asarray(classes)
    if arrows.ndim != 2 or kinds.shape != (mesh.num_vertices,):
        raise ShapeError(
            f"vectors, classes: expected one for each of {mesh.num_vertices} vertices, "
            f"got shapes {np.shape(vectors)} and {kinds.shape}"
        )
    if class_names and kinds.max() >= len(class_names):
        raise ArgumentError(
            f"class_names: expected a name for each class up to {kinds.max()}, got "
            f"{len(class_names)}"
        )
    if axes is not None:
        check_type("axes", axes, Axes3D)
    else:
        figure = Figure(figsize=(5, 5), layout="constrained")
        axes = figure.add_subplot(projection="3d")
    up, around = np.deg2rad([elevation, azimuth])
    towards = np.array(
        [np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up)]
    )
    axes.plot_trisurf(
        *mesh.vertices.T,
        triangles=mesh.faces,
        color="0.96",
        edgecolor="0.85",
        lw=0.3,
        shade=False,
    )
    longest = np.linalg.norm(arrows, axis=1).max() or 1.0
    arrows = arrows * (1.2 * mesh.mean_edge / longest)
    # Matplotlib does not hide what is behind: arrows there are left out.
    seen = mesh.normals @ towards > 0.15
    start = (mesh.vertices + 0.05 * mesh.mean_edge * mesh.normals)[seen].T
    palette = np.array(COLOURS)[kinds % len(COLOURS)]
    colours = palette[seen] if classes is not None else "black"
    # In front of the surface, whatever matplotlib thinks of distances.
    axes.computed_zorder = False
    axes.quiver(
        *start,
        *arrows[seen].T,
        colors=colours,
        lw=1.2,
        arrow_length_ratio=0.4,
        zorder=5,
    )
    if classes is not None:
        axes.scatter(*start, c=colours, s=14, depthshade=False, zorder=6)
    if class_names:
        lines = [
            Line2D([], [], color=COLOURS[k % len(COLOURS)], label=name)
            for k, name in enumerate(class_names)
        ]
        axes.legend(handles=lines, loc="upper right", fontsize="small")
    axes.view_init(elevation, azimuth)
    axes.set_aspect("equal")
    axes.set_box_aspect(axes.get_box_aspect(), zoom=1.35)
    axes.set_axis_off()
    return axes
