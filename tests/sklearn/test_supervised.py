"""Classifier and regressor: against formulas, other estimators, and bad input."""

from __future__ import annotations

import pickle
import random
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from torch import Tensor, nn

from qml_qdl.circuits import AngleEncoding, BasicEntangler, State
from qml_qdl.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    RunError,
    TargetError,
)
from qml_qdl.models import DressedClassifier
from qml_qdl.sklearn import QuantumClassifier, QuantumRegressor, UnfittedError
from qml_qdl.sklearn.supervised import model_maker

X, Y = load_iris(return_X_y=True)
X, Y = X[::6], Y[::6]
WORDS = np.array(["setosa", "versicolor", "virginica"])[Y]


SMALL = BasicEntangler(4) @ AngleEncoding(4)


class Linear(nn.Module):
    """Logits, or numbers, that are linear in a row."""

    def __init__(self, num_features: int, num_outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(num_features, num_outputs, bias=bias)

    def forward(self, rows: Tensor) -> Tensor:
        found: Tensor = self.linear(rows)
        return found


def short(model: Any = "dressed", **changes: Any) -> QuantumClassifier:
    given = {"epochs": 3, "random_state": 0, **changes}
    return QuantumClassifier(model, **given)


def test_a_linear_model_becomes_logistic_regression() -> None:
    rule: dict[str, Any] = {
        "optimizer": lambda weights: torch.optim.LBFGS(weights, lr=1.0)
    }
    ours = short(Linear, epochs=30, **rule).fit(X[Y > 0], Y[Y > 0])
    scaled = (X[Y > 0] - X[Y > 0].mean(0)) / X[Y > 0].std(0)
    theirs = LogisticRegression(C=np.inf, max_iter=1000, tol=1e-10)
    theirs.fit(scaled, Y[Y > 0])
    assert (
        np.abs(ours.predict_proba(X[Y > 0]) - theirs.predict_proba(scaled)).max() < 1e-3
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_a_linear_model_becomes_least_squares(weighted: bool) -> None:
    weights = np.arange(len(X)) % 3 if weighted else None
    numbers = np.c_[X[:, 0], X[:, 1] ** 2 * 100]
    rule: dict[str, Any] = {
        "optimizer": lambda weights: torch.optim.LBFGS(weights, lr=1.0)
    }
    ours = QuantumRegressor(Linear, epochs=30, random_state=0, **rule)
    ours.fit(X[:, 2:], numbers, weights)
    theirs = Ridge(alpha=1e-12).fit(X[:, 2:], numbers, weights)
    assert np.allclose(ours.predict(X[:, 2:]), theirs.predict(X[:, 2:]), rtol=1e-4)


def test_weights_are_repeated_rows() -> None:
    counts = np.arange(len(X)) % 3
    weighted = short().fit(X, WORDS, sample_weight=counts)
    repeated = short().fit(X.repeat(counts, 0), WORDS.repeat(counts))
    difference = weighted.predict_proba(X) - repeated.predict_proba(X)
    assert np.abs(difference).max() < 1e-12
    assert weighted.loss_ == pytest.approx(repeated.loss_, rel=1e-5)
    accuracies = [each.history_[-1]["train_accuracy"] for each in (weighted, repeated)]
    assert accuracies[0] == pytest.approx(accuracies[1], rel=1e-5)


def test_class_weights_are_weights_of_rows() -> None:
    given = {"setosa": 2.0, "versicolor": 1.0, "virginica": 0.5}
    each = np.vectorize(given.get)(WORDS)
    first = short(class_weight=given).fit(X, WORDS)
    second = short().fit(X, WORDS, sample_weight=each)
    assert np.array_equal(first.predict_proba(X), second.predict_proba(X))


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("auto", None),
        ("dressed", {"layers": 1}),
        ("qml_qdl.models.DressedClassifier", {"num_wires": 2}),
        (SMALL, None),
        (DressedClassifier, {"num_wires": 2}),
        (DressedClassifier(4, 3, num_wires=2), None),
        (lambda num_features, num_outputs: Linear(num_features, num_outputs), None),
    ],
)
def test_any_model_is_taken(model: Any, options: Any) -> None:
    classifier = short(model, model_options=options).fit(X, WORDS)
    chances = classifier.predict_proba(X)
    assert chances.shape == (len(X), 3)
    assert chances.dtype == np.float64
    assert np.allclose(chances.sum(1), 1)
    again = clone(classifier).fit(X, WORDS)
    assert np.array_equal(again.predict_proba(X), chances)


def test_images_are_read() -> None:
    digits = load_digits(n_class=2, return_X_y=True)
    pixels, labels = digits[0][:40] / 16, digits[1][:40]
    classifier = short("quanvolution", image_shape=(1, 8, 8), epochs=1)
    assert classifier.fit(pixels, labels).predict(pixels).shape == (40,)
    with pytest.raises(ArgumentError, match=r"image_shape: .* of 64 pixels"):
        short(image_shape=(1, 7, 8)).fit(pixels, labels)


def test_the_global_generators_stay_as_they_are() -> None:
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - the global one is the subject
    random.seed(1)
    before = torch.rand(1), np.random.rand(), random.random()  # noqa: NPY002
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    classifier = short(SMALL, shots=10, epochs=1).fit(X, Y)
    classifier.predict(X)
    assert before == (torch.rand(1), np.random.rand(), random.random())  # noqa: NPY002


def test_a_random_state_fixes_shots_too() -> None:
    classifier = short(SMALL, shots=20, epochs=1).fit(X, Y)
    first = classifier.predict_proba(X)
    assert np.array_equal(classifier.predict_proba(X), first)
    again = clone(classifier).fit(X, Y)
    assert np.array_equal(again.predict_proba(X), first)
    copied = pickle.loads(pickle.dumps(classifier))
    assert np.array_equal(copied.predict_proba(X), first)
    free = clone(classifier).set_params(random_state=None).fit(X, Y)
    assert not np.array_equal(free.predict_proba(X), free.predict_proba(X))


def test_a_warm_start_goes_on() -> None:
    classifier = short(warm_start=True).fit(X, Y)
    first = classifier.loss_
    module = classifier.module_
    assert classifier.fit(X, Y).loss_ < first
    assert classifier.module_ is module
    with pytest.raises(DataError, match=r"goes on with the classes \[0, 1, 2\]"):
        classifier.fit(X, WORDS)
    regressor = QuantumRegressor(epochs=1, warm_start=True).fit(X, Y)
    with pytest.raises(DataError, match="goes on with numbers of shape"):
        regressor.fit(X, np.c_[Y, Y])


def test_early_stopping_keeps_the_best_epoch() -> None:
    classifier = short(epochs=60, early_stopping=True, n_iter_no_change=2)
    classifier.set_params(learning_rate=0.3, validation_fraction=0.3).fit(X, Y)
    losses = [row["val_loss"] for row in classifier.history_]
    assert classifier.n_iter_ == len(losses) < 60
    assert "val_loss" not in short().fit(X, Y).history_[-1]


def test_a_fitted_circuit_moves() -> None:
    classifier = short().fit(X, Y)
    exact = classifier.predict_proba(X)
    moved = classifier.set_target("lightning.qubit").predict_proba(X)
    assert np.abs(moved - exact).max() < 1e-10
    with pytest.raises(TargetError):
        classifier.set_target("nowhere")


def test_predictions_do_not_depend_on_the_other_rows() -> None:
    classifier = short(precision="32-true").fit(X, Y)
    whole = classifier.predict_proba(X)
    assert np.abs(classifier.predict_proba(X[3:4]) - whole[3]).max() < 1e-12


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"model": "flow"}, ArgumentError, "use QuantumDensity"),
        ({"model": "dresed"}, ArgumentError, "did you mean 'dressed'"),
        ({"model": 3}, ArgumentTypeError, "expected a name such as 'dressed'"),
        ({"model": AngleEncoding(3)}, ArgumentError, "one of 4 features"),
        (
            {"model": AngleEncoding(4).with_readout(State())},
            ArgumentError,
            "a readout of real numbers",
        ),
        (
            {"model": Linear(4, 3), "model_options": {"bias": False}},
            ArgumentError,
            "is made already",
        ),
        ({"batch_size": "all"}, ArgumentError, "'auto' or a number of rows"),
        ({"epochs": 0}, ArgumentError, "epochs"),
        ({"loss": "NoLoss"}, ArgumentError, "loss"),
        ({"target": "ibm:least_busy"}, ArgumentError, "fit on 'auto', then"),
        ({"target": "nowhere"}, TargetError, "nowhere"),
        ({"warm_start": "yes"}, ArgumentTypeError, "warm_start"),
        ({"random_state": "x"}, DataError, "cannot be used to seed"),
    ],
)
def test_bad_parameters_are_refused(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    classifier = short().set_params(**changes)
    with pytest.raises(error, match=message):
        classifier.fit(X, Y)


def test_bad_rows_are_refused() -> None:
    gap = X.copy()
    gap[3, 1] = np.nan
    with pytest.raises(DataError, match=r"contains NaN; .*SimpleImputer"):
        short().fit(gap, Y)
    classifier = short().fit(X, Y)
    with pytest.raises(DataError, match="contains NaN"):
        classifier.predict(gap)
    with pytest.raises(DataError, match=r"3 features, but .*; give the columns"):
        classifier.predict(X[:, :3])
    with pytest.raises(DataError, match=r"got one class, .* add rows of another"):
        short().fit(X, np.zeros(len(X)))
    with pytest.raises(DataError, match="got one class"):
        short().fit(X, Y, sample_weight=Y == 1)
    with pytest.raises(DataError, match=r"Negative values in .*sample_weight"):
        short().fit(X, Y, sample_weight=np.where(Y == 1, -1.0, 1.0))
    with pytest.raises(UnfittedError, match=r"Call fit\(X, y\)"):
        short().predict(X)
    with pytest.raises(ArgumentError, match="weights of rows need a loss of torch"):
        short(loss=lambda outputs, labels: outputs.mean()).fit(X, Y, Y + 1.0)


def test_a_training_that_diverges_says_so() -> None:
    regressor = QuantumRegressor(Linear, learning_rate=1e9, optimizer="sgd")
    with pytest.raises(RunError, match=r"learning_rate: .* diverged"):
        regressor.fit(X, Y)


def test_a_lambda_has_a_name_at_least() -> None:
    spec, maker = model_maker(lambda: nn.Linear(1, 1), {"a": 1})
    assert spec.class_path.endswith(".lambda")
    assert maker is not None
