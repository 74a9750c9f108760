"""Where a layer's weights start from."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor, nn

from qml_qdl.circuits import (
    INITIALIZERS,
    AngleEncoding,
    StronglyEntangling,
    initial_weights,
    reupload,
)
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
)
from qml_qdl.nn import QuantumLayer

U = StronglyEntangling(2) @ AngleEncoding(2)


TWO = qml.device("default.qubit", wires=2)


def make(*arguments: Any, **options: Any) -> Any:
    """A layer, of which mypy need not know that its parameters are tensors."""
    return QuantumLayer(*arguments, **options)


class TestInitialisation:
    @pytest.mark.parametrize("name", INITIALIZERS)
    def test_by_name(self, name: str) -> None:
        circuit = reupload(StronglyEntangling(3), AngleEncoding(3), layers=20)
        layer = make(circuit, init_method=name)
        sampled = initial_weights(circuit, name, seed=1)
        ours = torch.cat([w.detach().flatten() for w in layer.parameters()])
        theirs = np.concatenate([w.ravel() for w in sampled.values()])
        assert ours.std() == pytest.approx(theirs.std(), rel=0.3, abs=1e-9)
        assert ours.mean() == pytest.approx(theirs.mean(), abs=theirs.std())

    def test_scalings_start_from_the_encodings(self) -> None:
        circuit = AngleEncoding(2, scaling=1.5, trainable_scaling=True)
        layer = make(StronglyEntangling(2) @ circuit, init_method="zeros")
        assert layer.scaling_0.tolist() == [1.5, 1.5]
        assert not layer.weights_0.any()

    def test_uniform_is_the_default(self) -> None:
        layer = make(StronglyEntangling(4, layers=50) @ AngleEncoding(4))
        low, high = layer.weights_0.aminmax()
        assert 0 <= low < 0.2
        assert 6.1 < high < 2 * np.pi

    def test_functions_in_place_and_not(self) -> None:
        def in_place(x: Tensor) -> None:
            x.fill_(2.0)

        for method, value in (
            (functools.partial(nn.init.constant_, val=3.0), 3.0),
            (in_place, 2.0),
            (torch.ones_like, 1.0),
        ):
            layer = make(U, init_method=method)
            assert layer.weights_0.eq(value).all()

    def test_a_number_is_initialised_too(self) -> None:
        def one(inputs: Any, angle: Any) -> Any:
            qml.AngleEmbedding(inputs, wires=range(2))
            qml.RX(angle, wires=0)
            return qml.expval(qml.Z(0))

        node = qml.QNode(one, TWO)
        for method, value in ((nn.init.ones_, 1.0), (torch.tensor(0.5), 0.5)):
            layer = make(node, {"angle": 1}, {"angle": method})
            assert layer.angle.shape == ()
            assert layer.angle.item() == value
        with pytest.raises(ArgumentError, match=r"method: 'gaussian' depends on the"):
            make(node, {"angle": 1}, "gaussian")

    def test_one_for_each_weight(self) -> None:
        circuit = reupload(StronglyEntangling(2), AngleEncoding(2), layers=3)
        values = torch.arange(6, dtype=torch.float64).reshape(1, 2, 3)
        methods = {
            "weights_0": "zeros",
            "weights_1": values,
            "weights_2": nn.init.ones_,
        }
        layer = make(circuit, init_method=methods)
        assert not layer.weights_0.any()
        assert torch.equal(layer.weights_1, values)
        assert layer.weights_1.dtype == torch.float64
        assert layer.weights_2.eq(1).all()
        values += 1
        assert layer.weights_1[0, 0, 0] == 0
        assert (
            make(circuit, init_method=methods, dtype=torch.float32).weights_1.dtype
            == torch.float32
        )

    def test_tensors_of_whole_numbers_are_taken(self) -> None:
        layer = make(U, init_method=torch.ones(1, 2, 3, dtype=torch.int64))
        assert layer.weights_0.dtype == torch.float32
        assert layer.weights_0.eq(1).all()

    @pytest.mark.parametrize(
        ("method", "text"),
        [
            ("xavier", r"method: expected one of .*, got 'xavier'"),
            (torch.zeros(2), r"'weights_0' has the shape \(1, 2, 3\), got .* \(2,\)"),
            ({"w": "zeros"}, r"one entry for each of \['weights_0'\], got \['w'\]"),
            ({}, r"one entry for each of \['weights_0'\], got \[\]"),
            (3.0, r"init_method: expected a name, a function .* got 3.0"),
            (lambda x: 3.0, r"the function for weight 'weights_0' returned float"),
            (lambda x: x[0], r"'weights_0' has the shape .* got values of \(2, 3\)"),
        ],
    )
    def test_errors(self, method: Any, text: str) -> None:
        with pytest.raises((ArgumentError, ArgumentTypeError), match=text):
            make(U, init_method=method)

    def test_torchs_seed_and_generators(self) -> None:
        torch.manual_seed(5)
        first = make(U).weights_0
        torch.manual_seed(5)
        assert torch.equal(first, make(U).weights_0)
        assert not torch.equal(first, make(U).weights_0)
        generator = torch.Generator().manual_seed(5)
        layer = make(U, generator=generator)
        assert torch.equal(first, layer.weights_0)
