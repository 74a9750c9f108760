"""Classification and regression: measures, baselines, and what one's own code gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger
from sklearn.linear_model import RidgeCV
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.data import Split, load, split
from qml_qdl.training import (
    Adversarial,
    DataOptions,
    Regression,
    RunOptions,
    Spec,
    Task,
    TrainingOptions,
    fit,
    predict,
)
from qml_qdl.training.options import Precision
from qml_qdl.training.recipes.supervised import wilson_interval

QUICK = TrainingOptions(epochs=3, batch_size=32, learning_rate=0.05, accelerator="cpu")


@pytest.fixture(scope="module")
def numbers() -> Split:
    return split(load("diabetes"))


def linear(outputs: int = 1) -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Linear(10, outputs)


def test_measures_are_those_of_scikit_learn_in_the_numbers_unit(numbers: Split) -> None:
    result = fit(linear(), numbers, QUICK)
    whole = load("diabetes").labels
    unit, zero = numbers.label_deviation, numbers.label_mean
    assert unit is not None
    assert zero is not None
    true = numbers.test.labels * unit + zero
    assert set(np.round(true).astype(int)) <= set(whole.astype(int))
    predicted = result.predictions * unit + zero
    assert result.measures["R²"] == pytest.approx(r2_score(true, predicted), abs=1e-5)
    wanted = mean_squared_error(true, predicted)
    assert result.measures["MSE"] == pytest.approx(wanted, rel=1e-4)
    wanted = mean_absolute_error(true, predicted)
    assert result.measures["MAE"] == pytest.approx(wanted, rel=1e-4)
    best = min(row["val_mse"] for row in result.history)
    assert result.merit == -best


def test_the_ridge_is_that_of_scikit_learn(numbers: Split) -> None:
    ridge, nearest, mean = Regression.baselines(numbers)
    fitted = RidgeCV(alphas=np.logspace(-3, 3, 13)).fit(
        numbers.train.inputs, numbers.train.labels
    )
    score = fitted.score(numbers.test.inputs, numbers.test.labels)
    assert ridge.measures["R²"] == pytest.approx(score, abs=1e-6)
    assert ridge.parameters == 11
    assert nearest.note == "stores 262 rows"
    assert abs(mean.measures["R²"]) < 0.02


@pytest.mark.parametrize("precision", ["32-true", "64-true"])
def test_a_model_of_one_column_or_none(numbers: Split, precision: Precision) -> None:
    flat = torch.nn.Sequential(linear(), torch.nn.Flatten(0))
    options = TrainingOptions(epochs=1, precision=precision, accelerator="cpu")
    one, none = (fit(model, numbers, options).measures for model in (linear(), flat))
    assert one == pytest.approx(none)
    with pytest.raises(ArgumentError, match="regression needs one number a row"):
        fit(linear(2), numbers, options)


def test_recipe_and_labels_have_to_agree() -> None:
    with pytest.raises(DataError, match="classification needs classes, got numbers"):
        Task.of(RunOptions(recipe=Spec("classification")), load("diabetes"))
    with pytest.raises(DataError):
        Task.of(RunOptions(recipe=Spec("regression")), load("iris"))
    # Classes that are called by numbers may be fitted as numbers.
    task = Task.of(RunOptions(recipe=Spec("regression")), load("digits"))
    assert not task.split.train.has_classes


class Counting(Callback):
    """Counts batches, and keeps the count in checkpoints."""

    def __init__(self) -> None:
        self.batches = 0

    def on_train_batch_end(self, *args: Any, **named: Any) -> None:
        self.batches += 1


def test_nobody_has_to_leave_the_trainer(numbers: Split, tmp_path: Path) -> None:
    counting, seen = Counting(), list[torch.optim.Optimizer]()

    def optimizer(parameters: Any) -> torch.optim.Optimizer:
        seen.append(torch.optim.RMSprop(parameters, lr=0.01))
        return seen[-1]

    result = fit(
        linear(),
        numbers,
        TrainingOptions(epochs=2, gradient_clip=0.1, accelerator="cpu"),
        callbacks=[counting],
        logger=CSVLogger(tmp_path),
        optimizer=optimizer,
        scheduler=lambda each: torch.optim.lr_scheduler.StepLR(each, 1, 0.1),
        loss=torch.nn.functional.l1_loss,
    )
    assert counting.batches == 2 * len(result.history) * 5 // 2
    assert seen[0].param_groups[0]["lr"] == pytest.approx(1e-4)
    assert list(tmp_path.rglob("metrics.csv"))
    message = "optimizer: 'Adversarial' has no such option"
    with pytest.raises(ArgumentError, match=message):
        fit(linear(), numbers, recipe=Adversarial, optimizer=optimizer)
    with pytest.raises(ArgumentError, match=f"{message}, got 'sgd'"):
        fit(linear(), numbers, TrainingOptions(optimizer="sgd"), recipe=Adversarial)
    made = Regression(linear(), numbers, QUICK)
    with pytest.raises(ArgumentError, match="recipe: Regression was made with its opt"):
        fit(made.model, numbers, recipe=made, loss=torch.nn.functional.l1_loss)


def test_a_plateau_lowers_the_rate_and_a_resumed_training_goes_on(
    numbers: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = TrainingOptions(
        epochs=4,
        learning_rate=5.0,
        scheduler=Spec("ReduceLROnPlateau", patience=0),
        accelerator="cpu",
        checkpoint_every=1,
    )
    whole = fit(linear(), numbers, options, folder=tmp_path / "whole")
    step, steps = torch.optim.Adam.step, 0

    def interrupted(self: torch.optim.Adam, closure: object = None) -> object:
        nonlocal steps
        steps += 1
        if steps == 13:
            raise KeyboardInterrupt
        return step(self, closure)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit(linear(), numbers, options, folder=tmp_path / "cut")
    again = fit(linear(), numbers, options, folder=tmp_path / "cut", resume=True)
    assert again.history == whole.history
    # From the end of an epoch, too.
    fit(linear(), numbers, evolve(options, epochs=3), folder=tmp_path / "short")
    longer = fit(linear(), numbers, options, folder=tmp_path / "short", resume=True)
    assert longer.history == whole.history
    content = torch.load(tmp_path / "whole" / "last.ckpt", weights_only=True)
    assert content["optimizer_states"][0]["param_groups"][0]["lr"] < 5.0


def test_predictions_of_numbers_are_standardised(numbers: Split) -> None:
    model = linear()
    found = predict(model, numbers.test, batch_size=7)
    assert found.dtype == np.float32
    wanted = model(torch.tensor(numbers.test.inputs)).detach().numpy()[:, 0]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert DataOptions(source="diabetes").source == Spec("diabetes")


@pytest.mark.parametrize(
    ("right", "rows", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634)],
)
def test_the_interval_is_wilsons(
    right: int, rows: int, low: float, high: float
) -> None:
    # Published values of the score interval.
    assert wilson_interval(right, rows) == pytest.approx((low, high), abs=1e-4)
