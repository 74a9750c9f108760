"""Blocks and readouts that a user defines, on every target."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar

import numpy as np
import pennylane as qml
import pytest
import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits import (
    MPS,
    Adjoint,
    AngleEncoding,
    BasicEntangler,
    Circuit,
    Driven,
    Encoding,
    Expectation,
    Processing,
    Readout,
    StronglyEntangling,
    reupload,
    share,
)
from qml_qdl.circuits.around import Around
from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.nn import QuantumConv1d, QuantumConv2d, QuantumLayer

EXACT = ("default.qubit", "qdl.simulator", "lightning.qubit", "aer")
every_target = pytest.mark.parametrize("target", EXACT)
SETTINGS = {"factor": 1.0, "calls": 0.0}


@pytest.fixture(autouse=True)
def _as_at_first() -> None:
    SETTINGS.update(factor=1.0, calls=0.0)


def angles(rows: int, features: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(rows)
    return torch.rand(rows, features, generator=generator, dtype=torch.float64)


@frozen(repr=False)
class OneEach(Encoding):
    @property
    def num_features(self) -> int:
        return len(self.wires)

    def turn(self, feature: Any) -> Any:
        return feature

    def encode(self, features: Any) -> None:
        for position, wire in enumerate(self.wires):
            qml.RX(self.turn(features[..., position]), wire)


class Scheduled(OneEach):
    def turn(self, feature: Any) -> Any:
        return feature * SETTINGS["factor"]


class Counting(OneEach):
    def encode(self, features: Any) -> None:
        SETTINGS["calls"] += 1
        OneEach.encode(self, features + SETTINGS["calls"])


class ScheduledAngles(AngleEncoding):
    """A subclass of a block of this library."""

    def encode(self, features: Any) -> None:
        AngleEncoding.encode(self, features * SETTINGS["factor"])


class Promised(OneEach):
    pure = True


class NotPromisedAgain(Promised):
    """The promise was the other class's."""

    def turn(self, feature: Any) -> Any:
        return feature * SETTINGS["factor"]


@frozen(repr=False)
class Turns(Processing):
    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (2,)

    def process(self, weights: Any) -> None:
        for position, wire in enumerate(self.wires):
            qml.RY(weights[..., position] * SETTINGS["factor"], wire)


@frozen(repr=False)
class Twice(Around):
    """Promises for itself only."""

    pure = True
    block: Any

    def queue(self, inputs: Any, weights: Any) -> None:
        self.block.queue(inputs, weights)
        self.block.queue(inputs, weights)


@frozen
class Chosen(Readout):
    def measure(self, wires: Sequence[Hashable]) -> Any:
        return [qml.expval(SETTINGS["factor"] * qml.Z(wire)) for wire in wires]

    def output_shape(self, wires: Sequence[Hashable]) -> tuple[int | None, ...]:
        return (len(wires),)


W, S = BasicEntangler(2), AngleEncoding(2)
CHANGING = {
    "encoding": W @ Scheduled(2),
    "a subclass of ours": W @ ScheduledAngles(2),
    "a subclass of one that promised": W @ NotPromisedAgain(2),
    "processing": Turns(2) @ S,
    "adjoint": Adjoint(Turns(2)) @ Adjoint(Scheduled(2)),
    "shared": share("W", Turns(2)) @ S @ share("W", Turns(2)),
    "re-uploaded": reupload(W, Scheduled(2), 2),
    "driven": W @ Driven(Turns(2)),
    "around, promised": W @ Twice(Scheduled(2)),
    "readout": (W @ S).with_readout(Chosen()),
}


@every_target
@pytest.mark.parametrize("name", CHANGING)
def test_what_changes_later_is_followed(name: str, target: str) -> None:
    weights = {
        key: torch.linspace(0.3, 1.2, math.prod(shape), dtype=torch.float64)
        for key, shape in CHANGING[name].weight_shapes.items()
    }
    layer = QuantumLayer(
        CHANGING[name],
        init_method={
            key: weight.reshape(CHANGING[name].weight_shapes[key])
            for key, weight in weights.items()
        },
        target=target,
    )
    x, found = angles(3), []
    for factor in (1.0, 0.4, -2.0):
        SETTINGS["factor"] = factor
        found.append(layer(x))
        plain = qml.QNode(layer.circuit, qml.device("default.qubit", wires=2))
        expected = plain(x, dict(layer.named_parameters()))
        torch.testing.assert_close(
            found[-1], torch.stack(list(expected), -1), atol=1e-12, rtol=0.0
        )
    assert not torch.allclose(found[0], found[1])


@every_target
def test_what_counts_its_calls_is_called_once_a_run(target: str) -> None:
    layer, x = QuantumLayer(Counting(1), target=target), angles(3, 1)
    for calls in (1, 2, 3):
        torch.testing.assert_close(layer(x), (x + calls).cos())


@every_target
def test_random_numbers_are_sampled_anew(target: str) -> None:
    class Noisy(OneEach):
        def turn(self, feature: Any) -> Any:
            return feature + torch.rand(feature.shape)

    layer = QuantumLayer(Noisy(2), target=target)
    assert (layer(torch.zeros(3, 2)) - layer(torch.zeros(3, 2))).abs().min() > 0


def spied(kind: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What every call of the encoding will be noted in."""
    seen, encode = [], kind.encode

    def noted(self: Any, features: Any) -> None:
        seen.append(features)
        encode(self, features)

    monkeypatch.setattr(kind, "encode", noted)
    return seen


@pytest.mark.parametrize(
    ("circuit", "calls"),
    [(Circuit([Promised(1)]), 1), (Circuit([OneEach(1)]), 3)],
    ids=["promised", "not"],
)
def test_a_promise_lets_the_simulator_run_a_block_once(
    circuit: Circuit, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, x = QuantumLayer(circuit), angles(3, 1)
    seen = spied(OneEach, monkeypatch)
    for _ in range(3):
        torch.testing.assert_close(layer(x), x.cos())
    assert len(seen) == calls


def test_the_librarys_own_blocks_are_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = spied(AngleEncoding, monkeypatch)
    circuit = MPS(4, StronglyEntangling(2)) @ Adjoint(AngleEncoding(4))
    layer = QuantumLayer(circuit)
    for rows in (3, 4, 3):
        layer(torch.rand(rows, 4))
    assert len(seen) == 1


class Chooses(OneEach):
    def turn(self, feature: Any) -> Any:
        return qml.math.where(feature > 0.5, 0.1, 1.3)


class Promises(Chooses):
    pure = True


class Constants(OneEach):
    def encode(self, features: Any) -> None:
        more = torch.linspace(0.1, 0.7, 3)
        for position, wire in enumerate(self.wires):
            qml.RX(features[..., position] * torch.tensor(0.3), wire)
            qml.RY(0.1, wire)
            qml.RX(torch.tensor([0.7, 0.2])[position], wire)
            qml.RY(more[1] + torch.full((), 0.1), wire)
            qml.RX(np.float64(1 / 3), wire)


class PromisedConstants(Constants):
    pure = True


def chosen(x: Any) -> Any:
    return np.cos(np.where(x > 0.5, 0.1, 1.3))


def constants(x: Any) -> Any:
    def rotation(pauli: Any, angle: float) -> Any:
        return np.cos(angle / 2) * np.eye(2) - 1j * np.sin(angle / 2) * pauli

    about_x = np.array([[0, 1], [1, 0]])
    about_y = np.array([[0, -1j], [1j, 0]])
    values = np.empty_like(x)
    for row, position in np.ndindex(*x.shape):
        state = rotation(about_x, 0.3 * x[row, position])[:, 0]
        state = rotation(about_x, [0.7, 0.2][position]) @ rotation(about_y, 0.1) @ state
        state = rotation(about_x, 1 / 3) @ rotation(about_y, 0.4 + 0.1) @ state
        values[row, position] = abs(state[0]) ** 2 - abs(state[1]) ** 2
    return values


@every_target
@pytest.mark.parametrize(
    ("kind", "formula"),
    [
        (Chooses, chosen),
        (Promises, chosen),
        (Constants, constants),
        (PromisedConstants, constants),
    ],
)
def test_no_angle_loses_digits(
    kind: Callable[[int], Encoding], formula: Callable[[Any], Any], target: str
) -> None:
    layer, x = QuantumLayer(kind(2), target=target), angles(5)
    expected = torch.as_tensor(formula(x.numpy()))
    torch.testing.assert_close(layer(x), expected, atol=1e-12, rtol=0.0)
    single = layer(x.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), expected, atol=1e-6, rtol=0.0)


class Branches(OneEach):
    def encode(self, features: Any) -> None:
        rotation = qml.RX if features.max() > 0.5 else qml.RZ
        for position, wire in enumerate(self.wires):
            rotation(features[..., position], wire)


@every_target
def test_a_branch_on_values_runs(target: str) -> None:
    layer = QuantumLayer(Branches(2), target=target)
    x = torch.tensor([[0.2, 0.8], [0.6, 0.1]], dtype=torch.float64)
    torch.testing.assert_close(layer(x), x.cos())
    torch.testing.assert_close(layer(x / 4), torch.ones_like(x))


def test_a_branch_on_values_breaks_the_promise() -> None:
    class Both(Branches):
        pure = True

    layer = QuantumLayer(Both(2))
    with pytest.raises(
        ArgumentError,
        match=r"Both\(2\).* pure = True .* asks for their values .* leave pure out",
    ):
        layer(angles(3))


def test_a_change_in_place_breaks_the_promise() -> None:
    class Clamped(OneEach):
        pure = True

        def encode(self, features: Any) -> None:
            features.clamp_(max=1)
            super().encode(features)

    with pytest.raises(
        ArgumentError, match=r"changes a tensor in place, by clamp_, .* leave pure out"
    ):
        QuantumLayer(Clamped(2))(angles(3))


@frozen
class Many(Readout):
    """Several measurements, of the shape that is said."""

    kind: str
    shape: tuple[int, ...]

    def measure(self, wires: Sequence[Hashable]) -> Any:
        if self.kind == "variances":
            return [qml.var(qml.Z(wire)) for wire in wires]
        if self.kind == "one":
            return [qml.var(qml.X(wires[0]))]
        if self.kind == "probabilities":
            return [qml.probs(wires=[wire]) for wire in wires]
        if self.kind == "mixed":
            return qml.probs(wires=wires), qml.expval(qml.X(wires[-1]))
        if self.kind == "single":
            return qml.expval(qml.Z(wires[-1]))
        return qml.probs(wires=wires)

    def output_shape(self, wires: Sequence[Hashable]) -> tuple[int | None, ...]:
        return self.shape


class ManyPromised(Many):
    pure = True


class Growing(Many):
    """Measures more than it did where it was bound."""

    def measure(self, wires: Sequence[Hashable]) -> Any:
        if SETTINGS["calls"]:
            return [qml.var(qml.Z(wires[0])) for _ in range(int(SETTINGS["calls"]))]
        return Many.measure(self, wires)


READOUTS = [
    ("variances", (2,)),
    ("one", (1,)),
    ("probabilities", (2, 2)),
    ("probabilities", (4,)),
    ("mixed", (5,)),
    ("single", ()),
    ("single", (1,)),
    ("table", (2, 2)),
]


def by_hand(kind: str, x: Tensor) -> Tensor:
    """What RX(x₀), RX(x₁) from |00⟩ give."""
    cos = x.cos()
    probabilities = torch.stack([1 + cos, 1 - cos], -1) / 2
    joint = probabilities[..., 0, :, None] * probabilities[..., 1, None, :]
    return {
        "variances": 1 - cos**2,
        "one": torch.ones_like(cos[..., :1]),
        "probabilities": probabilities,
        "mixed": torch.cat([joint.flatten(-2), 0 * cos[..., :1]], -1),
        "single": cos[..., 1],
        "table": joint,
    }[kind]


@every_target
@pytest.mark.parametrize("make", [Many, ManyPromised])
@pytest.mark.parametrize(("kind", "shape"), READOUTS)
def test_a_readout_of_ones_own_has_the_shape_it_declares(
    kind: str, shape: tuple[int, ...], make: Callable[..., Readout], target: str
) -> None:
    circuit = AngleEncoding(2, rotation="X").with_readout(make(kind, shape))
    layer = QuantumLayer(circuit, target=target)
    for leading in ((), (1,), (4,), (2, 2), (0,)):
        x = angles(max(1, math.prod(leading)))
        x = x[0] if not leading else x[: math.prod(leading)].reshape(*leading, 2)
        result = layer(x)
        assert result.shape == (*leading, *shape)
        expected = by_hand(kind, x).reshape((*leading, *shape))
        torch.testing.assert_close(result, expected, atol=1e-12, rtol=0.0)


@pytest.mark.parametrize("target", EXACT)
@pytest.mark.parametrize("make", [Many, ManyPromised])
def test_its_gradients(make: Callable[..., Readout], target: str) -> None:
    circuit = AngleEncoding(2, rotation="X").with_readout(make("mixed", (5,)))
    factors = torch.arange(15.0, dtype=torch.float64).reshape(3, 5)
    gradients = []
    for run in (QuantumLayer(circuit, target=target), lambda x: by_hand("mixed", x)):
        x = angles(3).requires_grad_()
        gradients.append(torch.autograd.grad((run(x) * factors).sum(), x)[0])
    torch.testing.assert_close(*gradients, atol=1e-10, rtol=0.0)


@pytest.mark.parametrize("shots", [None, 200], ids=str)
@pytest.mark.parametrize("target", EXACT)
@pytest.mark.parametrize("make", [Many, ManyPromised])
def test_a_shape_that_does_not_fit_is_refused(
    make: Callable[..., Readout], target: str, shots: int | None
) -> None:
    """Where it is bound; two rows of two numbers would pass for one row of four."""
    for size in (3, 4):
        circuit = AngleEncoding(2).with_readout(make("variances", (size,)))
        text = rf"declares \({size},\) .* shape \(2,\)"
        with pytest.raises(ShapeError, match=text):
            QuantumLayer(circuit, target=target, shots=shots)


@every_target
def test_a_shape_that_changes_later_is_refused(target: str) -> None:
    readout = Growing("variances", (2,))
    layer = QuantumLayer(AngleEncoding(2).with_readout(readout), target=target)
    layer(angles(3))
    SETTINGS["calls"] = 3
    for x in (angles(4), angles(1), angles(1)[0]):
        with pytest.raises(ShapeError, match=r"declares \(2,\) .* shape \(3,\)"):
            layer(x)


@pytest.mark.parametrize("target", [*EXACT, "aer-shots"])
def test_convolutions_read_all_of_it(target: str) -> None:
    shots = 4000 if target.endswith("shots") else None
    target = target.removesuffix("-shots")
    circuit = AngleEncoding(2, rotation="X").with_readout(Many("variances", (2,)))
    conv = QuantumConv1d(1, 2, 2, circuit=circuit, target=target, shots=shots)
    image = angles(3, 4)[:, None]
    patches = image[:, 0].unfold(1, 2, 1)
    expected = by_hand("variances", patches).transpose(1, 2)
    torch.testing.assert_close(
        conv(image), expected, atol=0.1 if shots else 1e-12, rtol=0.0
    )
    flat = QuantumConv2d(1, 2, (1, 2), circuit=circuit, target=target)
    torch.testing.assert_close(flat(image[:, :, None])[:, :, 0], expected)


class Named(Expectation):
    """A subclass of this library's that measures something else."""

    def measure(self, wires: Sequence[Hashable]) -> Any:
        return [qml.var(qml.Z(wire)) for wire in wires]


@every_target
def test_a_subclass_of_a_readout_measures_its_own(target: str) -> None:
    circuit = AngleEncoding(2, rotation="X").with_readout(Named())
    layer, x = QuantumLayer(circuit, target=target), angles(3).requires_grad_()
    result = layer(x)
    torch.testing.assert_close(result, x.sin() ** 2)
    (gradient,) = torch.autograd.grad(result.sum(), x)
    torch.testing.assert_close(gradient, (2 * x).sin(), atol=1e-10, rtol=0.0)


@pytest.mark.parametrize("target", ["default.qubit", "qdl.simulator", "aer"])
def test_a_coefficient_may_be_trained(target: str) -> None:
    scale = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    circuit = AngleEncoding(1).with_readout(Expectation([scale * qml.Z(0)]))
    x = angles(3, 1)
    result = QuantumLayer(circuit, target=target)(x)
    torch.testing.assert_close(result, 0.5 * x.cos())
    (gradient,) = torch.autograd.grad(result.sum(), scale)
    torch.testing.assert_close(gradient, x.cos().sum())


class Kept(OneEach):
    """Not repeatable: it keeps what it was given."""

    seen: ClassVar[list[Any]] = []

    def encode(self, features: Any) -> None:
        self.seen.append(features)
        super().encode(features)


def test_only_what_may_change_is_queued_at_every_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    circuit = W @ AngleEncoding(2) @ NotPromisedAgain(2)
    layer, plain = QuantumLayer(circuit), QuantumLayer(circuit, target="default.qubit")
    ours = spied(AngleEncoding, monkeypatch)
    plain.load_state_dict(layer.state_dict())
    x, found = angles(3, circuit.num_inputs), []
    for factor in (1.0, 1.0, 1.0, 0.4):
        SETTINGS["factor"] = factor
        found.append(layer(x))
    assert len(ours) == 2  # of two structures: with another factor
    torch.testing.assert_close(found[0], found[2])
    torch.testing.assert_close(found[3], plain(x))


def test_no_block_keeps_what_is_no_tensor() -> None:
    layer, x = QuantumLayer(W @ Kept(2)), angles(3)
    for _ in range(2):
        layer(x)
    torch.testing.assert_close(Kept.seen[-1], x)


class Rounded(torch.autograd.Function):
    """With the gradient of what was not rounded."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


class Rounds(OneEach):
    def turn(self, feature: Any) -> Any:
        return Rounded.apply(feature)  # type: ignore[no-untyped-call]


def test_a_gradient_of_ones_own_is_kept() -> None:
    found = []
    for target in ("qdl.simulator", "default.qubit"):
        layer, x = QuantumLayer(Rounds(2), target=target), angles(3).requires_grad_()
        found.append(torch.autograd.grad(layer(x + 0.3).sum(), x)[0])
    torch.testing.assert_close(*found)
    assert found[0].abs().max() > 0.5


def test_a_gradient_of_ones_own_breaks_the_promise() -> None:
    class Promised(Rounds):
        pure = True

    with pytest.raises(ArgumentError, match=r"has a torch\.autograd\.Function on the"):
        QuantumLayer(Promised(2))(angles(3))


def test_circuits_share_nothing_of_their_pure_blocks() -> None:
    """Which stand in for their gates by their place in the circuit alone."""
    inner = [StronglyEntangling(2), Adjoint(StronglyEntangling(2))]
    for block in (*inner, *inner):
        found = []
        for target in ("qdl.simulator", "default.qubit"):
            generator = torch.Generator().manual_seed(0)
            circuit = block @ Scheduled(2)
            layer = QuantumLayer(circuit, target=target, generator=generator)
            found.append(layer.double()(angles(3)))
        torch.testing.assert_close(*found, atol=1e-10, rtol=0)
