from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import attrs
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, QdlError
from qml_qdl.training import DataOptions, RunOptions, Spec, TrainingOptions
from qml_qdl.training.options import read_config, read_yaml, write_config


def test_options_survive_a_file() -> None:
    options = RunOptions(
        data=DataOptions(source="wine", limit=50),
        model=Spec("dressed", layers=2),
        training=TrainingOptions(optimizer="sgd", patience=3),
        seeds=2,
        first_seed=7,
        twin=False,
    )
    content = json.loads(json.dumps(options.as_config()))
    assert RunOptions.from_config(content) == options
    assert RunOptions.from_config(read_yaml(write_config(options))) == options
    assert options.all_seeds == (7, 8)


def test_options_cannot_change() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        TrainingOptions().epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("options", "name", "value", "message"),
    [
        (TrainingOptions, "epochs", 0, "epochs: expected at least 1, got 0"),
        (TrainingOptions, "batch_size", -1, "batch_size: expected at least 1"),
        (TrainingOptions, "learning_rate", 0, "expected a number above 0"),
        (
            TrainingOptions,
            "learning_rate",
            math.nan,
            "above 0 and finite, got nan",
        ),
        (
            TrainingOptions,
            "learning_rate",
            math.inf,
            "above 0 and finite, got inf",
        ),
        (TrainingOptions, "precision", "16", "precision: expected one of '32-true'"),
        (TrainingOptions, "gradient_clip", 0, "gradient_clip: expected a number above"),
        (TrainingOptions, "patience", 0, "patience: expected at least 1"),
        (TrainingOptions, "accelerator", "tpu", "accelerator: expected one of"),
        (TrainingOptions, "checkpoint_every", 0, "checkpoint_every: expected at"),
        (DataOptions, "limit", 0, "limit: expected at least 1"),
        (DataOptions, "test_fraction", 1, "above 0 and below 1, got 1"),
        (DataOptions, "split_seed", -1, "split_seed: expected at least 0"),
        (RunOptions, "model", "cnn", "model: expected one of 'auto'"),
        (RunOptions, "seeds", 0, "seeds: expected at least 1"),
        (RunOptions, "first_seed", -2, "seed: expected at least 0"),
    ],
)
def test_values_out_of_range_are_refused(
    options: Any, name: str, value: object, message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        options(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 2.0),
        ("epochs", True),
        ("learning_rate", "0.1"),
        ("learning_rate", False),
        ("optimizer", 3),
        ("optimizer", ["adam"]),
        ("optimizer", {"init_args": {}}),
        ("callbacks", "Timer"),
        ("callbacks", [1]),
        ("data", ""),
        ("data", 3),
        ("data", {"class_path": "a.B", "args": {}}),
        ("label", True),
        ("twin", 1),
        ("model", {"class_path": ""}),
    ],
)
def test_values_of_a_wrong_type_are_refused(name: str, value: object) -> None:
    with pytest.raises(ArgumentTypeError, match=f"{name}: expected"):
        RunOptions.from_config({name: value})


def test_a_name_that_is_not_there_is_told_with_its_neighbour() -> None:
    with pytest.raises(ArgumentError, match=r"epoch: .* did you mean 'epochs'\?"):
        RunOptions.from_config({"epoch": 3})
    with pytest.raises(ArgumentError, match="latent: 'rbm' has no such option, got 3"):
        RunOptions.from_config({"model": "rbm", "latent": 3})


def test_options_of_a_model_may_stand_among_the_others() -> None:
    options = RunOptions.from_config({"model": "vae", "latent": 3, "label": [0, "1"]})
    assert options.model == Spec("vae", latent=3)
    assert options.data.labels == ("0", "1")
    assert options.training.epochs == 60  # as suits the model
    assert RunOptions.from_config({"label": 4}).data.labels == ("4",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected options by name in .*, got NoneType"),
        ("- a", "got list"),
        ("a: [", "is no YAML"),
        ("1: 2", "expected options by name"),
        ("a: !!python/object/apply:os.getcwd []", "is no YAML"),
    ],
)
def test_files_that_are_no_options(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ArgumentError, match=f"config: .*{message}"):
        read_config(path)
    with pytest.raises(ArgumentError, match="cannot be read"):
        read_config(tmp_path / "no.yaml")


def test_numbers_as_people_write_them() -> None:
    assert read_yaml("[1e-3, .5e2, 1.0, 7, 2E+1]") == [0.001, 50.0, 1.0, 7, 20.0]


def test_objects_of_a_script_are_not_written_to_a_file() -> None:
    options = TrainingOptions(optimizer=torch.optim.AdamW)
    with pytest.raises(ArgumentTypeError, match=r"optimizer: .* cannot hold .*AdamW"):
        RunOptions(training=options).as_config()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)


@settings(deadline=None)
@given(name=st.sampled_from(sorted(RunOptions().as_config())), value=json_values)
def test_any_value_is_taken_as_it_is_or_refused(name: str, value: object) -> None:
    content = RunOptions().as_config()
    content[name] = value
    try:
        options = RunOptions.from_config(content)
    except QdlError:
        return
    again = RunOptions.from_config(json.loads(json.dumps(options.as_config())))
    assert again == options
