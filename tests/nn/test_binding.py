"""How circuits and QNodes become those of a target: gradients that it has."""

from __future__ import annotations

from typing import Any

import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import (
    Probabilities,
    Samples,
    State,
)
from qml_qdl.circuits.errors import ArgumentError, TargetError
from qml_qdl.hardware.options import TargetOptions
from qml_qdl.nn.binding import circuit_qnode
from tests.nn.small_layers import U, angles, make, rows


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


class TestCircuits:
    def bound(self, target: Any, method: str = "best", **options: Any) -> Any:
        shots, readout = options.pop("shots", None), options.pop("readout", None)
        circuit = U if readout is None else U.with_readout(readout)
        return circuit_qnode(circuit, target, shots, method, TargetOptions(**options))

    def test_lightning_multiplies_gradients_itself_where_it_can(self) -> None:
        node = self.bound("lightning.qubit")
        assert (node.diff_method, node.execute_kwargs["device_vjp"]) == (
            "adjoint",
            True,
        )
        for options in ({"shots": 10}, {"readout": Probabilities()}):
            assert self.bound("lightning.qubit", **options).diff_method == "best"

    def test_a_device_with_gradients_of_its_own_computes_them_as_asked(self) -> None:
        device = self.bound("aer", "spsa", spsa_directions=3).device
        assert (device.options.gradient, device.options.spsa_directions) == ("spsa", 3)
        with pytest.raises(
            ArgumentError, match=r"'adjoint' does not go with qdl.qiskit"
        ):
            self.bound("aer", "adjoint")

    def test_pennylanes_spsa_is_told_its_directions(self) -> None:
        node = self.bound("default.qubit", "spsa", spsa_directions=3)
        assert node.gradient_kwargs == {"num_directions": 3}
        assert self.bound("default.qubit", "spsa").gradient_kwargs == {}

    def test_states_and_samples_want_what_gives_them(self) -> None:
        assert self.bound("default.qubit", readout=State()).shots.total_shots is None
        for target, shots in (("default.qubit", 5), ("aer", None)):
            with pytest.raises(TargetError, match="the state is known only to a state"):
                self.bound(target, readout=State(), shots=shots)
        turned = qml.device("default.qubit", wires=U.wires[::-1])
        with pytest.raises(TargetError, match=r"in this order, but default.qubit has"):
            self.bound(turned, readout=State())
        with pytest.raises(TargetError, match="samples need a number of shots, got No"):
            self.bound("default.qubit", readout=Samples())
        assert self.bound("aer", readout=Samples(), shots=7).shots.total_shots == 7
