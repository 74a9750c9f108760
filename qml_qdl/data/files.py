"""Files of a user's own: .npz arrays."""

from __future__ import annotations

import zipfile
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from qml_qdl.circuits.errors import DataError
from qml_qdl.circuits.validation import validate_call
from qml_qdl.data.dataset import Dataset, encode_labels

_PAIRS = (("x", "y"), ("inputs", "labels"))


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
        DataError: The file is missing or damaged, holds other arrays, or values
            that cannot be learnt from.

    Example:
        >>> np.savez("mine.npz", x=np.zeros((9, 8, 8), np.uint8), y=labels)
        ... # doctest: +SKIP
        >>> read_npz("mine.npz")  # doctest: +SKIP
    """
    path = existing(path)
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(f"{path}: expected an .npz archive, got a single array")
            names = set(archive.files)
            pair = next((pair for pair in _PAIRS if names.issuperset(pair)), None)
            if pair is None:
                raise DataError(
                    f"{path}: expected arrays 'x' and 'y' (or 'inputs' and 'labels'), "
                    f"got {sorted(names)}; save with numpy.savez(path, x=…, y=…)"
                )
            inputs, labels = archive[pair[0]], archive[pair[1]]
    except DataError:
        raise
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path}: expected an .npz file of plain arrays, got one that cannot be "
            f"read ({error}); pickled objects are refused, save plain arrays"
        ) from error
    if labels.ndim != 1:
        raise DataError(
            f"{path}: expected one label per row in {pair[1]!r}, got shape "
            f"{labels.shape}"
        )
    return labelled(as_pixels(str(path), inputs), labels.tolist(), path.stem)


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
