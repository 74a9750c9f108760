"""Quantum functions of every style, on symbols or, where that cannot be, as ever."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.nn import QuantumLayer

WIRES = 3
SHAPES = {"weights": (2, WIRES, 3), "turn": ()}
Function = Callable[[Any, Any, Any], Any]


def zs() -> list[Any]:
    return [qml.expval(qml.Z(wire)) for wire in range(WIRES)]


def entangle(weights: Any) -> None:
    qml.StronglyEntanglingLayers(weights, range(WIRES))


def body(inputs: Any, weights: Any, turn: Any) -> None:
    qml.AngleEmbedding(inputs, range(WIRES))
    entangle(weights)
    qml.RX(turn, 0)


def templates(inputs: Any, weights: Any, turn: Any) -> Any:
    body(inputs, weights, turn)
    return zs()


def loops(inputs: Any, weights: Any, turn: Any) -> Any:
    for layer in range(2):
        for wire in range(WIRES):
            qml.RX(inputs[..., wire], wire)
            qml.Rot(*weights[layer, wire], wires=wire)
        for wire in range(WIRES):
            qml.CNOT([wire, (wire + 1) % WIRES])
    qml.RZ(turn, 1)
    return tuple(zs())


def affine(inputs: Any, weights: Any, turn: Any) -> Any:
    for wire in range(WIRES):
        qml.RY(math.pi * inputs[..., wire] - 0.3, wire)
        qml.RX(-weights[0, wire, 0] / 2 + 1, wire)
        qml.CRZ(2 * turn, [wire, (wire + 1) % WIRES])
    return zs()


def computed(inputs: Any, weights: Any, turn: Any) -> Any:
    angles = torch.tanh(inputs) * weights[0, :, 0] + torch.sin(turn)
    for wire in range(WIRES):
        qml.RY(angles[..., wire], wire)
    for wire in range(WIRES - 1):
        qml.IsingZZ(inputs[..., wire] * inputs[..., wire + 1], [wire, wire + 1])
    entangle(weights)
    return zs()


def by_pennylanes_math(inputs: Any, weights: Any, turn: Any) -> Any:
    angles = qml.math.arctan(inputs) + qml.math.sum(weights[1], axis=-1)
    qml.AngleEmbedding(angles, range(WIRES), rotation="Y")
    qml.RX(qml.math.cos(turn), 1)
    entangle(weights)
    return zs()


def mean_of_rows(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(inputs - inputs.mean(0), range(WIRES))
    entangle(weights * turn)
    return zs()


def constants(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(inputs, range(WIRES))
    qml.RX(np.pi / 3, 0)
    qml.RY(np.float64(0.2), 1)
    qml.RZ(torch.tensor(0.7), 2)
    qml.Rot(0.1, turn, 1, wires=1)
    qml.PhaseShift(np.array(0.4), 0)
    entangle(weights)
    return zs()


def reuploading(inputs: Any, weights: Any, turn: Any) -> Any:
    for layer in weights:
        qml.AngleEmbedding(inputs * turn, range(WIRES), rotation="Z")
        for wire, angles in enumerate(layer):
            qml.RY(angles[0], wire)
            qml.RZ(angles[1], wire)
        for wire in range(WIRES):
            qml.CNOT([wire, (wire + 1) % WIRES])
    return zs()


def wrapped(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(inputs, range(WIRES))
    qml.adjoint(qml.RX)(turn, 0)
    qml.ctrl(qml.RY, control=0)(weights[0, 0, 0], wires=1)
    qml.adjoint(qml.StronglyEntanglingLayers)(weights, wires=range(WIRES))
    qml.ctrl(qml.Rot(*weights[1, 1], wires=2), control=[0, 1], control_values=[0, 1])
    qml.pow(qml.RZ(weights[0, 1, 1], 1), 2)
    return zs()


def other_templates(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.IQPEmbedding(inputs, range(WIRES), n_repeats=2)
    qml.BasicEntanglerLayers(weights[..., 0], range(WIRES), rotation=qml.RY)
    qml.SimplifiedTwoDesign(
        weights[0, :, 1], weights[..., :2].reshape(2, WIRES - 1, -1)[:, :, :2], range(3)
    )
    qml.QFT(range(WIRES))
    qml.RandomLayers(weights[..., 1], range(WIRES), seed=3)
    qml.PauliRot(turn, "XYZ", range(WIRES))
    qml.MultiRZ(turn, range(WIRES))
    return zs()


def matrices(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(inputs, range(WIRES))
    qml.QubitUnitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2), 0)
    qml.DiagonalQubitUnitary(np.array([1, 1j]), 1)
    entangle(weights)
    qml.Hadamard(2)
    return zs()


def basis(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.BasisState(np.array([1, 0, 1]), range(WIRES))
    qml.AngleEmbedding(inputs, range(WIRES))
    entangle(weights)
    return zs()


def amplitudes(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AmplitudeEmbedding(inputs, range(WIRES), pad_with=0.3, normalize=True)
    entangle(weights)
    return zs()


def single(inputs: Any, weights: Any, turn: Any) -> Any:
    body(inputs, weights, turn)
    return qml.expval(qml.Z(0) @ qml.X(1))


def probabilities(inputs: Any, weights: Any, turn: Any) -> Any:
    body(inputs, weights, turn)
    return qml.probs(wires=[2, 0])


def state(inputs: Any, weights: Any, turn: Any) -> Any:
    body(inputs, weights, turn)
    return qml.density_matrix([1])


def many(inputs: Any, weights: Any, turn: Any) -> Any:
    body(inputs, weights, turn)
    return qml.probs(wires=1), [qml.var(qml.X(0)), (qml.purity([0, 1]),)], qml.probs()


def hamiltonian(inputs: Any, weights: Any, turn: Any) -> Any:
    body(inputs, weights, turn)
    h = qml.Hamiltonian([0.3, -0.7], [qml.Z(0) @ qml.Z(1), qml.X(2)])
    return qml.expval(h), qml.expval(2 * (qml.Z(0) + 3 * qml.X(1)))


def hermitian(inputs: Any, weights: Any, turn: Any) -> Any:
    body(inputs, weights, turn)
    matrix = np.array([[1, 2j], [-2j, 0.5]])
    return qml.expval(qml.Hermitian(matrix, 1)), qml.expval(qml.Projector([1], [0]))


def weighted(inputs: Any, weights: Any, turn: Any) -> Any:
    body(inputs, weights, turn)
    return qml.expval(turn * qml.Z(0) + weights[0, 0, 0] * qml.X(1))


def labels(inputs: Any, weights: Any, turn: Any) -> Any:
    wires = ["b", 7, "a"]
    qml.AngleEmbedding(inputs, wires)
    qml.StronglyEntanglingLayers(weights, wires)
    qml.RX(turn, "a")
    return [qml.expval(qml.Z("a")), qml.expval(qml.Y(7))]


def control_flow(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(inputs, range(WIRES))

    @qml.for_loop(0, WIRES, 1)
    def turned(wire: int) -> None:
        qml.RY(weights[0, wire, 0], wire)

    turned()

    @qml.while_loop(lambda wire: wire < WIRES - 1)
    def joined(wire: int) -> int:
        qml.CNOT([wire, wire + 1])
        return wire + 1

    joined(0)
    qml.cond(len(weights) > 1, qml.RX, qml.RY)(turn, 0)
    return zs()


CALLS = {"number": 0, "scale": 1.0}
CLOSED = torch.nn.Parameter(torch.tensor([0.3, 0.5, 0.7], dtype=torch.float64))


def counting(inputs: Any, weights: Any, turn: Any) -> Any:
    CALLS["number"] += 1
    qml.AngleEmbedding(inputs, range(WIRES))
    qml.RX(CALLS["number"] * 0.1, 0)
    entangle(weights)
    return zs()


def closed_over(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(inputs * CLOSED.to(inputs.dtype), range(WIRES))
    qml.RX(CLOSED[0], 0)
    qml.RY(CLOSED.sum() * turn, 1)
    entangle(weights)
    return zs()


def branching(inputs: Any, weights: Any, turn: Any) -> Any:
    rotation = "X" if inputs.sum() > 0 else "Y"
    qml.AngleEmbedding(inputs, range(WIRES), rotation=rotation)
    if turn > 0.5 and weights[0, 0, 0].item() < 9:
        qml.RX(turn, 0)
    entangle(weights)
    return zs()


def numbers_read(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(inputs, range(WIRES))
    qml.RX(float(turn), 0)
    qml.RY(turn.item() * 2, 1)
    qml.RZ(turn.detach().numpy(), 1)
    entangle(weights)
    assert f"{turn.item():.3f}" != "" and "meta" not in repr(weights)
    return zs()


def detached(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(inputs.detach(), range(WIRES))
    with torch.no_grad():
        scaled = weights * 2
    assert not scaled.requires_grad and not inputs.detach().requires_grad
    entangle(scaled)
    qml.RX(turn if turn.requires_grad else 0.0, 0)
    return zs()


def in_place(inputs: Any, weights: Any, turn: Any) -> Any:
    angles = torch.zeros_like(inputs)
    for wire in range(WIRES):
        angles[..., wire] = inputs[..., wire] * turn
    qml.AngleEmbedding(angles, range(WIRES))
    entangle(weights)
    return zs()


def filled(inputs: Any, weights: Any, turn: Any) -> Any:
    """A tensor that is no symbol is changed after it was used."""
    shift = torch.ones(WIRES, dtype=inputs.dtype)
    first = inputs + shift
    shift[1] = 3.0
    qml.AngleEmbedding(first, range(WIRES))
    qml.AngleEmbedding(inputs + shift, range(WIRES), rotation="Y")
    entangle(weights)
    return zs()


def swallowing(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(inputs, range(WIRES))
    try:
        angle = turn.clone().mul_(2)
    except Exception:
        angle = 0.0
    qml.RX(angle, 0)
    entangle(weights)
    return zs()


class Through(torch.autograd.Function):
    """Rounds, with the gradient of what was not rounded."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return (x * 4).round() / 4

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


def straight_through(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(Through.apply(inputs), range(WIRES))  # type: ignore
    entangle(weights)
    return zs()


def straight_through_last(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(inputs, range(WIRES))
    qml.RX(Through.apply(turn), 0)  # type: ignore
    entangle(weights)
    return zs()


def hooked(inputs: Any, weights: Any, turn: Any) -> Any:
    angles = inputs * turn
    if angles.requires_grad:
        angles.register_hook(lambda gradient: gradient * 3)
    qml.AngleEmbedding(angles, range(WIRES))
    entangle(weights)
    return zs()


def measured_before(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(inputs, range(WIRES))
    bit = qml.measure(0)
    qml.cond(bit, qml.RX)(turn, 1)
    qml.StronglyEntanglingLayers(weights[:, 1:], [1, 2])
    return [qml.expval(qml.Z(1)), qml.probs(wires=2)]


def own_gate(inputs: Any, weights: Any, turn: Any) -> Any:
    class Turns(qml.operation.Operation):  # type: ignore[misc]
        num_wires = 1

        @staticmethod
        def compute_decomposition(angle: Any, wires: Any) -> list[Any]:
            return [qml.RX(angle * 2, wires), qml.RZ(angle + 1, wires)]

    qml.AngleEmbedding(inputs, range(WIRES))
    Turns(turn, wires=0)
    entangle(weights)
    return zs()


def random_angles(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(inputs, range(WIRES))
    qml.RX(random.Random(3).random(), 0)
    qml.RY(torch.linspace(0, 1, 3)[1] * turn, 1)
    entangle(weights)
    return zs()


def noisy(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(inputs + 0 * torch.randn_like(inputs), range(WIRES))
    entangle(weights)
    return zs()


def scheduled(inputs: Any, weights: Any, turn: Any) -> Any:
    CALLS["scale"] += 0.125
    qml.AngleEmbedding(inputs * CALLS["scale"], range(WIRES))
    entangle(weights)
    return zs()


def chosen(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(torch.where(inputs > 0.5, inputs, turn), range(WIRES))
    entangle(weights)
    return zs()


def masked(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(inputs, range(WIRES))
    qml.RX(weights[torch.arange(2) > 0].sum() / 10, 0)
    entangle(weights)
    return zs()


def exponentials(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(inputs, range(WIRES))
    h = qml.Z(0) @ qml.Z(1) + 0.5 * qml.X(2)
    qml.TrotterProduct(h, 0.3, n=1)
    qml.exp(qml.X(0) @ qml.Y(1), 1j * turn)
    entangle(weights)
    return zs()


def measured_twice(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(inputs, range(WIRES))
    with qml.QueuingManager.stop_recording():
        gates = qml.StronglyEntanglingLayers(weights, range(WIRES)).decomposition()
    for gate in gates:
        qml.apply(gate)
    return zs()


ON_SYMBOLS: dict[str, Function] = {
    each.__name__: each
    for each in (
        *(templates, loops, affine, computed, by_pennylanes_math, constants),
        *(reuploading, wrapped, other_templates, matrices, basis, amplitudes, single),
        *(probabilities, state, many, hamiltonian, hermitian, labels, control_flow),
        *(closed_over, branching, numbers_read, detached, random_angles, chosen),
        *(measured_twice, mean_of_rows),
    )
}
AS_EVER: dict[str, tuple[Function, str]] = {
    "weighted": (weighted, "is measured"),
    "in_place": (in_place, "in place, by __setitem__"),
    "filled": (filled, "in place that was used before"),
    "swallowing": (swallowing, "in place, by mul_"),
    "straight_through": (straight_through, "autograd.Function"),
    "straight_through_last": (straight_through_last, "autograd.Function"),
    "hooked": (hooked, "see their gradients"),
    "measured_before": (measured_before, "measures on the way"),
    "noisy": (noisy, "draws random numbers"),
    "masked": (masked, "asks for their values"),
}
EVERY = {**ON_SYMBOLS, **{name: each for name, (each, _) in AS_EVER.items()}}


def layer_of(function: Function, target: str, **options: Any) -> QuantumLayer:
    device = qml.device(target)
    qnode = qml.QNode(function, device, **options)
    generator = torch.Generator().manual_seed(1)
    return QuantumLayer(qnode, SHAPES, generator=generator, dtype=torch.float64)


def inputs(rows: int | None, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(rows or 0)
    shape = (WIRES,) if rows is None else (rows, WIRES)
    x = torch.rand(shape, generator=generator, dtype=torch.float64) + 0.1
    return x.to(dtype).requires_grad_()


def results(layer: QuantumLayer, x: Tensor) -> list[Tensor]:
    """The values, and gradients of a sum of them times fixed numbers."""
    values = layer(x)
    real = torch.view_as_real(values) if values.is_complex() else values
    factors = torch.linspace(-1, 1, real.numel(), dtype=real.dtype).reshape(real.shape)
    wanted = [x, *layer.parameters(), CLOSED]
    found = torch.autograd.grad((real * factors).sum(), wanted, allow_unused=True)
    return [
        values,
        *(torch.zeros_like(w) if g is None else g for g, w in zip(found, wanted)),
    ]


def refused(layer: QuantumLayer) -> str | None:
    runner = layer.execution._functions
    assert runner is not None
    return runner.refused


@pytest.mark.parametrize("rows", [None, 1, 2, 5])
@pytest.mark.parametrize("name", EVERY)
def test_values_and_gradients_are_default_qubits(name: str, rows: int | None) -> None:
    if rows is None and name == "mean_of_rows":
        return  # of the features, then
    own, theirs = (layer_of(EVERY[name], t) for t in ("qdl.simulator", "default.qubit"))
    for x in (inputs(rows), inputs(rows) + 0.5, inputs(rows) - 1.3):
        found, expected = results(own, x), results(theirs, x)
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b, atol=1e-10, rtol=0)
    weights = dict(own.named_parameters())
    queued = own.execution._queued([x], weights, rows)
    reason = refused(own)
    if name in ON_SYMBOLS:
        assert reason is None and queued is not None
    else:
        assert reason is not None and AS_EVER[name][1] in reason
