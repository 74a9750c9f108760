"""What every estimator asks of its rows, with errors that say the repair."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state, column_or_1d, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    QdlError,
)
from qml_qdl.data.dataset import Column, Dataset

AT_ONCE = 1024
"""Rows that a fitted circuit or model reads in one call."""

_REPAIRS = {
    "sample_weight contains": "give each row a finite number ≥ 0",
    "Negative values": "leave out rows that do not count",
    "non-zero number": "give rows that count numbers above 0",
    "NaN": "fill gaps with sklearn.impute.SimpleImputer in a Pipeline before it",
    "infinity": "leave out or repair these rows",
    "2D array": "Reshape your data to (rows, features)",
    "dimensional": "Reshape your data to (rows, features)",
    "feature(s)": "give the columns that fit was given",
    "features, but": "give the columns that fit was given",
    "feature names": "give the columns that fit was given",
    "sample(s)": "give more rows",
    "Complex": "give real and imaginary parts as columns of their own",
}


class UnfittedError(QdlError, NotFittedError):
    """An estimator that is used before `fit`; scikit-learn's `NotFittedError`, too."""


@contextmanager
def repairs() -> Iterator[None]:
    """Turns what scikit-learn refuses into errors of this library, with the repair.

    Raises:
        DataError: Rows, labels or weights cannot be used.
        ArgumentTypeError: They are of another type.
        UnfittedError: The estimator was not fitted.
    """
    try:
        yield
    except QdlError:
        raise
    except NotFittedError as error:
        raise UnfittedError(f"{error} Call fit(X, y), or load a saved one.") from error
    except TypeError as error:
        raise ArgumentTypeError(f"{error}; give an array of numbers") from error
    except ValueError as error:
        # The first line says what is wrong; further ones name other estimators.
        told = str(error).split("\n")[0].rstrip(".")
        hint = next((hint for word, hint in _REPAIRS.items() if word in told), None)
        raise DataError(told if hint is None else f"{told}; {hint}") from error


def rows_to_fit(estimator: Any, x: Any, y: Any = "no_validation", **how: Any) -> Any:
    """Looks at what an estimator is fitted to, and remembers its columns.

    Args:
        estimator: The estimator.
        x: (rows, features).
        y: Labels, where there are some.
        **how: What `sklearn.utils.validation.validate_data` takes.

    Returns:
        The rows in double precision, and the labels if there are some.

    Raises:
        DataError: They cannot be used.
        ArgumentTypeError: They are of another type.
    """
    with repairs():
        return validate_data(estimator, x, y, dtype=np.float64, **how)


def check_fitted(estimator: Any) -> None:
    """Refuses an estimator that was not fitted.

    Args:
        estimator: The estimator.

    Raises:
        UnfittedError: It was not.
    """
    with repairs():
        check_is_fitted(estimator)


def rows_to_read(estimator: Any, x: Any) -> npt.NDArray[np.float64]:
    """Looks at rows that a fitted estimator is given.

    Args:
        estimator: The estimator.
        x: (rows, features).

    Returns:
        The rows in double precision.

    Raises:
        DataError: They are not like those of `fit`.
        UnfittedError: The estimator was not fitted.
    """
    check_fitted(estimator)
    with repairs():
        rows: npt.NDArray[np.float64] = validate_data(
            estimator, x, dtype=np.float64, reset=False
        )
    return rows


def dataset_of(
    estimator: Any,
    x: Any,
    labels: Any,
    names: tuple[str, ...] = (),
    weights: Any = None,
) -> Dataset:
    """Rows as the library's data sets have them, columns by the names of a frame.

    Args:
        estimator: The estimator; it may have an `image_shape`.
        x: (rows, features).
        labels: Class indices, or numbers.
        names: Names of the classes.
        weights: How much each row counts.

    Raises:
        ArgumentError: An image has another number of pixels.
        DataError: A pixel is outside [0, 1], or all weights are 0.
    """
    shape = getattr(estimator, "image_shape", None)
    columns: tuple[Column, ...] = ()
    if shape is not None:
        shape = tuple(shape)
        if len(shape) != 3 or int(np.prod(shape)) != x.shape[1]:
            raise ArgumentError(
                f"image_shape: expected (channels, height, width) of {x.shape[1]} "
                f"pixels, got {shape}"
            )
        x = x.reshape(len(x), *shape)
    elif hasattr(estimator, "feature_names_in_"):
        columns = tuple(Column(str(name)) for name in estimator.feature_names_in_)
    kept: Any = {"weights": weights, "dtype": np.float64}
    return Dataset(x, labels, names, "rows", columns, **kept)


def weights_of(sample_weight: Any, x: Any) -> npt.NDArray[np.float64] | None:
    """Weights of rows, None where all count alike.

    Args:
        sample_weight: (rows,), ≥ 0; None for none.
        x: The rows.

    Raises:
        DataError: They do not fit the rows.
    """
    if sample_weight is None:
        return None
    with repairs():
        weights: npt.NDArray[np.float64] = _check_sample_weight(
            sample_weight, x, dtype=np.float64, ensure_non_negative=True
        )
    return weights


def class_codes(
    estimator: Any, x: Any, y: Any, sample_weight: Any, class_weight: Any = None
) -> tuple[Any, Any, Any, Any]:
    """Looks at rows and classes that a classifier is fitted to.

    Args:
        estimator: The classifier.
        x: (rows, features).
        y: A class of each row.
        sample_weight: How much each row counts; None for all alike.
        class_weight: How much each class counts; None for all alike.

    Returns:
        Rows, sorted classes, class indices (rows,), and weights of rows, or None.

    Raises:
        DataError: They cannot be used, or rows that count have one class only.
    """
    rows, labels = rows_to_fit(estimator, x, y)
    weights = weights_of(sample_weight, rows)
    with repairs():
        check_classification_targets(labels)
        labels = column_or_1d(labels, warn=True)
        classes, codes = np.unique(labels, return_inverse=True)
        if class_weight is not None:
            factors = compute_sample_weight(class_weight, labels)
            weights = factors if weights is None else weights * factors
    counted = classes if weights is None else classes[np.unique(codes[weights > 0])]
    if len(counted) < 2:
        raise DataError(
            "y: a classifier needs rows of two classes or more, got one class, "
            f"{counted[:1].tolist()}; add rows of another"
        )
    return rows, classes, codes, weights


def seed_of(random_state: Any) -> int:
    """A seed sampled from what scikit-learn calls a random state.

    Args:
        random_state: A whole number, a `numpy.random.RandomState`, or None for NumPy's
            global generator.

    Raises:
        DataError: It is none of these.
    """
    with repairs():
        return int(check_random_state(random_state).randint(2**31 - 1))


@contextmanager
def same_shots(estimator: Any) -> Iterator[None]:
    """Has simulated shots repeat from call to call, where a random state fixes them.

    Args:
        estimator: A fitted estimator, with `random_state` and `seed_`.
    """
    if estimator.random_state is None:
        yield
        return
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(estimator.seed_)
        yield
