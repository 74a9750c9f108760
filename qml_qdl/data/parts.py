"""The three parts of a data set, and the scaling fitted on the first alone."""

from __future__ import annotations

import numpy as np
from attrs import evolve, field, frozen

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.data.dataset import Dataset, Floats, stratified_rows


@frozen(eq=False)
class Split:
    """Training, validation and test part, ready for a model.

    Tables are standardised with mean and standard deviation of the training part;
    images are in [0, 1] already and stay as they are.

    Args:
        train: What the weights are fitted on.
        validation: What the best epoch is chosen with.
        test: What is looked at once, at the end.
        mean: What was subtracted (features,), None for images and unscaled tables.
        deviation: What was divided by (features,), None likewise.
    """

    train: Dataset
    validation: Dataset
    test: Dataset
    mean: Floats | None = field(default=None, repr=False)
    deviation: Floats | None = field(default=None, repr=False)


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

    Classes of which there is no row are left out of account.

    Args:
        dataset: The whole.
        test_fraction: Share of all rows kept for the test, in (0, 1).
        validation_fraction: Share of the remaining rows for validation, in (0, 1).
        seed: Fixes which row goes where.
        limit: Trains on this many rows only, drawn stratified; None for all.
        standardise: Whether tables are scaled; False keeps bits and counts as they are.

    Returns:
        The three parts.

    Raises:
        ArgumentError: A fraction is outside (0, 1).
        DataError: A class has too few rows to be in each part.

    Example:
        >>> from qml_qdl.data import load, split
        >>> parts = split(load("digits"))
        >>> len(parts.train), len(parts.validation), len(parts.test)
        (1068, 189, 540)
    """
    for name, value in (
        ("test_fraction", test_fraction),
        ("validation_fraction", validation_fraction),
    ):
        if not 0 < value < 1:
            raise ArgumentError(
                f"{name}: expected a share between 0 and 1, got {value}; try 0.2"
            )
    rest, test = _parts(dataset, test_fraction, seed)
    train, validation = _parts(rest, validation_fraction, seed + 1)
    if limit is not None:
        train = train.take(stratified_rows(train, limit, seed=seed))
    if dataset.is_image or not standardise:
        return Split(train, validation, test)
    mean = train.inputs.mean(axis=0, dtype=np.float64)
    deviation = train.inputs.std(axis=0, dtype=np.float64)
    # A constant feature carries nothing: it becomes zero instead of a division by it.
    deviation[deviation == 0] = 1.0

    def scaled(part: Dataset) -> Dataset:
        return evolve(part, inputs=(part.inputs - mean) / deviation)

    return Split(
        scaled(train),
        scaled(validation),
        scaled(test),
        mean.astype(np.float32),
        deviation.astype(np.float32),
    )


def _parts(dataset: Dataset, fraction: float, seed: int) -> tuple[Dataset, Dataset]:
    """Cuts off a share of the rows, each class in proportion."""
    from sklearn.model_selection import train_test_split

    counts = np.bincount(dataset.labels, minlength=dataset.num_classes)
    present = np.flatnonzero(counts)
    rows = len(dataset)
    smaller = min(int(np.ceil(fraction * rows)), int(rows - np.ceil(fraction * rows)))
    if counts[present].min() < 2 or smaller < len(present):
        least = int(present[counts[present].argmin()])
        raise DataError(
            "dataset: expected enough rows of each class for training, validation and "
            f"test, got {rows} rows to cut, {counts[least]} of class "
            f"{dataset.class_names[least]!r}; add rows or change the fractions"
        )
    kept, cut = train_test_split(
        np.arange(rows),
        test_size=fraction,
        stratify=dataset.labels,
        random_state=seed,
    )
    return dataset.take(kept), dataset.take(cut)
