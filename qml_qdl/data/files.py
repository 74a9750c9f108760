"""Files of a user's own: .npz arrays."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Collection, Sequence
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
    path = existing(path)
    inputs, labels = _arrays(path, _PAIRS)
    if labels.ndim != 1:
        raise DataError(
            f"{path}: expected one label per row in 'y' or 'labels', got shape "
            f"{labels.shape}"
        )
    return labelled(as_pixels(str(path), inputs), labels.tolist(), path.stem)


def read_inputs(path: str | Path) -> npt.NDArray[Any]:
    """Reads the array `x` (or `inputs`) of an .npz file, with labels beside it or not.

    Args:
        path: The file, as of `read_npz`.

    Returns:
        A table, or images (rows, channels, height, width).

    Raises:
        DataError: As `read_npz` says.
        MemoryBoundError: The array is too large for the memory.
    """
    path = existing(path)
    (inputs,) = _arrays(path, [names[:1] for names in _PAIRS])
    return as_pixels(str(path), inputs)


def read_arrays(path: str | Path) -> dict[str, npt.NDArray[Any]]:
    """Reads all arrays of an .npz file; pickled objects are refused.

    Args:
        path: The file.

    Returns:
        The arrays by name.

    Raises:
        DataError: The file is missing, damaged or encrypted, or holds objects.
        MemoryBoundError: An array is too large for the memory.
    """
    return _read(existing(path), sorted)


def _arrays(path: Path, wanted: Sequence[tuple[str, ...]]) -> list[npt.NDArray[Any]]:
    """The arrays of an archive, by the first names of which it has all."""

    def choose(members: Collection[str]) -> tuple[str, ...]:
        names = next((each for each in wanted if {*each} <= {*members}), None)
        if names is None:
            first, other = (" and ".join(map(repr, each)) for each in wanted)
            save = ", ".join(f"{name}=…" for name in wanted[0])
            raise DataError(
                f"{path}: expected arrays {first} (or {other}), got "
                f"{_few(sorted(members))}; save with numpy.savez(path, {save})"
            )
        return names

    return list(_read(path, choose).values())


def _read(
    path: Path, choose: Callable[[Collection[str]], Sequence[str]]
) -> dict[str, npt.NDArray[Any]]:
    """Some arrays of an archive, in the order chosen among their names."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {
                each.filename.removesuffix(".npy"): each
                for each in archive.infolist()
                if each.filename.endswith(".npy")
            }
            return {
                name: _member(path, archive, members[name]) for name in choose(members)
            }
    except QdlError:
        raise
    except MemoryError as error:
        raise MemoryBoundError(
            f"{path}: expected arrays that fit into the free memory, got larger ones; "
            "use fewer or smaller rows"
        ) from error
    except Exception as error:  # of a damaged file, each part has errors of its own
        raise DataError(
            f"{path}: expected an .npz file of plain arrays, got one that cannot be "
            f"read ({error}); pickled objects are refused, save plain arrays"
        ) from error


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


def labelled(inputs: npt.NDArray[Any], labels: list[Any], name: str) -> Dataset:
    """A data set: numbers of which one is not whole are fitted, all else are classes.

    Args:
        inputs: What `Dataset` takes.
        labels: One per row.
        name: What the data are called.
    """
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


def existing(path: str | Path) -> Path:
    """Returns the path of a file that is there.

    Args:
        path: The path.

    Raises:
        DataError: There is none.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: expected a file, got none there; check the path")
    return path
