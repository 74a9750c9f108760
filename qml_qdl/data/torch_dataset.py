"""A torch data set of one's own, as this library holds data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import IterableDataset

from qml_qdl.circuits.errors import ArgumentTypeError, DataError
from qml_qdl.data.dataset import Dataset, as_array, encode_labels
from qml_qdl.data.files import as_pixels


def from_torch(
    dataset: TorchDataset[Any] | Sequence[Any], name: str | None = None
) -> Dataset:
    """Reads every row of a torch data set once, into memory.

    Args:
        dataset: Has a length and rows (inputs, label). Inputs are a tensor, an array or
            numbers: (features,) or a single number for a table; (height, width) or
            (channels, height, width) for images, in [0, 1] or unsigned bytes
            0 … 255. Labels that are whole numbers, truth values or words are classes;
            if one of them is a float (1.0, say), all are numbers to fit.
        name: What the data are called in reports; None for the name of its class.

    Returns:
        The data set. Classes are named by the attribute `classes` of `dataset`, where
        it has a name for each label 0 … n−1, else by the labels themselves.

    Raises:
        ArgumentTypeError: Rows cannot be taken by number, or have no end.
        DataError: There are no rows, one is no pair, inputs differ in shape, or hold
            values that cannot be learnt from.

    Example:
        >>> from torch.utils.data import TensorDataset
        >>> rows = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
        >>> from_torch(TensorDataset(rows, torch.tensor([0.5, 3.0])), "mine")
        Dataset('mine', 2 rows of shape (2,), numbers)
        >>> from_torch(TensorDataset(rows, torch.tensor([7, 3]))).class_names
        ('3', '7')
    """
    given = type(dataset).__name__
    if isinstance(dataset, IterableDataset):
        raise ArgumentTypeError(
            f"dataset: expected a torch data set whose rows have numbers, got {given}, "
            "an IterableDataset that gives them one after the other; collect them in a "
            "list first, which is a data set, too"
        )
    if (
        not isinstance(dataset, Sized)
        or isinstance(dataset, Mapping)
        or not hasattr(dataset, "__getitem__")
    ):
        raise ArgumentTypeError(
            f"dataset: expected a torch data set with __len__ and __getitem__, got "
            f"{given}; define them"
        )
    if not len(dataset):
        raise DataError(
            f"dataset: expected one row or more, got none in {given}; check what it "
            "was made of"
        )
    inputs: list[npt.NDArray[Any]] = []
    labels: list[Any] = []
    for index in range(len(dataset)):
        row = dataset[index]
        if not isinstance(row, tuple | list) or len(row) != 2:
            size = f" of {len(row)}" if isinstance(row, tuple | list) else ""
            raise DataError(
                f"dataset: expected a pair (inputs, label) at index {index}, got "
                f"{type(row).__name__}{size}; return inputs and label alone"
            )
        inputs.append(_as_row(index, row[0]))
        labels.append(_as_label(index, row[1]))
        if inputs[-1].shape != inputs[0].shape:
            raise DataError(
                f"dataset: expected inputs of shape {inputs[0].shape} as at index 0, "
                f"got {inputs[-1].shape} at index {index}; give all rows one shape"
            )
    name = given if name is None else name
    together = as_pixels("dataset", np.stack(inputs))
    if any(isinstance(label, float | np.floating) for label in labels):
        for index, label in enumerate(labels):
            if not isinstance(label, Real):
                raise DataError(
                    f"dataset: expected a number as label at index {index}, as at "
                    f"others, got {label!r}; give all rows numbers, or all classes"
                )
        return Dataset(together, np.array(labels, dtype=np.float64), name=name)
    codes, class_names = encode_labels(labels)
    named = getattr(dataset, "classes", None)
    if isinstance(named, Sequence) and not isinstance(named, str):
        whole = all(isinstance(label, int) for label in labels)
        if whole and min(labels) >= 0 and max(labels) < len(named):
            return Dataset(together, np.array(labels, dtype=np.int64), named, name)
    return Dataset(together, codes, class_names, name)


def _as_row(index: int, inputs: Any) -> npt.NDArray[Any]:
    if isinstance(inputs, torch.Tensor):
        # NumPy has no bfloat16 and less; in float32 they stay what they are.
        short = inputs.is_floating_point() and inputs.itemsize < 4
        inputs = (inputs.float() if short else inputs).numpy(force=True)
    elif not isinstance(inputs, np.ndarray | np.generic | int | float | list | tuple):
        raise DataError(
            f"dataset: expected inputs that are a tensor, an array or numbers at index "
            f"{index}, got {type(inputs).__name__}; turn them into a tensor, with the "
            "data set's transform, say"
        )
    array = np.atleast_1d(as_array(f"dataset: inputs at index {index}", inputs))
    if array.ndim > 3 or 0 in array.shape:
        raise DataError(
            "dataset: expected inputs of shape (features,), (height, width) or "
            f"(channels, height, width), nothing empty, got {array.shape} at index "
            f"{index}"
        )
    return array


def _as_label(index: int, label: Any) -> Any:
    if isinstance(label, torch.Tensor | np.ndarray | np.generic):
        if label.ndim:
            raise DataError(
                f"dataset: expected one label at index {index}, got an array of shape "
                f"{tuple(label.shape)}; give a number, such as label.item()"
            )
        return label.item()
    return label
