"""The three parts of a data set, made ready by what is fitted on the first alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import evolve, field, frozen

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.dataset import Dataset, Floats, strata, stratified_rows
from qml_qdl.data.preprocessing import Preprocessing

MOST_SPLIT_SEED = 2**32 - 2
"""The largest seed that scikit-learn takes, and its successor, too."""


@frozen(eq=False)
class Split:
    """Training, validation and test part, ready for a model.

    Tables are standardised with mean and standard deviation of the training part, and
    so are numbers to fit; words of a table are zeros and ones, one column for each of
    the training part. Images are in [0, 1] already and stay as they are.

    Args:
        train: What the weights are fitted on.
        validation: What the best epoch is chosen with; None to keep the last epoch.
        test: What is looked at once, at the end; None to look at nothing.
        preprocessing: What the parts were made with, fitted on the training part; None
            where that is not known.
    """

    train: Dataset
    _validation: Dataset | None = None
    _test: Dataset | None = None
    preprocessing: Preprocessing | None = field(default=None, repr=False)

    @property
    def validation(self) -> Dataset:
        """What the best epoch is chosen with.

        Raises:
            DataError: There is no such part.
        """
        return _there("validation", self._validation)

    @property
    def test(self) -> Dataset:
        """What is looked at once, at the end.

        Raises:
            DataError: There is no such part.
        """
        return _there("test", self._test)

    @property
    def has_validation(self) -> bool:
        """Whether there is a part to choose the best epoch with."""
        return self._validation is not None

    @property
    def has_test(self) -> bool:
        """Whether there is a part to look at in the end."""
        return self._test is not None

    def in_single(self) -> Split:
        """The same parts in single precision."""
        return self.each(lambda part: evolve(part, dtype=np.float32))

    def each(self, change: Callable[[Dataset], Dataset]) -> Split:
        """The same with each part that there is changed.

        Args:
            change: Makes of a part another one.
        """
        validation, test = (
            part if part is None else change(part)
            for part in (self._validation, self._test)
        )
        return Split(change(self.train), validation, test, self.preprocessing)

    @property
    def mean(self) -> Floats | None:
        """What was subtracted (features,), None for images and unscaled tables."""
        return self._scale("mean")

    @property
    def deviation(self) -> Floats | None:
        """What was divided by (features,), None likewise."""
        return self._scale("deviation")

    def _scale(self, name: str) -> Floats | None:
        found = getattr(self.preprocessing, name, None)
        return None if found is None else found.astype(np.float32)

    @property
    def label_mean(self) -> Any:
        """What was subtracted from labels, None for classes and unscaled numbers."""
        fitted = self.preprocessing
        return None if fitted is None else fitted.label_mean

    @property
    def label_deviation(self) -> Any:
        """What labels were divided by, None likewise.

        A label times this plus `label_mean` is in the unit of the data.
        """
        fitted = self.preprocessing
        return None if fitted is None else fitted.label_deviation

    def shared_rows(self) -> int:
        """How many rows of the test part stand in the training part, too.

        Whatever their labels: such rows can be known by heart.

        Example:
            >>> rows = Dataset([[0.0], [1.0]] * 10, [0, 1] * 10, ["a", "b"])
            >>> split(rows).shared_rows()
            6
        """
        train = {_digest(row) for row in self.train.inputs}
        return sum(_digest(row) in train for row in self.test.inputs)


def _there(name: str, part: Dataset | None) -> Dataset:
    if part is None:
        raise DataError(
            f"{name}: expected a part of the data, got none; qml_qdl.data.split makes "
            "all three"
        )
    return part


def _digest(row: Floats) -> bytes:
    return hashlib.blake2b(row.tobytes(), digest_size=16).digest()


@validate_call
def split(
    dataset: Dataset,
    *,
    test_fraction: float = 0.3,
    validation_fraction: float = 0.15,
    seed: int = 0,
    limit: int | None = None,
    standardise: bool = True,
    preprocessing: Preprocessing | None = None,
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
        preprocessing: What was fitted earlier, in place of `standardise`; None fits it
            on the training part.

    Returns:
        The three parts.

    Raises:
        ArgumentError: A fraction is outside (0, 1), or the seed out of its range.
        ArgumentTypeError: An argument is of another type.
        DataError: There are too few rows, or of a class, for each part to have one, or
            a column of a table has no value in the training part.

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
    rest, test = cut_off(dataset, test_fraction, seed)
    train, validation = cut_off(rest, validation_fraction, seed + 1)
    if limit is not None:
        train = train.take(stratified_rows(train, limit, seed=seed))
    fitted = preprocessing
    if fitted is None:
        fitted = Preprocessing.fit(train, standardise=standardise)
    train, validation, test = map(fitted.apply, (train, validation, test))
    return Split(train, validation, test, fitted)


def cut_off(dataset: Dataset, fraction: float, seed: int) -> tuple[Dataset, Dataset]:
    """Cuts off a share of the rows, each class in proportion, numbers at random.

    Args:
        dataset: The whole.
        fraction: The share, in (0, 1).
        seed: Fixes which rows, 0 … 2³² − 1.

    Returns:
        What is left, and what was cut off.

    Raises:
        DataError: There are too few rows, or of a class, for both to have one.
    """
    from sklearn.model_selection import train_test_split

    classes = strata(dataset)
    counts = np.bincount(classes)
    present = np.flatnonzero(counts)
    rows = len(dataset)
    strata_differ = dataset.has_classes and not dataset.num_places
    smaller = min(int(np.ceil(fraction * rows)), int(rows - np.ceil(fraction * rows)))
    if counts[present].min() < 2 or smaller < len(present):
        each = of_least = hint = ""
        if strata_differ:
            least = int(present[counts[present].argmin()])
            each = " of each class"
            of_least = f", {counts[least]} of class {dataset.class_names[least]!r}"
            if dataset.are_numbers:
                hint = ", or fit labels as numbers with recipe='regression'"
        raise DataError(
            f"dataset: expected enough rows{each} for training, validation and test, "
            f"got {rows} rows to cut{of_least}; add rows or change the fractions{hint}"
        )
    kept, cut = train_test_split(
        np.arange(rows),
        test_size=float(fraction),
        stratify=classes if strata_differ else None,
        random_state=seed,
    )
    return dataset.take(kept), dataset.take(cut)
