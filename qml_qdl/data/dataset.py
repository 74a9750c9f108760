"""A labelled data set held in memory: an immutable value, checked once."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from attrs import evolve, field, frozen

from qml_qdl.circuits.errors import ArgumentTypeError, DataError
from qml_qdl.circuits.validation import (
    MOST_SEED,
    as_items,
    check_count,
    check_text,
    checked,
    validate_call,
)

_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Labels = npt.NDArray[Any]
"""Class indices (int64), or numbers to fit."""

Missing: TypeAlias = Literal["error", "mean", "median", "most_frequent"]
"""What is done about an empty cell of a table."""


def as_array(name: str, values: Any) -> npt.NDArray[Any]:
    """Turns nested numbers into an array.

    Args:
        name: What an error calls them.
        values: An array, a tensor or nested sequences.

    Raises:
        DataError: Rows differ in length.
    """
    try:
        return np.asarray(values)
    except ValueError as error:
        raise DataError(
            f"{name}: expected rows of equal shape, got some that differ ({error}); "
            "give each row the same shape"
        ) from error


def _as_inputs(inputs: Any) -> npt.NDArray[Any]:
    array = as_array("inputs", inputs)
    if array.dtype.kind not in "iufb":
        raise DataError(
            f"inputs: expected numbers, got an array of {array.dtype}; turn each "
            "feature into a number"
        )
    if array.ndim not in (2, 4) or 0 in array.shape:
        raise DataError(
            "inputs: expected (rows, features) or (rows, channels, height, width), "
            f"nothing empty, got shape {array.shape}"
        )
    return array


def _as_floats(
    name: str, array: npt.NDArray[Any], gaps: Any = False, dtype: Any = np.float32
) -> Floats:
    """Finite floating numbers, but for NaN where gaps may be."""
    bad = ~(np.abs(array) <= np.finfo(dtype).max)
    bad &= ~(np.isnan(array) & gaps)
    if bad.any():
        where = tuple(int(index) for index in np.argwhere(bad)[0])
        raise DataError(
            f"{name}: expected finite {np.dtype(dtype)} numbers, got {array[where]} "
            "at index "
            f"{list(where)} (row {where[0]}), {int(bad.sum())} such values in all; "
            "repair or leave out these rows"
        )
    return _frozen_copy(array, dtype)


def _frozen_copy(array: npt.NDArray[Any], dtype: Any) -> npt.NDArray[Any]:
    # A copy, so that nobody else holds a way to write to it.
    frozen_copy = np.array(array, dtype=dtype, order="C")
    frozen_copy.setflags(write=False)
    return frozen_copy


def _as_labels(labels: Any) -> Labels:
    return as_array("labels", labels)


def _as_codes(array: Labels) -> Integers:
    if array.ndim not in (1, 2) or array.dtype.kind not in "iu" or 0 in array.shape[1:]:
        raise DataError(
            "labels: expected one whole number per row, or (rows, places), got an "
            f"array of {array.dtype} with shape {array.shape}; encode_labels makes "
            "them, and numbers to fit have no class names"
        )
    return _frozen_copy(array, np.int64)


def _as_numbers(array: Labels, dtype: Any) -> Floats:
    wrong = array.ndim not in (1, 2) or min(array.shape[1:], default=2) < 2
    if wrong or array.dtype.kind not in "iuf":
        raise DataError(
            "labels: expected one number per row, got an array of "
            f"{array.dtype} with shape {array.shape}; several are (rows, outputs), and "
            "encode_labels makes classes of words and truth values, to be given with "
            "class_names"
        )
    return _as_floats("labels", array, dtype=dtype)


def _as_weights(weights: Any) -> Any:
    return None if weights is None else as_array("weights", weights)


def _as_dtype(dtype: Any) -> np.dtype[Any]:
    for known in (np.float32, np.float64):
        with contextlib.suppress(TypeError):  # of what names no type at all
            if np.dtype(dtype) == known:
                return np.dtype(known)
    raise DataError(f"dtype: expected float32 or float64, got {dtype!r}")


def _as_names(names: Sequence[Any]) -> tuple[str, ...]:
    given = tuple(names) if isinstance(names, str) else as_items(names)
    if given is None:
        raise ArgumentTypeError(
            f"class_names: expected a name for each class, got {names!r}; pass a list"
        )
    return tuple(map(str, given))


@frozen
class Column:
    """What a column of a table holds before `split` makes numbers for a model of it.

    Args:
        name: What it is called.
        categories: The words that its numbers 0, 1, … stand for; none if they are
            numbers. A split gives each word of the training part a column of zeros and
            ones (one-hot).
        missing: What a split puts where a cell is empty (NaN): the training part's
            "mean", "median" or "most_frequent" value, of words always the most
            frequent; "error" has no such cells.
    """

    name: str
    categories: tuple[str, ...] = ()
    missing: Missing = "error"

    @property
    def is_raw(self) -> bool:
        """Whether a model cannot read it as it is."""
        return bool(self.categories) or self.missing != "error"


def _as_columns(columns: Iterable[Column]) -> tuple[Column, ...]:
    given = as_items(columns)
    if given is None or not all(isinstance(each, Column) for each in given):
        raise ArgumentTypeError(
            f"columns: expected a Column for each column, got {columns!r}; leave it "
            "out for plain numbers"
        )
    return given


@validate_call
@frozen(eq=False)
class Dataset:
    """Inputs, and for each row its class or a number to fit.

    Args:
        inputs: Numbers (rows, features) for a table, or pixels in [0, 1]
            (rows, channels, height, width) for images.
        labels: One class index 0 … classes−1 per row, kept as int64, or several
            (rows, places) where each place of a row has a class, as in segmentation; or
            without class names one finite number per row, or (rows, outputs).
        class_names: A name for each class, a classifier needs two; none if the labels
            are numbers to fit (regression).
        name: What the data are called in reports.
        columns: What the columns of a table hold, as `read_csv` and `from_pandas` say
            it; none for images, and for tables of plain numbers.
        weights: How much each row counts in what is fitted (rows,), finite and ≥ 0, one
            of them above 0; None where all count alike. Kept as float64.
        dtype: As what inputs and numbers to fit are kept, float32 or float64.

    Raises:
        DataError: A value is NaN or infinite, a pixel is outside [0, 1], lengths
            differ, a label is no number or names no class, two classes have one
            name, or a weight is negative.
        ArgumentTypeError: A name is no text.

    Example:
        >>> data = Dataset([[0.0, 1.0], [1.0, 0.0]], [0, 1], ["no", "yes"])
        >>> len(data), data.num_classes, data.input_shape
        (2, 2, (2,))
        >>> Dataset([[0.0, 1.0], [1.0, 0.0]], [0.5, 3.0])
        Dataset('data', 2 rows of shape (2,), numbers)
    """

    inputs: Floats = field(converter=_as_inputs)
    labels: Labels = field(converter=_as_labels)
    class_names: tuple[str, ...] = field(default=(), converter=_as_names)
    name: str = field(default="data", validator=checked(check_text))
    columns: tuple[Column, ...] = field(default=(), converter=_as_columns, repr=False)
    weights: Doubles | None = field(
        default=None, converter=_as_weights, repr=False, kw_only=True
    )
    dtype: Any = field(
        default=np.float32, converter=_as_dtype, repr=False, kw_only=True
    )

    def __attrs_post_init__(self) -> None:
        if self.columns and len(self.columns) != self.inputs.shape[1]:
            raise DataError(
                f"columns: expected one for each of {self.inputs.shape[1]} columns of "
                f"the inputs, got {len(self.columns)}"
            )
        gaps = [column.missing != "error" for column in self.columns] or False
        inputs = _as_floats("inputs", self.inputs, gaps, self.dtype)
        object.__setattr__(self, "inputs", inputs)
        codes = self.has_classes
        labels = _as_codes(self.labels) if codes else self._numbers(self.labels)
        object.__setattr__(self, "labels", labels)
        if len(self.inputs) != len(self.labels):
            raise DataError(
                f"labels: expected one for each of {len(self.inputs)} rows, got "
                f"{len(self.labels)}"
            )
        if self.has_classes:
            classes = self.num_classes
            if len(set(self.class_names)) < classes:
                raise DataError(
                    f"class_names: expected names that differ, got "
                    f"{list(self.class_names)}; name each class once"
                )
            outside = (self.labels < 0) | (self.labels >= classes)
            if outside.any():
                row = int(np.argwhere(outside)[0, 0])
                raise DataError(
                    f"labels: expected class indices 0 … {classes - 1}, got "
                    f"{self.labels[outside][0]} in row {row}"
                )
        if self.weights is not None:
            self._check_weights(self.weights)
        if self.is_image:
            low, high = float(self.inputs.min()), float(self.inputs.max())
            if low < 0 or high > 1:
                raise DataError(
                    f"inputs: expected pixels in [0, 1], got values from {low:g} to "
                    f"{high:g}; divide by the largest possible pixel"
                )

    def _numbers(self, labels: Labels) -> Floats:
        return _as_numbers(labels, self.dtype)

    def _check_weights(self, weights: npt.NDArray[Any]) -> None:
        if weights.shape != (len(self.labels),) or weights.dtype.kind not in "iufb":
            raise DataError(
                f"weights: expected a number for each of {len(self.labels)} rows, got "
                f"an array of {weights.dtype} with shape {weights.shape}"
            )
        kept = _as_floats("weights", weights, dtype=np.float64)
        if (kept < 0).any() or not kept.any():
            raise DataError(
                "weights: expected numbers ≥ 0, one of them above 0, got "
                f"{kept.min():g} … {kept.max():g}; leave out rows that do not count"
            )
        object.__setattr__(self, "weights", kept)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        labels = f"{self.num_classes} classes" if self.has_classes else "numbers"
        labels += f" at {self.num_places} places" if self.num_places else ""
        return (
            f"Dataset({self.name!r}, {len(self)} rows of shape {self.input_shape}, "
            f"{labels})"
        )

    @property
    def is_image(self) -> bool:
        """Whether a row is an image rather than a line of a table."""
        return self.inputs.ndim == 4

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(channels, height, width) of an image or (features,) of a table."""
        return self.inputs.shape[1:]

    @property
    def has_classes(self) -> bool:
        """Whether labels are classes rather than numbers to fit."""
        return bool(self.class_names)

    @property
    def num_classes(self) -> int:
        """How many classes there are, 0 if the labels are numbers to fit."""
        return len(self.class_names)

    @property
    def num_places(self) -> int:
        """How many places of a row have a class each, 0 if the row has one as a whole.

        Example:
            >>> Dataset([[0.1, 0.7]], [[0, 1]], ["low", "high"]).num_places
            2
        """
        several = self.has_classes and self.labels.ndim == 2
        return self.labels.shape[1] if several else 0

    @property
    def num_outputs(self) -> int:
        """How many numbers are fitted to a row, 0 if the labels are classes.

        Example:
            >>> Dataset([[0.1], [0.7]], [[0.0, 1.0], [1.0, 0.5]]).num_outputs
            2
        """
        if self.has_classes:
            return 0
        return self.labels.shape[1] if self.labels.ndim == 2 else 1

    @property
    def are_numbers(self) -> bool:
        """Whether the names of all classes are whole numbers, which could be fitted."""
        return self.has_classes and all(map(_WHOLE.fullmatch, self.class_names))

    @property
    def is_raw(self) -> bool:
        """Whether words or empty cells are left, of which `split` makes numbers."""
        return any(column.is_raw for column in self.columns)

    def take(self, rows: slice | Sequence[int] | Integers) -> Dataset:
        """Returns the data set of some rows, in the order given.

        Args:
            rows: A slice or row indices.

        Returns:
            A data set with the same classes, or of numbers.
        """
        try:
            return self._rows(rows)
        except (IndexError, TypeError) as error:
            raise DataError(f"rows: expected a slice or indices, {error}") from error

    def _rows(self, rows: Any, **changes: Any) -> Dataset:
        weights = None if self.weights is None else self.weights[rows]
        changes = {"labels": self.labels[rows], **changes}
        return evolve(self, inputs=self.inputs[rows], weights=weights, **changes)

    def of_classes(self, names: Iterable[str]) -> Dataset:
        """Returns the rows of some classes.

        Args:
            names: Names of classes, one or more.

        Returns:
            A data set of these classes, in their order here.

        Raises:
            DataError: There is no class of such a name, or no row of it, or the
                labels are numbers to fit.

        Example:
            >>> data = Dataset([[0.0], [1.0], [2.0]], [0, 1, 0], ["no", "yes"])
            >>> data.of_classes(["no"]).inputs.ravel()
            array([0., 2.], dtype=float32)
        """
        wanted = [str(name) for name in names]
        if not self.has_classes:
            raise DataError(
                f"label: {self.name!r} has numbers to fit and no classes, got "
                f"{', '.join(wanted) or '–'}; leave it out"
            )
        if self.num_places:
            raise DataError(
                f"label: the rows of {self.name!r} have a class at each of "
                f"{self.num_places} places, and none as a whole; leave it out"
            )
        for name in wanted:
            if name not in self.class_names:
                raise DataError(
                    f"label: expected one of the classes {', '.join(self.class_names)} "
                    f"of {self.name!r}, got {name!r}"
                )
        indices = [self.class_names.index(name) for name in wanted]
        rows = np.flatnonzero(np.isin(self.labels, indices))
        if not len(rows):
            raise DataError(
                f"label: {self.name!r} has no row of {', '.join(wanted) or '–'}; "
                "name a class that has some"
            )
        kept = sorted(set(indices))
        return self._rows(
            rows,
            labels=np.searchsorted(kept, self.labels[rows]),
            class_names=tuple(self.class_names[index] for index in kept),
        )

    def as_numbers(self) -> Dataset:
        """Returns the same rows with numbers to fit: the names of their classes.

        Returns:
            A data set without classes; this one if it has none.

        Raises:
            DataError: The name of a class is no finite number.

        Example:
            >>> data = Dataset([[0.0], [1.0], [2.0]], [1, 0, 1], ["-1.5", "3"])
            >>> data.as_numbers().labels
            array([ 3. , -1.5,  3. ], dtype=float32)
        """
        if not self.has_classes:
            return self
        if self.num_places:
            raise DataError(
                "labels: expected one number per row, got classes at "
                f"{self.num_places} places of each in {self.name!r}; use the recipe "
                "'segmentation'"
            )
        numbers = []
        for name in self.class_names:
            try:
                number = float(name)
            except ValueError:
                number = np.nan
            if not abs(number) <= float(np.finfo(np.float32).max):
                raise DataError(
                    f"labels: expected classes whose names are finite numbers, got "
                    f"{name!r} in {self.name!r}; words are classes and cannot be fitted"
                )
            numbers.append(number)
        return evolve(self, labels=np.array(numbers)[self.labels], class_names=())

    def fingerprint(self) -> str:
        """Returns a digest (SHA-256, hexadecimal) of all values, labels and classes.

        Two data sets with the same fingerprint hold the same data, whatever they
        are called; a run keeps it to notice that a file changed in between.
        """
        digest = hashlib.sha256(repr((self.inputs.shape, self.class_names)).encode())
        if self.is_raw:
            digest.update(repr(self.columns).encode())
        digest.update(self.inputs.tobytes())
        digest.update(self.labels.tobytes())
        if self.weights is not None:
            digest.update(self.weights.tobytes())
        return digest.hexdigest()


def encode_labels(labels: Iterable[Any]) -> tuple[Integers, tuple[str, ...]]:
    """Turns labels of any kind into class indices and class names.

    Args:
        labels: One label per row: whole numbers, truth values or words. Classes
            are sorted, numbers by value and words by alphabet.

    Returns:
        The class indices (rows,) and the class names.

    Raises:
        DataError: A label is missing (NaN, None, an empty word), or is a number
            that is not whole: such are fitted, and are no classes.

    Example:
        >>> encode_labels(["dog", "cat", "dog"])
        (array([1, 0, 1]), ('cat', 'dog'))
    """
    values = [
        label.item() if isinstance(label, np.generic) else label for label in labels
    ]
    for row, value in enumerate(values):
        if isinstance(value, bytes):
            value = values[row] = _decoded(row, value)
        if isinstance(value, str):
            value = values[row] = value.strip()
        if value is None or value == "" or value != value:
            raise DataError(
                f"labels: expected a class for each row, got {value!r} in row {row}; "
                "the label is missing: fill it in or leave out the row"
            )
    for row, value in enumerate(values):
        # Whatever its type: int() would cut off what is behind the point.
        try:
            whole = isinstance(value, str) or value % 1 == 0
        except TypeError as error:
            raise DataError(
                f"labels: expected class names or whole numbers, got {value!r} in row "
                f"{row}; turn each into a word or a number"
            ) from error
        if not whole:
            raise DataError(
                f"labels: expected class names or whole numbers, got {value!r} in row "
                f"{row}; numbers to fit are no classes: give them to Dataset as they "
                "are, without class_names"
            )
    # Not whatever int() takes: 1_0 is a word.
    whole = all(_WHOLE.fullmatch(value) for value in values if isinstance(value, str))
    classes: list[Any] = [int(value) if whole else str(value) for value in values]
    names = sorted(set(classes))
    codes = {name: code for code, name in enumerate(names)}
    indices = np.array([codes[value] for value in classes], dtype=np.int64)
    return indices, tuple(str(name) for name in names)


def _decoded(row: int, label: bytes) -> str:
    try:
        return label.decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"labels: expected words in UTF-8, got {label!r} in row {row}; decode them "
            "first, with label.decode('latin-1'), say"
        ) from error


def strata(dataset: Dataset) -> Integers:
    """Returns for each row what shall keep its share: its class, if it has one.

    Args:
        dataset: Classes or numbers.

    Returns:
        Class indices (rows,); zeros where labels are numbers, or classes of places.
    """
    if dataset.has_classes and not dataset.num_places:
        return dataset.labels
    return np.zeros(len(dataset), dtype=np.int64)


@validate_call
def stratified_rows(dataset: Dataset, rows: int, *, seed: int = 0) -> Integers:
    """Samples some rows so that each class keeps its share.

    Args:
        dataset: Where to sample from; where labels are numbers, any rows are sampled.
        rows: How many rows, at least one per class; where there are no more, all.
        seed: Fixes the sample.

    Returns:
        Row indices, rising, for `dataset.take`.

    Raises:
        DataError: There are fewer rows than classes.

    Example:
        >>> data = Dataset([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1], ["a", "b"])
        >>> data.take(stratified_rows(data, 2)).labels
        array([0, 1])
    """
    check_count("rows", rows)
    check_count("seed", seed, 0, MOST_SEED)
    if rows >= len(dataset):
        return np.arange(len(dataset), dtype=np.int64)
    classes = strata(dataset)
    counts = np.bincount(classes)
    share = counts * (rows / len(dataset))
    quota = np.minimum(counts, 1)
    if rows < quota.sum():
        raise DataError(
            f"rows: expected at least one for each of {quota.sum()} classes, got "
            f"{rows}; ask for {quota.sum()} or more"
        )
    while quota.sum() < rows:
        quota[np.argmax(share - quota)] += 1
    order = np.random.default_rng(seed).permutation(len(dataset))
    chosen = [
        order[classes[order] == label][:number] for label, number in enumerate(quota)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64)
