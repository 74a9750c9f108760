"""Shots as layers take them, and the options that wait for their targets."""

from __future__ import annotations

import inspect
from typing import Any

import attrs
import numpy as np
import pytest

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.hardware.options import TargetOptions
from qml_qdl.nn import QuantumLayer
from qml_qdl.nn.options import LAYER_OPTIONS, as_shots


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, None), ("keep", "keep"), (1, 1), (np.int64(7), 7)],
)
def test_shots(given: Any, expected: Any) -> None:
    found = as_shots(given)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("given", [0, -3])
def test_too_few(given: int) -> None:
    with pytest.raises(ArgumentError, match=f"at least 1, or None .*, got {given}"):
        as_shots(given)


@pytest.mark.parametrize("given", [True, 1.0, "many", "", [5]])
def test_no_number(given: Any) -> None:
    with pytest.raises(ArgumentTypeError, match=r"a whole number, None or 'keep', got"):
        as_shots(given)


def test_options_of_layers_are_those_of_targets() -> None:
    """Each is a field of `TargetOptions`, and an argument of the layer."""
    assert set(LAYER_OPTIONS) <= {field.name for field in attrs.fields(TargetOptions)}
    assert set(LAYER_OPTIONS) <= set(inspect.signature(QuantumLayer).parameters)
