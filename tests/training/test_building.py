"""Data and models built of options: seeds, twins, and rows of some classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.data import Dataset, load
from qml_qdl.training import DataOptions, RunOptions, Spec, Task, TrainingOptions
from qml_qdl.training.building import load_data, resolved_data

TABLE = RunOptions(
    data=DataOptions(source="iris"),
    training=TrainingOptions(epochs=3, learning_rate=0.05, accelerator="cpu"),
    seeds=2,
)
IMAGES = RunOptions(
    data=DataOptions(source="digits", limit=64, test_fraction=0.1),
    model=Spec("auto", stride=2),
    training=TrainingOptions(epochs=1, accelerator="cpu"),
    seeds=1,
)


def test_twins_start_from_the_same_seed_and_are_as_large() -> None:
    for options, data in ((TABLE, load("iris")), (IMAGES, load("digits"))):
        models = [
            Task.of(options, data).build(kind, seed)
            for kind in ("quantum", "twin")
            for seed in (0, 0, 1)
        ]
        weights = [
            torch.cat([p.detach().ravel() for p in model.parameters()])
            for model in models
        ]
        for first, same, other in (weights[:3], weights[3:]):
            assert torch.equal(first, same)
            assert not torch.equal(first, other)
        assert len(weights[3]) == pytest.approx(len(weights[0]), rel=0.25)


def built(spec: Spec, dataset: Dataset) -> Any:
    return Task.of(RunOptions(model=spec), dataset).build("quantum", 0)


def test_rows_of_some_classes() -> None:
    zeros = load_data(DataOptions(labels=("0",)))
    assert len(zeros) == 178
    assert zeros.class_names == ("0",)
    assert built(Spec("patch_gan"), zeros).image_shape == (8, 8)
    with pytest.raises(DataError, match="labels: 'quanvolution' tells classes apart"):
        built(Spec("auto"), zeros)
    pair = load_data(DataOptions(labels=("8", "3")))
    assert pair.class_names == ("3", "8")
    assert set(pair.labels.tolist()) == {0, 1}
    with pytest.raises(DataError, match="label: expected one of the classes 0, 1"):
        load_data(DataOptions(labels=("ten",)))


def test_classifiers_of_the_table_read_their_data() -> None:
    pair = load("digits").of_classes(["0", "1"])
    model = built(Spec("qcnn"), pair)
    assert [len(layer.circuit.wires) for layer in model.quantum_layers()] == [6]
    iris = built(Spec("qcnn"), load("iris"))
    assert [len(layer.circuit.wires) for layer in iris.quantum_layers()] == [4]
    turned = built(Spec("equivariant", stride=2), pair)
    assert turned.head.out_features == 2


def test_data_are_the_same_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = DataOptions(source="mine.csv", label_column="kind", data_home="cache")
    found = resolved_data(asked)
    assert found.source == Spec(str(tmp_path / "mine.csv"))
    assert (found.label_column, found.data_home) == ("kind", str(tmp_path / "cache"))
    assert resolved_data(DataOptions(source="Bars-and-Stripes")).source == Spec(
        "bars_and_stripes"
    )
    own = DataOptions(source=Spec("my_package.Rows", rows=3))
    assert resolved_data(own) == own


def test_named_data_take_no_arguments() -> None:
    with pytest.raises(ArgumentError, match=r"data\.init_args: 'iris' takes none, got"):
        load_data(DataOptions(source=Spec("iris", rows=3)))


def test_models_are_built_without_their_data(tmp_path: Path) -> None:
    options = RunOptions(data=DataOptions(source="iris"), model=Spec("dressed"))
    task = Task.of(options, load("iris"))
    fitted = task.split.preprocessing
    assert fitted is not None
    without = Task.without_data(task.options, fitted)
    assert without is not None
    assert len(without.split.train) == 1
    one, other = (each.build("quantum", 0).state_dict() for each in (task, without))
    assert all(torch.equal(one[name], other[name]) for name in (*one, *other))
    # What its own class makes of the data is not known.
    own = Spec("qml_qdl.models.QCNNClassifier")
    assert Task.without_data(evolve(task.options, model=own), fitted) is None


def test_options_of_tables_are_told_of_data_that_are_none() -> None:
    for name, value in (("drop", "id"), ("header", "no"), ("missing", "mean")):
        for source in ("iris", "torch.utils.data.TensorDataset"):
            asked: dict[str, Any] = {"source": source, name: value}
            options = DataOptions(**asked)
            with pytest.raises(ArgumentError, match=f"{name}: "):
                load_data(options)
