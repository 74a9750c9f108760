from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qml_qdl.circuits.errors import DataError
from qml_qdl.data import load, read_csv, read_npz


def test_npz_of_byte_images(tmp_path: Path) -> None:
    pixels = np.array([[[0, 255], [51, 0]], [[0, 0], [0, 0]]], dtype=np.uint8)
    np.savez(tmp_path / "mine.npz", x=pixels, y=["cat", "dog"])
    data = read_npz(tmp_path / "mine.npz")
    assert data.input_shape == (1, 2, 2)
    assert data.inputs[0, 0].tolist() == [[0, 1], [np.float32(0.2), 0]]
    assert data.class_names == ("cat", "dog")
    assert data.name == "mine"


@pytest.mark.parametrize("names", [("x", "y"), ("inputs", "labels")])
def test_npz_of_a_table(tmp_path: Path, names: tuple[str, str]) -> None:
    arrays = {names[0]: [[1.0, 2.0], [3.0, 4.0]], names[1]: [7, 5]}
    np.savez(tmp_path / "mine.npz", **arrays)  # type: ignore[arg-type]
    data = load(tmp_path / "mine.npz")
    assert data.inputs.tolist() == [[1, 2], [3, 4]]
    assert data.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        pytest.param({"a": [1], "b": [2]}, r"got \['a', 'b'\]; save with", id="names"),
        pytest.param({"x": [[1.0], [np.nan]], "y": [0, 1]}, "got nan", id="nan"),
        pytest.param(
            {"x": [[1.0], [2.0]], "y": [0, np.nan]}, "label is missing", id="label"
        ),
        pytest.param(
            {"x": [[1.0], [2.0]], "y": [0.5, np.nan]}, "nan in row 1; the", id="half"
        ),
        pytest.param(
            {"x": [[1.0], [2.0]], "y": [0, np.inf]}, "got inf at index", id="infinity"
        ),
        pytest.param(
            {"x": [[1.0], [2.0]], "y": [[0], [1]]}, "one label per row", id="columns"
        ),
        pytest.param(
            {"x": np.zeros((2, 8, 8, 3)), "y": [0, 1]}, "moveaxis", id="channels-last"
        ),
        pytest.param(
            {"x": np.full((2, 8, 8), 16), "y": [0, 1]}, "divide", id="not-scaled"
        ),
        pytest.param(
            {"x": np.array([{}, {}]), "y": [0, 1]},
            "pickled objects are refused",
            id="pickle",
        ),
        pytest.param(
            {"x": [[1.0], [2.0]], "y": np.array([None, 1])},
            "pickled",
            id="pickled-labels",
        ),
    ],
)
def test_bad_npz_is_refused(
    tmp_path: Path, arrays: dict[str, object], message: str
) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=message):
        read_npz(tmp_path / "bad.npz")


def test_damaged_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, x=np.zeros((50, 3)), y=np.arange(50) % 2)
    whole = path.read_bytes()
    for damaged in (b"", b"nonsense", whole[:200], whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="cannot be read"):
            read_npz(path)
    flipped = bytearray(whole)
    flipped[150] ^= 0xFF
    path.write_bytes(flipped)
    with pytest.raises(DataError, match="cannot be read"):
        read_npz(path)


def test_a_single_npy_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(3))
    (tmp_path / "x.npy").rename(tmp_path / "x.npz")
    with pytest.raises(DataError, match="got a single array"):
        read_npz(tmp_path / "x.npz")


@pytest.mark.parametrize("read", [read_npz, read_csv])
def test_a_missing_file_is_named(read: object, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there\.csv: expected a file, got none there"):
        read(tmp_path / "not-there.csv")  # type: ignore[operator]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_npz_of_numbers_that_are_not_all_whole(tmp_path: Path, dtype: type) -> None:
    labels: Any = np.array([0.5, -3, 100], dtype=dtype)
    np.savez(tmp_path / "mine.npz", x=np.zeros((3, 2, 2)), y=labels)
    data = read_npz(tmp_path / "mine.npz")
    assert not data.has_classes
    assert data.labels.tolist() == [0.5, -3, 100]
    assert data.input_shape == (1, 2, 2)
