"""One table of models: options, builders and the command line agree with it."""

from __future__ import annotations

import inspect
from typing import Any, get_args

import attrs
import pytest

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.cli.train import train as command
from qml_qdl.data import load
from qml_qdl.training import (
    DataOptions,
    ModelOptions,
    RunOptions,
    TrainingOptions,
    begin,
    default_training,
)
from qml_qdl.training.building import (
    CLASSIFIERS,
    build_quantum,
    load_data,
    model_kind,
)
from qml_qdl.training.generation.families import FAMILIES
from qml_qdl.training.kinds import KINDS, MODELS, generates


def test_every_kind_has_a_builder() -> None:
    assert set(CLASSIFIERS) == {name for name in KINDS if not generates(name)}
    assert set(FAMILIES) == {name for name in KINDS if generates(name)}
    assert ("auto", *KINDS) == MODELS


def test_the_command_line_knows_every_kind() -> None:
    annotation = inspect.signature(command, eval_str=True).parameters["model"]
    literal, _ = get_args(annotation.annotation)
    assert get_args(literal) == MODELS


def test_every_option_of_the_table_exists() -> None:
    known = {each.name for each in attrs.fields(ModelOptions)}
    training = {each.name for each in attrs.fields(TrainingOptions)}
    for kind in KINDS.values():
        assert set(kind.options) <= known
        assert set(kind.training) | set(kind.refuses) <= training


def test_a_run_takes_the_training_that_suits_its_model() -> None:
    options = RunOptions(model=ModelOptions(kind="patch_gan"))
    assert options.training == default_training("patch_gan")
    assert options.training.batch_size == 32
    assert RunOptions().training == TrainingOptions()
    with pytest.raises(ArgumentError, match="kind: expected one of 'auto'"):
        default_training("cnn")


def test_runs_of_earlier_versions_open() -> None:
    content = attrs.asdict(RunOptions())
    del content["data"]["labels"]
    for name in ("hidden", "latent", "quantum_part"):
        del content["model"][name]
    assert RunOptions.from_dict(content) == RunOptions()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            RunOptions(model=ModelOptions(kind="patch_gan", channels=3)),
            "channels: 'patch_gan' has no such option, got 3; leave it out, or use",
        ),
        (
            RunOptions(model=ModelOptions(kind="dressed", stride=2)),
            "stride: 'dressed' has no such option",
        ),
        (RunOptions(model=ModelOptions(hidden=3)), "hidden: 'auto' has no such option"),
        (
            RunOptions(
                model=ModelOptions(kind="vae"),
                training=TrainingOptions(optimizer="sgd"),
            ),
            "optimizer: 'vae' has no such option, got 'sgd'; leave it out",
        ),
        (
            RunOptions(data=DataOptions(labels=("0",))),
            r"label: 'auto' tells classes apart and needs two or more, got \['0'\]",
        ),
        (
            RunOptions(model=ModelOptions(kind="style_gan")),
            "'style_gan' reads tables, got 'digits' .* use other data or another model",
        ),
        (
            RunOptions(
                data=DataOptions(source="iris"),
                model=ModelOptions(kind="distribution_gan"),
            ),
            "reads a table of one column of whole numbers",
        ),
        (
            RunOptions(data=DataOptions(source="iris"), model=ModelOptions(kind="rbm")),
            "'rbm' reads bits, got .* in the table 'iris'; make zeros and ones of it",
        ),
        (
            RunOptions(model=ModelOptions(kind="born_machine")),
            "a wire for each bit, up to 12, got 64; use smaller images, or rbm",
        ),
        (
            RunOptions(model=ModelOptions(kind="rbm", hidden=17)),
            "hidden: the likelihood is exact up to 16 units on one side, got 64 bits",
        ),
    ],
)
def test_what_does_not_apply_is_refused_before_a_folder_is_made(
    options: RunOptions, message: str, tmp_path: Any
) -> None:
    with pytest.raises(ArgumentError, match=message):
        begin(options, runs_dir=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_rows_of_some_classes() -> None:
    zeros = load_data(DataOptions(labels=("0",)))
    assert len(zeros) == 178
    assert zeros.class_names == ("0",)
    assert model_kind(ModelOptions(kind="patch_gan"), zeros) == "patch_gan"
    with pytest.raises(DataError, match="labels: 'quanvolution' tells classes apart"):
        model_kind(ModelOptions(), zeros)
    pair = load_data(DataOptions(labels=("8", "3")))
    assert pair.class_names == ("3", "8")
    assert set(pair.labels.tolist()) == {0, 1}
    with pytest.raises(DataError, match="label: expected one of the classes 0, 1"):
        load_data(DataOptions(labels=("ten",)))


def test_classifiers_of_the_table_read_their_data() -> None:
    pair = load("digits").of_classes(["0", "1"])
    model = build_quantum(ModelOptions(kind="qcnn"), pair, 0)
    assert [len(layer.circuit.wires) for layer in model.quantum_layers()] == [6]
    iris = build_quantum(ModelOptions(kind="qcnn"), load("iris"), 0)
    assert [len(layer.circuit.wires) for layer in iris.quantum_layers()] == [4]
    turned = build_quantum(ModelOptions(kind="equivariant", stride=2), pair, 0)
    assert turned.head.out_features == 2
