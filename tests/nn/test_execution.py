"""How layers run: devices, shots, gradients, batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import (
    AngleEncoding,
    Expectation,
    HamiltonianEncoding,
    IQPEncoding,
    Probabilities,
    StronglyEntangling,
)
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from tests.nn.small_layers import U, angles, make, rows


class TestShots:
    def test_what_a_circuit_takes(self) -> None:
        assert make(U).shots is None
        assert make(U, shots=None).shots is None
        assert make(U, shots=9).shots == 9
        assert make(U, shots=np.int64(9)).shots == 9

    def test_a_qnode_keeps_its_device_and_shots(self) -> None:
        device = qml.device("default.qubit", wires=2)
        layer = make(qml.QNode(angles, device, shots=9), {"weight": 1})
        assert layer.shots == 9
        assert layer.qnode.device is device
        assert layer.target is None
        assert layer.set_target("lightning.qubit").shots == 9
        assert layer.qnode.device.name == "lightning.qubit"
        assert layer.set_target("default.qubit", shots=None).shots is None

    def test_shots_set_as_a_transform_are_kept(self) -> None:
        device = qml.device("default.qubit", wires=2)
        node = qml.set_shots(qml.QNode(angles, device), 9)
        layer = make(node, {"weight": 1})
        assert layer.shots == 9
        assert layer.set_target("lightning.qubit").shots == 9

    def test_shots_alone_change_nothing_else(self) -> None:
        device = qml.device("default.qubit", wires=2)
        node = qml.QNode(angles, device, diff_method="parameter-shift")
        layer = make(node, {"weight": 1}, shots=5)
        assert layer.qnode.device is device
        assert layer.qnode.diff_method == "parameter-shift"
        assert node.shots.total_shots is None
        assert layer.shots == 5

    @pytest.mark.parametrize("shots", [0, -3])
    def test_too_few(self, shots: int) -> None:
        with pytest.raises(ArgumentError, match=f"at least 1, or None .* got {shots}"):
            make(U, shots=shots)

    @pytest.mark.parametrize("shots", [True, 2.5, [5, 5], "all"], ids=str)
    def test_no_number(self, shots: Any) -> None:
        with pytest.raises(ArgumentTypeError, match=r"shots: expected a whole number"):
            make(U, shots=shots)
        layer = make(U)
        with pytest.raises(ArgumentTypeError, match=r"shots: expected a whole number"):
            layer.set_target(None, shots)
        assert layer.shots is None

    def test_nan_in_weights_is_seen(self) -> None:
        layer = make(U, shots=10)
        with torch.no_grad():
            layer.weights_0[0, 0, 0] = torch.nan
        assert layer(rows(3, 2)).isnan().all()
        assert layer(rows(2)).isnan().all()

    @pytest.mark.parametrize("target", ["default.qubit", "lightning.qubit"])
    def test_one_row_keeps_its_dimension(self, target: str) -> None:
        for readout, shape in (
            (Expectation(), (2,)),
            (Expectation(["ZZ"]), (1,)),
            (Probabilities([1]), (2,)),
        ):
            circuit = U.with_readout(readout)
            layer = make(circuit, target=target, shots=3)
            assert layer(rows(1, 2)).shape == (1, *shape)
            assert layer(rows(1, 1, 2)).shape == (1, 1, *shape)

    def test_one_row_of_a_qnode_that_wants_a_batch(self) -> None:
        def batched(inputs: Any) -> Any:
            qml.RX(inputs[:, 0], wires=0)
            return qml.expval(qml.Z(0))

        node = qml.QNode(batched, qml.device("default.qubit", wires=1), shots=3)
        assert make(node, {})(rows(1, 1)).shape == (1,)


class TestBatches:
    @pytest.mark.parametrize(
        "encoding",
        [IQPEncoding(2), HamiltonianEncoding(2), AngleEncoding(2)],
        ids=["iqp", "heisenberg", "angle"],
    )
    def test_gates_of_many_wires_on_lightning(self, encoding: Any) -> None:
        # PennyLane's broadcast_expand leaves MultiRZ believing that it is batched.
        circuit = StronglyEntangling(2) @ encoding
        layer = make(circuit)
        x = rows(3, circuit.num_inputs)
        expected = layer(x)
        torch.testing.assert_close(layer.set_target("lightning.qubit")(x), expected)

    @pytest.mark.parametrize("target", ["default.qubit", "lightning.qubit"])
    @pytest.mark.parametrize("method", ["best", "parameter-shift"])
    def test_a_qnode_with_such_a_gate(self, target: str, method: str) -> None:
        def multi(inputs: Any) -> Any:
            qml.Hadamard(0)
            qml.MultiRZ(inputs[..., 0] * inputs[..., 1], wires=[0, 1])
            return qml.expval(qml.X(0))

        node = qml.QNode(multi, qml.device(target, wires=2), diff_method=method)
        layer = make(node, {})
        x = rows(3, 2).requires_grad_()
        torch.testing.assert_close(layer(x), x.prod(-1).cos())
        assert torch.autograd.gradcheck(layer, (x,))

    def test_doubles_stay_exact_on_lightning(self) -> None:
        # It gives Python's numbers, of which PennyLane makes torch's default type.
        layer = make(AngleEncoding(2), target="lightning.qubit")
        x = rows(3, 2)
        torch.testing.assert_close(layer(x), x.cos(), rtol=0, atol=1e-14)
        assert layer(x.float()).dtype == torch.float32
        assert torch.as_tensor(0.5).dtype == torch.float32

    def test_auto_is_our_simulator_at_any_number_of_wires(self) -> None:
        small = make(StronglyEntangling(1) @ AngleEncoding(1))
        large = make(StronglyEntangling(20) @ AngleEncoding(20))
        assert small.qnode.device.name == "qdl.simulator"
        assert large.qnode.device.name == "qdl.simulator"
        assert small.target is large.target is None


@pytest.mark.parametrize("target", ["qdl.simulator", "default.qubit"])
def test_shifts_without_shots_are_kept_with_a_hint(
    target: str, caplog: pytest.LogCaptureFixture
) -> None:
    def turned(inputs: Any, angle: Any) -> Any:
        qml.RX(inputs[..., 0], 0)
        qml.RY(angle, 0)
        return qml.expval(qml.Z(0))

    shifted, best = (
        qml.QNode(turned, qml.device(target), diff_method=method)
        for method in ("parameter-shift", "best")
    )
    layers = [make(node, {"angle": 1}) for node in (best, shifted, shifted)]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"'parameter-shift' on {target} without shots" in caplog.text
    assert layers[1].qnode.diff_method == "parameter-shift"
    layers[1].load_state_dict(layers[0].state_dict())
    x = torch.rand(3, 1)
    for layer in layers[:2]:
        layer(x).sum().backward()
    torch.testing.assert_close(layers[0].angle.grad, layers[1].angle.grad)
    make(shifted, {"angle": 1}, shots=10)
    assert len(caplog.records) == 1
