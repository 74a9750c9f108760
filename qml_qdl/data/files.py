"""Files of a user's own: .npz arrays or a CSV table."""

from __future__ import annotations

import csv
import math
import zipfile
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from qml_qdl.circuits.errors import DataError, MemoryBoundError, QdlError
from qml_qdl.circuits.validation import validate_call
from qml_qdl.data.dataset import Dataset, encode_labels

_PAIRS = (("x", "y"), ("inputs", "labels"))
_LABEL_COLUMNS = ("label", "target")
_SHARE_OF_FREE = 4
_SHOWN = 8
_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@validate_call
def read_npz(path: str | Path) -> Dataset:
    """Reads arrays `x` and `y` (or `inputs` and `labels`) from an .npz file.

    Args:
        path: The file. `x` is a table (rows, features), or images (rows, height,
            width) or (rows, channels, height, width): unsigned bytes 0 … 255, or
            numbers in [0, 1]. `y` holds one label per row: words and whole numbers
            are classes, numbers of which one is not whole are fitted. Pickled objects
            are refused.

    Returns:
        The data set, named after the file.

    Raises:
        DataError: The file is missing, damaged or encrypted, holds other arrays, or
            values that cannot be learnt from.
        MemoryBoundError: The arrays are too large for the memory.

    Example:
        >>> np.savez("mine.npz", x=np.zeros((9, 8, 8), np.uint8), y=labels)
        ... # doctest: +SKIP
        >>> read_npz("mine.npz")  # doctest: +SKIP
    """
    path = _existing(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {
                each.filename.removesuffix(".npy"): each
                for each in archive.infolist()
                if each.filename.endswith(".npy")
            }
            pair = next((pair for pair in _PAIRS if members.keys() >= {*pair}), None)
            if pair is None:
                raise DataError(
                    f"{path}: expected arrays 'x' and 'y' (or 'inputs' and 'labels'), "
                    f"got {_few(sorted(members))}; save with numpy.savez(path, x=…, "
                    "y=…)"
                )
            inputs, labels = (_member(path, archive, members[each]) for each in pair)
    except QdlError:
        raise
    except Exception as error:  # of a damaged file, each part has errors of its own
        raise DataError(
            f"{path}: expected an .npz file of plain arrays, got one that cannot be "
            f"read ({error}); pickled objects are refused, save plain arrays"
        ) from error
    if labels.ndim != 1:
        raise DataError(
            f"{path}: expected one label per row in {pair[1]!r}, got shape "
            f"{labels.shape}"
        )
    return _labelled(as_pixels(str(path), inputs), labels.tolist(), path.stem)


def _member(
    path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo
) -> npt.NDArray[Any]:
    """Reads an array of an archive, after what it says of its size has been checked."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read_header = _READ_HEADER.get(version)
        if read_header is None:
            raise DataError(
                f"{path}: expected arrays of numbers or words, got {member.filename!r} "
                f"in format {version}; save plain arrays"
            )
        shape, _, dtype = read_header(file)
        declared = math.prod(shape) * dtype.itemsize
        there = member.file_size - file.tell()
    if not dtype.hasobject:  # those are refused below
        if min(shape, default=0) < 0 or declared != there:
            raise DataError(
                f"{path}: expected {there:,} bytes of {member.filename!r}, got a "
                f"header that declares shape {shape} of {dtype}; the file is damaged: "
                "save it anew"
            )
        check_memory(f"{path}: {member.filename!r}", shape, dtype)
    with archive.open(member) as file:
        array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def check_memory(source: str, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Refuses data that are too many for the memory, before they are there.

    Args:
        source: What an error calls them.
        shape: The shape of the array.
        dtype: What it is made of.

    Raises:
        MemoryBoundError: They need more than a quarter of the free memory: a data set
            is copied when it is checked, and when it is split.
    """
    needed = math.prod(shape) * max(dtype.itemsize, np.dtype(np.float32).itemsize)
    free = psutil.virtual_memory().available
    if needed > free // _SHARE_OF_FREE:
        raise MemoryBoundError(
            f"{source}: data of shape {tuple(shape)} need {needed:,} bytes, but "
            f"{free // _SHARE_OF_FREE:,} may be used of {free:,} that are free; use "
            "fewer or smaller rows"
        )


def _few(names: list[str]) -> str:
    """Names for a message: an archive may hold any number."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{names[:_SHOWN]}{more}"


def _labelled(inputs: npt.NDArray[Any], labels: list[Any], name: str) -> Dataset:
    """Numbers of which one is not whole are fitted; all else are classes."""
    numbers = all(isinstance(label, Real) and label == label for label in labels)
    if numbers and any(label % 1 != 0 for label in labels):
        return Dataset(inputs, np.array(labels, dtype=np.float64), name=name)
    codes, class_names = encode_labels(labels)
    return Dataset(inputs, codes, class_names, name=name)


def as_pixels(source: str, inputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Brings images to (rows, channels, height, width) and bytes to [0, 1].

    Args:
        source: What an error calls them.
        inputs: Images (rows, height, width) or (rows, channels, height, width); all
            else is returned as it is.

    Returns:
        The images; pixels that are no unsigned bytes keep their values.

    Raises:
        DataError: The channels of images come last.
    """
    if inputs.ndim == 3:
        inputs = inputs[:, np.newaxis]
    if inputs.ndim != 4:
        return inputs
    if inputs.shape[-1] in (1, 3) and inputs.shape[1] not in (1, 3):
        raise DataError(
            f"{source}: expected images (rows, channels, height, width), got shape "
            f"{inputs.shape}; move the channels with numpy.moveaxis(x, -1, 1)"
        )
    return inputs / np.float32(255) if inputs.dtype == np.uint8 else inputs


@validate_call
def read_csv(path: str | Path, *, label_column: str | None = None) -> Dataset:
    """Reads a table of numbers with one column of labels.

    Words and whole numbers are classes, numbers of which one is not whole are fitted.
    Whole numbers are fitted after `Dataset.as_numbers`.

    Args:
        path: A CSV file (UTF-8, comma) whose first line names the columns.
        label_column: The column of labels; None takes "label" or "target" if there
            is one, else the last column.

    Returns:
        The data set, named after the file.

    Raises:
        DataError: The file is missing, a line has too few or too many cells, a cell
            is no finite number, a label is missing; the message gives line and
            column.

    Example:
        >>> read_csv("mine.csv").as_numbers()  # doctest: +SKIP
    """
    path = _existing(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            lines = [(reader.line_num, cells) for cells in reader if cells]
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise DataError(
            f"{path}: expected a CSV file in UTF-8, got one that cannot be read "
            f"({error})"
        ) from error
    if len(header) < 2 or len(set(header)) != len(header):
        raise DataError(
            f"{path}: expected a first line with two or more different column names, "
            f"got {header}"
        )
    if not lines:
        raise DataError(f"{path}: expected rows below the column names, got none")
    label_index = _label_index(path, header, label_column)
    labels: list[tuple[int, str]] = []
    rows: list[list[float]] = []
    for line, cells in lines:
        if len(cells) != len(header):
            raise DataError(
                f"{path}: line {line}: expected {len(header)} cells as in the first "
                f"line, got {len(cells)}"
            )
        label = cells[label_index].strip()
        if label.lower() in ("", "nan", "na", "null", "none", "?"):
            raise DataError(
                f"{path}: line {line}, column {header[label_index]!r}: expected a "
                f"label, got {label!r}; fill it in or leave out the line"
            )
        labels.append((line, label))
        rows.append(
            [
                _number(path, line, header[index], cell)
                for index, cell in enumerate(cells)
                if index != label_index
            ]
        )
    return _labelled(
        np.array(rows),
        _numbers_if_all(path, header[label_index], labels),
        path.stem,
    )


def _label_index(path: Path, header: list[str], label_column: str | None) -> int:
    if label_column is not None:
        if label_column not in header:
            raise DataError(
                f"label_column: expected a column of {path}, got {label_column!r}; "
                f"the columns are {header}"
            )
        return header.index(label_column)
    named = [index for index, name in enumerate(header) if name in _LABEL_COLUMNS]
    if len(named) > 1:
        raise DataError(
            f"{path}: expected one column named 'label' or 'target', got both; choose "
            "with label_column"
        )
    return named[0] if named else len(header) - 1


def _number(path: Path, line: int, column: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not abs(value) <= float(np.finfo(np.float32).max):
        raise DataError(
            f"{path}: line {line}, column {column!r}: expected a finite number, got "
            f"{cell!r}; fill it in or leave out the line"
        )
    return value


def _numbers_if_all(
    path: Path, column: str, labels: list[tuple[int, str]]
) -> list[Any]:
    """Reads labels, each with its line, as numbers where all are: 10 after 9."""
    try:
        for _, label in labels:
            float(label)
    except ValueError:
        return [label for _, label in labels]
    return [_whole_number(path, line, column, label) for line, label in labels]


def _whole_number(path: Path, line: int, column: str, cell: str) -> int | float:
    """Reads a number; a whole one with all its digits, which may be an identity."""
    number = _number(path, line, column, cell)
    try:
        return int(cell)
    except ValueError:
        return number


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: expected a file, got none there; check the path")
    return path
