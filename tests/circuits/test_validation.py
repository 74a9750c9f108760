"""Converters and checks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from qml_qdl.circuits import (
    ArgumentError,
    ArgumentTypeError,
    BasicEntangler,
    QdlError,
    StronglyEntangling,
)
from qml_qdl.circuits.validation import (
    as_features,
    as_many_wires,
    as_wires,
    check_choice,
    check_count,
    check_path,
    check_text,
    did_you_mean,
    validate_call,
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


@pytest.mark.parametrize("count", [2**40, 10**6, 10_001])
def test_no_circuit_has_so_many_wires(count: int) -> None:
    message = f"wires: expected at least one wire and at most 10000, got {count}"
    with pytest.raises(ArgumentError, match=message):
        as_wires(count)
    with pytest.raises(ArgumentError, match=message):
        StronglyEntangling(count)
    assert len(as_wires(10_000)) == 10_000


@pytest.mark.parametrize(
    "wires", [b"ab", {"a": 1}, torch.tensor(1.5), torch.ones(2), [float("nan")], [None]]
)
def test_what_cannot_be_wires(wires: Any) -> None:
    with pytest.raises(ArgumentTypeError, match="wires: expected"):
        as_wires(wires)


def test_wires_may_be_a_tensor_of_whole_numbers() -> None:
    assert as_wires(torch.tensor([2, 0])) == (2, 0)


@pytest.mark.parametrize("text", ["", "a\0b", "a\ud800b", 3, None, b"x"])
def test_what_is_no_text(text: Any) -> None:
    with pytest.raises(QdlError, match="name: expected text"):
        check_text("name", text)
    with pytest.raises(QdlError, match=r"name: expected (text|a path)"):
        check_path("name", text)


def test_text_and_paths() -> None:
    check_text("name", "Ü-1 ☃")
    check_path("name", Path("a/b"))


def test_counts_end_where_indices_do() -> None:
    check_count("layers", 2**31 - 1)
    with pytest.raises(ArgumentError, match="layers: expected at most 2147483647, got"):
        BasicEntangler(2, layers=2**40)


def test_a_choice_is_compared_with_names_and_numbers_only() -> None:
    for value in (np.array(["a", "b"]), torch.tensor(1.0), 1.0, np.bool_(True)):
        with pytest.raises(ArgumentError, match="x: expected one of"):
            check_choice("x", value, ("a", 1, True))
    check_choice("x", np.int64(1), (0, 1))


class _Given:
    def __init__(self, tensor: torch.Tensor, seed: int | None = None) -> None:
        self.seed = seed

    @classmethod
    def made(cls, path: str | Path, flag: bool = False) -> Any:
        return path, flag

    def call(self, function: Callable[[int], int], *, share: float = 0.5) -> float:
        return function(1) * share


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c([1.0]), r"tensor: expected a Tensor, got \[1.0\]; make one with"),
        (
            lambda c: c(torch.ones(1) * 1j),
            "tensor: expected real numbers, got torch.co",
        ),
        (lambda c: c(torch.ones(1), "0"), "seed: expected a whole number, got '0'"),
        (lambda c: c.made(3), "path: expected a path, got 3"),
        (lambda c: c.made("a\0"), "path: expected text without NUL"),
        (lambda c: c.made("a", flag=1), "flag: expected True or False, got 1"),
        (lambda c: c(torch.ones(1)).call(3), "function: expected a Callable, got 3"),
        (
            lambda c: c(torch.ones(1)).call(abs, share="half"),
            "share: expected a number, got 'half'",
        ),
    ],
)
def test_arguments_are_checked_against_their_annotations(
    call: Callable[[Any], Any], message: str
) -> None:
    with pytest.raises(QdlError, match=message):
        call(validate_call(_Given))


def test_right_arguments_pass() -> None:
    given = validate_call(_Given)
    assert given(torch.ones(1), None).seed is None
    assert given(tensor=torch.ones(1), seed=np.int64(3)).seed == 3  # type: ignore[arg-type]
    assert given.made(Path("a"), flag=True) == (Path("a"), True)
    assert given(torch.ones(1)).call(lambda n: n, share=2) == 2


def test_the_nearest_word_is_told_whatever_its_case() -> None:
    assert did_you_mean("LIGHTNING.qbit", ["x", "lightning.qubit"]) == (
        "; did you mean 'lightning.qubit'?"
    )
    assert did_you_mean("zzz", ["a"]) == ""
    with pytest.raises(ArgumentError, match=r"got 'zme'; did you mean 'zne'\?"):
        check_choice("mitigation", "zme", (None, "readout", "zne"))
