"""What scikit-learn asks of every estimator: its own checks, pipelines, processes."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from qml_qdl.sklearn import (
    QuantumClassifier,
    QuantumDensity,
    QuantumGaussianProcessClassifier,
    QuantumGaussianProcessRegressor,
    QuantumKernelRidge,
    QuantumRegressor,
    QuantumSVC,
    QuantumTransformer,
)

SHORT: dict[str, Any] = {
    "epochs": 40,
    "learning_rate": 0.05,
    "model_options": {"layers": 1},
}

CHEAP = [
    QuantumSVC(),
    QuantumKernelRidge("projected"),
    QuantumGaussianProcessRegressor(),
    QuantumTransformer(),
]
DEAR = [
    QuantumGaussianProcessClassifier(),
    QuantumClassifier(**SHORT),
    QuantumRegressor(**SHORT),
    QuantumDensity(epochs=5),
    QuantumSVC("local"),
]

X, Y = load_iris(return_X_y=True)


def name_of(estimator: Any) -> str:
    return f"{type(estimator).__name__}-{estimator.get_params().get('kernel', '')}"


@pytest.mark.parametrize(
    "estimator",
    [
        *(pytest.param(each, id=name_of(each)) for each in CHEAP),
        *(
            pytest.param(each, id=name_of(each), marks=pytest.mark.slow)
            for each in DEAR
        ),
    ],
)
def test_scikit_learns_checks(estimator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """None fails, none is skipped, and none is expected to fail."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    with warnings.catch_warnings():
        # Such as likelihoods at the end of their range, on data of a few rows.
        warnings.simplefilter("ignore")
        found = check_estimator(estimator, on_fail=None)
    wrong = [each for each in found if each["status"] != "passed"]
    assert not wrong, [(each["check_name"], each["exception"]) for each in wrong]
    assert Counter(each["status"] for each in found)["passed"] > 35


@pytest.mark.slow
def test_a_pipeline_is_searched_in_two_processes() -> None:
    line = make_pipeline(
        PCA(2), QuantumTransformer(random_state=0), LogisticRegression()
    )
    grid = {"quantumtransformer__scaling": [0.1, 1.0]}
    search = GridSearchCV(line, grid, cv=3, n_jobs=2, error_score="raise").fit(X, Y)
    assert search.best_score_ > 0.4
    alone = GridSearchCV(line, grid, cv=3, error_score="raise").fit(X, Y)
    assert np.array_equal(
        search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


@pytest.mark.slow
@pytest.mark.parametrize("target", ["auto", "default.qubit", "lightning.qubit", "aer"])
def test_targets_by_name_go_to_other_processes(target: str) -> None:
    grid = {"C": [0.1, 1.0]}
    machine = QuantumSVC(target=target)
    search = GridSearchCV(machine, grid, cv=2, n_jobs=2, error_score="raise")
    assert search.fit(X[::3], Y[::3]).best_score_ > 0.7
    classifier = QuantumClassifier(target=target, epochs=1, random_state=0)
    search = GridSearchCV(
        classifier, {"learning_rate": [0.1]}, cv=2, n_jobs=2, error_score="raise"
    )
    assert clone(search.fit(X[::10], Y[::10]).best_estimator_).target == target
