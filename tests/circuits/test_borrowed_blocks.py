"""Blocks made of others or without angles: Adjoint, Driven, SwapTest, Exchange."""

from __future__ import annotations

import pickle

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import (
    MPS,
    Adjoint,
    AngleEncoding,
    BasicEntangler,
    Driven,
    Exchange,
    Expectation,
    HardwareEfficient,
    IsingLayers,
    StronglyEntangling,
    SwapTest,
    share,
)
from qml_qdl.circuits.circuit import Block, as_circuit
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError

RNG = np.random.default_rng(0)


def matrix(block: Block, inputs: object = None, weights: object = None) -> np.ndarray:
    found: np.ndarray = qml.matrix(block.queue, wire_order=block.wires)(inputs, weights)
    return found


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
    processing: BasicEntangler,
) -> None:
    driven = Driven(processing)
    rows = RNG.normal(size=(4, driven.num_features))
    device = qml.device("default.qubit")
    batch = np.stack(qml.QNode(as_circuit(driven), device)(rows), -1)
    for row, values in zip(rows, batch, strict=True):
        weights = row.reshape(processing.weight_shape)
        expected = matrix(processing, weights=weights)
        np.testing.assert_allclose(matrix(driven, row), expected, atol=1e-12)
        alone = qml.QNode(as_circuit(processing), device)(weights=weights)
        np.testing.assert_allclose(values, alone, atol=1e-12)


def test_a_processing_that_takes_no_rows_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"index its weights as weights\[..., k\]"):
        Driven(MPS(4, BasicEntangler(2)))


@pytest.mark.parametrize(
    "block",
    [
        Driven(BasicEntangler(2), features=range(1, 3)),
        Adjoint(StronglyEntangling(["a", "b"])),
        SwapTest(3),
        Exchange(2),
    ],
    ids=repr,
)
def test_blocks_are_values_that_show_how_they_are_made(block: Block) -> None:
    assert eval(repr(block)) == block
    assert hash(pickle.loads(pickle.dumps(block))) == hash(block)


def test_driven_moves_with_its_wires() -> None:
    driven = Driven(BasicEntangler(2)).on(["x", "y"])
    assert driven.processing.wires == driven.wires == ("x", "y")
    with pytest.raises(ArgumentTypeError, match="expected a processing such as"):
        Driven(AngleEncoding(2))


@pytest.mark.parametrize("block", [AngleEncoding(2), StronglyEntangling(2)], ids=repr)
def test_adjoint_undoes(block: Block) -> None:
    inputs = RNG.normal(size=2)
    weights = RNG.normal(size=block.weight_shape or ())
    product = matrix(Adjoint(block), inputs, weights) @ matrix(block, inputs, weights)
    np.testing.assert_allclose(product, np.eye(4), atol=1e-12)


def test_adjoint_shares_weights_and_moves() -> None:
    block = StronglyEntangling(2)
    circuit = share("W", Adjoint(block)) @ share("W", block)
    assert circuit.weight_shapes == {"W": (1, 2, 3)}
    assert Adjoint(block).on(["a", "b"]).wires == ("a", "b")
    with pytest.raises(ArgumentTypeError, match="expected an encoding or a processing"):
        Adjoint("W")


def test_swap_test_measures_the_overlap() -> None:
    test = SwapTest(["t", "a", "b", "c", "d"])
    encoding = AngleEncoding(["a", "b", "c", "d"])
    circuit = (test @ encoding).with_readout(Expectation(qml.Z("t")))
    angles = RNG.normal(size=4)
    value = qml.QNode(circuit, qml.device("default.qubit"))(angles)[0]
    expected = np.prod(np.cos((angles[:2] - angles[2:]) / 2) ** 2)
    assert value == pytest.approx(expected)


def test_exchange_swaps_registers() -> None:
    moved = matrix(Exchange([0, 1, 2, 3]))
    first, second = RNG.normal(size=(2, 4))
    np.testing.assert_allclose(moved @ np.kron(first, second), np.kron(second, first))


@pytest.mark.parametrize("wires", [2, 4, 1])
def test_swap_test_refuses_unequal_registers(wires: int) -> None:
    with pytest.raises(ArgumentError, match="an ancilla and two registers of equal"):
        SwapTest(wires)


def test_exchange_refuses_unequal_registers() -> None:
    with pytest.raises(ArgumentError, match=r"equal size, got \[0, 1, 2\]"):
        Exchange(3)
