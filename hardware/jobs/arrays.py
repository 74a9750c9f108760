"""Rows and results as bytes: NumPy's archives without pickled objects."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qml_qdl.circuits.errors import JournalError
from qml_qdl.hardware.jobs.client import Results
from qml_qdl.hardware.tapes.executor import Estimates
from qml_qdl.hardware.tapes.outcomes import Bits


def pack(arrays: Sequence[NDArray[np.float64]]) -> bytes:
    """Packs arrays of numbers.

    Args:
        arrays: Any number of them.

    Returns:
        What `unpack` reads.
    """
    return _archive({f"{k}": array for k, array in enumerate(arrays)})


def unpack(data: bytes) -> list[NDArray[np.float64]]:
    """Unpacks what `pack` packed.

    Args:
        data: The bytes.

    Returns:
        The arrays in order.

    Raises:
        JournalError: It is something else.
    """
    arrays = _read(data)
    return [arrays[f"{k}"] for k in range(len(arrays))]


def pack_results(results: Results) -> bytes:
    """Packs what a job returned; eight outcomes take one byte.

    Args:
        results: `Bits` or `Estimates` for each pub.

    Returns:
        What `unpack_results` reads.
    """
    arrays: dict[str, NDArray[Any]] = {}
    result: Any
    for k, result in enumerate(results):
        if isinstance(result, Estimates):
            arrays[f"values{k}"] = result.values
            arrays[f"errors{k}"] = result.errors
        else:
            arrays[f"bits{k}"] = np.packbits(result, axis=None)
            arrays[f"shape{k}"] = np.array(result.shape)
    return _archive(arrays)


def unpack_results(data: bytes) -> Results:
    """Unpacks what `pack_results` packed.

    Args:
        data: The bytes.

    Returns:
        `Bits` or `Estimates` for each pub.

    Raises:
        JournalError: It is something else.
    """
    arrays = _read(data)
    count = range(len(arrays) // 2)
    if "values0" in arrays:
        return [Estimates(arrays[f"values{k}"], arrays[f"errors{k}"]) for k in count]
    return [_bits(arrays[f"bits{k}"], arrays[f"shape{k}"]) for k in count]


def join(parts: Sequence[Any]) -> Any:
    """Puts the rows of one pub together.

    Args:
        parts: `Bits` or `Estimates` of its rows, in order; at least one.

    Returns:
        The results of all rows, of the same type.
    """
    if isinstance(parts[0], Estimates):
        values = np.concatenate([part.values for part in parts])
        return Estimates(values, np.concatenate([part.errors for part in parts]))
    return np.concatenate(parts)


def _bits(packed: NDArray[np.uint8], shape: NDArray[np.int64]) -> Bits:
    sizes = tuple(int(size) for size in shape)
    count = int(np.prod(sizes))
    return np.unpackbits(packed, count=count).reshape(sizes)


def _archive(arrays: dict[str, NDArray[Any]]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _read(data: bytes) -> dict[str, NDArray[Any]]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise JournalError(
            f"journal: expected packed arrays, got something else ({error}); it is "
            "damaged"
        ) from error
