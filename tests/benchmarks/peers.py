"""The same workloads on every library, each in its best configuration."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
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
    def forward(self) -> Any:
        """Computes all expectation values, (rows, observables)."""

    @abstractmethod
    def step(self) -> Any:
        """Computes the gradient of their sum with respect to the weights."""

    def gradient(self) -> Any:
        """A step's gradient as one vector, in the order of the workload's weights."""
        return self.step()


class TorchPeer(Peer):
    """A library whose layer is a torch module.

    Args:
        model: Maps inputs to expectation values.
        inputs: The batch.
    """

    def __init__(self, model: nn.Module, inputs: Tensor) -> None:
        self.model, self.inputs = model, inputs

    def forward(self) -> Any:
        with torch.no_grad():
            return self.model(self.inputs)

    def step(self) -> None:
        self.model.zero_grad()
        self.inputs.grad = None
        self.model(self.inputs).sum().backward()

    def gradient(self) -> Tensor:
        self.step()
        grads = (parameter.grad for parameter in self.model.parameters())
        return torch.cat([grad.flatten() for grad in grads if grad is not None])


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


def lightning_qubit(workload: Workload, dtype: Any = np.complex64) -> TorchPeer:
    """PennyLane's `TorchLayer` on `lightning.qubit`, adjoint with `device_vjp`.

    In complex64, as we compute, and in its default, complex128.
    """
    device = qml.device("lightning.qubit", wires=workload.wires, c_dtype=dtype)
    return _torch_layer(workload, device, diff_method="adjoint", device_vjp=True)


def stock_qnode(workload: Workload) -> TorchPeer:
    """PennyLane's `TorchLayer` on `qdl.simulator`."""
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

    def forward(self) -> Any:
        return self._ready(self._forward(*self._arguments))

    def step(self) -> Any:
        return self._ready(self._step(*self._arguments))[1]


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


def _ring(wires: int, reach: int) -> Any:
    """Where each amplitude comes from in a ring of CNOTs, the first of them first."""
    places = 1 << np.arange(wires)[::-1]
    bits = (np.arange(2**wires)[:, None] & places > 0).astype(int)
    for wire in reversed(range(wires)):
        bits[:, (wire + reach) % wires] ^= bits[:, wire]
    return bits @ places


def plain_jax(workload: Workload) -> JaxPeer:
    """The circuit as an expert of JAX would write it by hand for this family alone.

    A product state of the first rotations, neighbouring wires' rotations as one matrix
    (of two wires, of four from twelve wires on, by which it is fastest), a gather for
    each ring of CNOTs.
    """
    jax = import_module("jax")
    numpy, wires = jax.numpy, workload.wires
    together = 2 if wires < 12 else 4
    rings = [_ring(wires, n % (wires - 1) + 1) for n in range(workload.layers)]
    places = np.arange(2**wires)[:, None] >> np.arange(wires)[::-1]
    signs = (1 - 2 * (places & 1)).astype(np.float32)

    def matrix(*entries: Any) -> Any:
        return numpy.stack(entries, -1).reshape(*entries[0].shape, 2, 2)

    def rotations(angles: Any) -> Any:  # RZ, RY, RZ
        cos, sin = numpy.cos(angles[..., 1] / 2), numpy.sin(angles[..., 1] / 2)
        plus = numpy.exp(0.5j * (angles[..., 0] + angles[..., 2]))
        minus = numpy.exp(0.5j * (angles[..., 0] - angles[..., 2]))
        return matrix(cos / plus, -sin * minus, sin / minus, cos * plus)

    def apply(state: Any, gates: Any) -> Any:  # gates (wires, [rows,] 2, 2)
        rows = "r" if gates.ndim == 4 else ""
        for first in range(0, wires, together):
            block, *others = gates[first : first + together]
            for gate in others:
                size = block.shape[-1] * 2
                block = numpy.einsum("...ij,...kl->...ikjl", block, gate)
                block = block.reshape(*block.shape[:-4], size, size)
            shape = (len(state), 2**first, block.shape[-1], -1)
            state = numpy.einsum(f"{rows}ij,rajb->raib", block, state.reshape(shape))
        return state.reshape(len(state), -1)

    def rows(inputs: Any, weights: Any) -> Any:
        cos, sin = numpy.cos(inputs.T / 2), numpy.sin(inputs.T / 2)
        encodings = matrix(cos, -sin, sin, cos)
        state: Any = None
        for block in weights:
            for number, angles in enumerate(block):
                gates = rotations(angles)
                if number == 0:
                    gates = gates[:, None] @ encodings
                if state is None:
                    state, *others = gates[..., 0]
                    for other in others:
                        state = state[:, :, None] * other[:, None]
                        state = state.reshape(len(inputs), -1)
                else:
                    state = apply(state, gates)
                state = state[:, rings[number]]
        return (state.real**2 + state.imag**2) @ signs

    return JaxPeer(workload, rows)


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


class _Qulacs(Peer):
    def __init__(self, workload: Workload) -> None:
        library = import_module("qulacs")
        wires = workload.wires
        self._inputs = (-workload.inputs().double()).tolist()  # its angles' sign
        self._weights = (-workload.weights().double()).flatten().tolist()
        self._circuit = library.ParametricQuantumCircuit(wires)
        self._state = library.QuantumState(wires)
        for _ in range(workload.uploads):
            for wire in range(wires):
                self._circuit.add_parametric_RY_gate(wire, 0.0)
            for layer in range(workload.layers):
                for wire in range(wires):
                    self._circuit.add_parametric_RZ_gate(wire, 0.0)
                    self._circuit.add_parametric_RY_gate(wire, 0.0)
                    self._circuit.add_parametric_RZ_gate(wire, 0.0)
                reach = layer % (wires - 1) + 1
                for wire in range(wires):
                    self._circuit.add_CNOT_gate(wire, (wire + reach) % wires)
        numbers = np.arange(self._circuit.get_parameter_count())
        numbers = numbers.reshape(workload.uploads, -1)
        self._encoding = numbers[:, :wires].tolist()
        self._trained = numbers[:, wires:].flatten()
        self._total = library.Observable(wires)
        self._each = [library.Observable(wires) for _ in range(wires)]
        for wire, observable in enumerate(self._each):
            self._total.add_operator(1.0, f"Z {wire}")
            observable.add_operator(1.0, f"Z {wire}")

    def _rows(self) -> Iterator[None]:
        put = self._circuit.set_parameter
        for number, angle in zip(self._trained.tolist(), self._weights, strict=True):
            put(number, angle)
        for row in self._inputs:
            for encoding in self._encoding:
                for number, angle in zip(encoding, row, strict=True):
                    put(number, angle)
            yield

    def forward(self) -> Any:
        found = []
        for _ in self._rows():
            self._state.set_zero_state()
            self._circuit.update_quantum_state(self._state)
            found.append([z.get_expectation_value(self._state) for z in self._each])
        return np.array(found)

    def step(self) -> Any:
        gradients = [self._circuit.backprop(self._total) for _ in self._rows()]
        return -np.sum(gradients, axis=0)[self._trained]


def qulacs(workload: Workload) -> Peer:
    """Qulacs' parametric circuit, row by row, with its `backprop`; in complex128."""
    return _Qulacs(workload)


class _MindQuantum(Peer):
    def __init__(self, workload: Workload) -> None:
        library = import_module("mindquantum")
        dtype, wires = library.complex64, workload.wires
        self._inputs = workload.inputs().double().numpy()
        self._weights = workload.weights().double().flatten().numpy()
        names = (f"w{number}" for number in range(self._weights.size))
        circuit = library.Circuit()
        for _ in range(workload.uploads):
            encoding, processing = library.Circuit(), library.Circuit()
            for wire in range(wires):
                encoding.ry(f"x{wire}", wire)
            for layer in range(workload.layers):
                for wire in range(wires):
                    processing.rz(next(names), wire)
                    processing.ry(next(names), wire)
                    processing.rz(next(names), wire)
                reach = layer % (wires - 1) + 1
                for wire in range(wires):
                    processing.x((wire + reach) % wires, wire)
            circuit += encoding.as_encoder().no_grad() + processing
        words = [library.QubitOperator(f"Z{wire}") for wire in range(wires)]
        made = library.Simulator("mqvector", wires, dtype=dtype)

        def compiled(operators: Any, circuit: Any) -> Any:
            observables = [library.Hamiltonian(o).astype(dtype) for o in operators]
            return made.get_expectation_with_grad(
                observables, circuit, parallel_worker=1
            )

        # One sweep back serves the sum of all; values alone need none.
        self._step = compiled([sum(words[1:], words[0])], circuit)
        self._values = compiled(words, circuit.copy().no_grad())
        self._simulator = library.Simulator("mqvector", wires, dtype=dtype)
        self._circuit, self._wires = circuit, wires
        places = np.arange(2**wires)[:, None] >> np.arange(wires)
        self._signs = 1 - 2 * (places & 1)

    def forward(self) -> Any:
        if self._wires < 12:  # above, it is faster to read the state
            return self._values(self._inputs, self._weights)[0].real
        found = []
        for row in self._inputs:
            angles = {f"w{number}": angle for number, angle in enumerate(self._weights)}
            angles |= {f"x{wire}": angle for wire, angle in enumerate(row)}
            self._simulator.reset()
            self._simulator.apply_circuit(self._circuit, angles)
            state = self._simulator.get_qs()
            found.append((state.real**2 + state.imag**2) @ self._signs)
        return np.array(found)

    def step(self) -> Any:
        return self._step(self._inputs, self._weights)[2].real.sum((0, 1))


def mind_quantum(workload: Workload) -> Peer:
    """MindQuantum's vector simulator in complex64, all rows in a call, adjoint."""
    return _MindQuantum(workload)


def flag_quantum(workload: Workload) -> TorchPeer:
    """FlagQuantum's `Module`, all rows in one batch, gradients by autograd.

    Its adjoint method takes one row, and 1.8 times as long (F, H).
    """
    library = import_module("flagquantum")
    wires = workload.wires

    def circuit(weights: Tensor, inputs: Tensor) -> Any:
        rows = len(inputs)
        made = library.Circuit(wires, bsz=rows, dtype=torch.complex64)
        for block in weights:
            for wire in range(wires):
                made.ry(wire, theta=inputs[:, wire] if rows > 1 else inputs[0, wire])
            for layer, angles in enumerate(block):
                for wire in range(wires):
                    made.rz(wire, theta=angles[wire, 0])
                    made.ry(wire, theta=angles[wire, 1])
                    made.rz(wire, theta=angles[wire, 2])
                reach = layer % (wires - 1) + 1
                for wire in range(wires):
                    made.cx(wire, (wire + reach) % wires)
        return made

    policy = library.RuntimePolicy(observable_qubits=tuple(range(wires)))
    weights = workload.weights()
    model = library.Module(circuit, tuple(weights.shape), policy=policy, init=weights)
    return TorchPeer(model, workload.inputs())


PEERS: dict[str, Callable[[Workload], Peer]] = {
    "qml-qdl": ours,
    "stock `TorchLayer` on `qdl.simulator`": stock_qnode,
    "`default.qubit`, backprop": default_qubit,
    "`lightning.qubit`, complex64": lightning_qubit,
    "`lightning.qubit`, complex128": partial(lightning_qubit, dtype=np.complex128),
}
OPTIONAL: tuple[tuple[str, str, Callable[[Workload], Peer]], ...] = (
    ("flagquantum", "FlagQuantum", flag_quantum),
    ("deepquantum", "DeepQuantum", deep_quantum),
    ("pyqtorch", "pyqtorch", py_q_torch),
    ("qulacs", "Qulacs", qulacs),
    ("mindquantum", "MindQuantum", mind_quantum),
    ("jax", "plain JAX, jit", plain_jax),
    ("jax", "`default.qubit`, JAX jit", default_qubit_jit),
    ("tensorcircuit", "TensorCircuit-NG, JAX jit", tensor_circuit),
)
"""By the module they need."""
PEERS |= {
    name: peer for module, name, peer in OPTIONAL if find_spec(module) is not None
}

TOO_SLOW = {
    ("A", "`lightning.qubit`, complex64"),
    ("A", "`lightning.qubit`, complex128"),
    ("B", "`lightning.qubit`, complex64"),
    ("B", "`lightning.qubit`, complex128"),
    ("E", "`default.qubit`, backprop"),
    ("C", "TensorCircuit-NG, JAX jit"),
    ("D", "TensorCircuit-NG, JAX jit"),
    ("E", "TensorCircuit-NG, JAX jit"),
    ("H", "TensorCircuit-NG, JAX jit"),
    ("C", "`default.qubit`, JAX jit"),
    ("D", "`default.qubit`, JAX jit"),
    ("E", "`default.qubit`, JAX jit"),
    ("H", "`default.qubit`, JAX jit"),
    ("E", "FlagQuantum"),
    ("E", "DeepQuantum"),
    ("E", "pyqtorch"),
}
"""Not run: thousands of circuits one after the other, 20 wires kept for the way back,
minutes of compilation (the plain JAX program, always faster there, takes seconds)."""
