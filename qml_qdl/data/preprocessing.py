"""What makes numbers for a model of raw rows, fitted on the training part alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import asdict, evolve, field, frozen

from qml_qdl.circuits.errors import DataError
from qml_qdl.data.dataset import Column, Dataset, Doubles


def _as_doubles(values: Any) -> Doubles | None:
    return None if values is None else np.asarray(values, dtype=np.float64)


def _as_unit(values: Any) -> Any:
    """A number, or an array of several."""
    return np.asarray(values, np.float64) if np.ndim(values) else values


def _as_tuple(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(values)


@frozen(eq=False)
class Preprocessing:
    """Empty cells filled, words as zeros and ones, numbers standardised.

    What scikit-learn's transformers learn from the training part is kept as plain
    numbers and words, so that a run can hold it in a file that anybody may open.

    Args:
        input_shape: Shape of a raw row.
        class_names: The classes; none where labels are numbers.
        columns: What the raw columns hold, with the words of the training part; none
            for images and tables of plain numbers without names.
        fills: What an empty cell of each column becomes, a number or a word.
        mean: What is subtracted from each number (features,), 0 of words; None for
            images and unscaled tables.
        deviation: What it is divided by (features,), 1 of words; None likewise.
        label_mean: What is subtracted from the labels, a number, or one of each output
            (outputs,); None for classes and unscaled numbers.
        label_deviation: What they are divided by, None likewise.
        num_places: How many places of a row have a class each, 0 for one of the row.
    """

    input_shape: tuple[int, ...] = field(converter=_as_tuple)
    class_names: tuple[str, ...] = field(default=(), converter=_as_tuple)
    columns: tuple[Column, ...] = field(default=(), converter=_as_tuple)
    fills: tuple[float | str | None, ...] = field(default=(), converter=_as_tuple)
    mean: Doubles | None = field(default=None, converter=_as_doubles, repr=False)
    deviation: Doubles | None = field(default=None, converter=_as_doubles, repr=False)
    label_mean: Any = field(default=None, converter=_as_unit, repr=False)
    label_deviation: Any = field(default=None, converter=_as_unit, repr=False)
    num_places: int = field(default=0, repr=False)

    @classmethod
    def fit(cls, train: Dataset, *, standardise: bool = True) -> Preprocessing:
        """Learns from the training part, where rows count by their weights.

        Args:
            train: The training part, raw.
            standardise: Whether tables and numbers to fit are scaled.

        Raises:
            DataError: A column has no value in the training part.
        """
        columns = _seen(train)
        fills = (
            tuple(
                _fill(values, column, seen)
                for values, column, seen in zip(
                    train.inputs.T, train.columns, columns, strict=True
                )
            )
            if columns
            else ()
        )
        fitted = cls(train.input_shape, train.class_names, columns, fills)
        scales: dict[str, Any] = {"num_places": train.num_places}
        if standardise and not train.is_image:
            mean, deviation = _scale(fitted._numbers(train), train.weights)
            words = fitted._are_words()
            scales["mean"] = np.where(words, 0.0, mean)
            scales["deviation"] = np.where(words, 1.0, deviation)
        if standardise and not train.has_classes:
            mean, deviation = _scale(train.labels, train.weights)
            scales["label_mean"] = mean if mean.ndim else float(mean)
            scales["label_deviation"] = deviation if mean.ndim else float(deviation)
        return evolve(fitted, **scales)

    def apply(self, dataset: Dataset) -> Dataset:
        """Makes of raw rows what a model reads.

        Args:
            dataset: Rows with the columns of the training part; words that it had not
                get zeros alone.

        Raises:
            DataError: The rows are of another shape.
        """
        if dataset.input_shape != self.input_shape:
            raise DataError(
                f"dataset: expected rows of shape {self.input_shape} as in training, "
                f"got {dataset.input_shape}"
            )
        inputs: Any = self._numbers(dataset)
        if self.mean is not None:
            inputs = (inputs - self.mean) / self.deviation
        labels: Any = dataset.labels
        if self.label_mean is not None:
            # In double precision, as NumPy's numbers have it and Python's have not.
            labels = (labels - np.asarray(self.label_mean)) / np.asarray(
                self.label_deviation
            )
        return evolve(dataset, inputs=inputs, labels=labels, columns=self._outputs())

    def labels_of(self, numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Numbers that a model predicts, in the unit of the data.

        Args:
            numbers: Predictions (rows,), or (rows, outputs).
        """
        numbers = np.asarray(numbers, dtype=np.float64)
        if self.label_mean is None:
            return numbers
        found: npt.NDArray[Any] = numbers * self.label_deviation + self.label_mean
        return found

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of what is known of a row's labels: (outputs,) of several numbers."""
        return np.shape(self.label_mean) if self.label_mean is not None else ()

    def _numbers(self, dataset: Dataset) -> npt.NDArray[Any]:
        """Rows without empty cells and words, before they are scaled."""
        if not any(column.is_raw for column in self.columns):
            return dataset.inputs
        parts: Any = zip(
            dataset.inputs.T, dataset.columns, self.columns, self.fills, strict=True
        )
        blocks = []
        for values, given, column, fill in parts:
            if column.categories:
                known = {word: code for code, word in enumerate(given.categories)}
                codes = [known.get(word, -1) for word in column.categories]
                block = values[:, np.newaxis] == np.array(codes)
                filled = [word == fill for word in column.categories]
                block[np.isnan(values)] = filled
            else:
                # None, where there is no gap, would make objects of the numbers.
                gaps = np.nan if fill is None else fill
                block = np.where(np.isnan(values), gaps, values)[:, np.newaxis]
            blocks.append(block)
        return np.concatenate(blocks, axis=1, dtype=dataset.dtype)

    def _outputs(self) -> tuple[Column, ...]:
        """The columns that a model reads, words by 'column=word'."""
        return tuple(
            Column(name)
            for column in self.columns
            for name in (
                [f"{column.name}={word}" for word in column.categories] or [column.name]
            )
        )

    def _are_words(self) -> Any:
        """For each column that a model reads whether it stands for a word."""
        return [
            bool(column.categories)
            for column in self.columns
            for _ in column.categories or ("",)
        ] or False

    def as_config(self) -> dict[str, Any]:
        """Everything as lists, numbers and words, for a JSON file."""
        return asdict(
            self,
            value_serializer=lambda instance, attribute, value: (
                value.tolist() if isinstance(value, np.ndarray) else value
            ),
        )

    @classmethod
    def from_config(cls, values: Mapping[str, Any]) -> Preprocessing:
        """Reads what `as_config` wrote.

        Args:
            values: Its fields by name.

        Raises:
            TypeError: A field is missing or of another type.
            ValueError: A field has no such value.
        """
        columns = [
            Column(**{**each, "categories": tuple(each["categories"])})
            for each in values["columns"]
        ]
        return cls(**{**values, "columns": columns})


def _seen(train: Dataset) -> tuple[Column, ...]:
    """The columns with the words that stand in the training part."""
    return tuple(
        evolve(
            column,
            categories=tuple(
                word
                for code, word in enumerate(column.categories)
                if (values == code).any()
            ),
        )
        for values, column in zip(train.inputs.T, train.columns, strict=False)
    )


def _fill(
    values: npt.NDArray[np.float32], column: Column, seen: Column
) -> float | str | None:
    """What an empty cell becomes."""
    if column.missing == "error":
        return None
    if np.isnan(values).all():
        raise DataError(
            f"column {column.name!r}: expected a value in the training part, got empty "
            f"cells only; leave it out with drop={column.name!r}"
        )
    from sklearn.impute import SimpleImputer

    strategy = "most_frequent" if column.categories else column.missing
    imputer = SimpleImputer(strategy=strategy)
    imputer.fit(values[:, np.newaxis].astype(np.float64))
    fill = float(imputer.statistics_[0])
    return column.categories[int(fill)] if column.categories else fill


def _scale(
    values: npt.NDArray[Any], weights: Doubles | None
) -> tuple[Doubles, Doubles]:
    """Mean and standard deviation over the rows, in double precision."""
    if weights is None:
        mean = np.asarray(values.mean(axis=0, dtype=np.float64))
        deviation = np.asarray(values.std(axis=0, dtype=np.float64))
    else:
        values, weights = values[weights > 0], weights[weights > 0]
        mean = np.asarray(np.average(values, axis=0, weights=weights))
        squares = np.square(values - mean)
        deviation = np.sqrt(np.average(squares, axis=0, weights=weights))
    # A constant carries nothing: it becomes zero instead of a division by it, or by
    # what rounding left of it.
    constant = values.max(axis=0) == values.min(axis=0)
    mean = np.where(constant, values[0], mean)
    return mean, np.where(constant | (deviation == 0), 1.0, deviation)
