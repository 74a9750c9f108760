"""Plain rivals on the raw inputs, trained and tested on the very same rows."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
from attrs import frozen

from qml_qdl.data.dataset import Dataset
from qml_qdl.data.parts import Split

_ITERATIONS = 2000


@frozen
class Rival:
    """What a rival reached.

    Args:
        name: Which one.
        test_accuracy: Accuracy on the test part, 0 … 1.
        parameters: How many numbers were fitted; None where rows are stored instead.
        seconds: Wall-clock seconds of fitting and testing.
        note: What should be known to read the numbers fairly.
    """

    name: str
    test_accuracy: float
    parameters: int | None
    seconds: float
    note: str = ""


def fit_rivals(split: Split) -> tuple[Rival, ...]:
    """Fits logistic regression, the nearest neighbour and the majority class.

    They see the training part only, as the networks do; the validation part, which
    networks use to choose their best epoch, is left out.

    Args:
        split: The data.

    Returns:
        What each reached.
    """
    from sklearn.dummy import DummyClassifier
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    logistic = LogisticRegression(max_iter=_ITERATIONS)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        first = _tested("logistic regression", logistic, split)
    stuck = any(issubclass(item.category, ConvergenceWarning) for item in caught)
    fitted = Rival(
        name=first.name,
        test_accuracy=first.test_accuracy,
        parameters=int(logistic.coef_.size + logistic.intercept_.size),
        seconds=first.seconds,
        note=f"not converged after {_ITERATIONS} iterations" if stuck else "",
    )
    rows = len(split.train)
    return (
        fitted,
        _tested(
            "1-nearest neighbour",
            KNeighborsClassifier(n_neighbors=1),
            split,
            note=f"stores {rows} rows",
        ),
        _tested("majority class", DummyClassifier(), split, parameters=0),
    )


def _tested(
    name: str,
    estimator: Any,
    split: Split,
    *,
    parameters: int | None = None,
    note: str = "",
) -> Rival:
    start = time.perf_counter()
    estimator.fit(_flat(split.train), split.train.labels)
    right = estimator.predict(_flat(split.test)) == split.test.labels
    seconds = time.perf_counter() - start
    return Rival(name, float(np.mean(right)), parameters, seconds, note)


def _flat(part: Dataset) -> Any:
    return part.inputs.reshape(len(part), -1)
