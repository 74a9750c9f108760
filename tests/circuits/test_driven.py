"""Processings whose angles are data: each row has the weights of its own."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import (
    MPS,
    AngleEncoding,
    BasicEntangler,
    Driven,
    HardwareEfficient,
    IsingLayers,
    Processing,
    StronglyEntangling,
)
from qml_qdl.circuits.circuit import as_circuit
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "processing",
    [
        BasicEntangler(3, layers=2),
        HardwareEfficient(["a", "b"], rotations=["Rot"]),
        IsingLayers(3, layers=2),
        StronglyEntangling(3, layers=2),
    ],
    ids=repr,
)
def test_driven_is_the_processing_with_the_features_as_weights(
    processing: Processing, unitary: Callable[..., Any]
) -> None:
    driven = Driven(processing)
    rows = RNG.normal(size=(4, driven.num_features))
    device = qml.device("default.qubit")
    batch = np.stack(qml.QNode(as_circuit(driven), device)(rows), -1)
    for row, values in zip(rows, batch, strict=True):
        weights = row.reshape(processing.weight_shape)
        expected = unitary(processing, weights=weights)
        np.testing.assert_allclose(unitary(driven, row), expected, atol=1e-12)
        alone = qml.QNode(as_circuit(processing), device)(weights=weights)
        np.testing.assert_allclose(values, alone, atol=1e-12)


def test_a_processing_that_takes_no_rows_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"index its weights as weights\[..., k\]"):
        Driven(MPS(4, BasicEntangler(2)))


def test_it_is_a_value(rebuild: Callable[[object], Any]) -> None:
    block = Driven(BasicEntangler(2), features=range(1, 3))
    for twin in (rebuild(block), pickle.loads(pickle.dumps(block))):
        assert twin == block
        assert hash(twin) == hash(block)


def test_driven_moves_with_its_wires() -> None:
    driven = Driven(BasicEntangler(2)).on(["x", "y"])
    assert driven.processing.wires == driven.wires == ("x", "y")
    with pytest.raises(ArgumentTypeError, match="expected a processing such as"):
        Driven(AngleEncoding(2))
