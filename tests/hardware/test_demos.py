"""Circuits of PennyLane's demos, rewritten and short, on both devices.

Each demo gets what makes a device for its wires, and returns numbers: values, gradients
or what an optimiser made of them. They are the same as on default.qubit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane import numpy as pnp
from torch import Tensor

from qml_qdl.circuits.errors import TargetError

Make = Callable[[Any], Any]

OURS = ("qdl.simulator", "qdl.qiskit")
ours = pytest.mark.parametrize("name", OURS)

DEMOS: dict[str, Callable[[Make], Any]] = {}


def demo(function: Callable[[Make], Any]) -> Callable[[Make], Any]:
    DEMOS[function.__name__] = function
    return function


def flat(results: Any) -> list[Any]:
    """All numbers of nested results, as arrays."""
    if isinstance(results, tuple | list):
        return [array for result in results for array in flat(result)]
    if isinstance(results, dict):
        return flat(list(results.values()))
    if isinstance(results, Tensor):
        return [results.detach().resolve_conj().numpy()]
    return [np.asarray(results)]


@cache
def expected(name: str) -> list[Any]:
    return flat(DEMOS[name](lambda wires: qml.device("default.qubit", wires=wires)))


def trained(*numbers: float) -> Any:
    return pnp.array(numbers, requires_grad=True)


def leaf(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=True)


def drawn(*shape: int) -> Any:
    return np.random.default_rng(0).random(shape)


@demo
def qubit_rotation(make: Make) -> Any:
    @qml.qnode(make(1))
    def circuit(angles: Any) -> Any:
        qml.RX(angles[0], 0)
        qml.RY(angles[1], 0)
        return qml.expval(qml.Z(0))

    angles, optimizer = trained(0.011, 0.012), qml.GradientDescentOptimizer(0.4)
    for _ in range(3):
        angles = optimizer.step(circuit, angles)
    return angles, circuit(angles)


@demo
def quantum_gan(make: Make) -> Any:
    """The patch method divides probabilities in place."""

    @qml.qnode(make(3), diff_method="parameter-shift")
    def circuit(noise: Any, weights: Any) -> Any:
        for wire in range(3):
            qml.RY(noise[wire], wire)
        for layer in weights:
            for wire in range(3):
                qml.RY(layer[wire], wire)
            qml.CZ([0, 1])
            qml.CZ([1, 2])
        return qml.probs(wires=range(3))

    weights = torch.tensor(drawn(2, 3), requires_grad=True)
    patch = circuit(torch.tensor([0.1, 0.5, 0.9]), weights)[:4]
    patch /= patch.sum()
    (patch / patch.max()).square().sum().backward()
    return patch, weights.grad


@demo
def state_learning(make: Make) -> Any:
    @qml.qnode(make(1))
    def circuit(angles: Any, axis: Any) -> Any:
        qml.Rot(*angles, wires=0)
        return qml.expval(axis)

    goal = {qml.X(0): 0.3, qml.Y(0): -0.4, qml.Z(0): np.sqrt(0.75)}
    angles = leaf(0.1, 0.2, 0.3)
    for _ in range(2):
        loss = sum((circuit(angles, axis) - to).abs() for axis, to in goal.items())
        (slope,) = torch.autograd.grad(loss, angles)
        angles = (angles - 0.1 * slope).detach().requires_grad_()
    return angles, loss


@demo
def complex_state(make: Make) -> Any:
    """A state that autograd takes for trained."""

    @qml.qnode(make(2))
    def circuit(state: Any, angle: Any) -> Any:
        qml.StatePrep(state, [0, 1])
        qml.RY(angle, 0)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(1))

    state = trained(0.5, 0.5j, -0.5, 0.5)  # type: ignore[arg-type]
    return circuit(state, 0.3), qml.grad(circuit, argnums=1)(state, pnp.array(0.3))


@demo
def torch_layer(make: Make) -> Any:
    @qml.qnode(make(2))
    def circuit(inputs: Any, weights: Any) -> Any:
        qml.AngleEmbedding(inputs, wires=range(2))
        qml.BasicEntanglerLayers(weights, wires=range(2))
        return [qml.expval(qml.Z(wire)) for wire in range(2)]

    start = torch.tensor(drawn(3, 2))
    layer = qml.qnn.TorchLayer(
        qnode=circuit,
        weight_shapes={"weights": (3, 2)},
        init_method={"weights": lambda weights: weights.copy_(start)},
    ).double()
    inputs = torch.tensor(drawn(4, 2), requires_grad=True)
    outputs = layer(inputs)
    outputs.square().sum().backward()
    return outputs, layer.weights.grad, inputs.grad


@demo
def fourier_marks(make: Make) -> Any:
    @qml.qnode(make(2))
    def circuit(x: Any, weights: Any) -> Any:
        for layer in weights:
            for wire in range(2):
                qml.fourier.mark(qml.RX(x[0], wire), "first")
                qml.Rot(*layer[wire], wires=wire)
            qml.CNOT([1, 0])
        qml.fourier.mark(qml.RX(x[1], 0), "second")
        return qml.expval(qml.Z(0))

    x, weights = pnp.array([0.1, 0.3]), trained(*drawn(12)).reshape(2, 2, 3)
    spectrum = qml.fourier.circuit_spectrum(circuit)(x, weights)
    return circuit(x, weights), qml.grad(circuit, argnums=1)(x, weights), spectrum


@demo
def fourier_series(make: Make) -> Any:
    @qml.qnode(make(1))
    def circuit(x: Any) -> Any:
        for angles in drawn(3, 3):
            qml.RX(x[0], 0)
            qml.Rot(*angles, wires=0)
        return qml.expval(qml.Z(0))

    return qml.fourier.coefficients(circuit, 1, 3), circuit([np.linspace(0, 1, 5)])


@demo
def molecule(make: Make) -> Any:
    """Hydrogen, by a variational eigensolver."""
    numbers = [-0.0996, 0.1711, 0.1711, -0.2225, 0.1686, 0.0453, -0.0453]
    words = ["I", "Z0", "Z1", "Z2", "Z0 Z1", "Y0 X1 X2 Y3", "Y0 Y1 X2 X3"]
    terms = [
        qml.prod(*(getattr(qml, f[0])(int(f[1:] or 0)) for f in word.split()))
        for word in words
    ]
    energy = qml.Hamiltonian(numbers, terms)

    @qml.qnode(make(4))
    def circuit(angle: Any) -> Any:
        qml.BasisState(np.array([1, 1, 0, 0]), range(4))
        qml.DoubleExcitation(angle, [0, 1, 2, 3])
        return qml.expval(energy)

    angle, optimizer = pnp.array(0.0, requires_grad=True), qml.AdamOptimizer(0.3)
    for _ in range(3):
        angle, value = optimizer.step_and_cost(circuit, angle)
    return angle, value


@demo
def qaoa(make: Make) -> Any:
    edges = [(0, 1), (1, 2), (0, 2), (2, 3)]
    cost = qml.dot([0.5] * 4, [qml.Z(a) @ qml.Z(b) for a, b in edges])
    mixer = qml.qaoa.x_mixer(range(4))

    def layer(gamma: Any, alpha: Any) -> None:
        qml.qaoa.cost_layer(gamma, cost)
        qml.qaoa.mixer_layer(alpha, mixer)

    @qml.qnode(make(4))
    def circuit(angles: Any) -> Any:
        for wire in range(4):
            qml.H(wire)
        qml.layer(layer, 2, angles[0], angles[1])
        return qml.expval(cost)

    angles = trained(0.5, 0.4, 0.3, 0.2).reshape(2, 2)
    angles = qml.MomentumOptimizer(0.05).step(circuit, angles)
    return angles, circuit(angles)


@demo
def trained_kernel(make: Make) -> Any:
    def embedding(x: Any, angle: Any) -> None:
        qml.AngleEmbedding(x, wires=range(2))
        qml.IsingZZ(angle, [0, 1])
        qml.AngleEmbedding(x, wires=range(2), rotation="Y")

    @qml.qnode(make(2))
    def circuit(a: Any, b: Any, angle: Any) -> Any:
        embedding(a, angle)
        qml.adjoint(embedding)(b, angle)
        return qml.probs(wires=range(2))

    data, labels = drawn(3, 2), [1, -1, 1]

    def alignment(angle: Any) -> Any:
        return qml.kernels.target_alignment(
            data, labels, lambda a, b: circuit(a, b, angle)[0]
        )

    angle = pnp.array(0.4, requires_grad=True)
    return alignment(angle), qml.grad(alignment)(angle)


@demo
def data_reuploading(make: Make) -> Any:
    @qml.qnode(make(1))
    def circuit(weights: Any, x: Any) -> Any:
        for angles in weights:
            qml.Rot(*x, wires=0)
            qml.Rot(*angles, wires=0)
        return qml.expval(qml.Hermitian(np.diag([1, 0]), wires=[0]))

    x, weights = drawn(3), trained(*drawn(9)).reshape(3, 3)
    return qml.AdamOptimizer(0.3).step(lambda w: (1 - circuit(w, x)) ** 2, weights)


@demo
def qcnn(make: Make) -> Any:
    """Pooling by measurements on the way."""

    @qml.qnode(make(6), mcm_method="deferred")
    def circuit(weights: Any) -> Any:
        for wire in range(4):
            qml.RY(0.3 * (wire + 1), wire)
        for pair in ((0, 1), (2, 3), (1, 2)):
            qml.IsingXX(weights[0], pair)
            qml.IsingYY(weights[1], pair)
            qml.U3(*weights[2:5], wires=pair[0])
        for source, wire in ((1, 0), (3, 2)):
            qml.cond(qml.measure(source), qml.U3)(*weights[5:8], wires=wire)
        qml.ArbitraryUnitary(weights, [0, 2])
        return qml.probs(wires=[0, 2])

    weights = leaf(*drawn(15))
    probabilities = circuit(weights)
    probabilities[1].log().backward()
    return probabilities, weights.grad


@demo
def natural_gradient(make: Make) -> Any:
    @qml.qnode(make(3))
    def circuit(angles: Any) -> Any:
        qml.RY(np.pi / 4, 0)
        qml.RZ(angles[0], 0)
        qml.RZ(angles[1], 1)
        qml.CNOT([0, 1])
        qml.RY(angles[2], 0)
        return qml.expval(qml.Y(0) @ qml.Z(1))

    angles = trained(0.4, -0.1, 0.5)
    whole = qml.metric_tensor(circuit, approx=None, aux_wire=2)(angles)
    return whole, qml.QNGOptimizer(0.1).step(circuit, angles)


@demo
def fisher_information(make: Make) -> Any:
    @qml.qnode(make(2))
    def circuit(angles: Any) -> Any:
        qml.RX(angles[0], 0)
        qml.RY(angles[1], 1)
        qml.CNOT([0, 1])
        return qml.probs(wires=range(2))

    return qml.gradients.classical_fisher(circuit)(trained(0.4, -0.1))


@demo
def phase_estimation(make: Make) -> Any:
    @qml.qnode(make(4))
    def circuit(angle: Any) -> Any:
        for wire in range(3):
            qml.H(wire)
        qml.ControlledSequence(qml.RX(angle, 3), control=range(3))
        qml.adjoint(qml.QFT)(wires=range(3))
        return qml.probs(wires=range(3))

    return circuit(0.7), qml.jacobian(circuit)(pnp.array(0.7, requires_grad=True))


@demo
def grover(make: Make) -> Any:
    @qml.qnode(make(3))
    def circuit() -> Any:
        for wire in range(3):
            qml.H(wire)
        for _ in range(2):
            qml.FlipSign([1, 0, 1], range(3))
            qml.GroverOperator(range(3))
        return qml.probs(wires=range(3))

    return circuit()


@demo
def teleportation(make: Make) -> Any:
    @qml.qnode(make(5), mcm_method="deferred")
    def circuit(angles: Any) -> Any:
        qml.RX(angles[0], 0)
        qml.RZ(angles[1], 0)
        qml.H(1)
        qml.CNOT([1, 2])
        qml.CNOT([0, 1])
        qml.H(0)
        first, second = qml.measure(0), qml.measure(1)
        qml.cond(second, qml.X)(2)
        qml.cond(first, qml.Z)(2)
        return qml.expval(qml.X(2)), qml.expval(qml.Y(2)), qml.expval(first + second)

    angles = leaf(0.3, 0.7)
    results = circuit(angles)
    sum(results).backward()
    return results, angles.grad


@demo
def postselected(make: Make) -> Any:
    @qml.qnode(make(4), mcm_method="deferred")
    def circuit(angles: Any) -> Any:
        qml.RY(angles[0], 0)
        qml.CRX(angles[1], [0, 1])
        kept = qml.measure(1, postselect=1, reset=True)
        qml.cond(kept, qml.RX)(angles[1], 1)
        return qml.expval(qml.Z(0)), qml.probs(wires=[0, 1]), qml.var(qml.Y(1))

    angles = leaf(0.7, 0.4)
    results = circuit(angles)
    (results[0] + results[1][2] + results[2]).backward()
    return results, angles.grad


@demo
def trotterised(make: Make) -> Any:
    energy = qml.dot([0.5, 1.0, 0.7], [qml.X(0), qml.Z(0) @ qml.Z(1), qml.Y(1)])

    @qml.qnode(make(2))
    def circuit(time: Any) -> Any:
        qml.TrotterProduct(energy, time, n=2, order=2)
        qml.ApproxTimeEvolution(energy, time, 2)
        qml.QDrift(energy, time, n=3, seed=1)
        return qml.expval(qml.Z(0) @ qml.Y(1))

    return circuit(0.4), qml.grad(circuit)(pnp.array(0.4, requires_grad=True))


@demo
def natural_spsa(make: Make) -> Any:
    @qml.qnode(make(2))
    def circuit(angles: Any) -> Any:
        qml.RX(angles[0], 0)
        qml.RY(angles[1], 1)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(1))

    return qml.QNSPSAOptimizer(seed=1).step(circuit, trained(0.3, 0.5))


@demo
def rotosolve(make: Make) -> Any:
    @qml.qnode(make(2))
    def circuit(angles: Any) -> Any:
        qml.RX(angles[0], 0)
        qml.RY(angles[1], 1)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(0) + 0.5 * qml.X(1))

    once = {"angles": {(0,): 1, (1,): 1}}
    return qml.RotosolveOptimizer().step(
        circuit, trained(0.3, 0.5), nums_frequency=once
    )


@demo
def linear_solver(make: Make) -> Any:
    """Hadamard tests of a variational linear solver."""

    @qml.qnode(make(4))
    def circuit(angles: Any, phase: Any, wire: int) -> Any:
        qml.H(3)
        qml.PhaseShift(phase, 3)
        for angle, place in zip(angles, range(3), strict=True):
            qml.RY(angle, place)
        qml.ctrl(qml.IsingXY(angles[0], [0, 1]), 3)
        qml.CZ([3, wire])
        qml.H(3)
        return qml.expval(qml.Z(3))

    def cost(angles: Any) -> Any:
        tests = [(p, w) for p in (0, -np.pi / 2) for w in (0, 2)]
        return sum(circuit(angles, phase, wire) ** 2 for phase, wire in tests)

    return qml.grad(cost)(trained(0.1, 0.2, 0.3))


@demo
def arithmetic(make: Make) -> Any:
    @qml.qnode(make(9))
    def circuit() -> Any:
        qml.BasisEmbedding(3, wires=range(3))
        qml.BasisEmbedding(2, wires=range(3, 6))
        qml.OutAdder(range(3), range(3, 6), range(6, 9))
        qml.Adder(3, x_wires=range(6, 9))
        return qml.probs(wires=range(6, 9))

    return circuit()


@demo
def singular_values(make: Make) -> Any:
    @qml.qnode(make(2))
    def circuit(angles: Any) -> Any:
        matrix = qml.BlockEncode(np.array([[0.1, 0.2], [0.2, -0.1]]), wires=[0, 1])
        turns = [qml.PCPhase(angle, dim=2, wires=[0, 1]) for angle in angles]
        qml.QSVT(matrix, turns)
        return qml.probs(wires=[0, 1])

    angles = leaf(0.3, 0.5, 0.7)
    probabilities = circuit(angles)
    probabilities[1].backward()
    return probabilities, angles.grad


@demo
def combination_of_unitaries(make: Make) -> Any:
    energy = qml.dot([0.3, 0.5, 0.2], [qml.Z(2), qml.X(2) @ qml.Z(3), qml.Y(3)])

    @qml.qnode(make(4))
    def circuit() -> Any:
        qml.H(2)
        qml.PrepSelPrep(energy, control=[0, 1])
        qml.Qubitization(energy, control=[0, 1])
        return qml.probs(wires=range(4)), qml.expval(qml.Z(2))

    return circuit()


@demo
def learning_to_learn(make: Make) -> Any:
    @qml.qnode(make(2))
    def circuit(angles: Any) -> Any:
        qml.RY(angles[0], 0)
        qml.RX(angles[1], 1)
        qml.IsingZZ(angles[0], [0, 1])
        return qml.expval(qml.Z(0) @ qml.Z(1))

    with torch.random.fork_rng():
        torch.manual_seed(0)
        cell = torch.nn.LSTMCell(3, 2).double()
    hidden = memory = torch.zeros(1, 2, dtype=torch.float64)
    inputs, loss = torch.zeros(1, 3, dtype=torch.float64), torch.zeros(())
    for _ in range(2):
        hidden, memory = cell(inputs, (hidden, memory))
        energy = circuit(hidden[0])
        loss = loss + energy
        inputs = torch.cat([hidden, energy.reshape(1, 1)], 1)
    loss.backward()
    return loss, cell.weight_hh.grad


@demo
def barren_plateau(make: Make) -> Any:
    @qml.qnode(make(3))
    def circuit(angles: Any, gates: Any) -> Any:
        for wire, (angle, gate) in enumerate(zip(angles, gates, strict=True)):
            qml.RY(np.pi / 4, wire)
            (qml.RX, qml.RY, qml.RZ)[gate](angle, wire)
        qml.CZ([0, 1])
        qml.CZ([1, 2])
        return qml.expval(qml.Hermitian(np.diag([1, 0, 0, 0]), [0, 1]))

    rng, slope = np.random.default_rng(1), qml.grad(circuit, argnums=0)
    angles, gates = rng.uniform(0, 6, (4, 3)), rng.integers(0, 3, (4, 3))
    pairs = zip(angles, gates, strict=True)
    return np.var([slope(trained(*own), gate)[-1] for own, gate in pairs])


@demo
def quanvolution(make: Make) -> Any:
    @qml.qnode(make(4))
    def circuit(pixels: Any) -> Any:
        for wire in range(4):
            qml.RY(np.pi * pixels[wire], wire)
        qml.RandomLayers(drawn(1, 4), wires=range(4), seed=1)
        return [qml.expval(qml.Z(wire)) for wire in range(4)]

    image = drawn(2, 4)
    return [circuit(image[:, column : column + 2].ravel()) for column in (0, 2)]


@demo
def dressed_circuit(make: Make) -> Any:
    """Transfer learning; its results are stacked and cast."""

    @qml.qnode(make(3), interface="torch")
    def circuit(features: Any, weights: Any) -> Any:
        for wire in range(3):
            qml.H(wire)
            qml.RY(features[wire], wire)
        for layer in weights:
            qml.CNOT([0, 1])
            qml.CNOT([1, 2])
            for wire, angle in enumerate(layer):
                qml.RY(angle, wire)
        return tuple(qml.expval(qml.Z(wire)) for wire in range(3))

    weights, features = leaf(*drawn(6)), leaf(*drawn(3) + 1)
    outputs = torch.hstack(circuit(torch.tanh(features), weights.reshape(2, 3)))
    rows = torch.cat([torch.empty(0, 3), outputs.float().unsqueeze(0)])
    torch.nn.functional.cross_entropy(rows, torch.tensor([1])).backward()
    return rows, weights.grad, features.grad


@demo
def multiclass_margin(make: Make) -> Any:
    @qml.qnode(make(2))
    def circuit(weights: Any, x: Any) -> Any:
        qml.AmplitudeEmbedding(x, wires=range(2), pad_with=0.0, normalize=True)
        qml.StronglyEntanglingLayers(weights, wires=range(2))
        return qml.expval(qml.Z(0))

    weights, bias = torch.tensor(drawn(2, 1, 2, 3), requires_grad=True), leaf(0.1, 0.2)
    scores = [circuit(own, torch.tensor(drawn(3))) for own in weights]
    loss = (scores[0] + bias[0] - scores[1] - bias[1] + 0.5).clamp(min=0)
    loss.backward()
    return loss, weights.grad, bias.grad


@demo
def tensor_networks(make: Make) -> Any:
    def block(weights: Any, wires: Any) -> None:
        qml.RX(weights[0], wires[0])
        qml.RY(weights[1], wires[1])
        qml.CNOT(wires)

    @qml.qnode(make(4))
    def circuit(weights: Any) -> Any:
        qml.MPS(range(4), 2, block, 2, weights)
        qml.TTN(range(4), 2, block, 2, weights)
        return qml.expval(qml.Z(3))

    return qml.grad(circuit)(trained(*drawn(6)).reshape(3, 2))


@demo
def equivariant(make: Make) -> Any:
    """Weights that several gates share, one of them for three wires."""

    @qml.qnode(make(4))
    def circuit(x: Any, weights: Any) -> Any:
        for wire in range(4):
            qml.RX(2 * np.pi * x[wire] / 3, wire)
        for wire in range(3):
            qml.RY(weights[0], wire)
            qml.CRY(weights[1], [wire, 3])
            qml.CRY(weights[2], [3, (wire + 1) % 3])
        corners = qml.dot([1 / 3] * 3, [qml.Z(wire) for wire in range(3)])
        return qml.expval(corners), qml.expval(qml.Z(3))

    weights = leaf(0.1, 0.3, 0.5)
    results = circuit(torch.tensor([1, 0, -1, 1]), weights)
    (results[0] - 2 * results[1]).backward()
    return results, weights.grad


@demo
def snapshots(make: Make) -> Any:
    @qml.qnode(make(2))
    def circuit() -> Any:
        qml.Snapshot("first")
        qml.H(0)
        qml.Snapshot("second", measurement=qml.expval(qml.X(0)))
        qml.CNOT([0, 1])
        qml.Snapshot(measurement=qml.probs())
        return qml.expval(qml.X(0))

    return qml.snapshots(circuit)()


@demo
def arbitrary_state(make: Make) -> Any:
    state = drawn(8) * np.exp(6j * drawn(8)[::-1])

    @qml.qnode(make(3))
    def circuit() -> Any:
        qml.MottonenStatePreparation(state / np.linalg.norm(state), wires=range(3))
        return qml.state(), qml.vn_entropy(0), qml.purity([1]), qml.mutual_info(0, 1)

    found, *others = circuit()
    return found * np.exp(-1j * np.angle(found[0])), others


@demo
def gradients_by_name(make: Make) -> Any:
    @qml.qnode(make(2), diff_method="parameter-shift", max_diff=2)
    def circuit(angles: Any) -> Any:
        qml.RX(angles[0], 0)
        qml.CRY(angles[1], [0, 1])
        return qml.expval(qml.Z(0) @ qml.Z(1))

    angles, gradients = trained(0.4, 0.6), qml.gradients
    steps = gradients.finite_diff(circuit, h=1e-4, approx_order=2, strategy="center")
    second = qml.jacobian(qml.grad(circuit))(angles)
    return gradients.param_shift(circuit)(angles), steps(angles), second


@demo
def extrapolated(make: Make) -> Any:
    @qml.qnode(make(2))
    def circuit(angle: Any) -> Any:
        qml.RY(angle, 0)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(0) @ qml.X(1))

    mitigated = qml.noise.mitigate_with_zne(
        circuit,
        scale_factors=[1, 2, 3],
        folding=qml.noise.fold_global,
        extrapolate=qml.noise.poly_extrapolate,
        extrapolate_kwargs={"order": 2},
    )
    return qml.grad(mitigated)(pnp.array(0.4, requires_grad=True))


@demo
def compiled(make: Make) -> Any:
    @qml.transforms.split_non_commuting
    @qml.transforms.merge_rotations
    @qml.transforms.cancel_inverses
    @qml.transforms.commute_controlled
    @qml.qnode(make(3))
    def circuit(angles: Any) -> Any:
        qml.RX(angles[0], 0)
        qml.RX(angles[1], 0)
        qml.H(1)
        qml.H(1)
        qml.CNOT([0, 1])
        qml.CRZ(angles[1], [1, 2])
        qml.Toffoli([0, 1, 2])
        energy = qml.Hamiltonian([0.2, 0.4], [qml.Y(2), qml.Z(2) @ qml.X(1)])
        return qml.expval(qml.X(0) @ qml.Z(1)), qml.expval(qml.Z(0)), qml.expval(energy)

    angles = leaf(0.3, 0.7)
    results = circuit(angles)
    sum(results).backward()
    return results, angles.grad


@demo
def cut_circuit(make: Make) -> Any:
    @qml.cut_circuit
    @qml.qnode(make(2))
    def circuit(angle: Any) -> Any:
        qml.RX(angle, 0)
        qml.RY(0.9, 1)
        qml.CZ([0, 1])
        qml.WireCut(1)
        qml.CZ([1, 2])
        return qml.expval(qml.Z(0) @ qml.Z(1) @ qml.Z(2))

    return circuit(0.5), qml.grad(circuit)(pnp.array(0.5, requires_grad=True))


@demo
def batches(make: Make) -> Any:
    @qml.batch_params
    @qml.qnode(make(2))
    def circuit(x: Any, weights: Any) -> Any:
        qml.AngleEmbedding(x, wires=range(2), rotation="Y")
        qml.StronglyEntanglingLayers(weights, wires=range(2))
        return qml.expval(qml.Z(1))

    x = torch.tensor(drawn(3, 2), requires_grad=True)
    weights = torch.tensor(drawn(3, 1, 2, 3), requires_grad=True)
    results = circuit(x, weights)
    results.sum().backward()
    return results, x.grad, weights.grad


@ours
@pytest.mark.parametrize("title", DEMOS)
@pytest.mark.filterwarnings("ignore")  # PennyLane's own
def test_demo(title: str, name: str) -> None:
    found = flat(DEMOS[title](lambda wires: qml.device(name, wires=wires)))
    for mine, theirs in zip(found, expected(title), strict=True):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-6)


@ours
@pytest.mark.filterwarnings("ignore")  # jax's and PennyLane's own
def test_jax_with_shared_weights(name: str) -> None:
    jax = pytest.importorskip("jax")

    @qml.qnode(qml.device(name, wires=1))
    def circuit(weight: Any, x: Any) -> Any:
        qml.RX(x, 0)
        qml.RY(weight, 0)
        return qml.expval(qml.Z(0))

    with jax.enable_x64(True):
        rows = jax.vmap(circuit, (None, 0))
        x = np.array([0.0, 1.0, 2.0])
        slope = jax.jit(jax.grad(lambda weight: rows(weight, x).sum()))(0.3)
    assert float(slope) == pytest.approx(-0.3322, abs=1e-4)


@ours
def test_shots(name: str) -> None:
    """GHZ states: all that is sampled agrees."""

    @qml.set_shots(100)
    @qml.qnode(qml.device(name, wires=3, seed=1))
    def circuit() -> Any:
        qml.H(0)
        qml.CNOT([0, 1])
        qml.CNOT([1, 2])
        return qml.counts(), qml.sample(qml.Z(0) @ qml.Z(1)), qml.probs(wires=[0, 2])

    counts, samples, probabilities = circuit()
    assert sorted(counts) == ["000", "111"]
    assert sum(counts.values()) == 100
    assert (samples == 1).all()
    assert probabilities[1] == probabilities[2] == 0.0


@ours
@pytest.mark.filterwarnings("ignore")  # PennyLane's own
def test_optimizer_that_chooses_shots(name: str) -> None:
    energy = qml.Hamiltonian([2, -1, 5], [qml.X(1), qml.X(0) @ qml.X(1), qml.Z(0)])

    @qml.qnode(qml.device(name, wires=2, seed=1), shots=100)
    def circuit(angles: Any) -> Any:
        qml.RY(angles[0], 0)
        qml.RY(angles[1], 1)
        return qml.expval(energy)

    optimizer = qml.ShotAdaptiveOptimizer(
        min_shots=10, term_sampling="weighted_random_sampling"
    )
    angles = trained(1.5, 0.1)
    for _ in range(3):
        angles = optimizer.step(circuit, angles)
    assert optimizer.total_shots_used > 40
    assert np.abs(angles - [1.5, 0.1]).max() > 0.01


def test_shadows_are_the_simulators() -> None:
    def circuit() -> Any:
        qml.H(0)
        qml.CNOT([0, 1])
        return qml.classical_shadow(wires=[0, 1])

    device = qml.device("qdl.simulator", wires=2, seed=1)
    shadow = qml.ClassicalShadow(*qml.set_shots(qml.QNode(circuit, device), 3000)())
    assert shadow.expval(qml.X(0) @ qml.X(1), k=1) == pytest.approx(1, abs=0.2)
    node = qml.set_shots(qml.QNode(circuit, qml.device("qdl.qiskit", wires=2)), 10)
    with pytest.raises(TargetError, match=r"shadows; use target='qdl.simulator'"):
        node()


@ours
@pytest.mark.filterwarnings("ignore")  # jax's, where it is installed
@pytest.mark.parametrize(
    ("queue", "message"),
    [
        (lambda: qml.DepolarizingChannel(0.1, 0), "has no channels, got Depolarizing"),
        (
            lambda: qml.evolve(qml.pulse.constant * qml.X(0))([0.3], t=1.0),
            r"has no pulses, got ParametrizedEvolution; use .*default.qubit",
        ),
    ],
)
def test_what_is_of_other_devices(name: str, queue: Any, message: str) -> None:
    if "pulses" in message:
        pytest.importorskip("jax")

    @qml.qnode(qml.device(name, wires=1))
    def circuit() -> Any:
        queue()
        return qml.expval(qml.Z(0))

    with pytest.raises(TargetError, match=message):
        circuit()


@ours
@pytest.mark.parametrize("evolved", [qml.evolve, lambda g, t: qml.exp(g, -1j * t)])
def test_time_evolution_under_autograd(name: str, evolved: Any) -> None:
    """Where autograd's own gradient, and default.qubit's by it, is wrong."""

    @qml.qnode(qml.device(name, wires=2))
    def circuit(time: Any) -> Any:
        qml.RX(0.3, 0)
        evolved(qml.X(0) @ qml.Y(1) + 0.5 * qml.Z(0), time)
        return qml.expval(qml.Y(0))

    time = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    circuit(time).backward()
    assert time.grad is not None
    assert time.grad.item() == pytest.approx(0.410774, abs=1e-6)
    found = qml.grad(circuit)(pnp.array(0.3, requires_grad=True))
    assert found == pytest.approx(time.grad.item(), abs=1e-10)


INPUTS = {
    "number": 0.3,
    "float32 array": np.float32(0.3),
    "float64 array": np.array(0.3),
    "trained float32 tensor": torch.tensor(0.3, requires_grad=True),
    "float32 rows": torch.tensor([0.3, 0.4], requires_grad=True),
}

RESULTS: dict[str, tuple[Callable[[], Any], bool, bool]] = {
    "mean": (lambda: qml.expval(qml.Z(1)), True, True),
    "sum": (lambda: qml.expval(qml.Z(1) + 0.5 * qml.X(0)), True, True),
    "matrix": (lambda: qml.expval(qml.Hermitian(np.diag([1, 2]), 0)), True, True),
    "variance": (lambda: qml.var(qml.Z(1)), True, True),
    "probabilities": (lambda: qml.probs(wires=[0, 1]), True, True),
    "state": (qml.state, True, False),
    "density": (lambda: qml.density_matrix(0), True, False),
    "entropy": (lambda: qml.vn_entropy(0), True, False),
    "samples": (qml.sample, False, True),
    "eigenvalues": (lambda: qml.sample(qml.Z(0)), False, True),
    "counts": (qml.counts, False, True),
    "several": (lambda: (qml.expval(qml.Z(0)), qml.sample(wires=0)), False, True),
}


def kinds(results: Any) -> Any:
    """Types of results, of their numbers, and their shapes."""
    if isinstance(results, tuple | list):
        return type(results), [kinds(result) for result in results]
    if isinstance(results, dict):
        return dict, {(type(k), type(v)) for k, v in results.items()}
    return type(results), results.dtype, results.shape


@pytest.mark.parametrize("title", RESULTS)
def test_types_are_default_qubits(title: str) -> None:
    measure, exact, sampled = RESULTS[title]

    def circuit(x: Any) -> Any:
        qml.RY(x, 0)
        qml.CNOT([0, 1])
        return measure()

    def found(name: str, given: str, shots: int | None) -> Any:
        node = qml.QNode(circuit, qml.device(name, wires=2))
        return kinds(qml.set_shots(node, shots)(INPUTS[given]))

    for given in INPUTS:
        for shots in [None] * exact + [7] * sampled:
            right = found("default.qubit", given, shots)
            for name in OURS:
                assert found(name, given, shots) == right, (given, name, shots)
