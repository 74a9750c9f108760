"""How circuits and QNodes become those of a target: gradients that it has."""

from __future__ import annotations

from typing import Any

import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import (
    AngleEncoding,
    StronglyEntangling,
)
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.nn import QuantumLayer

U = StronglyEntangling(2) @ AngleEncoding(2)


def make(*arguments: Any, **options: Any) -> Any:
    """A layer, of which mypy need not know that its parameters are tensors."""
    return QuantumLayer(*arguments, **options)


def rows(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def angles(inputs: Any, weight: Any) -> Any:
    qml.AngleEmbedding(inputs, wires=range(2))
    qml.RX(weight, wires=0)
    return qml.expval(qml.Z(0))


class TestGradients:
    METHODS = (
        "best",
        "backprop",
        "adjoint",
        "parameter-shift",
        "finite-diff",
        "direct-hadamard",
    )

    @pytest.mark.parametrize("method", METHODS)
    def test_every_method_takes_trained_batches(self, method: str) -> None:
        gradients = []
        for name in ("backprop", method):
            layer = make(U, init_method="normal", diff_method=name)
            layer.double().reset_parameters(torch.Generator().manual_seed(2))
            x = rows(3, 2).requires_grad_()
            result = layer(x)
            gradients.append(
                torch.autograd.grad(result[:, 0].sum(), [x, layer.weights_0])
            )
        torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-5)

    @pytest.mark.parametrize("method", ["parameter-shift", qml.gradients.param_shift])
    def test_every_method_of_a_qnode_does(self, method: Any) -> None:
        device = qml.device("default.qubit", wires=2)
        node = qml.QNode(angles, device, diff_method=method)
        layer = make(node, {"weight": 1}).double()
        x = rows(3, 2).requires_grad_()
        assert torch.autograd.gradcheck(layer, (x,))

    def test_lightning_multiplies_gradients_itself(self) -> None:
        layer = make(U, target="lightning.qubit")
        assert layer.qnode.diff_method == "adjoint"
        x = rows(3, 2).requires_grad_()
        with qml.Tracker(layer.qnode.device) as tracker:
            result = layer(x)
        assert "vjps" not in tracker.totals
        assert "derivatives" not in tracker.totals
        with qml.Tracker(layer.qnode.device) as tracker:
            result.sum().backward()
        assert tracker.totals.keys() & {"vjps", "vjp_batches"}

    def test_a_qnode_keeps_its_method(self) -> None:
        device = qml.device("default.qubit", wires=2)
        node = qml.QNode(angles, device, diff_method="adjoint")
        layer = make(node, {"weight": 1})
        assert layer.qnode is node
        layer = make(node, {"weight": 1}, diff_method="parameter-shift")
        assert layer.qnode.diff_method == "parameter-shift"
        assert node.diff_method == "adjoint"
        # A device that knows no adjoint method chooses its own.
        x = rows(3, 2).requires_grad_()
        expected = layer(x)
        layer = layer.set_target("default.mixed")
        torch.testing.assert_close(layer(x), expected)
        layer = make(node, {"weight": 1}, target="default.mixed")
        layer(x).sum().backward()

    @pytest.mark.parametrize("source", ["circuit", "qnode"])
    def test_a_method_the_target_lacks(self, source: str) -> None:
        device = qml.device("default.mixed", wires=2)
        circuit: Any = U if source == "circuit" else qml.QNode(angles, device)
        shapes = None if source == "circuit" else {"weight": 1}
        for method in ("adjoint", "nonsense"):
            text = f"diff_method: '{method}' does not go with default.mixed"
            with pytest.raises(ArgumentError, match=text):
                make(circuit, shapes, target=device, diff_method=method)

    def test_none(self) -> None:
        device = qml.device("default.qubit", wires=2)
        layer = make(qml.QNode(angles, device, diff_method=None), {"weight": 1})
        assert layer(rows(3, 2).requires_grad_()).shape == (3,)
