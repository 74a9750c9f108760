"""Estimators that were saved, and runs of the command line, come back the same."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

from qml_qdl.circuits import AngleEncoding, BasicEntangler
from qml_qdl.cli import main
from qml_qdl.errors import ArgumentError, RunError
from qml_qdl.kernels import FidelityKernel
from qml_qdl.sklearn import (
    QuantumClassifier,
    QuantumDensity,
    QuantumGaussianProcessClassifier,
    QuantumGaussianProcessRegressor,
    QuantumKernelRidge,
    QuantumRegressor,
    QuantumSVC,
    QuantumTransformer,
    load_estimator,
)
from qml_qdl.training import Run, predict_rows

X, Y = load_iris(return_X_y=True)
X, Y = X[::6], Y[::6]
WORDS = np.array(["setosa", "versicolor", "virginica"])[Y]
BITS = (X.mean(0) < X).astype(int)
U = BasicEntangler(4) @ AngleEncoding(4)
QUICK: dict[str, Any] = {"epochs": 2, "random_state": 0}


@pytest.mark.parametrize(
    ("estimator", "rows", "labels", "method"),
    [
        (QuantumClassifier(**QUICK), X, WORDS, "predict_proba"),
        (QuantumClassifier(class_weight={0: 2, 1: 1, 2: 1}, **QUICK), X, Y, "predict"),
        (
            QuantumRegressor(precision="32-true", **QUICK),
            X,
            np.c_[Y, Y**2],
            "predict",
        ),
        (QuantumSVC(shots=100, random_state=1), X, WORDS, "decision_function"),
        (QuantumKernelRidge("projected"), X, np.c_[Y, Y**2], "predict"),
        (QuantumGaussianProcessRegressor(optimizer=None), X, Y, "predict"),
        (QuantumGaussianProcessClassifier(optimizer=None), X, Y, "predict_proba"),
        (QuantumTransformer(layers=2), X, None, "transform"),
        (QuantumDensity(**QUICK), X, None, "score_samples"),
        (QuantumDensity("born_machine", **QUICK), BITS, None, "score_samples"),
        (QuantumDensity("rbm", **QUICK), BITS, None, "score_samples"),
    ],
)
def test_what_is_saved_comes_back(
    estimator: Any, rows: Any, labels: Any, method: str, tmp_path: Path
) -> None:
    estimator.fit(rows, labels)
    told = getattr(estimator, method)(rows)
    again = load_estimator(estimator.save(tmp_path / "kept"))
    assert np.array_equal(getattr(again, method)(rows), told)
    assert again.get_params().keys() == estimator.get_params().keys()
    copied = pickle.loads(pickle.dumps(estimator))
    assert np.array_equal(getattr(copied, method)(rows), told)
    if hasattr(estimator, "sample"):
        samples = (each.sample(4, random_state=1) for each in (again, estimator))
        assert np.array_equal(*samples)
    with pytest.raises(RunError, match="exists already"):
        estimator.save(tmp_path / "kept")


def test_the_command_line_predicts_with_a_saved_classifier(tmp_path: Path) -> None:
    classifier = QuantumClassifier(**QUICK).fit(X, WORDS)
    run = Run.open(classifier.save(tmp_path / "kept"))
    found = predict_rows(run, X)
    assert found.probabilities is not None
    assert np.abs(found.probabilities - classifier.predict_proba(X)).max() < 1e-6
    np.savez(tmp_path / "rows.npz", x=X)
    assert main(["predict", str(tmp_path / "kept"), str(tmp_path / "rows.npz")]) == 0
    lines = (tmp_path / "kept" / "predictions.csv").read_text().splitlines()[1:]
    assert [line.split(",")[0] for line in lines] == classifier.predict(X).tolist()


def test_a_run_of_the_command_line_is_an_estimator(
    tmp_path: Path, without_pictures: None
) -> None:
    words = ["train", "--data", "iris", "--epochs", "2", "--seeds", "1", "--no-twin"]
    assert main([*words, "--name", "r", "--runs-dir", str(tmp_path)]) == 0
    classifier = load_estimator(tmp_path / "r")
    found = predict_rows(Run.open(tmp_path / "r"), X)
    assert found.probabilities is not None
    assert np.abs(found.probabilities - classifier.predict_proba(X)).max() < 1e-6
    assert classifier.predict(X).tolist() == found.values.tolist()
    assert classifier.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert classifier.fit(X, WORDS).score(X, WORDS) > 0


def test_objects_are_given_again(tmp_path: Path) -> None:
    classifier = QuantumClassifier(U, **QUICK).fit(X, Y)
    classifier.save(tmp_path / "a")
    with pytest.raises(ArgumentError, match=r"model: .* a Circuit, which no file"):
        load_estimator(tmp_path / "a")
    again = load_estimator(tmp_path / "a", model=U)
    assert np.array_equal(again.predict_proba(X), classifier.predict_proba(X))
    machine = QuantumSVC(FidelityKernel(U)).fit(X, Y)
    again = load_estimator(machine.save(tmp_path / "b"), kernel=FidelityKernel(U))
    assert np.allclose(again.decision_function(X), machine.decision_function(X))
    with pytest.raises(ArgumentError, match="kernle: QuantumSVC has no such"):
        load_estimator(tmp_path / "b", kernle=1)


def test_damage_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="expected the folder of a run"):
        load_estimator(tmp_path / "nowhere")
    folder = QuantumKernelRidge().fit(X, Y).save(tmp_path / "a")
    arrays = (folder / "arrays.npz").read_bytes()
    (folder / "arrays.npz").write_bytes(arrays[:-200])
    with pytest.raises(RunError, match="damaged"):
        load_estimator(folder)
    told = json.loads((folder / "estimator.json").read_text())
    told["parameters"]["alpha"] = 3.0
    (folder / "estimator.json").write_text(json.dumps(told))
    with pytest.raises(RunError, match="not what was written"):
        load_estimator(folder)
