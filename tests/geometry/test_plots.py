"""Pictures of fields: what faces the viewer, in the colours of classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qml_qdl.data import icosphere, torus
from qml_qdl.errors import ArgumentError, ShapeError
from qml_qdl.geometry import plot_field


def test_arrows_that_face_the_viewer(tmp_path: Path) -> None:
    mesh = icosphere(1)
    vectors = mesh.frames[:, 0]
    axes = plot_field(mesh, vectors, np.arange(42) % 3, ("a", "b", "c"))
    _, arrows, dots = axes.collections
    facing = mesh.normals @ np.array([1.0, 0, 0])
    axes.figure.savefig(tmp_path / "classes.png")
    assert 10 < len(dots.get_offsets()) < 42 / 2
    assert len(np.unique(dots.get_facecolors(), axis=0)) == 3
    legend = axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "c"]
    plain = plot_field(mesh, 0 * vectors, elevation=0.0, azimuth=0.0)
    plain.figure.savefig(tmp_path / "plain.png")
    assert len(plain.collections) == 2
    assert plain.get_legend() is None
    assert (facing > 0.15).any()
    assert arrows is not None


def test_a_field_in_given_axes() -> None:
    from matplotlib.figure import Figure

    axes = Figure().add_subplot(projection="3d")
    mesh = torus(around=5, across=4)
    assert plot_field(mesh, mesh.frames[:, 1], axes=axes) is axes


def test_what_cannot_be_shown() -> None:
    mesh = icosphere(0)
    vectors = mesh.frames[:, 0]
    with pytest.raises(ShapeError, match=r"vectors: expected numbers \(..., 12, 3\)"):
        plot_field(mesh, vectors[:3])
    with pytest.raises(ShapeError, match="one for each of 12 vertices, got shapes"):
        plot_field(mesh, vectors, [0, 1])
    with pytest.raises(ShapeError, match="one for each of 12 vertices"):
        plot_field(mesh, vectors[None])
    with pytest.raises(ArgumentError, match="a name for each class up to 11, got 2"):
        plot_field(mesh, vectors, np.arange(12), ["a", "b"])
    with pytest.raises(ArgumentError, match="azimuth: expected a finite number"):
        plot_field(mesh, vectors, azimuth=float("inf"))
