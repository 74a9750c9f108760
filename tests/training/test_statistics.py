"""Mean ± deviation over seeds, as reports and examples print them."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.training.statistics import summarise

ROOT = Path(__file__).parents[2]


def test_the_deviation_is_that_of_a_sample() -> None:
    values = [0.9, 0.92, 0.97]
    found = summarise(values)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.deviation == pytest.approx(np.std(values, ddof=1))


@pytest.mark.parametrize("make", [list, np.array, torch.tensor, iter])
def test_values_of_every_kind(make: type) -> None:
    found = summarise(make([1.0, 2.0]))
    assert type(found.mean) is float
    assert found.mean == 1.5
    assert found.deviation == pytest.approx(math.sqrt(0.5))


@pytest.mark.parametrize(
    ("values", "places", "text"),
    [
        # As the table of classifiers has them.
        ([0.9, 0.92, 0.97], 1, "93.0% ± 3.6"),
        ([1.0, 0.9], 1, "95.0% ± 7.1"),
        ([0.8, 0.8], 1, "80.0% ± 0.0"),
        ([0.9], 1, "90.0%"),
        ([1 / 3, 1 / 3, 0.4], 2, "35.56% ± 3.85"),
    ],
)
def test_shares(values: list[float], places: int, text: str) -> None:
    assert summarise(values).text(places, percent=True) == text


@pytest.mark.parametrize(
    ("values", "places", "text"),
    [
        # As the table of models that sample has them.
        ([1.0, 2.0], 4, "1.5000 ± 0.7071"),
        ([1.0684, 1.1916], 2, "1.13 ± 0.09"),
        ([0.95, 1.04], 3, "0.995 ± 0.064"),
        ([0.0136], 4, "0.0136"),
        ([-2.5], 2, "-2.50"),
        ([3.4, 4.6], 0, "4 ± 1"),
        ([math.inf], 4, "inf"),
        ([0.5, math.inf], 4, "inf"),
        ([0.5, -math.inf], 2, "-inf"),
        ([math.inf, -math.inf], 2, "nan"),
        ([0.5, math.nan, 0.7], 2, "nan"),
    ],
)
def test_numbers(values: list[float], places: int, text: str) -> None:
    assert summarise(values).text(places) == text


@pytest.mark.parametrize("values", [[0.3], [1.0, math.inf], [math.nan, 1.0, 2.0]])
def test_no_deviation_where_there_is_none(values: list[float]) -> None:
    assert summarise(values).deviation is None


def test_no_values_are_refused() -> None:
    with pytest.raises(ArgumentError, match="values: expected the value of at least"):
        summarise([])


def test_it_loads_neither_torch_nor_pennylane() -> None:
    """By its path: the package around it loads all that trains."""
    code = (
        "import runpy, sys; runpy.run_path(sys.argv[1]); "
        "print(sorted({'torch', 'pennylane', 'lightning', 'qml_qdl'} & {*sys.modules}))"
    )
    path = ROOT / "qml_qdl" / "training" / "statistics.py"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
