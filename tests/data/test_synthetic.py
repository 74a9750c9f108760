"""Bars and stripes, counted."""

from __future__ import annotations

import numpy as np
import pytest

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.data import bars_and_stripes, load, split


@pytest.mark.parametrize(("height", "width"), [(2, 2), (3, 3), (4, 4), (2, 4), (1, 3)])
def test_patterns_are_all_and_only_bars_or_stripes(height: int, width: int) -> None:
    numbers = np.arange(2 ** (height * width))[:, None]
    images = (numbers >> np.arange(height * width)) & 1
    grids = images.reshape(-1, height, width)
    bars = (grids == grids[:, :, :1]).all((1, 2))
    stripes = (grids == grids[:, :1]).all((1, 2))
    expected = np.unique(images[bars | stripes], axis=0)
    np.testing.assert_array_equal(bars_and_stripes(height, width), expected)


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(ArgumentError, match="height: expected at least 1, got 0"):
        bars_and_stripes(0)
    with pytest.raises(ArgumentError, match="width: expected at most 10, got 11"):
        bars_and_stripes(3, 11)


def test_named_patterns_are_equally_often_in_all_parts() -> None:
    data = load("bars_and_stripes")
    assert data.class_names[0] == "blank"
    assert data.class_names[-1] == "full"
    assert sorted({name.split()[0] for name in data.class_names}) == [
        "bars",
        "blank",
        "full",
        "stripes",
    ]
    pattern = data.of_classes(["stripes 010"]).inputs[0, 0]
    assert pattern.tolist() == [[0, 1, 0]] * 3
    parts = split(data)
    for part in (parts.train, parts.validation, parts.test):
        assert len(set(np.bincount(part.labels).tolist())) == 1
