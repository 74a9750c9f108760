from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from rich.console import Console

from qml_qdl.data import Dataset, Split, load, split
from qml_qdl.training import Baseline, Classification, Fit, Report
from qml_qdl.training.pictures import draw_confusion, draw_curves, draw_feature_maps
from qml_qdl.training.report import Line, make_report


def fitted(accuracy: float, seconds: float = 2.0) -> Fit:
    history = [{"epoch": 0, "train_loss": 1.0, "val_loss": 1.0}]
    measures = {"accuracy": accuracy}
    return Fit(1, 0, accuracy, measures, 12, seconds, history, np.zeros(3, dtype=int))


@pytest.fixture(scope="module")
def digits() -> Split:
    return split(load("digits"))


def test_the_spread_over_seeds_is_that_of_a_sample() -> None:
    line = Line("quantum", {"accuracy": (0.9, 0.92, 0.97)}, 1998, 31.416)
    wanted = pytest.approx(np.std([0.9, 0.92, 0.97], ddof=1))
    assert line.summary("accuracy").deviation == wanted
    report = Report("data", ("accuracy",), ())
    assert report.cells(line) == ("quantum", "93.0% ± 3.6", "1,998", "31.42", "")
    single = Line("1-nearest neighbour", {"accuracy": (0.9,)}, None, 0.01, "stores 5")
    assert single.summary("accuracy").deviation is None
    assert report.cells(single)[1:3] == ("90.0%", "–")


def test_the_report_stands_side_by_side(tmp_path: Path) -> None:
    parts = split(load("iris"))
    fits = {
        "quantum": [fitted(0.9), fitted(1.0)],
        "classical twin": [fitted(0.8), fitted(0.8)],
    }
    baseline = Baseline("majority class", {"accuracy": 1 / 3}, 0, 0.0)
    report = make_report("iris", Classification, parts, fits, [baseline])
    report.write(tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "# iris: 89 rows to train, 16 to validate, 45 to test; 2 seeds" in text
    assert "| quantum | 95.0% ± 7.1 | 12 | 2.00 |  |" in text
    assert "| classical twin | 80.0% ± 0.0 |" in text
    assert "nothing was chosen by the test part" in text
    lines = json.loads((tmp_path / "report.json").read_text())["lines"]
    assert [line["name"] for line in lines][-1] == "majority class"
    assert lines[0]["measures"]["accuracy"]["values"] == [0.9, 1.0]
    console = Console(width=100, record=True, file=None)
    with console.capture() as shown:
        console.print(report.table())
    assert "95.0% ± 7.1" in shown.get()


def drawn(figure: Figure, path: Path) -> int:
    figure.savefig(path)
    return path.stat().st_size


def test_pictures_are_drawn(tmp_path: Path, digits: Split) -> None:
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
    curves = draw_curves(
        {"quantum": [history, history], "twin": [history[:1]]}, Classification.panels()
    )
    assert [axes.get_ylabel() for axes in curves.axes] == ["loss", "accuracy"]
    assert len(curves.axes[0].lines) == 6
    assert drawn(curves, tmp_path / "curves.png") > 5000
    confusion = draw_confusion(digits.test, digits.test.labels, "all right")
    assert confusion.axes[0].get_title() == "all right"
    assert drawn(confusion, tmp_path / "confusion.png") > 5000
    torch.manual_seed(0)
    maps = draw_feature_maps(torch.nn.Conv2d(1, 4, 2), digits.test, rows=3)
    assert len(maps.axes) == 3 * 5 + 1
    assert drawn(maps, tmp_path / "maps.png") > 5000


def test_confusion_of_classes_that_are_never_seen(tmp_path: Path) -> None:
    data = Dataset([[0.0], [1.0]], [0, 0], ["a long name", "b", "c"])
    figure = draw_confusion(data, np.array([1, 0]), "two of three")
    assert drawn(figure, tmp_path / "confusion.png") > 1000
