from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils import data as torch_data

from qml_qdl.circuits.errors import ArgumentTypeError, DataError
from qml_qdl.data import from_torch, split

ROWS = torch.tensor([[0.0, 0.5], [1.0, 0.25], [0.125, 1.0]])


class Own(torch_data.Dataset[Any]):
    """A map-style data set of given rows, with names of classes if told."""

    def __init__(self, rows: list[Any], classes: object = None) -> None:
        self.rows = rows
        if classes is not None:
            self.classes = classes

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        return self.rows[index]


def labelled(*labels: object, classes: object = None) -> Own:
    return Own([(ROWS[k % 3], label) for k, label in enumerate(labels)], classes)


def test_rows_are_those_a_loader_gives() -> None:
    given = torch_data.TensorDataset(torch.rand(7, 1, 4, 4), torch.rand(7))
    data = from_torch(given)
    ((inputs, labels),) = torch_data.DataLoader(given, batch_size=7)
    np.testing.assert_array_equal(data.inputs, inputs.numpy())
    np.testing.assert_array_equal(data.labels, labels.numpy())
    assert data.name == "TensorDataset"
    assert from_torch(given, name="mine").name == "mine"


def test_parts_of_a_torch_data_set_are_read() -> None:
    whole = torch_data.TensorDataset(torch.rand(30, 3), torch.arange(30) % 2)
    part = torch_data.Subset(whole, [5, 2, 9])
    data = from_torch(torch_data.ConcatDataset([part, part]))
    np.testing.assert_array_equal(
        data.inputs, whole.tensors[0][[5, 2, 9, 5, 2, 9]].numpy()
    )
    assert data.labels.tolist() == [1, 0, 1, 1, 0, 1]
    assert len(split(from_torch(whole)).train) == 17


@pytest.mark.parametrize(
    ("inputs", "shape"),
    [
        pytest.param(ROWS[0], (2,), id="tensor"),
        pytest.param(ROWS[0].bfloat16(), (2,), id="bfloat16"),
        pytest.param(ROWS[0].clone().requires_grad_(), (2,), id="with-gradient"),
        pytest.param(ROWS[0].numpy(), (2,), id="array"),
        pytest.param([0.0, 0.5], (2,), id="list"),
        pytest.param((0, 0.5, 1), (3,), id="tuple"),
        pytest.param(0.5, (1,), id="number"),
        pytest.param(np.float64(0.5), (1,), id="numpy-number"),
        pytest.param(torch.tensor(0.5), (1,), id="tensor-of-one"),
        pytest.param(torch.eye(2, 3), (1, 2, 3), id="grey-image"),
        pytest.param(np.zeros((3, 4, 5)), (3, 4, 5), id="colour-image"),
    ],
)
def test_inputs_of_every_kind(inputs: Any, shape: tuple[int, ...]) -> None:
    data = from_torch(Own([(inputs, 0), (inputs, 1)]))
    assert data.input_shape == shape
    values = inputs.tolist() if hasattr(inputs, "tolist") else inputs
    for row in data.inputs:
        np.testing.assert_array_equal(row.ravel(), np.float32(values).ravel())


def test_bytes_of_images_are_shares_of_255() -> None:
    pixels = torch.tensor([[0, 51], [255, 102]], dtype=torch.uint8)
    images = from_torch(Own([(pixels, 0), (pixels[None], 1)][:1]))
    assert images.inputs[0, 0].ravel() == pytest.approx([0, 0.2, 1, 0.4])
    tables = from_torch(Own([(pixels[0], 0)]))
    assert tables.inputs[0].tolist() == [0, 51]


@pytest.mark.parametrize(
    ("labels", "codes", "names"),
    [
        pytest.param([3, 8, 3], [0, 1, 0], ("3", "8"), id="whole"),
        pytest.param([-1, 1], [0, 1], ("-1", "1"), id="signs"),
        pytest.param([torch.tensor(2), np.int8(0)], [1, 0], ("0", "2"), id="tensor"),
        pytest.param([np.array(7), np.uint8(9)], [0, 1], ("7", "9"), id="array"),
        pytest.param([True, torch.tensor(False)], [1, 0], ("0", "1"), id="truth"),
        pytest.param(["dog", "cat"], [1, 0], ("cat", "dog"), id="words"),
    ],
)
def test_whole_numbers_and_words_are_classes(
    labels: list[object], codes: list[int], names: tuple[str, ...]
) -> None:
    data = from_torch(labelled(*labels))
    assert data.labels.tolist() == codes
    assert data.class_names == names


@pytest.mark.parametrize(
    ("labels", "classes", "codes", "names"),
    [
        pytest.param([1, 0], ["a", "b"], [1, 0], ("a", "b"), id="all"),
        pytest.param([2, 1], ("a", "b", "c"), [2, 1], ("a", "b", "c"), id="not-seen"),
        pytest.param([2, 1], ["a", "b"], [1, 0], ("1", "2"), id="too-few"),
        pytest.param([-1, 1], ["a", "b"], [0, 1], ("-1", "1"), id="negative"),
        pytest.param([1, 0], "ab", [1, 0], ("0", "1"), id="a-word"),
        pytest.param([1, 0], 2, [1, 0], ("0", "1"), id="a-count"),
        pytest.param(["x", "y"], ["a", "b"], [0, 1], ("x", "y"), id="words"),
    ],
)
def test_the_data_set_names_its_classes(
    labels: list[Any], classes: object, codes: list[int], names: tuple[str, ...]
) -> None:
    data = from_torch(labelled(*labels, classes=classes))
    assert data.labels.tolist() == codes
    assert data.class_names == names


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param([0.5, -2.0], id="floats"),
        pytest.param([1.0, 0.0], id="whole-floats"),
        pytest.param([1, 0.5, 2], id="mixed"),
        pytest.param([torch.tensor(1.0), torch.tensor(2.5).bfloat16()], id="tensors"),
        pytest.param([np.float32(1), np.array(2.5), np.longdouble(3)], id="arrays"),
        pytest.param([np.longdouble(1.5), np.longdouble(3)], id="long"),
        pytest.param([2**70, 0.5], id="large"),
    ],
)
def test_floats_are_numbers_to_fit(labels: list[Any]) -> None:
    data = from_torch(labelled(*labels, classes=["a", "b"]))
    assert not data.has_classes
    assert data.labels.tolist() == [np.float32(float(label)) for label in labels]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param([], "expected one row or more, got none in Own", id="empty"),
        pytest.param(
            [(ROWS[0], 0), ROWS[1]],
            r"pair \(inputs, label\) at index 1, got Tensor; return",
            id="tensor",
        ),
        pytest.param([{"x": 1, "y": 2}], "at index 0, got dict", id="dictionary"),
        pytest.param([(ROWS[0],)], "at index 0, got tuple of 1", id="one"),
        pytest.param([(ROWS[0], 0, 1)], "at index 0, got tuple of 3", id="three"),
        pytest.param(
            [(ROWS[0], 0), (ROWS[1][:1], 1)],
            r"inputs of shape \(2,\) as at index 0, got \(1,\) at index 1",
            id="ragged",
        ),
        pytest.param(
            [([1.0, [2.0]], 0)], "inputs at index 0: expected rows of", id="nested"
        ),
        pytest.param(
            [(np.zeros((1, 1, 2, 2)), 0)], r"got \(1, 1, 2, 2\) at index 0", id="deep"
        ),
        pytest.param([(ROWS[0][:0], 0)], r"got \(0,\) at index 0", id="no-features"),
        pytest.param(
            [(ROWS[0], 0), ("red", 1)],
            "numbers at index 1, got str; turn them into a tensor",
            id="word",
        ),
        pytest.param([(object(), 0)], "at index 0, got object", id="object"),
        pytest.param(
            [(np.zeros((8, 8, 3)), 0)], r"dataset: .*moveaxis", id="channels-last"
        ),
        pytest.param([(torch.full((2, 2), 16.0), 0)], "16 to 16; divide", id="pixels"),
        pytest.param(
            [(ROWS[0], 0), (ROWS[1] / 0, 1)], r"got inf at .* \(row 1\)", id="infinite"
        ),
        pytest.param(
            [(ROWS[0], 0.5), (ROWS[1], torch.tensor([1.0]))],
            r"one label at index 1, got an array of shape \(1,\)",
            id="label-in-an-array",
        ),
        pytest.param(
            [(ROWS[0], 0.5), (ROWS[1], float("nan"))],
            r"labels: .* got nan at index \[1\]",
            id="nan-label",
        ),
        pytest.param(
            [(ROWS[0], 0.5), (ROWS[1], "many")],
            "a number as label at index 1, as at others, got 'many'",
            id="word-among-numbers",
        ),
        pytest.param(
            [(ROWS[0], 1), (ROWS[1], None)], "got None in row 1", id="missing"
        ),
    ],
)
def test_bad_rows_are_refused(rows: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_torch(Own(rows))


class Stream(torch_data.IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter([(ROWS[0], 0)])

    def __len__(self) -> int:
        return 1


class Endless(torch_data.Dataset[Any]):
    def __getitem__(self, index: int) -> Any:
        return ROWS[0], 0


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (Stream(), "got Stream, an IterableDataset"),
        (torch_data.ChainDataset([Stream()]), "got ChainDataset, an IterableDataset"),
        (Endless(), "with __len__ and __getitem__, got Endless"),
        (torch_data.DataLoader(labelled(0, 1)), "__getitem__, got DataLoader"),
        (7, "__getitem__, got int"),
    ],
)
def test_what_is_no_map_of_rows_is_refused(dataset: Any, message: str) -> None:
    with pytest.raises(ArgumentTypeError, match=message):
        from_torch(dataset)


def test_a_list_of_rows_is_a_data_set() -> None:
    data = from_torch(list(Stream()), name="stream")
    assert data.inputs.tolist() == [ROWS[0].tolist()]


def test_each_row_is_read_once() -> None:
    class Counting(Own):
        reads = 0

        def __getitem__(self, index: int) -> Any:
            self.reads += 1
            return super().__getitem__(index)

    given = Counting(labelled(0, 1, 0).rows)
    from_torch(given)
    assert given.reads == 3
