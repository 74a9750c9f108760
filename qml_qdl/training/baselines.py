"""Baselines that need no training by gradients, on the very rows that models see."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

from attrs import frozen

from qml_qdl.data.dataset import Dataset
from qml_qdl.data.splitting import Split

_ITERATIONS = 2000

Measure = Callable[[Any, Dataset, Split], dict[str, float]]


@frozen
class Baseline:
    """What a baseline reached.

    Args:
        name: Which one.
        measures: Its measures on the test part, by name.
        parameters: How many numbers were fitted; None where rows are stored instead.
        seconds: Wall-clock seconds of fitting and testing; None if nobody counted.
        note: What should be known to read the numbers fairly.
    """

    name: str
    measures: dict[str, float]
    parameters: int | None = None
    seconds: float | None = None
    note: str = ""


def fit_classifiers(split: Split, measure: Measure) -> list[Baseline]:
    """Fits logistic regression, the nearest neighbour and the majority class.

    They see the training part only, as the networks do; the validation part, which
    networks use to choose their best epoch, is left out.

    Args:
        split: The data.
        measure: Measures predictions (rows,) of a part of the data.

    Returns:
        What each reached on the test part.
    """
    from sklearn.dummy import DummyClassifier
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    logistic = LogisticRegression(max_iter=_ITERATIONS)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        first = _fitted("logistic regression", logistic, split, measure)
    stuck = any(issubclass(item.category, ConvergenceWarning) for item in caught)
    nearest = KNeighborsClassifier(n_neighbors=1)
    return [
        Baseline(
            name=first.name,
            measures=first.measures,
            parameters=int(logistic.coef_.size + logistic.intercept_.size),
            seconds=first.seconds,
            note=f"not converged after {_ITERATIONS} iterations" if stuck else "",
        ),
        _fitted("1-nearest neighbour", nearest, split, measure, note=_stored(split)),
        _fitted("majority class", DummyClassifier(), split, measure, parameters=0),
    ]


def fit_regressors(split: Split, measure: Measure) -> list[Baseline]:
    """Fits ridge regression, the nearest neighbour and the mean.

    They see the training part only; the strength of the ridge is chosen on it by
    leave-one-out, of 10⁻³ … 10³.

    Args:
        split: The data.
        measure: Measures predictions (rows,) of a part of the data.

    Returns:
        What each reached on the test part.
    """
    import numpy as np
    from sklearn.dummy import DummyRegressor
    from sklearn.linear_model import RidgeCV
    from sklearn.neighbors import KNeighborsRegressor

    size = int(_flat(split.train).shape[1])
    nearest = KNeighborsRegressor(n_neighbors=1)
    ridge = RidgeCV(alphas=np.logspace(-3, 3, 13))
    return [
        _fitted("ridge regression", ridge, split, measure, parameters=size + 1),
        _fitted("1-nearest neighbour", nearest, split, measure, note=_stored(split)),
        _fitted("mean", DummyRegressor(), split, measure, parameters=1),
    ]


def _fitted(
    name: str,
    estimator: Any,
    split: Split,
    measure: Measure,
    *,
    parameters: int | None = None,
    note: str = "",
) -> Baseline:
    start = time.perf_counter()
    estimator.fit(_flat(split.train), split.train.labels)
    predictions = estimator.predict(_flat(split.test))
    seconds = time.perf_counter() - start
    measures = measure(predictions, split.test, split)
    return Baseline(name, measures, parameters, seconds, note)


def _stored(split: Split) -> str:
    return f"stores {len(split.train)} rows"


def _flat(part: Dataset) -> Any:
    return part.inputs.reshape(len(part), -1)
