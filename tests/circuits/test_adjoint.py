"""The adjoint of a block undoes it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import (
    Adjoint,
    AngleEncoding,
    StronglyEntangling,
    share,
)
from qml_qdl.circuits.circuit import Block
from qml_qdl.circuits.errors import ArgumentTypeError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("block", [AngleEncoding(2), StronglyEntangling(2)], ids=repr)
def test_adjoint_undoes(block: Block) -> None:
    inputs = RNG.normal(size=2)
    weights = RNG.normal(size=block.weight_shape or ())
    there, back = (
        qml.matrix(b.queue, wire_order=b.wires)(inputs, weights)
        for b in (block, Adjoint(block))
    )
    np.testing.assert_allclose(back @ there, np.eye(4), atol=1e-12)


def test_it_is_a_value(rebuild: Callable[[object], Any]) -> None:
    block = Adjoint(StronglyEntangling(["a", "b"]))
    for twin in (rebuild(block), pickle.loads(pickle.dumps(block))):
        assert twin == block
        assert hash(twin) == hash(block)


def test_adjoint_shares_weights_and_moves() -> None:
    block = StronglyEntangling(2)
    circuit = share("W", Adjoint(block)) @ share("W", block)
    assert circuit.weight_shapes == {"W": (1, 2, 3)}
    assert Adjoint(block).on(["a", "b"]).wires == ("a", "b")
    with pytest.raises(ArgumentTypeError, match="expected an encoding or a processing"):
        Adjoint("W")
