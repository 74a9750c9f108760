from __future__ import annotations

import csv
from pathlib import Path

import attrs
import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.circuits.errors import RunError
from qml_qdl.data import Dataset, Split, load, split
from qml_qdl.nn import QuantumLayer
from qml_qdl.training import TrainingOptions, accuracy, count_parameters, fit, predict


@pytest.fixture(scope="module")
def iris() -> Split:
    return split(load("iris"))


def linear(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Linear(4, 3)


def options(epochs: int = 15, **changes: object) -> TrainingOptions:
    return TrainingOptions(
        epochs=epochs,
        learning_rate=0.05,
        batch_size=16,
        accelerator="cpu",
        **changes,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_model_learns(iris: Split, optimizer: str) -> None:
    model = linear()
    result = fit(model, iris, options(optimizer=optimizer))
    assert result.test_accuracy > 0.8
    assert result.epochs == len(result.history) == 15
    assert result.parameters == count_parameters(model) == 15
    assert result.history[-1]["train_loss"] < result.history[0]["train_loss"]
    assert 0 < result.seconds < 60
    assert (predict(model, iris.test) == result.predictions).all()
    assert accuracy(result.predictions, iris.test) == result.test_accuracy


def test_the_same_seed_gives_the_same_training(iris: Split) -> None:
    first, again = (fit(linear(), iris, options(3), seed=4) for _ in range(2))
    other = fit(linear(), iris, options(3), seed=5)
    assert first.history == again.history
    assert first.history != other.history


def test_the_reported_numbers_are_those_of_the_weights(
    iris: Split, tmp_path: Path
) -> None:
    model = linear()
    result = fit(model, iris, options(6), folder=tmp_path)
    best = result.history[result.best_epoch]
    logits = model(torch.tensor(iris.validation.inputs))
    labels = torch.tensor(iris.validation.labels)
    loss = torch.nn.functional.cross_entropy(logits, labels)
    assert best["val_loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert best["val_accuracy"] == pytest.approx(
        accuracy(predict(model, iris.validation), iris.validation)
    )
    with (tmp_path / "metrics.csv").open() as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    assert rows == result.history
    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_a_finished_training_is_not_trained_again(iris: Split, tmp_path: Path) -> None:
    first = fit(linear(), iris, options(2), folder=tmp_path)
    again = fit(linear(9), iris, options(2), folder=tmp_path, resume=True)
    assert again.history == first.history
    assert again.seconds == pytest.approx(first.seconds, abs=2)
    assert (again.predictions == first.predictions).all()


def test_other_data_or_batches_cannot_continue(iris: Split, tmp_path: Path) -> None:
    fit(linear(), iris, options(2, checkpoint_every=1), folder=tmp_path)
    smaller = Split(iris.train.take(slice(0, 50)), iris.validation, iris.test)
    with pytest.raises(RunError, match="rows: the checkpoint was made with 89"):
        fit(linear(), smaller, options(3), folder=tmp_path, resume=True)
    with pytest.raises(RunError, match="seed: the checkpoint was made with 0"):
        fit(linear(), iris, options(3), seed=1, folder=tmp_path, resume=True)


class _CutError(Exception):
    pass


@pytest.mark.parametrize(
    ("target", "seed"),
    [
        ("qdl.simulator", None),
        ("aer", 3),
        pytest.param("qdl.simulator", 3, marks=pytest.mark.slow),
        pytest.param("aer", None, marks=pytest.mark.slow),
    ],
)
def test_a_training_with_shots_goes_on_bit_for_bit(
    target: str,
    seed: int | None,
    iris: Split,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def model() -> torch.nn.Module:
        torch.manual_seed(0)
        circuit = StronglyEntangling(2, layers=1) @ AngleEncoding(2)
        layer = QuantumLayer(circuit, target=target, shots=20, seed=seed)
        layers = torch.nn.Linear(4, 2), layer, torch.nn.Linear(2, 3)
        return torch.nn.Sequential(*layers)

    every = attrs.evolve(options(2, checkpoint_every=1), batch_size=4)
    parts = (iris.train, iris.validation, iris.test)
    train, validation, test = (part.take(slice(0, 8)) for part in parts)
    few = Split(train, validation, test)
    networks = [model() for _ in range(3)]
    whole = fit(networks[0], few, every, folder=tmp_path / "whole")
    step = torch.optim.Adam.step
    count = 0

    def cut(self: torch.optim.Adam, closure: object = None) -> object:
        nonlocal count
        count += 1
        if count == 3:
            raise _CutError
        return step(self, closure)

    monkeypatch.setattr(torch.optim.Adam, "step", cut)
    with pytest.raises(_CutError):
        fit(networks[1], few, every, folder=tmp_path / "cut")
    monkeypatch.setattr(torch.optim.Adam, "step", step)
    torch.manual_seed(99)
    result = fit(networks[2], few, every, folder=tmp_path / "cut", resume=True)
    assert result.history == whole.history
    for name, value in networks[0].state_dict().items():
        assert torch.equal(value, networks[2].state_dict()[name])


def test_an_error_in_the_model_is_not_swallowed(iris: Split) -> None:
    class Broken(torch.nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            raise ZeroDivisionError("in the model")

    with pytest.raises(ZeroDivisionError, match="in the model"):
        fit(Broken(4, 3), iris, options(1))


def test_predicting_keeps_the_mode_and_the_gradients(iris: Split) -> None:
    model = torch.nn.Sequential(torch.nn.Dropout(0.5), linear())
    model.train()
    assert (predict(model, iris.test) == predict(model, iris.test)).all()
    assert model.training
    model.eval()
    predict(model, iris.test, batch_size=7)
    assert not model.training


def test_images_of_any_torch_model() -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 2
    pixels = generator.random((60, 1, 4, 4)) * 0.5 + 0.5 * labels[:, None, None, None]
    parts = split(Dataset(pixels, labels, "ab"))
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
    assert fit(model, parts, options(20)).test_accuracy > 0.8


# Torch and torchmetrics warn of the way TensorBoard draws graphs.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_logger_draws_the_graph(iris: Split, tmp_path: Path) -> None:
    model = torch.nn.Sequential(
        QuantumLayer(StronglyEntangling(4) @ AngleEncoding(4)), torch.nn.Linear(4, 3)
    )
    logger = TensorBoardLogger(str(tmp_path), log_graph=True)
    fit(model, iris, options(1), logger=logger)
    (events,) = tmp_path.rglob("events*")
    assert "qml_qdl::layer" in events.read_bytes().decode(errors="ignore")
