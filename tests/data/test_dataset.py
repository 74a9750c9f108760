from __future__ import annotations

import hashlib
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    QdlError,
)
from qml_qdl.data import Dataset, encode_labels, stratified_rows
from qml_qdl.data.dataset import Column


def table(rows: int = 6, classes: int = 2) -> Dataset:
    inputs = np.arange(rows * 3.0).reshape(rows, 3)
    names = [f"class {k}" for k in range(classes)]
    return Dataset(inputs, np.arange(rows) % classes, names, name="t")


def test_a_dataset_knows_its_shape() -> None:
    data = table()
    assert (len(data), data.num_classes, data.input_shape) == (6, 2, (3,))
    assert not data.is_image
    assert data.inputs.dtype == np.float32
    assert data.labels.dtype == np.int64
    assert repr(data) == "Dataset('t', 6 rows of shape (3,), 2 classes)"


def test_a_dataset_cannot_be_changed_from_outside() -> None:
    inputs = np.zeros((2, 3), dtype=np.float32)
    data = Dataset(inputs, [0, 1], ["a", "b"])
    inputs[0, 0] = np.nan
    assert data.inputs[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        data.inputs[0, 0] = 1


def test_take_keeps_the_classes() -> None:
    part = table().take([4, 0])
    assert part.labels.tolist() == [0, 0]
    assert part.class_names == ("class 0", "class 1")
    assert part.inputs[0].tolist() == [12.0, 13.0, 14.0]
    assert len(table().take(slice(1, 3))) == 2


def test_the_fingerprint_is_of_the_data_and_not_of_the_name() -> None:
    data = table()
    changed = data.inputs.copy()
    changed[5, 2] += 1e-3
    same = Dataset(data.inputs, data.labels, data.class_names, name="other")
    other = Dataset(changed, data.labels, data.class_names)
    assert same.fingerprint() == data.fingerprint()
    assert other.fingerprint() != data.fingerprint()
    assert Dataset(data.inputs, 1 - data.labels, data.class_names).fingerprint() != (
        data.fingerprint()
    )


@pytest.mark.parametrize(
    ("inputs", "labels", "names", "message"),
    [
        pytest.param(
            [[1.0], [np.nan]],
            [0, 1],
            "ab",
            r"nan at index \[1, 0\] \(row 1\)",
            id="nan",
        ),
        pytest.param([[1.0], [-np.inf]], [0, 1], "ab", "-inf at index", id="infinity"),
        pytest.param([[1.0], [1e300]], [0, 1], "ab", "finite float32", id="overflow"),
        pytest.param(
            [[1.0]], [0, 1], "ab", "one for each of 1 rows, got 2", id="lengths"
        ),
        pytest.param(
            [[1.0], [2.0]], [0, 2], "ab", "0 … 1, got 2 in row 1", id="outside"
        ),
        pytest.param([[1.0], [2.0]], [0, -1], "ab", "got -1 in row 1", id="negative"),
        pytest.param(
            [[1.0], [2.0, 3.0]], [0, 1], "ab", "inputs: expected rows of", id="ragged"
        ),
        pytest.param([1.0, 2.0], [0, 1], "ab", r"got shape \(2,\)", id="one-dimension"),
        pytest.param(np.zeros((2, 0)), [0, 1], "ab", r"got shape \(2, 0\)", id="empty"),
        pytest.param([["x"], ["y"]], [0, 1], "ab", "expected numbers", id="words"),
        pytest.param(
            [[1.0], [2.0]], [0.0, 1.0], "ab", "whole number per row", id="float-labels"
        ),
        pytest.param(
            np.full((2, 1, 2, 2), 16.0), [0, 1], "ab", "16 to 16; divide", id="pixels"
        ),
        pytest.param(
            np.full((2, 1, 2, 2), -0.5), [0, 1], "ab", r"pixels in \[0, 1\]", id="below"
        ),
    ],
)
def test_bad_data_are_refused(
    inputs: object, labels: object, names: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        Dataset(inputs, labels, names)


@pytest.mark.parametrize(
    ("labels", "codes", "names"),
    [
        pytest.param(["b", "a", "b"], [1, 0, 1], ("a", "b"), id="words"),
        pytest.param([b"b", b"a"], [1, 0], ("a", "b"), id="bytes"),
        pytest.param([10, 9, 10], [1, 0, 1], ("9", "10"), id="numbers"),
        pytest.param([2.0, 1.0], [1, 0], ("1", "2"), id="whole-floats"),
        pytest.param(["10", "9"], [1, 0], ("9", "10"), id="numbers-as-words"),
        pytest.param([True, False], [1, 0], ("0", "1"), id="truth-values"),
        pytest.param([" a", "a "], [0, 0], ("a",), id="blanks"),
        pytest.param([2**70, 3], [1, 0], ("3", str(2**70)), id="large"),
    ],
)
def test_labels_become_codes(
    labels: list[object], codes: list[int], names: tuple[str, ...]
) -> None:
    got, got_names = encode_labels(labels)
    assert got.tolist() == codes
    assert got_names == names


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        pytest.param([1.0, np.nan], "got nan in row 1; the label is missing", id="nan"),
        pytest.param(["a", None], "got None in row 1", id="none"),
        pytest.param(["a", " "], "got '' in row 1", id="blank"),
        pytest.param(
            [0.5, 1.0], "got 0.5 in row 0; numbers to fit are no classes", id="half"
        ),
        pytest.param([1.0, np.inf], "got inf in row 1", id="infinite"),
        pytest.param([0.5, np.nan], "got nan in row 1; the label", id="half-and-nan"),
        pytest.param(np.array([2, 1.5], np.longdouble), "in row 1; numbers", id="long"),
        pytest.param(torch.tensor([2, 1.5]), "in row 1; numbers", id="tensor"),
        pytest.param([Fraction(3, 2)], "in row 0; numbers", id="fraction"),
        pytest.param([b"a", b"\xff"], r"UTF-8, got b'\\xff' in row 1", id="latin"),
        pytest.param([1, (1, 2)], r"got \(1, 2\) in row 1; turn each", id="pair"),
        pytest.param([1j], "got 1j in row 0; turn each into a word", id="complex"),
    ],
)
def test_missing_labels_are_refused(labels: Iterable[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        encode_labels(labels)


@settings(max_examples=60, deadline=None)
@given(
    labels=st.lists(st.integers(0, 3), min_size=4, max_size=80),
    rows=st.integers(1, 90),
    seed=st.integers(0, 2**31),
)
def test_a_stratified_sample_keeps_each_share(
    labels: list[int], rows: int, seed: int
) -> None:
    data = Dataset(np.zeros((len(labels), 1)), labels, "abcd")
    counts = np.bincount(labels, minlength=4)
    if rows < (counts > 0).sum():
        with pytest.raises(DataError, match="at least one for each of"):
            stratified_rows(data, rows, seed=seed)
        return
    chosen = stratified_rows(data, rows, seed=seed)
    sampled = np.bincount(data.labels[chosen], minlength=4)
    assert len(chosen) == len(set(chosen)) == min(rows, len(labels))
    assert ((sampled > 0) == (counts > 0)).all()
    assert (sampled <= counts).all()
    share = counts * min(1, rows / len(labels))
    assert (sampled <= np.maximum(1, np.ceil(share))).all()


def test_a_sample_depends_on_the_seed_alone() -> None:
    data = table(60)
    first = stratified_rows(data, 10, seed=1)
    assert (first == stratified_rows(data, 10, seed=1)).all()
    assert (first != stratified_rows(data, 10, seed=2)).any()


def test_a_sample_of_no_rows_is_refused() -> None:
    with pytest.raises(ArgumentError, match="rows: expected at least 1"):
        stratified_rows(table(), 0)


def test_rows_of_some_classes() -> None:
    data = Dataset([[0.0], [1.0], [2.0], [3.0]], [0, 1, 2, 0], ["a", "b", "c"])
    alone = data.of_classes(["a"])
    assert alone.inputs.ravel().tolist() == [0, 3]
    assert alone.class_names == ("a",)
    pair = data.of_classes(["c", "a", "c"])
    assert pair.labels.tolist() == [0, 1, 0]
    assert pair.class_names == ("a", "c")
    with pytest.raises(DataError, match="label: expected one of the classes a, b, c"):
        data.of_classes(["d"])
    with pytest.raises(DataError, match="label: 'data' has no row of b; name a class"):
        data.take([0]).of_classes(["b"])


def numbers(labels: object = (0.5, -2.0, 3e5)) -> Dataset:
    return Dataset([[0.0], [1.0], [2.0]], labels, name="n")


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param([0.5, -2.0, 3e5], id="floats"),
        pytest.param([0, 1, 0], id="whole"),
        pytest.param(np.array([0, 2**63, 5], dtype=np.uint64), id="unsigned"),
        pytest.param(torch.tensor([0.25, 1.0, -4.0]), id="tensor"),
    ],
)
def test_labels_without_class_names_are_numbers_to_fit(labels: object) -> None:
    data = numbers(labels)
    assert (data.has_classes, data.num_classes, data.class_names) == (False, 0, ())
    assert data.labels.dtype == np.float32
    np.testing.assert_array_equal(data.labels, np.asarray(labels, dtype=np.float32))
    assert repr(data) == "Dataset('n', 3 rows of shape (1,), numbers)"
    assert table().has_classes


def test_numbers_cannot_be_changed_from_outside() -> None:
    labels = np.array([0.5, 1.5, 2.5], dtype=np.float32)
    data = numbers(labels)
    labels[0] = 9
    assert data.labels[0] == 0.5
    with pytest.raises(ValueError, match="read-only"):
        data.labels[0] = 1


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.5, 1.0, np.nan], r"labels: expected finite .* nan at .* \(row 2\)"),
        ([0.5, -np.inf, 1.0], r"labels: expected finite .* -inf at .* \(row 1\)"),
        ([1e39, 0.0, 0.0], r"labels: expected finite float32 numbers, got 1e\+39"),
        ([0.5, 1.5], "labels: expected one for each of 3 rows, got 2"),
        ([[0.5], [1.0], [2.0]], r"one number per row, .* shape \(3, 1\)"),
        ([[0.5], [1.0, 2.0], [2.0]], "labels: expected rows of equal shape"),
        (0.5, r"one number per row, .* shape \(\)"),
        (["a", "b", "a"], "one number per row, .* encode_labels makes classes of"),
        ([True, False, True], "one number per row, got an array of bool"),
        ([0.5, None, 1.0], "one number per row, got an array of object"),
    ],
)
def test_bad_numbers_are_refused(labels: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        numbers(labels)


def test_take_keeps_numbers() -> None:
    part = numbers().take([2, 0])
    assert part.labels.tolist() == [3e5, 0.5]
    assert part.labels.dtype == np.float32
    assert not part.has_classes


def test_numbers_have_no_rows_of_a_class() -> None:
    with pytest.raises(DataError, match="'n' has numbers to fit and no classes, got 3"):
        numbers().of_classes(["3"])


def test_fingerprints_of_classes_stay_as_they_were() -> None:
    # Runs made before keep these, and are resumed on the same data only.
    data = Dataset([[0.0, 1.0], [1.0, 0.0]], [0, 1], ["no", "yes"])
    known = "f01a4ff108bb56c2e2e617af134d3913d9c67a44a63f5d5164d39d0f990d9c96"
    assert data.fingerprint() == known
    by_hand = hashlib.sha256(b"((2, 2), ('no', 'yes'))")
    by_hand.update(np.array([0, 1, 1, 0], dtype="<f4").tobytes())
    by_hand.update(np.array([0, 1], dtype="<i8").tobytes())
    assert by_hand.hexdigest() == known


def test_the_fingerprint_of_numbers_depends_on_each() -> None:
    data = numbers()
    seen = {data.fingerprint(), numbers([0.5, -2.0, 3e5 + 1]).fingerprint()}
    seen |= {numbers([0, 1, 0]).fingerprint()}
    seen |= {Dataset(data.inputs, [0, 1, 0], "ab").fingerprint()}
    assert len(seen) == 4
    assert numbers().fingerprint() == data.fingerprint()


def test_classes_named_by_numbers_become_numbers() -> None:
    labels = ["10", "-1.5", "10", "3e2"]
    codes, names = encode_labels(labels)
    data = Dataset(np.zeros((4, 1)), codes, names, name="n").as_numbers()
    assert data.labels.tolist() == [float(label) for label in labels]
    assert not data.has_classes
    assert data.name == "n"
    assert data.as_numbers() is data


@pytest.mark.parametrize("name", ["a", "", "nan", "inf", "1e39"])
def test_classes_named_otherwise_become_no_numbers(name: str) -> None:
    data = Dataset([[0.0], [1.0]], [0, 1], ["1", name], name="t")
    with pytest.raises(DataError, match=f"finite numbers, got '{name}' in 't'"):
        data.as_numbers()


def test_a_sample_of_numbers_is_random() -> None:
    data = Dataset(np.zeros((40, 1)), np.arange(40) / 7)
    sampled = [stratified_rows(data, 10, seed=seed) for seed in range(200)]
    assert all((np.diff(rows) > 0).all() for rows in sampled)
    assert all(len(rows) == 10 for rows in sampled)
    assert (sampled[1] == stratified_rows(data, 10, seed=1)).all()
    # Each row is sampled 50 times in 200, give or take five standard deviations.
    assert np.bincount(np.concatenate(sampled)) == pytest.approx(50, abs=31)
    assert stratified_rows(data, 1).shape == (1,)
    assert stratified_rows(data, 50).tolist() == list(range(40))


def test_two_classes_have_two_names() -> None:
    with pytest.raises(DataError, match=r"class_names: .* differ, got \['a', 'a'\]"):
        Dataset([[0.0], [1.0]], [0, 1], ["a", "a"])
    with pytest.raises(QdlError, match="class_names: expected a name for each class"):
        Dataset([[0.0], [1.0]], [0, 1], 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [None, 3, "", "a\0b", "\ud800"])
def test_a_data_set_has_a_name_of_text(name: Any) -> None:
    with pytest.raises(QdlError, match="name: expected text"):
        Dataset([[0.0], [1.0]], [0.5, 1], name=name)


@pytest.mark.parametrize("rows", ["a", [99], None, {}])
def test_rows_that_are_not_there_cannot_be_taken(rows: Any) -> None:
    with pytest.raises(DataError, match=r"rows|inputs"):
        Dataset([[0.0], [1.0]], [0.5, 1]).take(rows)


@pytest.mark.parametrize("word", ["1_0", "\u0661", "1e0", "0x1"])
def test_only_plain_digits_are_whole_numbers(word: str) -> None:
    codes, names = encode_labels([word, "9"])
    assert names == tuple(sorted([word, "9"]))
    assert codes.tolist() == [names.index(word), names.index("9")]


def test_gaps_are_only_where_a_column_fills_them() -> None:
    gap = [[1.0, np.nan], [2.0, 3.0]]
    columns = [Column("a"), Column("b", missing="mean")]
    data = Dataset(gap, [0, 1], "xy", columns=columns)
    assert data.is_raw
    assert data.take([1]).columns == tuple(columns)
    for wrong in ((), columns[::-1]):
        with pytest.raises(DataError, match=r"got nan at index \[0, 1\]"):
            Dataset(gap, [0, 1], "xy", columns=wrong)
    with pytest.raises(DataError, match="columns: expected one for each of 2 columns"):
        Dataset(gap, [0, 1], "xy", columns=columns[:1])
    nonsense: Any = ["a", "b"]
    with pytest.raises(ArgumentTypeError, match="columns: expected a Column for each"):
        Dataset(gap, [0, 1], "xy", columns=nonsense)


def test_what_columns_hold_is_in_the_fingerprint() -> None:
    rows, labels = [[0.0], [1.0]], [0, 1]
    plain = Dataset(rows, labels, "xy")
    named = Dataset(rows, labels, "xy", columns=[Column("a")])
    words = [
        Dataset(rows, labels, "xy", columns=[Column("a", categories)])
        for categories in (("u", "v"), ("u", "w"))
    ]
    assert named.fingerprint() == plain.fingerprint()
    assert len({each.fingerprint() for each in (plain, *words)}) == 3
