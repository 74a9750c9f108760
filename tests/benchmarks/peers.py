"""The same workloads on every library, each in its best configuration."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pennylane as qml
import torch
from torch import Tensor, nn

from qml_qdl.nn import QuantumLayer
from tests.benchmarks.workloads import Workload


class Peer(ABC):
    """A workload on a library, ready to be timed: abstract base."""

    @abstractmethod
    def forward(self) -> None:
        """Computes all expectation values."""

    @abstractmethod
    def step(self) -> None:
        """Computes them, and the gradient of their sum with respect to the weights."""


class TorchPeer(Peer):
    """A library whose layer is a torch module.

    Args:
        model: Maps inputs to expectation values.
        inputs: The batch.
    """

    def __init__(self, model: nn.Module, inputs: Tensor) -> None:
        self.model, self.inputs = model, inputs

    def forward(self) -> None:
        with torch.no_grad():
            self.model(self.inputs)

    def step(self) -> None:
        self.model.zero_grad()
        self.inputs.grad = None
        self.model(self.inputs).sum().backward()


def ours(workload: Workload) -> TorchPeer:
    """`QuantumLayer` on `qdl.simulator`."""
    layer = QuantumLayer(workload.circuit, target="qdl.simulator")
    with torch.no_grad():
        for parameter, values in zip(
            layer.parameters(), workload.weights(), strict=True
        ):
            parameter.copy_(values)
    return TorchPeer(layer, workload.inputs())


def _qnode(workload: Workload, device: Any, **options: Any) -> qml.QNode:
    wires = range(workload.wires)

    def circuit(inputs: Any, weights: Any) -> Any:
        for block in weights:
            qml.AngleEmbedding(inputs, wires=wires, rotation="Y")
            qml.StronglyEntanglingLayers(block, wires=wires)
        return [qml.expval(qml.Z(wire)) for wire in wires]

    return qml.QNode(circuit, device, **options)


def _torch_layer(workload: Workload, device: Any, **options: Any) -> TorchPeer:
    qnode = _qnode(workload, device, interface="torch", **options)
    weights = workload.weights()
    shapes = {"weights": tuple(weights.shape)}
    layer = qml.qnn.TorchLayer(qnode, shapes, {"weights": weights})
    return TorchPeer(layer, workload.inputs())


def default_qubit(workload: Workload) -> TorchPeer:
    """PennyLane's `TorchLayer` on `default.qubit`, backpropagation."""
    device = qml.device("default.qubit", wires=workload.wires)
    return _torch_layer(workload, device, diff_method="backprop")


def lightning_qubit(workload: Workload) -> TorchPeer:
    """PennyLane's `TorchLayer` on `lightning.qubit`, adjoint with `device_vjp`.

    In complex64, as we compute: twice as fast as its default.
    """
    device = qml.device("lightning.qubit", wires=workload.wires, c_dtype=np.complex64)
    return _torch_layer(workload, device, diff_method="adjoint", device_vjp=True)


def stock_qnode(workload: Workload) -> TorchPeer:
    """PennyLane's `TorchLayer` on `qdl.simulator`: workload G."""
    device = qml.device("qdl.simulator", wires=workload.wires)
    return _torch_layer(workload, device)


class JaxPeer(Peer):
    """A library's rows as one JAX program, compiled by jit.

    Args:
        workload: What is run.
        rows: Maps inputs (rows, wires) and weights to expectation values.
    """

    def __init__(self, workload: Workload, rows: Callable[[Any, Any], Any]) -> None:
        jax = import_module("jax")
        self._ready = jax.block_until_ready
        self._arguments = (
            jax.numpy.asarray(workload.inputs().numpy()),
            jax.numpy.asarray(workload.weights().numpy()),
        )
        self._forward = jax.jit(rows)
        self._step = jax.jit(
            jax.value_and_grad(lambda x, w: rows(x, w).sum(), argnums=1)
        )

    def forward(self) -> None:
        self._ready(self._forward(*self._arguments))

    def step(self) -> None:
        self._ready(self._step(*self._arguments))


def default_qubit_jit(workload: Workload) -> JaxPeer:
    """PennyLane's `default.qubit` under `jax.jit`, all rows in one broadcast tape."""
    jax = import_module("jax")
    device = qml.device("default.qubit", wires=workload.wires)
    qnode = _qnode(workload, device, interface="jax", diff_method="backprop")
    return JaxPeer(workload, lambda x, w: jax.numpy.stack(qnode(x, w), -1))


def tensor_circuit(workload: Workload) -> JaxPeer:
    """TensorCircuit-NG on JAX: vectorised, compiled by jit, by which it is fastest."""
    library = import_module("tensorcircuit")
    backend = library.set_backend("jax")
    wires = workload.wires

    def row(inputs: Any, weights: Any) -> Any:
        circuit = library.Circuit(wires)
        for upload in range(workload.uploads):
            for wire in range(wires):
                circuit.ry(wire, theta=inputs[wire])
            for layer in range(workload.layers):
                for wire in range(wires):
                    angles = weights[upload, layer, wire]
                    circuit.rz(wire, theta=angles[0])
                    circuit.ry(wire, theta=angles[1])
                    circuit.rz(wire, theta=angles[2])
                reach = layer % (wires - 1) + 1
                for wire in range(wires):
                    circuit.cnot(wire, (wire + reach) % wires)
        return backend.stack(
            [backend.real(circuit.expectation_ps(z=[wire])) for wire in range(wires)]
        )

    return JaxPeer(workload, import_module("jax").vmap(row, in_axes=(0, None)))


class _DeepQuantum(nn.Module):
    def __init__(self, workload: Workload) -> None:
        super().__init__()
        wires = workload.wires
        axes = ("rz", "ry", "rz")
        self.circuit = import_module("deepquantum").QubitCircuit(wires)
        for block in workload.weights():
            for wire in range(wires):
                self.circuit.ry(wire, encode=True)
            for layer, angles in enumerate(block):
                for wire in range(wires):
                    for axis, angle in zip(axes, angles[wire], strict=True):
                        getattr(self.circuit, axis)(wire)
                        self.circuit.operators[-1].theta.data.copy_(angle)
                reach = layer % (wires - 1) + 1
                for wire in range(wires):
                    self.circuit.cnot(wire, (wire + reach) % wires)
        for wire in range(wires):
            self.circuit.observable(wire)
        self._uploads = workload.uploads

    def forward(self, inputs: Tensor) -> Any:
        self.circuit(inputs.repeat(1, self._uploads))
        return self.circuit.expectation()


class _PyQTorch(nn.Module):
    def __init__(self, workload: Workload) -> None:
        super().__init__()
        pyqtorch = import_module("pyqtorch")
        wires = workload.wires
        self.weights = nn.Parameter(workload.weights().reshape(-1))
        names = (f"w{number}" for number in range(self.weights.numel()))
        axes = (pyqtorch.RZ, pyqtorch.RY, pyqtorch.RZ)
        gates: list[Any] = []
        for _ in range(workload.uploads):
            gates += [pyqtorch.RY(wire, f"x{wire}") for wire in range(wires)]
            for layer in range(workload.layers):
                gates += [
                    pyqtorch.Merge([axis(wire, next(names)) for axis in axes])
                    for wire in range(wires)
                ]
                reach = layer % (wires - 1) + 1
                gates += [pyqtorch.CNOT(w, (w + reach) % wires) for w in range(wires)]
        self.circuit = pyqtorch.QuantumCircuit(wires, gates).to(torch.complex64)
        self.observables = nn.ModuleList(pyqtorch.Z(w) for w in range(wires))
        self.observables.to(torch.complex64)
        self._product = pyqtorch.inner_prod

    def forward(self, inputs: Tensor) -> Tensor:
        values = {f"x{wire}": x for wire, x in enumerate(inputs.unbind(1))}
        values |= {f"w{number}": w for number, w in enumerate(self.weights.unbind())}
        state = self.circuit(self.circuit.init_state(len(inputs)), values)
        means = [self._product(state, z(state)).real for z in self.observables]
        return torch.stack(means, dim=1)


def deep_quantum(workload: Workload) -> TorchPeer:
    """DeepQuantum's circuit, its rows by vmap."""
    return TorchPeer(_DeepQuantum(workload), workload.inputs())


def py_q_torch(workload: Workload) -> TorchPeer:
    """pyqtorch's circuit, each wire's rotations merged, gradients by autograd."""
    return TorchPeer(_PyQTorch(workload), workload.inputs())


PEERS: dict[str, Callable[[Workload], Peer]] = {
    "qml-qdl": ours,
    "default.qubit": default_qubit,
    "lightning.qubit": lightning_qubit,
    "qml-qdl, stock QNode": stock_qnode,
}
OPTIONAL: dict[str, tuple[str, Callable[[Workload], Peer]]] = {
    "jax": ("default.qubit, JAX jit", default_qubit_jit),
    "tensorcircuit": ("TensorCircuit-NG, JAX jit", tensor_circuit),
    "deepquantum": ("DeepQuantum", deep_quantum),
    "pyqtorch": ("pyqtorch", py_q_torch),
}
"""By the module they need."""
PEERS.update(peer for module, peer in OPTIONAL.items() if find_spec(module) is not None)

TOO_SLOW = {
    ("A", "lightning.qubit"),
    ("B", "lightning.qubit"),
    ("E", "default.qubit"),
    ("C", "TensorCircuit-NG, JAX jit"),
    ("D", "TensorCircuit-NG, JAX jit"),
    ("E", "TensorCircuit-NG, JAX jit"),
    ("E", "DeepQuantum"),
    ("E", "pyqtorch"),
}
"""Not run: thousands of circuits one after the other, 20 wires kept for the way back,
minutes of compilation."""
