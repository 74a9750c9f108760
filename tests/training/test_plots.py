"""Pictures of a run: what is in them, and that they are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from qml_qdl import manybody as m
from qml_qdl.data import Dataset, Split, load, split
from qml_qdl.nn import QuantumConv2d
from qml_qdl.training import Classification
from qml_qdl.training.plots import (
    plot_confusion,
    plot_correlators,
    plot_curves,
    plot_errors,
    plot_feature_maps,
    plot_structure_factor,
    plot_zero_variance,
)


@pytest.fixture(scope="module")
def digits() -> Split:
    return split(load("digits"))


def plotted(figure: Figure, path: Path) -> int:
    figure.savefig(path)
    return path.stat().st_size


def test_pictures_are_sampled(tmp_path: Path, digits: Split) -> None:
    history = [
        {
            "epoch": k,
            **{
                f"{p}_{q}": 0.1 * k
                for p in ("train", "val")
                for q in ("loss", "accuracy")
            },
        }
        for k in range(3)
    ]
    curves = plot_curves(
        {"quantum": [history, history], "twin": [history[:1]]}, Classification.panels()
    )
    assert [axes.get_ylabel() for axes in curves.axes] == ["loss", "accuracy"]
    assert len(curves.axes[0].lines) == 6
    assert plotted(curves, tmp_path / "curves.png") > 5000
    confusion = plot_confusion(digits.test, digits.test.labels, "all right")
    assert confusion.axes[0].get_title() == "all right"
    assert plotted(confusion, tmp_path / "confusion.png") > 5000
    torch.manual_seed(0)
    maps = plot_feature_maps(torch.nn.Conv2d(1, 4, 2), digits.test, rows=3)
    assert len(maps.axes) == 3 * 5 + 1
    quantum = QuantumConv2d(1, 4, 2, stride=2)
    assert quantum.bias is not None
    torch.nn.init.constant_(quantum.bias, 0.3)
    shown = plot_feature_maps(quantum, digits.test, rows=1).axes[1].images[0]
    assert shown.get_clim() == (-1, 1)
    image = torch.tensor(digits.test.inputs[digits.test.labels == 0][:1])
    expected = quantum(image)[0, 0].detach() - 0.3
    np.testing.assert_allclose(np.asarray(shown.get_array()), expected, atol=1e-6)
    assert plotted(maps, tmp_path / "maps.png") > 5000


def test_confusion_of_classes_that_are_never_seen(tmp_path: Path) -> None:
    data = Dataset([[0.0], [1.0]], [0, 0], ["a long name", "b", "c"])
    figure = plot_confusion(data, np.array([1, 0]), "two of three")
    assert plotted(figure, tmp_path / "confusion.png") > 1000


@pytest.mark.parametrize(
    "lattice",
    [m.Lattice.chain(6), m.Lattice.square(2, 3), m.Lattice.from_edges([(0, 5)])],
    ids=lambda lattice: lattice.shape,
)
def test_correlators_are_plotted_where_the_sites_are(lattice: m.Lattice) -> None:
    samples = m.FullSummation(6).sample(m.RBMState(6, scale=0.5, dtype=torch.float64))
    means = m.correlators(samples)
    axes: Any = plot_correlators(means, lattice, site=2).axes[0]
    expected = means.values[2].detach().numpy()
    if lattice.shape == "square":
        shown = axes.collections[-1]
        assert lattice.positions is not None
        np.testing.assert_allclose(shown.get_offsets(), lattice.positions)
        np.testing.assert_allclose(np.asarray(shown.get_array()), expected)
        assert len(axes.lines) == 7  # without bonds across the boundary
    else:
        np.testing.assert_allclose(axes.lines[0].get_ydata(), expected)


@pytest.mark.parametrize("lattice", [m.Lattice.chain(6), m.Lattice.triangular(2, 3)])
def test_structure_factors_are_plotted_over_momenta(lattice: m.Lattice) -> None:
    samples = m.FullSummation(6).sample(m.RBMState(6, scale=0.5, dtype=torch.float64))
    found = m.structure_factor(samples, lattice)
    axes: Any = plot_structure_factor(found).axes[0]
    if len(lattice.n_cells) == 1:
        np.testing.assert_allclose(axes.lines[0].get_ydata(), found.values)
    else:
        places = np.asarray(axes.collections[0].get_offsets())
        np.testing.assert_allclose(places * np.pi, found.momenta)
        assert np.array_equal(axes.collections[0].get_array(), found.values)


def test_a_line_leads_to_zero_variance() -> None:
    seen = [m.Estimate(-2 + v, 0.1, v, 4, 100) for v in (0.5, 1.0)]
    axes: Any = plot_zero_variance(seen, m.zero_variance(seen), exact=-2.0).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [-2, -1])
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["exact", "states", "extrapolated"]


def test_errors_fall_beside_others() -> None:
    figure = plot_errors(
        {"adapt": [20.0, 4.0, 0.0]}, {"UCCSD": 0.5}, "operators", "error (mHa)"
    )
    (axes,) = figure.axes
    assert axes.get_yscale() == "log"
    lines: list[Any] = axes.get_lines()
    curve, across = lines
    assert list(curve.get_xdata()) == [0, 1, 2]
    assert list(across.get_ydata()) == [0.5, 0.5]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("operators", "error (mHa)")
