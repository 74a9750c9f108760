from __future__ import annotations

import json
import math
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, QdlError
from qml_qdl.training import (
    DataOptions,
    ModelOptions,
    RunOptions,
    TrainingOptions,
)


def test_options_survive_a_file() -> None:
    options = RunOptions(
        data=DataOptions(source="wine", limit=50),
        model=ModelOptions(kind="dressed", layers=2),
        training=TrainingOptions(optimizer="sgd", patience=3),
        seeds=2,
        first_seed=7,
        twin=False,
    )
    content = json.loads(json.dumps(attrs.asdict(options)))
    assert RunOptions.from_dict(content) == options
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
        (TrainingOptions, "learning_rate", math.nan, "above 0 .* got nan"),
        (TrainingOptions, "learning_rate", math.inf, "below inf, got inf"),
        (TrainingOptions, "optimizer", "rms", "one of 'adam', 'sgd', got 'rms'"),
        (TrainingOptions, "patience", 0, "patience: expected at least 1"),
        (TrainingOptions, "accelerator", "tpu", "accelerator: expected one of"),
        (TrainingOptions, "checkpoint_every", 0, "checkpoint_every: expected at"),
        (DataOptions, "limit", 0, "limit: expected at least 1"),
        (DataOptions, "test_fraction", 1, "above 0 and below 1, got 1"),
        (DataOptions, "split_seed", -1, "split_seed: expected at least 0"),
        (ModelOptions, "kind", "cnn", "kind: expected one of 'auto'"),
        (ModelOptions, "stride", 0, "stride: expected at least 1"),
        (RunOptions, "seeds", 0, "seeds: expected at least 1"),
        (RunOptions, "first_seed", -2, "first_seed: expected at least 0"),
    ],
)
def test_values_out_of_range_are_refused(
    options: Any, name: str, value: object, message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        options(**{name: value})


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        (TrainingOptions, "epochs", 2.0),
        (TrainingOptions, "epochs", True),
        (TrainingOptions, "learning_rate", "0.1"),
        (TrainingOptions, "learning_rate", False),
        (DataOptions, "source", ""),
        (DataOptions, "source", 3),
        (ModelOptions, "target", 3),
        (RunOptions, "twin", 1),
    ],
)
def test_values_of_a_wrong_type_are_refused(
    options: Any, name: str, value: object
) -> None:
    with pytest.raises(ArgumentTypeError, match=f"{name}: expected"):
        options(**{name: value})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("data",), None, id="no-group"),
        pytest.param(("training", "epochs"), "many", id="type"),
        pytest.param(("training", "epochs"), 0, id="range"),
        pytest.param(("model", "colour"), "red", id="unknown"),
        pytest.param(("colour",), "red", id="unknown-group"),
    ],
)
def test_damaged_options_are_refused(path: tuple[str, ...], value: object) -> None:
    content = attrs.asdict(RunOptions())
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(QdlError):
        RunOptions.from_dict(content)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)


@given(
    group=st.sampled_from(["data", "model", "training"]),
    index=st.integers(0, 6),
    value=json_values,
)
def test_any_value_is_taken_as_it_is_or_refused(
    group: str, index: int, value: object
) -> None:
    content = attrs.asdict(RunOptions())
    names = list(content[group])
    content[group][names[index % len(names)]] = value
    try:
        options = RunOptions.from_dict(content)
    except QdlError:
        return
    assert attrs.asdict(options) == content
