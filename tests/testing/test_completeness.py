"""Whatever the library exports has a line in the contract of its kind."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import pytest
import torch

import qml_qdl.circuits as circuits
import qml_qdl.models as models
from qml_qdl.circuits import Encoding, Processing
from qml_qdl.models import NoiseGenerator
from tests.circuits.test_encoding_contract import ENCODINGS
from tests.circuits.test_processing_contract import PROCESSINGS, SHARING
from tests.models.test_noise_generator import GENERATORS


def exported(package: Any, base: type) -> set[type]:
    """The concrete classes of a kind that a package exports."""
    found = (getattr(package, name) for name in package.__all__)
    return {
        each
        for each in found
        if inspect.isclass(each) and issubclass(each, base)
        if not inspect.isabstract(each)
    }


def without_a_line(package: Any, base: type, instances: Iterable[Any]) -> set[type]:
    """Those of which no instance is tested."""
    return exported(package, base) - {type(each) for each in instances}


def values(params: Iterable[Any]) -> list[Any]:
    return [param.values[0] for param in params]


@pytest.mark.parametrize(
    ("base", "params"), [(Encoding, ENCODINGS), (Processing, [*PROCESSINGS, *SHARING])]
)
def test_every_block_is_in_its_contract(base: type, params: list[Any]) -> None:
    assert without_a_line(circuits, base, values(params)) == set()


def test_every_generator_is_in_its_contract() -> None:
    made = [make(torch.float32) for make in values(GENERATORS)]
    assert without_a_line(models, NoiseGenerator, made) == set()


@pytest.mark.parametrize(
    ("base", "params"), [(Encoding, ENCODINGS), (Processing, [*PROCESSINGS, *SHARING])]
)
def test_a_line_that_is_missing_is_seen(base: type, params: list[Any]) -> None:
    every = values(params)
    for kind in exported(circuits, base):
        rest = [each for each in every if type(each) is not kind]
        assert without_a_line(circuits, base, rest) == {kind}
