from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from qml_qdl.data import load, split
from qml_qdl.training import Baseline, Classification, Fit, Report
from qml_qdl.training.report import Line, make_report


def fitted(accuracy: float, seconds: float = 2.0) -> Fit:
    history = [{"epoch": 0, "train_loss": 1.0, "val_loss": 1.0}]
    measures = {"accuracy": accuracy}
    return Fit(1, 0, accuracy, measures, 12, seconds, history, np.zeros(3, dtype=int))


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
