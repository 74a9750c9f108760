"""Swap tests measure overlaps; exchanges swap registers."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import (
    AngleEncoding,
    Exchange,
    Expectation,
    SwapTest,
)
from qml_qdl.circuits.circuit import Block
from qml_qdl.circuits.errors import ArgumentError

RNG = np.random.default_rng(0)


def test_swap_test_measures_the_overlap() -> None:
    test = SwapTest(["t", "a", "b", "c", "d"])
    encoding = AngleEncoding(["a", "b", "c", "d"])
    circuit = (test @ encoding).with_readout(Expectation(qml.Z("t")))
    angles = RNG.normal(size=4)
    value = qml.QNode(circuit, qml.device("default.qubit"))(angles)[0]
    expected = np.prod(np.cos((angles[:2] - angles[2:]) / 2) ** 2)
    assert value == pytest.approx(expected)


@pytest.mark.parametrize("block", [SwapTest(3), Exchange(["a", "b"])], ids=repr)
def test_they_are_values(block: Block, rebuild: Callable[[object], Any]) -> None:
    for twin in (rebuild(block), pickle.loads(pickle.dumps(block))):
        assert twin == block
        assert hash(twin) == hash(block)


def test_exchange_swaps_registers(unitary: Callable[..., Any]) -> None:
    moved = unitary(Exchange([0, 1, 2, 3]))
    first, second = RNG.normal(size=(2, 4))
    np.testing.assert_allclose(moved @ np.kron(first, second), np.kron(second, first))


@pytest.mark.parametrize("wires", [2, 4, 1])
def test_swap_test_refuses_unequal_registers(wires: int) -> None:
    with pytest.raises(ArgumentError, match="an ancilla and two registers of equal"):
        SwapTest(wires)


def test_exchange_refuses_unequal_registers() -> None:
    with pytest.raises(ArgumentError, match=r"equal size, got \[0, 1, 2\]"):
        Exchange(3)
