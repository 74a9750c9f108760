"""Quantum functions that take rows for features where there are as many of both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits import AngleEncoding, BasicEntangler, Encoding
from qml_qdl.circuits.errors import ShapeError
from qml_qdl.nn import QuantumConv2d, QuantumLayer

TARGETS = ("default.qubit", "qdl.simulator", "lightning.qubit", "aer")
every_target = pytest.mark.parametrize("target", TARGETS)


def numbers(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def node(function: Callable[..., Any], wires: int = 4) -> Any:
    return qml.QNode(function, qml.device("default.qubit", wires=wires))


def z(wires: int = 4) -> list[Any]:
    return [qml.expval(qml.Z(wire)) for wire in range(wires)]


def by_index(inputs: Any) -> Any:
    for wire in range(4):
        qml.RX(inputs[wire], wire)
    return z()


def by_loop(inputs: Any) -> Any:
    for wire, feature in enumerate(inputs):
        qml.RX(feature, wire % 4)
    return z()


def one_only(inputs: Any) -> Any:
    qml.RX(inputs[2], 0)
    return z()


def mixed(inputs: Any) -> Any:
    qml.RX(inputs[..., 0] * inputs[1], 0)
    return z()


def noisy(inputs: Any) -> Any:
    for wire in range(4):
        qml.RX(inputs[wire] + np.random.normal(), wire)  # noqa: NPY002
    return z()


def thresholds(inputs: Any) -> Any:
    for wire in range(4):
        qml.RX(qml.math.where(inputs[wire] > 0.5, 0.3, 1.0), wire)
    return z()


def transposed(inputs: Any) -> Any:
    qml.AngleEmbedding(qml.math.T(inputs), range(4))
    return z()


def in_the_observable(inputs: Any) -> Any:
    qml.AngleEmbedding(inputs, range(4))
    return qml.expval(inputs[1] * qml.Z(0))


def state(inputs: Any) -> Any:
    qml.AmplitudeEmbedding(qml.math.T(inputs), range(2), normalize=True)
    return z(2)


def rows_for_layers(inputs: Any) -> Any:
    qml.BasicEntanglerLayers(inputs, wires=range(4))
    return qml.probs(wires=[0, 1])


WRONG = [
    by_index, by_loop, one_only, mixed, noisy, thresholds, transposed,
    in_the_observable, state, rows_for_layers,
]  # fmt: skip


@every_target
@pytest.mark.parametrize("shots", [None, 10], ids=str)
@pytest.mark.parametrize("function", WRONG)
def test_rows_taken_for_features_are_refused(
    function: Callable[..., Any], shots: int | None, target: str
) -> None:
    layer = QuantumLayer(node(function), {}, target=target, shots=shots)
    for _ in range(2):  # not only the first time
        with pytest.raises(
            ShapeError, match=rf"{function.__name__} .*inputs\[..., i\]"
        ):
            layer(numbers(4, 4))
    with pytest.raises(ShapeError, match=r"inputs\[..., i\]"):
        layer(numbers(2, 2, 4))


def test_any_of_several_inputs() -> None:
    def first_alone(x: Any, y: Any) -> Any:
        qml.RX(x[0], 0)
        qml.RY(y[..., 1], 0)
        return qml.expval(qml.Z(0))

    def second_alone(x: Any, y: Any) -> Any:
        qml.RX(x[..., 0], 0)
        qml.RY(y[1], 0)
        return qml.expval(qml.Z(0))

    for function, rows in ((first_alone, 3), (second_alone, 5)):
        layer = QuantumLayer(node(function), {})
        with pytest.raises(ShapeError, match=rf"{function.__name__} takes rows for f"):
            layer(numbers(rows, 3), numbers(rows, 5))


@frozen(repr=False)
class ByIndex(Encoding):
    @property
    def num_features(self) -> int:
        return len(self.wires)

    def encode(self, features: Any) -> None:
        for position, wire in enumerate(self.wires):
            qml.RX(features[position], wire)


class ByIndexPromised(ByIndex):
    pure = True


@every_target
@pytest.mark.parametrize("kind", [ByIndex, ByIndexPromised])
def test_blocks_too(kind: type[ByIndex], target: str) -> None:
    circuit = BasicEntangler(4) @ kind([0, 1], features=[3, 0]) @ AngleEncoding(4)
    layer, x = QuantumLayer(circuit, target=target), numbers(2, 4)
    if kind is ByIndexPromised and target == "qdl.simulator":
        # Run once for one row alone: there an index is right.
        torch.testing.assert_close(layer(x), torch.stack([layer(row) for row in x]))
        return
    with pytest.raises(ShapeError, match=r"ByIndex.* takes rows for features"):
        layer(x)


def test_convolutions_too() -> None:
    conv = QuantumConv2d(1, 2, (1, 2), circuit=ByIndex(2), target="default.qubit")
    with pytest.raises(ShapeError, match=r"takes rows for features"):
        conv(numbers(1, 1, 1, 3))


def test_wherever_the_layer_is_moved() -> None:
    circuit = BasicEntangler(2) @ ByIndexPromised(2)
    layer, x = QuantumLayer(circuit), numbers(2, 2)
    layer(x)
    layer.set_target("default.qubit")
    with pytest.raises(ShapeError, match=r"takes rows for features"):
        layer(x)
    with pytest.raises(ShapeError, match=r"takes rows for features"):
        layer.set_target("aer", shots=10).with_errors(x)


def right_by_position(inputs: Any) -> Any:
    for wire in range(4):
        qml.RX(inputs[..., wire], wire)
    return z()


def right_for_batches_only(inputs: Any) -> Any:
    for wire in range(inputs.shape[1]):
        qml.RX(inputs[:, wire], wire)
    return z()


def right_for_four_rows_only(inputs: Any, per_row: Any) -> Any:
    for wire in range(4):
        qml.RX(inputs.reshape(4, 2, 2)[:, wire // 2, wire % 2] * per_row, wire)
    return z()


def right_and_noisy(inputs: Any) -> Any:
    qml.AngleEmbedding(inputs + 0 * torch.rand(inputs.shape), range(4), "X")
    qml.RZ(np.random.normal(), 0)  # noqa: NPY002
    return z()


def right_over_the_batch(inputs: Any) -> Any:
    qml.AngleEmbedding(inputs - 0 * inputs.mean(0), range(4), "X")
    return z()


def right_in_the_observable(inputs: Any) -> Any:
    qml.AngleEmbedding(inputs, range(4), "X")
    return [qml.expval(qml.Hermitian(np.diag([1.0, -1]), wire)) for wire in range(4)]


RIGHT = [
    right_by_position, right_for_batches_only, right_for_four_rows_only,
    right_and_noisy, right_over_the_batch, right_in_the_observable,
]  # fmt: skip


@every_target
@pytest.mark.parametrize("function", RIGHT)
def test_right_functions_run(function: Callable[..., Any], target: str) -> None:
    shapes = {"per_row": 4} if function is right_for_four_rows_only else {}
    layer = QuantumLayer(
        node(function), shapes, init_method=torch.nn.init.ones_, target=target
    )
    x = numbers(4, 4)
    torch.testing.assert_close(layer(x), x.cos())


def test_it_is_found_out_once_and_without_a_run() -> None:
    calls = []

    def counted(inputs: Any) -> Any:
        calls.append(inputs.shape[0])
        qml.AngleEmbedding(inputs, range(4))
        return z()

    layer = QuantumLayer(node(counted), {})
    layer(numbers(5, 4))
    assert calls == [5]  # nothing to mistake
    with qml.Tracker(layer.qnode.device) as tracker:
        for _ in range(3):
            layer(numbers(4, 4))
    assert tracker.totals["batches"] == 3
    assert calls[1:] == [calls[1], 4, 4, 4]
    assert calls[1] != 4
