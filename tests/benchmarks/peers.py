"""The same workloads on every library, each in its best configuration.

A peer takes inputs and weights as torch tensors and returns the expectation values, so
that gradients flow as they do in training.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pennylane as qml
import torch
from torch import Tensor, nn

from qml_qdl.nn import QuantumLayer
from tests.benchmarks.workloads import Workload

Model = Callable[[Tensor], Tensor]


def ours(workload: Workload) -> nn.Module:
    """`QuantumLayer` on `qdl.simulator`."""
    layer = QuantumLayer(workload.circuit, target="qdl.simulator")
    with torch.no_grad():
        for parameter, values in zip(
            layer.parameters(), workload.weights(), strict=True
        ):
            parameter.copy_(values)
    return layer


def _torch_layer(workload: Workload, device: str, **options: Any) -> nn.Module:
    wires = range(workload.wires)

    @qml.qnode(qml.device(device, wires=workload.wires), interface="torch", **options)
    def circuit(inputs: Tensor, weights: Tensor) -> Any:
        for block in weights:
            qml.AngleEmbedding(inputs, wires=wires, rotation="Y")
            qml.StronglyEntanglingLayers(block, wires=wires)
        return [qml.expval(qml.Z(wire)) for wire in wires]

    weights = workload.weights()
    return qml.qnn.TorchLayer(  # type: ignore[no-any-return]
        circuit, {"weights": tuple(weights.shape)}, {"weights": weights}
    )


def default_qubit(workload: Workload) -> nn.Module:
    """PennyLane's `TorchLayer` on `default.qubit`, backpropagation."""
    return _torch_layer(workload, "default.qubit", diff_method="backprop")


def lightning_qubit(workload: Workload) -> nn.Module:
    """PennyLane's `TorchLayer` on `lightning.qubit`, adjoint with `device_vjp`."""
    return _torch_layer(
        workload, "lightning.qubit", diff_method="adjoint", device_vjp=True
    )


def ours_through_qnode(workload: Workload) -> nn.Module:
    """PennyLane's `TorchLayer` on `qdl.simulator`: workload G."""
    return _torch_layer(workload, "qdl.simulator")


PEERS: dict[str, Callable[[Workload], nn.Module]] = {
    "qml-qdl": ours,
    "default.qubit": default_qubit,
    "lightning.qubit": lightning_qubit,
    "qml-qdl, stock QNode": ours_through_qnode,
}

TOO_SLOW = {("A", "lightning.qubit"), ("B", "lightning.qubit"), ("E", "default.qubit")}
"""Not run: 3,136 or 256 circuits one after the other; 20 wires kept for backward."""
