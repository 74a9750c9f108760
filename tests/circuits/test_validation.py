"""Converters and checks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qml_qdl.circuits import ArgumentError, ArgumentTypeError, QdlError
from qml_qdl.circuits.validation import (
    as_features,
    as_many_wires,
    as_wires,
    check_choice,
    check_count,
)


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        (3, (0, 1, 2)),
        (np.int64(2), (0, 1)),
        ([2, 0], (2, 0)),
        (range(1, 3), (1, 2)),
        (np.array([4, 5]), (4, 5)),
        (("a", 1), ("a", 1)),
        ((w for w in "ab"), ("a", "b")),
    ],
)
def test_wires(given: Any, labels: tuple[Any, ...]) -> None:
    found = as_wires(given)
    assert found == labels
    assert {type(label) for label in found} <= {int, str}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (0, "wires: expected at least one wire, got 0"),
        (-2, "wires: expected at least one wire, got -2"),
        ([], r"wires: expected at least one wire, got \[\]"),
        ([1, 2, 1], r"labels that differ, got \[1, 2, 1\]; wires overlap"),
        ("ab", "wires: expected a number of wires or a sequence of labels, got 'ab'"),
        (2.0, r"wires: expected a number of wires .* got 2\.0"),
        (True, "wires: expected a number of wires .* got True"),
        (None, "wires: expected a number of wires .* got None"),
        (
            [[0], [1]],
            r"wires: expected labels that can be hashed, got \[\[0\], \[1\]\]",
        ),
    ],
)
def test_wrong_wires(given: Any, message: str) -> None:
    with pytest.raises(QdlError, match=message):
        as_wires(given)


def test_wires_one_for_one() -> None:
    assert as_many_wires(["a", "b"], (0, 1)) == ("a", "b")
    with pytest.raises(
        ArgumentError, match=r"2 wires in place of \[0, 1\], got \['a'\]"
    ):
        as_many_wires(["a"], (0, 1))


@pytest.mark.parametrize(
    ("given", "indices"),
    [
        (None, None),
        (3, (3,)),
        ([2, 0], (2, 0)),
        (np.array([1, 2]), (1, 2)),
        (slice(3), (0, 1, 2)),
        (slice(1, 6, 2), (1, 3, 5)),
        (range(2, 4), (2, 3)),
    ],
)
def test_features(given: Any, indices: tuple[int, ...] | None) -> None:
    assert as_features(given) == indices


def test_open_slices_go_on() -> None:
    found = as_features(slice(2, None, 3))
    assert found is not None
    assert tuple(found[:3]) == (2, 5, 8)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], r"features: expected one or more different indices .* got \[\]"),
        ([-1], r"different indices from 0 up, got \[-1\]; count features from"),
        ([1, 1], r"different indices from 0 up, got \[1, 1\]"),
        (slice(3, 1), r"features: expected a rising slice .* got slice\(3, 1, None\)"),
        (slice(-2, None), "features: expected a rising slice"),
        (slice(0, 4, -1), "features: expected a rising slice"),
        (range(0), "features: expected a rising slice"),
        ([0.5], r"features: expected whole numbers, got \[0\.5\]"),
        ("ab", "features: expected None, a slice or indices, got 'ab'"),
        (1.5, r"features: expected None, a slice or indices, got 1\.5"),
    ],
)
def test_wrong_features(given: Any, message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        as_features(given)


def test_counts() -> None:
    check_count("n", 1)
    check_count("n", 0, 0)
    number: Any
    for number in (1.0, "1", True, None):
        with pytest.raises(ArgumentTypeError, match="n: expected a whole number, got"):
            check_count("n", number)
    with pytest.raises(ArgumentError, match="n: expected at least 2, got 1; pass n=2"):
        check_count("n", 1, 2)


def test_choices() -> None:
    check_choice("axis", "X", ("X", "Y"))
    with pytest.raises(ArgumentError, match="axis: expected one of 'X', 'Y', got 'Z'"):
        check_choice("axis", "Z", ("X", "Y"))
