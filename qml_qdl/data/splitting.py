"""The three parts of a data set, and the scaling fitted on the first alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import evolve, field, frozen

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.dataset import Dataset, Floats, strata, stratified_rows

MOST_SPLIT_SEED = 2**32 - 2
"""The largest seed that scikit-learn takes, and its successor, too."""

Doubles = npt.NDArray[np.float64]


@frozen(eq=False)
class Split:
    """Training, validation and test part, ready for a model.

    Tables are standardised with mean and standard deviation of the training part, and
    so are numbers to fit; images are in [0, 1] already and stay as they are.

    Args:
        train: What the weights are fitted on.
        validation: What the best epoch is chosen with.
        test: What is looked at once, at the end.
        mean: What was subtracted (features,), None for images and unscaled tables.
        deviation: What was divided by (features,), None likewise.
        label_mean: What was subtracted from the labels, None for classes and unscaled
            numbers.
        label_deviation: What they were divided by, None likewise; a label times this
            plus `label_mean` is in the unit of the data.
    """

    train: Dataset
    validation: Dataset
    test: Dataset
    mean: Floats | None = field(default=None, repr=False)
    deviation: Floats | None = field(default=None, repr=False)
    label_mean: float | None = field(default=None, repr=False)
    label_deviation: float | None = field(default=None, repr=False)


@validate_call
def split(
    dataset: Dataset,
    *,
    test_fraction: float = 0.3,
    validation_fraction: float = 0.15,
    seed: int = 0,
    limit: int | None = None,
    standardise: bool = True,
) -> Split:
    """Splits a data set into stratified parts and scales them.

    Classes of which there is no row are left out of account. Where labels are numbers
    to fit, rows are sampled at random.

    Args:
        dataset: The whole.
        test_fraction: Share of all rows kept for the test, in (0, 1).
        validation_fraction: Share of the remaining rows for validation, in (0, 1).
        seed: Fixes which row goes where, 0 … 2³² − 2.
        limit: Trains on this many rows only, sampled stratified; None for all.
        standardise: Whether tables and numbers to fit are scaled; False keeps bits,
            counts and all labels as they are.

    Returns:
        The three parts.

    Raises:
        ArgumentError: A fraction is outside (0, 1), or the seed out of its range.
        ArgumentTypeError: An argument is of another type.
        DataError: There are too few rows, or of a class, for each part to have one.

    Example:
        >>> from qml_qdl.data import load, split
        >>> parts = split(load("digits"))
        >>> len(parts.train), len(parts.validation), len(parts.test)
        (1068, 189, 540)
        >>> parts = split(load("diabetes"))
        >>> f"{parts.label_mean:.1f} ± {parts.label_deviation:.1f}"
        '155.9 ± 80.3'
    """
    for name, value in (
        ("test_fraction", test_fraction),
        ("validation_fraction", validation_fraction),
    ):
        if not 0 < value < 1:
            raise ArgumentError(
                f"{name}: expected a share between 0 and 1, got {value}; try 0.2"
            )
    check_count("seed", seed, 0, MOST_SPLIT_SEED)
    rest, test = _parts(dataset, test_fraction, seed)
    train, validation = _parts(rest, validation_fraction, seed + 1)
    if limit is not None:
        train = train.take(stratified_rows(train, limit, seed=seed))
    scales: dict[str, Any] = {}
    if standardise and not dataset.is_image:
        mean, deviation = _scale(train.inputs)
        train, validation, test = (
            evolve(part, inputs=(part.inputs - mean) / deviation)
            for part in (train, validation, test)
        )
        scales["mean"] = mean.astype(np.float32)
        scales["deviation"] = deviation.astype(np.float32)
    if standardise and not dataset.has_classes:
        mean, deviation = _scale(train.labels)
        train, validation, test = (
            evolve(part, labels=(part.labels - mean) / deviation)
            for part in (train, validation, test)
        )
        scales["label_mean"] = float(mean)
        scales["label_deviation"] = float(deviation)
    return Split(train, validation, test, **scales)


def _scale(values: npt.NDArray[Any]) -> tuple[Doubles, Doubles]:
    """Mean and standard deviation over the rows, in double precision."""
    mean = np.asarray(values.mean(axis=0, dtype=np.float64))
    deviation = np.asarray(values.std(axis=0, dtype=np.float64))
    # A constant carries nothing: it becomes zero instead of a division by it.
    return mean, np.where(deviation == 0, 1.0, deviation)


def _parts(dataset: Dataset, fraction: float, seed: int) -> tuple[Dataset, Dataset]:
    """Cuts off a share of the rows, each class in proportion, numbers at random."""
    from sklearn.model_selection import train_test_split

    classes = strata(dataset)
    counts = np.bincount(classes)
    present = np.flatnonzero(counts)
    rows = len(dataset)
    smaller = min(int(np.ceil(fraction * rows)), int(rows - np.ceil(fraction * rows)))
    if counts[present].min() < 2 or smaller < len(present):
        each = of_least = ""
        if dataset.has_classes:
            least = int(present[counts[present].argmin()])
            each = " of each class"
            of_least = f", {counts[least]} of class {dataset.class_names[least]!r}"
        raise DataError(
            f"dataset: expected enough rows{each} for training, validation and test, "
            f"got {rows} rows to cut{of_least}; add rows or change the fractions"
        )
    kept, cut = train_test_split(
        np.arange(rows),
        test_size=float(fraction),
        stratify=classes if dataset.has_classes else None,
        random_state=seed,
    )
    return dataset.take(kept), dataset.take(cut)
