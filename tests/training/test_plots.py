"""Pictures of a run: what is in them, and that they are written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from qml_qdl.data import Dataset, Split, load, split
from qml_qdl.nn import QuantumConv2d
from qml_qdl.training import Classification
from qml_qdl.training.plots import plot_confusion, plot_curves, plot_feature_maps


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
