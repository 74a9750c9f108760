"""Quantum functions of every style, on symbols or, where that cannot be, as ever."""

from __future__ import annotations

import contextlib
import copy
import gc
import math
import pickle
import random
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import ShapeError
from qml_qdl.hardware.caches import LruCache
from qml_qdl.hardware.simulator import functions
from qml_qdl.hardware.simulator.functions import (
    MOST_MISSES,
    FunctionRunner,
    QueuedTape,
)
from qml_qdl.hardware.simulator.runner import FEW_WIRES
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
    qml.RX(float(turn.detach()), 0)
    qml.RY(turn.item() * 2, 1)
    qml.RZ(turn.detach().numpy(), 1)
    entangle(weights)
    if "nan" in f"{turn.item():.3f}" or "meta" in repr(weights):
        raise ValueError("these are no numbers")
    return zs()


def detached(inputs: Any, weights: Any, turn: Any) -> Any:
    qml.AngleEmbedding(inputs.detach(), range(WIRES))
    with torch.no_grad():
        scaled = weights * 2
    if scaled.requires_grad or inputs.detach().requires_grad:
        raise ValueError("they have no gradient")
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
        angle = turn.clone()
        angle *= 2
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
    "swallowing": (swallowing, "in place, by mul_"),
    "in_place": (in_place, "in place, by __setitem__"),
    "filled": (filled, "in place that was used before"),
    "straight_through": (straight_through, "autograd.Function"),
    "straight_through_last": (straight_through_last, "autograd.Function"),
    "hooked": (hooked, "see their gradients"),
    "measured_before": (measured_before, "measures on the way"),
    "noisy": (noisy, "draws random numbers"),
    "masked": (masked, "asks for their values"),
}
EVERY = {**ON_SYMBOLS, **{name: each for name, (each, _) in AS_EVER.items()}}


def layer_of(function: Function, target: str, **options: Any) -> QuantumLayer:
    qnode = qml.QNode(function, qml.device(target), **options)
    generator = torch.Generator().manual_seed(1)
    return QuantumLayer(qnode, SHAPES, generator=generator, dtype=torch.float64)


def numbers(rows: int | None, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(rows or 0)
    shape = (WIRES,) if rows is None else (rows, WIRES)
    x = torch.rand(shape, generator=generator, dtype=torch.float64) + 0.1
    return x.to(dtype).requires_grad_()


def flat(values: Any) -> Tensor:
    if isinstance(values, Tensor):
        real = torch.view_as_real(values) if values.is_complex() else values
        return real.reshape(-1)
    return torch.cat([flat(each) for each in values])


def results(run: Callable[..., Any], x: Tensor, weights: list[Tensor]) -> list[Tensor]:
    """The values, and gradients of a sum of them times fixed numbers."""
    values = flat(run(x))
    factors = torch.linspace(-1, 1, values.numel(), dtype=values.dtype)
    wanted = [x, *weights, CLOSED]
    total = (values * factors).sum()
    found = torch.autograd.grad(total, wanted, allow_unused=True)
    return [
        values,
        *(
            torch.zeros_like(w) if g is None else g
            for g, w in zip(found, wanted, strict=True)
        ),
    ]


def assert_close(found: list[Tensor], expected: list[Tensor], atol: float) -> None:
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, atol=atol, rtol=0, check_dtype=False)


def runner_of(layer: QuantumLayer) -> FunctionRunner:
    runner = layer.execution._functions
    assert runner is not None
    return runner


@pytest.mark.parametrize("rows", [None, 3])
@pytest.mark.parametrize("name", EVERY)
def test_values_and_gradients_are_default_qubits(name: str, rows: int | None) -> None:
    if rows is None and name == "mean_of_rows":
        return  # of the features, then
    own, theirs = (layer_of(EVERY[name], t) for t in ("qdl.simulator", "default.qubit"))
    trained = [dict(each.named_parameters()) for each in (own, theirs)]
    for x in (numbers(rows), (numbers(rows) - 1.3).detach().requires_grad_()):
        found = results(own, x, [*trained[0].values()])
        expected = results(theirs, x, [*trained[1].values()])
        assert_close(found, expected, 1e-10)
    queued = own.execution._queued([x], trained[0], rows)
    reason = runner_of(own).refused
    if name in ON_SYMBOLS:
        assert reason is None
        assert queued is not None
    else:
        assert reason is not None
        assert AS_EVER[name][1] in reason


@pytest.mark.parametrize("name", ["affine", "computed", "constants", "many"])
def test_single_precision_is_kept(name: str) -> None:
    single, double = (layer_of(EVERY[name], "qdl.simulator") for _ in range(2))
    single.float()
    for rows in (1, 17):
        x = numbers(rows)
        y = x.detach().float().requires_grad_()
        assert single(y).dtype == torch.float32
        found = results(single, y, [*single.parameters()])
        assert_close(found, results(double, x, [*double.parameters()]), 5e-6)


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The tapes that ran as they came."""
    seen: list[Any] = []
    run = QueuedTape.results

    def noted(self: QueuedTape, sources: Any) -> Any:
        seen.append(self)
        return run(self, sources)

    monkeypatch.setattr(QueuedTape, "results", noted)
    return seen


@pytest.mark.parametrize("name", ON_SYMBOLS)
def test_a_tape_that_comes_again_runs_as_it_comes(
    name: str, planned: list[Any]
) -> None:
    weights = [
        torch.rand(SHAPES[each], dtype=torch.float64, requires_grad=True)
        for each in SHAPES
    ]
    found: list[Tensor] = []
    expected: list[Tensor] = []
    for target, kept in (("qdl.simulator", found), ("default.qubit", expected)):
        qnode = qml.QNode(ON_SYMBOLS[name], qml.device(target))
        for shift in (0.0, 0.2, 0.4):
            x = (numbers(2) + shift).detach().requires_grad_()
            kept += results(lambda x: qnode(x, *weights), x, weights)  # noqa: B023
    # Beside Python's numbers default.qubit keeps some digits fewer.
    assert_close(found, expected, 1e-7)
    assert len(planned) == 3


def turned(x: Any, y: Any) -> Any:
    qml.RX(x[0], 0)
    qml.RY(0.3, 1)
    qml.ctrl(qml.Rot(x[1], y, 0.2, 1), 0)
    return qml.expval(qml.Z(1)), qml.probs(wires=0)


@pytest.mark.parametrize("interface", ["numpy", "autograd", "torch"])
def test_without_torchs_gradients_tapes_are_known_too(
    interface: str, planned: list[Any]
) -> None:
    method = None if interface == "torch" else "best"
    kinds: dict[str, Callable[[Any], Any]] = {
        "numpy": np.array,
        "torch": lambda x: torch.tensor(x, dtype=torch.float64),
        "autograd": lambda x: qml.numpy.array(x, requires_grad=True),
    }
    like = kinds[interface]
    found = []
    for target in ("qdl.simulator", "default.qubit"):
        qnode = qml.QNode(turned, qml.device(target), interface, method)
        own = []
        for shift in (0.0, 0.2, 0.4):
            value, chances = qnode(like([0.1 + shift, 0.2]), like(0.5 - shift))
            own += [np.asarray(value), np.asarray(chances)]
            if interface == "autograd":
                slope = qml.grad(lambda *xs, run=qnode: run(*xs)[0] + run(*xs)[1][0])
                own += slope(like([0.1 + shift, 0.2]), like(0.5 - shift))
        found.append(own)
    assert len(planned) > 1
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_no_gradient_goes_through_a_run_that_has_none() -> None:
    qnode = qml.QNode(turned, qml.device("qdl.simulator"), diff_method=None)
    x = torch.tensor([0.1, 0.2], requires_grad=True)
    for _ in range(3):
        value, _ = qnode(x, 0.5)
        with pytest.raises(
            qml.exceptions.QuantumFunctionError, match="diff_method=Non"
        ):
            value.backward()


@pytest.mark.parametrize("prepare", [qml.StatePrep, qml.MottonenStatePreparation])
def test_states_prepared_on_the_way(prepare: Any, planned: list[Any]) -> None:
    def function(state: Any, x: Any) -> Any:
        qml.RX(x, 1)
        qml.Hadamard(0)
        prepare(state, [2, 0])
        qml.CRY(x, [0, 1])
        return qml.expval(qml.Z(1)), qml.probs(wires=[0, 2])

    vectors = torch.randn(3, 4, dtype=torch.complex128)
    vectors /= torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    found: list[list[Tensor]] = [[], []]
    for target, own in zip(("qdl.simulator", "default.qubit"), found, strict=True):
        qnode = qml.QNode(function, qml.device(target))
        for vector in vectors:
            state = vector.clone().requires_grad_()
            value, chances = qnode(state, 0.7)
            total = value + chances @ torch.arange(4.0, dtype=torch.float64)
            own += [value, chances, *torch.autograd.grad(total, state)]
    assert len(planned) == 3
    assert_close(found[0], found[1], 1e-10)


def test_what_is_measured_keeps_its_form() -> None:
    weights = [torch.rand(SHAPES[each], dtype=torch.float64) for each in SHAPES]

    def by_name(inputs: Any, weights: Any, turn: Any) -> Any:
        body(inputs, weights, turn)
        return {"z": qml.expval(qml.Z(0)), "p": (qml.probs(wires=1), qml.state())}

    def forms(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: forms(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(map(forms, value))
        return value.shape, value.dtype

    for function in (by_name, many, single, probabilities, state, templates, loops):
        found = []
        for target in ("qdl.simulator", "default.qubit"):
            qnode = qml.QNode(function, qml.device(target))
            found += [forms(qnode(numbers(2), *weights)) for _ in range(3)]
        assert found == found[:1] * 6


def test_who_looks_at_a_known_tape_sees_its_gates() -> None:
    device = qml.device("qdl.simulator")
    qnode = qml.QNode(templates, device)
    arguments = [numbers(2).detach(), torch.rand(SHAPES["weights"]), torch.tensor(0.1)]

    def asked() -> list[Any]:
        (tape,), _ = qml.workflow.construct_batch(qnode, level="device")(*arguments)
        specs = qml.specs(qnode, level="device")(*arguments)
        return [[*map(str, tape)], tape.trainable_params, specs["resources"]]

    before = asked()
    for _ in range(3):
        qnode(*arguments)
    assert asked() == before
    history = []
    for each in (qnode, qml.QNode(templates, qml.device("qdl.simulator"))):
        with qml.Tracker(each.device) as tracker:
            each(*arguments)
        history.append([tracker.totals, tracker.history["resources"]])
    assert history[0] == history[1]
    for other in (copy.deepcopy(device), pickle.loads(pickle.dumps(device))):
        torch.testing.assert_close(
            torch.stack(qml.QNode(templates, other)(*arguments)),
            torch.stack(qnode(*arguments)),
        )


def test_threads_do_not_meet() -> None:
    device = qml.device("qdl.simulator")
    # A QNode itself keeps what its function returned last, so each thread has its own.
    qnodes = [qml.QNode(loops, device) for _ in range(40)]
    layer = layer_of(loops, "qdl.simulator")
    weights = [*layer.parameters()]
    rows = [numbers(k) for k in (1, 2, 3, 4)]
    expected = [layer_of(loops, "default.qubit")(x) for x in rows]

    def run(place: int) -> bool:
        x = rows[place % 4]
        found = layer(x), torch.stack(qnodes[place](x, *weights), -1)
        return all(torch.allclose(y, expected[place % 4]) for y in found)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(run, range(40)))


def test_a_function_runs_once_a_call() -> None:
    layer, plain = (layer_of(counting, t) for t in ("qdl.simulator", "default.qubit"))
    x = numbers(5).detach()
    found: list[Tensor] = []
    expected: list[Tensor] = []
    for each, kept in ((layer, found), (plain, expected)):
        CALLS["number"] = 0
        kept += [each(x) for _ in range(4)]
        assert CALLS["number"] == 4
    assert_close(found, expected, 1e-10)
    assert layer.execution._functions is None  # or it could be called once more


def test_what_differs_in_every_call_is_left_to_pennylane() -> None:
    layer, plain = (layer_of(scheduled, t) for t in ("qdl.simulator", "default.qubit"))
    x = numbers(5).detach()
    found: list[Tensor] = []
    expected: list[Tensor] = []
    for call in range(MOST_MISSES + 3):
        CALLS["scale"] = 1 + call / 8
        found.append(layer(x))
        expected.append(plain(x))
    assert_close(found, expected, 1e-10)
    assert runner_of(layer).refused == "queues something new in every call"


class Scaled(qml.operation.Operation):  # type: ignore[misc]
    """Consists of what depends on something outside."""

    num_wires = 1
    num_params = 1
    ndim_params = (0,)

    @staticmethod
    def compute_decomposition(angle: Any, wires: Any) -> list[Any]:
        return [qml.RX(angle * CALLS["scale"], wires)]


@pytest.mark.parametrize("wrapped", [lambda one: one, qml.adjoint, qml.prod])
def test_a_users_gate_may_change(wrapped: Any) -> None:
    def circuit(inputs: Any) -> Any:
        qml.RY(0.4, 0)
        wrapped(Scaled(inputs[..., 0], wires=0))
        return qml.expval(qml.Y(0) + qml.Z(0))

    x = torch.linspace(0, 1, 3, dtype=torch.float64)[:, None]
    own, theirs = (
        qml.QNode(circuit, qml.device(target, wires=1))
        for target in ("qdl.simulator", "default.qubit")
    )
    layer = QuantumLayer(own, {})
    for scale in (1.0, 1.0, 1.0, 2.0, 0.5):
        CALLS["scale"] = scale
        assert_close([layer(x), own(x)], [theirs(x)] * 2, 1e-10)


def scaled_block(weights: Any, wires: Any) -> None:
    qml.RX(weights[0] * CALLS["scale"], wires[0])
    qml.CNOT(wires)


def scaled_swap(index: Any, wires: Any, param: Any) -> Any:
    return qml.CRX(param * CALLS["scale"], index)


ANEW: dict[str, Callable[[Any], Any]] = {
    "block": lambda x: qml.MPS(range(3), 2, scaled_block, 1, x[:, None]),
    "swaps": lambda x: qml.TwoLocalSwapNetwork(range(3), scaled_swap, x.repeat(2)[:3]),
    "inside": lambda x: qml.ctrl(qml.MPS([0, 1], 2, scaled_block, 1, x[:1, None]), 2),
    "angle of a part": lambda x: qml.Select([qml.RX(x[0], 0), qml.RY(x[1], 0)], 1),
    "estimated": lambda x: qml.QuantumPhaseEstimation(
        qml.RX(x[0] * CALLS["scale"], 0), estimation_wires=[1, 2]
    ),
    "transformed": lambda x: qml.QSVT(
        qml.BlockEncode(np.diag([0.3, CALLS["scale"] / 3]), [0, 1]),
        [qml.PCPhase(angle, 2, [0, 1]) for angle in x],
    ),
    "sampled": lambda x: qml.QDrift(
        qml.Hamiltonian([0.4, 0.3, 0.2], [qml.X(0), qml.Z(1), qml.Y(2)]),
        x[0] * CALLS["scale"],
        n=4,
        seed=1,
    ),
    "looked at": lambda x: qml.FABLE(
        torch.outer(x, x).sin() * CALLS["scale"] / 3, range(3), tol=0.01
    ),
}
"""Gates that nothing tells from others, or that look at their numbers."""


@pytest.mark.parametrize("name", ANEW)
def test_what_nothing_tells_is_taken_apart_in_every_call(
    name: str, planned: list[Any]
) -> None:
    def circuit(inputs: Any) -> Any:
        for wire in range(3):
            qml.RY(0.4 + wire, wire)
        ANEW[name](inputs)
        return qml.expval(qml.Y(0) @ qml.X(2)), qml.expval(qml.Z(1))

    own, theirs = (
        qml.QNode(circuit, qml.device(target, wires=3))
        for target in ("qdl.simulator", "default.qubit")
    )
    layer = QuantumLayer(own, {})
    for call, scale in enumerate((1.0, 1.0, 1.0, 2.0, 0.5, 1.0)):
        CALLS["scale"] = scale
        x = torch.tensor([0.3 + call, 0.7], dtype=torch.float64, requires_grad=True)
        found, expected = own(x), theirs(x)
        assert_close([*found], [*expected], 1e-10)
        gradients = [torch.autograd.grad(sum(each), x)[0] for each in (found, expected)]
        assert_close(gradients[:1], gradients[1:], 1e-10)
        assert_close([layer(x)], [torch.stack(expected)], 1e-10)
    assert planned


CONSTANTS: dict[str, Callable[[Any], Any]] = {
    "rotation of orbitals": lambda a: qml.BasisRotation(range(3), a),
    "state": lambda a: qml.MultiplexerStatePreparation(a[0], [0, 1]),
    "block": lambda a: qml.BlockEncode(a / 2, range(3)),
    "matrix": lambda a: qml.FABLE(a / 2, range(5)),
}
"""Gates that look at constants as they are taken apart."""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, np.asarray) for name in CONSTANTS),
        ("rotation of orbitals", torch.as_tensor),
        ("matrix", torch.as_tensor),
    ],
)
def test_constants_that_are_looked_at_may_change(
    name: str, kind: Callable[[Any], Any], planned: list[Any]
) -> None:
    """Also in place, and back; and whatever else the circuit has is no constant."""
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    if name == "rotation of orbitals":
        turn = np.linalg.qr(turn[:3, :3])[0]
    entries = turn.copy()
    shared = kind(entries)

    def circuit(x: Any, a: Any) -> Any:
        for wire in range(5):
            qml.RY(x + wire, wire)
        CONSTANTS[name](a)
        return qml.expval(qml.Y(0) @ qml.X(2)), qml.expval(qml.Z(1))

    own, theirs = (
        qml.QNode(circuit, qml.device(target, wires=5))
        for target in ("qdl.simulator", "default.qubit")
    )
    for call in range(9):
        x = torch.tensor(0.3 + call, dtype=torch.float64, requires_grad=True)
        if call in (3, 6):
            entries[:] = turn[::-1] if call == 3 else turn.T
        a = kind(turn.copy()) if call == 8 else shared
        found, expected = own(x, a), theirs(x, a)
        assert_close([*found], [*expected], 1e-10)
        gradients = [torch.autograd.grad(sum(each), x)[0] for each in (found, expected)]
        assert_close(gradients[:1], gradients[1:], 1e-10)
    assert len(planned) >= 4


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("name", ["drift", "layers"])
def test_without_a_seed_parts_are_drawn_in_every_call(
    name: str, seed: int | None
) -> None:
    sum_of_words = qml.Hamiltonian([0.4, 0.3, 0.2], [qml.X(0), qml.Z(1), qml.Y(2)])

    @qml.qnode(qml.device("qdl.simulator", wires=3))
    def circuit() -> Any:
        qml.RY(0.4, 0)
        qml.RX(0.7, 1)
        if name == "drift":
            qml.QDrift(sum_of_words, 0.7, n=5, seed=seed)
        else:
            qml.RandomLayers([[0.3, 0.4, 0.5]], range(3), seed=seed)
        return qml.state()

    found = {np.asarray(circuit()).round(6).tobytes() for _ in range(12)}
    assert len(found) == 1 if seed else len(found) > 3


def test_parts_of_a_mutual_information_are_told_apart() -> None:
    def circuit(inputs: Any) -> Any:
        qml.AngleEmbedding(inputs, range(3))
        for wire in range(3):
            qml.CNOT([wire, (wire + 1) % 3])
            qml.RY(wire + 0.3, wire)
        cut = int(CALLS["number"])
        return qml.mutual_info(range(cut), range(cut, 3))

    x = torch.rand(2, 3, dtype=torch.float64)
    own, theirs = (qml.device(t, wires=3) for t in ("qdl.simulator", "default.qubit"))
    layer, reference = (QuantumLayer(qml.QNode(circuit, d), {}) for d in (own, theirs))
    for cut in (1, 2, 1, 2, 2):
        CALLS["number"] = cut
        assert_close([layer(x), qml.QNode(circuit, own)(x)], [reference(x)] * 2, 1e-10)


def test_other_numbers_of_rows_are_no_other_function() -> None:
    layer = layer_of(loops, "qdl.simulator")
    plain = layer_of(loops, "default.qubit")
    for rows in range(2, MOST_MISSES + 6):
        torch.testing.assert_close(layer(numbers(rows)), plain(numbers(rows)))
    assert runner_of(layer).refused is None


def test_rows_taken_for_features_are_refused_as_ever() -> None:
    def wrong(inputs: Any, weights: Any, turn: Any) -> Any:
        qml.RX(inputs[0], 0)
        qml.RX(inputs[1], 1)
        return zs()

    layer = layer_of(wrong, "qdl.simulator")
    for rows in (2, 4):
        with pytest.raises(ShapeError, match="must treat"):
            layer(numbers(rows))


def test_errors_are_those_of_the_function() -> None:
    def failing(inputs: Any, weights: Any, turn: Any) -> Any:
        if inputs.shape[-1] != WIRES:
            raise KeyError("not so many")
        return loops(inputs, weights, turn)

    layer = layer_of(failing, "qdl.simulator")
    with pytest.raises(KeyError, match="not so many"):
        layer(torch.rand(2, 5, dtype=torch.float64))
    assert layer(numbers(2)).shape == (2, WIRES)
    assert runner_of(layer).refused is None


def test_a_row_without_a_state_is_nan_alone() -> None:
    def unpadded(inputs: Any, weights: Any, turn: Any) -> Any:
        qml.AmplitudeEmbedding(inputs, range(2), normalize=True)
        qml.RX(turn, 0)
        return [qml.expval(qml.Z(0))]

    node = qml.QNode(unpadded, qml.device("qdl.simulator"))
    layer = QuantumLayer(node, {"weights": 1, "turn": 1}, dtype=torch.float64)
    x = torch.rand(3, 4, dtype=torch.float64)
    whole = layer(x)
    x[1] = 0
    x.requires_grad_()
    found = layer(x)
    torch.testing.assert_close(found[[0, 2]], whole[[0, 2]])
    assert found[1].isnan().all()
    (gradient,) = torch.autograd.grad(found[[0, 2]].sum(), x)
    assert gradient[[0, 2]].isfinite().all()
    assert runner_of(layer).refused is None


def test_a_second_derivative_flows() -> None:
    def hessian(target: str) -> Tensor:
        layer, x = layer_of(computed, target), numbers(2)
        (first,) = torch.autograd.grad(layer(x).sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first[:, 0].sum(), x)
        return second

    torch.testing.assert_close(hessian("qdl.simulator"), hessian("default.qubit"))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_first_run_without_gradients_leaves_them_to_others(mode: Any) -> None:
    layer, plain = (layer_of(loops, t) for t in ("qdl.simulator", "default.qubit"))
    x = numbers(3)
    with mode():
        torch.testing.assert_close(layer(x), plain(x))
    found, expected = (
        results(each, x, [*each.parameters()]) for each in (layer, plain)
    )
    assert_close(found, expected, 1e-10)


def test_transforms_and_shots_are_pennylanes() -> None:
    device = qml.device("qdl.simulator")
    merged = qml.transforms.merge_rotations(qml.QNode(loops, device))
    sampled = qml.set_shots(qml.QNode(loops, device), 10)
    shifted = qml.QNode(loops, device, diff_method="parameter-shift")
    for qnode in (merged, sampled, shifted):
        assert QuantumLayer(qnode, SHAPES).execution._functions is None


def test_whole_numbers_come_as_they_are() -> None:
    def bits(inputs: Any, turn: Any) -> Any:
        assert inputs.dtype == torch.int64
        qml.BasisEmbedding(inputs, range(2))
        qml.RX(turn, 0)
        return [qml.expval(qml.Z(wire)) for wire in range(2)]

    node = qml.QNode(bits, qml.device("qdl.simulator"))
    layer = QuantumLayer(node, {"turn": 1}, "zeros")
    found = layer(torch.tensor([1, 0]))
    torch.testing.assert_close(found.double(), torch.tensor([-1.0, 1.0]).double())


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was compiled, of nothing that was met before."""
    seen: list[Any] = []
    traced = functions._traced

    def noted(*arguments: Any) -> QueuedTape:
        tape = traced(*arguments)
        seen.append(tape)
        return tape

    monkeypatch.setattr(functions, "_traced", noted)
    monkeypatch.setattr(functions, "_LATEST", LruCache(16))
    monkeypatch.setattr(functions, "_MET", WeakValueDictionary())
    return seen


def closure(scale: Any, rotation: str = "X", wires: Any = range(WIRES)) -> Function:
    def function(inputs: Any, weights: Any, turn: Any) -> Any:
        qml.AngleEmbedding(inputs * scale, wires, rotation=rotation)
        qml.StronglyEntanglingLayers(weights, wires)
        qml.RX(turn, wires[0])
        return qml.probs()

    return function


@pytest.mark.parametrize(
    "name", [n for n in ON_SYMBOLS if n not in ("branching", "mean_of_rows")]
)
def test_a_function_is_compiled_once_for_all_qnodes(
    name: str, compiled: list[Any]
) -> None:
    for number in range(3):
        layer = layer_of(ON_SYMBOLS[name], "qdl.simulator")
        theirs = layer_of(ON_SYMBOLS[name], "default.qubit")
        x = (numbers(2) + 0.1 * number).detach()
        torch.testing.assert_close(layer(x), theirs(x), atol=1e-9, rtol=0)
        del layer
    assert len(compiled) == 1


def test_closures_share_only_what_is_the_same(compiled: list[Any]) -> None:
    alike = [closure(0.5), closure(0.5), closure(torch.tensor(0.7)), closure(CLOSED)]
    alike += [closure(torch.tensor(-0.2)), closure(CLOSED)]
    others = [
        *(closure(0.25), closure(0.5, "Y"), closure(0.5, "Z")),
        *(closure(0.5, wires=[2, 0, 1]), closure(0.5, wires=["a", "b", "c"])),
        *(templates, loops, probabilities),
    ]
    layers = [
        (layer_of(each, "qdl.simulator"), layer_of(each, "default.qubit"))
        for each in (*alike, *others)
    ]
    for rows in (2, 3):  # in turn, so that each meets what others left
        for layer, theirs in layers:
            found = results(layer, numbers(rows), [*layer.parameters()])
            expected = results(theirs, numbers(rows), [*theirs.parameters()])
            assert_close(found, expected, 1e-10)
    # A tensor of a closure is a number as any other; of another shape it is not.
    assert len(compiled) == 2 * (3 + len(others))


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"wires": 4}, id="wires"),
        pytest.param({"wires": [1, 0, 2]}, id="order"),
        pytest.param({"c_dtype": np.complex64}, id="precision"),
        pytest.param({"memory": 2**30}, id="memory"),
    ],
)
def test_devices_that_differ_share_nothing(
    options: dict[str, Any], compiled: list[Any]
) -> None:
    for each in ({}, options, {}, options):
        found, expected = (
            QuantumLayer(
                qml.QNode(closure(0.5), qml.device(name, **wanted)),
                SHAPES,
                generator=torch.Generator().manual_seed(0),
                dtype=torch.float64,
            )(numbers(2))
            for name, wanted in (
                ("qdl.simulator", each),
                ("default.qubit", {"wires": each.get("wires")}),
            )
        )
        atol = 1e-6 if "c_dtype" in each else 1e-12
        torch.testing.assert_close(
            found, expected, atol=atol, rtol=0, check_dtype=False
        )
    assert len(compiled) == 2


def test_what_is_compiled_of_many_wires_goes_with_its_layers(
    compiled: list[Any],
) -> None:
    def wide(inputs: Any, weights: Any, turn: Any) -> Any:
        qml.AngleEmbedding(inputs, range(WIRES))
        qml.StronglyEntanglingLayers(weights, range(WIRES))
        qml.MultiRZ(turn, range(FEW_WIRES + 1))
        return qml.expval(qml.Z(0))

    for function, stays in ((wide, False), (templates, True)):
        layers = [layer_of(function, "qdl.simulator") for _ in range(2)]
        for layer in layers:
            layer(numbers(2))
        assert len(compiled) == 1
        tape = weakref.ref(compiled.pop())
        del layers, layer
        gc.collect()
        assert (tape() is not None) == stays


def test_a_function_that_runs_another_one(compiled: list[Any]) -> None:
    inner = layer_of(templates, "qdl.simulator")
    fixed = numbers(2).detach()

    def outer(inputs: Any, weights: Any, turn: Any) -> Any:
        qml.AngleEmbedding(inputs, range(WIRES))
        with qml.QueuingManager.stop_recording():
            angle = inner(fixed)[0, 0].detach()  # the same kinds of tensors
        qml.RX(angle, 0)
        entangle(weights)
        qml.RY(turn, 0)
        return zs()

    layer, theirs = (layer_of(outer, t) for t in ("qdl.simulator", "default.qubit"))
    for _ in range(3):
        torch.testing.assert_close(layer(fixed), theirs(fixed), atol=1e-10, rtol=0)
    weights = dict(layer.named_parameters())
    assert layer.execution._queued([fixed], weights, 2) is not None


def test_rows_that_are_seen_to_be_rows_are_not_run_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked: list[str] = []

    def noted(build: Any, inputs: Any, name: str, **_: Any) -> None:
        checked.append(name.rpartition(".")[2])

    monkeypatch.setattr("qml_qdl.nn.execution.check_batching", noted)

    def of_another_row(inputs: Any, weights: Any, turn: Any) -> Any:
        body(inputs, weights, turn)
        qml.RX(inputs[1, 0], 0)
        return zs()

    def by_index(inputs: Any, weights: Any, turn: Any) -> Any:
        for wire in range(WIRES):
            qml.RX(inputs[wire], wire)
        return zs()

    def of_none(inputs: Any, weights: Any, turn: Any) -> Any:
        body(weights[0, 0], weights, turn)
        return zs()

    suspect = (of_another_row, by_index, of_none, computed, in_place)
    for function in (templates, loops, affine, constants, probabilities, *suspect):
        with contextlib.suppress(ShapeError):  # what does not give rows is refused
            layer_of(function, "qdl.simulator")(numbers(3))
    assert checked == [function.__name__ for function in suspect]


def test_a_qnode_that_is_called_is_compiled_once_on_devices_that_are_alike(
    compiled: list[Any],
) -> None:
    weights = [torch.rand(SHAPES[each], dtype=torch.float64) for each in SHAPES]
    for wires in (None, 3, None, 3):
        qnode = qml.QNode(templates, qml.device("qdl.simulator", wires=wires))
        theirs = qml.QNode(templates, qml.device("default.qubit", wires=wires))
        for shift in (0.0, 0.2):
            x = numbers(2) + shift
            assert_close(list(qnode(x, *weights)), list(theirs(x, *weights)), 1e-10)
    assert len(compiled) == 2


@pytest.mark.parametrize("order", ["cpu cpu meta cpu", "meta meta cpu meta"])
def test_where_numbers_are_is_part_of_what_is_known(order: str) -> None:
    """Whose addresses say nothing elsewhere, and that of "meta" is none."""

    def function(x: Any) -> Any:
        qml.RX(x, 0)
        qml.RY(0.3, 1)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(0))

    for name in order.split():
        qnode = qml.QNode(function, qml.device("qdl.simulator", wires=2))
        x = torch.full((3,), 0.4, device=name, requires_grad=True)
        (gradient,) = torch.autograd.grad(qnode(x).sum(), x)
        assert gradient.device.type == name
        if name == "cpu":
            assert_close([gradient], [-torch.full((3,), 0.4).sin()], 1e-6)


def test_tapes_of_which_each_is_new_are_not_planned(compiled: list[Any]) -> None:
    def function(x: Any, place: int) -> Any:
        qml.RX(x, 0)
        for wire in range(10):
            (qml.Hadamard if place >> wire & 1 else qml.SX)(wire)
        return qml.expval(qml.Y(0))

    qnode = qml.QNode(function, qml.device("qdl.simulator"))
    x = torch.tensor(0.3, requires_grad=True)
    for place in range(MOST_MISSES + 5):
        qnode(x, place)
    assert len(compiled) == MOST_MISSES
    for _ in range(2):  # what comes again is worth it
        qnode(x, place)
    assert len(compiled) == MOST_MISSES + 1


def test_a_trial_plans_nothing(compiled: list[Any]) -> None:
    layer_of(templates, "qdl.simulator", diff_method="parameter-shift")
    layer = layer_of(templates, "default.qubit")
    layer.set_target("qdl.simulator")
    assert compiled == []
    layer(numbers(2))
    assert len(compiled) == 1
