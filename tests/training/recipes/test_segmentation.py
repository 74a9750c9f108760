"""Classes of places: measures, baselines, and a run from training to prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from qml_qdl.cli import main
from qml_qdl.data import Dataset, Split, load, split
from qml_qdl.errors import ArgumentError, DataError
from qml_qdl.training import (
    Classification,
    Recipe,
    Regression,
    Segmentation,
    TrainingOptions,
    fit,
    predict,
)

QUICK = TrainingOptions(epochs=12, batch_size=8, learning_rate=0.05, accelerator="cpu")


def places(rows: int = 60) -> Dataset:
    """Two numbers at each of three places; its class is which of them is more."""
    inputs = np.random.default_rng(0).normal(size=(rows, 6))
    pairs = inputs.reshape(rows, 3, 2)
    labels = (pairs[..., 0] < pairs[..., 1]).astype(int)
    return Dataset(inputs, labels, ["first", "second"], "places")


class PlaceByPlace(torch.nn.Module):
    """A linear layer at each place."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(2, 2)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.linear(rows.unflatten(1, (3, 2))).mT
        return logits


def test_a_model_learns_places() -> None:
    parts = split(places(), standardise=False)
    torch.manual_seed(0)
    model = PlaceByPlace()
    found = fit(model, parts, QUICK)  # the labels say which recipe
    assert found.predictions.shape == parts.test.labels.shape
    share = float((found.predictions == parts.test.labels).mean())
    assert found.measures == {"accuracy": share}
    assert share > 0.8
    assert (predict(model, parts.test) == found.predictions).all()
    assert Segmentation.interval(found.predictions, parts.test) == (None, None)
    outputs = Segmentation.outputs(model, parts.test)
    chances = Segmentation.probabilities(outputs)
    assert chances.shape == (len(parts.test), 2, 3)
    assert torch.allclose(chances.sum(1), torch.ones(1).double())


def test_baselines_see_a_place_alone() -> None:
    parts = split(places(300), standardise=False)
    logistic, nearest, majority = Segmentation.baselines(parts)
    assert logistic.measures["accuracy"] > 0.95
    assert logistic.parameters == 3
    assert nearest.measures["accuracy"] > 0.9
    assert majority.measures["accuracy"] == pytest.approx(0.5, abs=0.07)


def test_pixels_are_places() -> None:
    """An image's channels at a pixel belong together."""
    inputs = np.random.default_rng(0).uniform(size=(200, 2, 2, 3))
    labels = (inputs[:, 0] < inputs[:, 1]).reshape(200, 6).astype(int)
    parts = split(Dataset(inputs, labels, ["first", "second"]))
    assert Segmentation.baselines(parts)[0].measures["accuracy"] > 0.95


def test_the_split_keeps_whole_rows() -> None:
    data = places()
    parts = split(data)
    assert [
        part.num_places for part in (parts.train, parts.validation, parts.test)
    ] == [3] * 3
    sizes = [len(parts.train), len(parts.validation), len(parts.test)]
    assert sum(sizes) == 60
    assert len(split(data, limit=10).train) == 10
    with pytest.raises(DataError, match="enough rows for training, validation and"):
        split(data.take([0, 1]))


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda d: Classification.read(d, "m"), "3 places in 'places'; use the recipe"),
        (lambda d: Regression.read(d, "m"), "classes at 3 places of each"),
        (lambda d: Segmentation.read(load("iris"), "m"), "got one per row in 'iris'"),
        (lambda d: Segmentation.read(load("diabetes"), "m"), "got numbers in"),
        (lambda d: d.of_classes(["first"]), "a class at each of 3 places, and none as"),
        (lambda d: Dataset(d.inputs, d.labels + 1, d.class_names), "got 2 in row 0"),
        (lambda d: Dataset(d.inputs, d.labels[:, :0], d.class_names), "or .rows, pla"),
        (lambda d: Dataset(d.inputs, d.labels[:, :1]), "expected one number per row"),
        (
            lambda d: Segmentation.read(
                Dataset(d.inputs[:, :5], d.labels, d.class_names), "m"
            ),
            r"as many inputs for each place, got 3 places in 'data' for rows of shape",
        ),
    ],
)
def test_data_that_do_not_fit(act: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        act(places())


def test_a_model_of_another_shape() -> None:
    parts: Split = split(places(), standardise=False)
    with pytest.raises(ArgumentError, match=r"\(8, 2, 3\), got outputs of shape"):
        fit(torch.nn.Linear(6, 2), parts, QUICK)
    assert Recipe.named("segmentation") is Segmentation


def test_a_run_from_training_to_prediction(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = "train --data oriented_mesh --model mesh --layers 1 --hidden 2 --epochs 1"
    words += " --seeds 1 --limit 16 --accelerator cpu --name r --quiet"
    assert main(words.split()) == 0
    report = Path("runs/r/report.md").read_text()
    for name in ("quantum", "classical twin", "logistic regression", "majority class"):
        assert f"| {name} | " in report
    assert Path("runs/r/confusion.png").stat().st_size > 5000
    capsys.readouterr()
    assert main(["evaluate", "runs/r", "--limit", "3"]) == 0
    out = capsys.readouterr().out
    assert "of 3 test rows, " in out
    assert "same class for 100.0%" in out
    rows = load("oriented_mesh").inputs[:2]
    np.savez("new.npz", x=rows)
    assert main(["predict", "runs/r", "new.npz"]) == 0
    assert "2 rows of new.npz" in capsys.readouterr().out
    header, *lines = Path("runs/r/predictions.csv").read_text().splitlines()
    assert header.split(",") == [f"place {k}" for k in range(162)]
    assert len(lines) == 2
    assert set(lines[0].split(",")) <= set(load("oriented_mesh").class_names)
    assert main(["train", "--data", "iris", "--model", "mesh", "--quiet"]) == 2
    assert "of an icosphere" in capsys.readouterr().err
    assert main(["train", "--data", "oriented_mesh", "--model", "dressed"]) == 2
