from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from qml_qdl.circuits.errors import DataError, MemoryBoundError
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
    with pytest.raises(DataError, match="not a zip file"):
        read_npz(tmp_path / "x.npz")


def npy(array: Any, shape: tuple[int, ...] | None = None) -> bytes:
    """An array as in a file, whose header may declare another shape."""
    file = io.BytesIO()
    kind = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(file, {**kind, "shape": shape or array.shape})
    return file.getvalue() + bytes(array.tobytes())


def archive(path: Path, x: bytes, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """An archive with a right array y, and what is given for x."""
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("x.npy", x)
        file.writestr("y.npy", npy(np.array([0, 1])))
    return path


@pytest.mark.parametrize("shape", [(10**12, 3), (2**62, 4), (2, 4), (-2, -3), (1, 3)])
def test_a_header_that_declares_another_size(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    """Nothing is allocated for what is only claimed."""
    path = archive(tmp_path / "bomb.npz", npy(np.zeros((2, 3)), shape))
    with pytest.raises(DataError, match=r"expected 48 bytes of 'x\.npy', got a header"):
        read_npz(path)


def test_more_than_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Memory:
        available = 4 * 48

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    path = archive(tmp_path / "bomb.npz", npy(np.zeros((2, 3))))
    assert len(read_npz(path)) == 2
    monkeypatch.setattr(Memory, "available", 4 * 48 - 1)
    with pytest.raises(MemoryBoundError, match=r"\(2, 3\) need 48 bytes, but 47 may"):
        read_npz(path)
    bytes_alone = npy(np.zeros((2, 12), np.uint8))  # which become float32
    with pytest.raises(MemoryBoundError, match="need 96 bytes"):
        read_npz(archive(path, bytes_alone))


@pytest.mark.parametrize(
    ("places", "value", "message"),
    [((6, 8), 1, "encrypted"), ((8, 10), 99, "compression method is not supported")],
)
def test_archives_of_other_kinds_are_refused(
    tmp_path: Path, places: tuple[int, int], value: int, message: str
) -> None:
    path = archive(tmp_path / "mine.npz", npy(np.zeros((2, 3))))
    content = bytearray(path.read_bytes())
    content[places[0]] = value
    content[content.index(b"PK\x01\x02") + places[1]] = value
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_npz(path)


def test_the_names_of_many_arrays_are_not_all_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "many.npz", **{f"a{k:03}": [k] for k in range(40)})  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"'a007'\] and 32 more; save with"):
        read_npz(tmp_path / "many.npz")


@pytest.mark.filterwarnings("ignore:Reading `.npy`:UserWarning")
@pytest.mark.parametrize(
    "method",
    [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA],
)
def test_any_damaged_archive_is_read_or_refused(tmp_path: Path, method: int) -> None:
    path = archive(tmp_path / "mine.npz", npy(np.zeros((2, 3))), method)
    assert len(read_npz(path)) == 2
    whole = path.read_bytes()
    generator, refused = np.random.default_rng(0), 0
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(generator.integers(8))
        path.write_bytes(damaged)
        try:
            read_npz(path)
        except (DataError, MemoryBoundError):
            refused += 1
    assert refused > len(whole) / 6


def test_words_as_bytes_are_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, x=[[1.0], [2.0]], y=np.array(["café".encode(), b"tea"]))
    assert read_npz(path).class_names == ("café", "tea")
    np.savez(path, x=[[1.0], [2.0]], y=np.array(["café".encode("latin-1"), b"tea"]))
    with pytest.raises(DataError, match="expected words in UTF-8, got b'caf"):
        read_npz(path)


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


def test_memory_that_ends_on_the_way_is_no_damage(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def read(*args: Any, **options: Any) -> Any:
        raise MemoryError

    path = tmp_path / "mine.npz"
    np.savez(path, x=np.zeros((2, 1)), y=np.arange(2))
    monkeypatch.setattr(np.lib.format, "read_array", read)
    with pytest.raises(MemoryBoundError, match="arrays that fit into the free memory"):
        read_npz(path)
