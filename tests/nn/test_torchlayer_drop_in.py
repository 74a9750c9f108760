"""QuantumLayer for pennylane.qnn.TorchLayer: only the class name changes."""

from __future__ import annotations

import functools
import math
import runpy
from pathlib import Path
from typing import Any

import pennylane as qml
import pytest
import torch
from torch import Tensor, nn

from qml_qdl.nn import QuantumLayer

KINDS = [qml.qnn.TorchLayer, QuantumLayer]
DEVICE = qml.device("default.qubit", wires=2)


def gates(inputs: Any, weights: Any) -> None:
    qml.AngleEmbedding(inputs, wires=range(2))
    qml.BasicEntanglerLayers(weights, wires=range(2))


def listed(inputs: Any, weights: Any) -> Any:
    gates(inputs, weights)
    return [qml.expval(qml.PauliZ(wires=i)) for i in range(2)]


def one(inputs: Any, weights: Any) -> Any:
    gates(inputs, weights)
    return qml.expval(qml.Z(0))


def listed_once(inputs: Any, weights: Any) -> Any:
    gates(inputs, weights)
    return [qml.expval(qml.Z(0))]


def probabilities(inputs: Any, weights: Any) -> Any:
    gates(inputs, weights)
    return qml.probs(wires=range(2))


def two_weights(inputs: Any, weights_0: Any, weight_1: Any) -> Any:
    qml.RX(inputs[..., 0], wires=0)
    qml.RX(inputs[..., 1], wires=1)
    qml.Rot(*weights_0, wires=0)
    qml.RY(weight_1, wires=1)
    qml.CNOT(wires=[0, 1])
    return qml.expval(qml.Z(0)), qml.expval(qml.Z(1))


def default_input(weights: Any, inputs: Any = None) -> Any:
    return listed(inputs, weights)


def keyword_weights(inputs: Any, **weights: Any) -> Any:
    return listed(inputs, weights["w"])


def amplitudes(inputs: Any, weights: Any) -> Any:
    qml.AmplitudeEmbedding(inputs, wires=range(2), normalize=True)
    qml.BasicEntanglerLayers(weights, wires=range(2))
    return [qml.expval(qml.X(0)), qml.expval(qml.Z(1))]


ONE = {"weights": (3, 2)}
FUNCTIONS = [
    pytest.param(listed, ONE, 2, id="list"),
    pytest.param(one, ONE, 2, id="one"),
    pytest.param(listed_once, ONE, 2, id="list-of-one"),
    pytest.param(probabilities, ONE, 2, id="probabilities"),
    pytest.param(default_input, ONE, 2, id="default-input"),
    pytest.param(keyword_weights, {"w": (3, 2)}, 2, id="keyword-weights"),
    pytest.param(amplitudes, ONE, 4, id="amplitudes"),
]


def pair(
    function: Any, shapes: dict[str, Any], device: Any = DEVICE, **options: Any
) -> tuple[nn.Module, nn.Module]:
    """TorchLayer and ours with the same weights."""
    node = qml.QNode(function, device, **options)
    theirs, ours = (kind(node, shapes) for kind in KINDS)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    return theirs, ours


def outcome(layer: nn.Module, x: Tensor) -> list[Tensor]:
    leaves = [x.clone().requires_grad_(), *layer.parameters()]
    result = layer(leaves[0])
    probe = torch.linspace(-1, 2, result.numel()).reshape(result.shape).to(result)
    return [result, *torch.autograd.grad(result, leaves, probe)]


@pytest.mark.parametrize(("function", "shapes", "size"), FUNCTIONS)
@pytest.mark.parametrize("leading", [(), (1,), (3,), (2, 3)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_results_and_gradients_are_equal(
    function: Any,
    shapes: Any,
    size: int,
    leading: tuple[int, ...],
    dtype: torch.dtype,
) -> None:
    theirs, ours = pair(function, shapes)
    x = torch.rand(*leading, size).to(dtype)
    expected = outcome(theirs, x)
    found = outcome(ours, x)
    assert found[0].dtype == expected[0].dtype == dtype
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("device", ["default.qubit", "lightning.qubit"])
@pytest.mark.parametrize("method", ["best", "adjoint"])
def test_on_other_devices_and_methods(device: str, method: str) -> None:
    theirs, ours = pair(listed, ONE, qml.device(device, wires=2), diff_method=method)
    x = torch.rand(3, 2)
    torch.testing.assert_close(outcome(ours, x), outcome(theirs, x))


def test_a_tuple_is_laid_side_by_side() -> None:
    """The one difference, for which TorchLayer puts a new dimension first."""
    theirs, ours = pair(two_weights, {"weights_0": 3, "weight_1": 1})
    for leading in ((3,), (2, 3)):
        x = torch.rand(*leading, 2)
        expected = theirs(x)
        result = ours(x)
        assert result.shape == (*leading, 2)
        side_by_side = expected.movedim(0, -1) if expected.shape[0] == 2 else expected
        torch.testing.assert_close(result, side_by_side.reshape(result.shape))


@pytest.mark.parametrize(
    "init_method",
    [
        nn.init.ones_,
        functools.partial(nn.init.constant_, val=0.3),
        {"weights_0": nn.init.zeros_, "weight_1": torch.tensor(0.25)},
        {
            "weights_0": torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64),
            "weight_1": nn.init.ones_,
        },
        {"weights_0": torch.ones_like, "weight_1": torch.ones_like},
    ],
    ids=["function", "partial", "mapping", "doubles", "returned"],
)
def test_initialisers(init_method: Any) -> None:
    node = qml.QNode(two_weights, DEVICE)
    shapes = {"weights_0": 3, "weight_1": 1}
    theirs, ours = (kind(node, shapes, init_method) for kind in KINDS)
    expected, found = theirs.state_dict(), ours.state_dict()
    assert list(found) == list(expected)
    for name, weight in expected.items():
        assert found[name].dtype == weight.dtype
        assert torch.equal(found[name], weight)


def test_the_range_of_the_default() -> None:
    node = qml.QNode(listed, DEVICE)
    for kind in KINDS:
        low, high = kind(node, {"weights": (500, 2)}).weights.aminmax()
        assert 0 <= low < 0.1
        assert 2 * math.pi - 0.1 < high < 2 * math.pi


@pytest.mark.parametrize("kind", KINDS, ids=["TorchLayer", "QuantumLayer"])
def test_the_example_of_its_documentation(kind: Any) -> None:
    """The hybrid network of PennyLane's page on TorchLayer."""
    torch.manual_seed(0)
    n_qubits = 2
    dev = qml.device("default.qubit", wires=n_qubits)

    @qml.qnode(dev)
    def qnode(inputs: Any, weights_0: Any, weight_1: Any) -> Any:
        qml.RX(inputs[..., 0], wires=0)
        qml.RX(inputs[..., 1], wires=1)
        qml.Rot(*weights_0, wires=0)
        qml.RY(weight_1, wires=1)
        qml.CNOT(wires=[0, 1])
        return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1))]

    weight_shapes = {"weights_0": 3, "weight_1": 1}
    qlayer = kind(qnode, weight_shapes)
    clayer1 = torch.nn.Linear(2, 2)
    clayer2 = torch.nn.Linear(2, 2)
    softmax = torch.nn.Softmax(dim=1)
    model = torch.nn.Sequential(clayer1, qlayer, clayer2, softmax)
    samples = 40
    x = torch.rand(samples, 2)
    y = torch.nn.functional.one_hot((x.sum(-1) > 1).long(), 2).float()
    opt = torch.optim.SGD(model.parameters(), lr=0.5)
    loss = torch.nn.L1Loss()
    losses = []
    for _ in range(20):
        for xs, ys in zip(x.chunk(4), y.chunk(4), strict=True):
            opt.zero_grad()
            loss_evaluated = loss(model(xs), ys)
            loss_evaluated.backward()
            opt.step()
        losses.append(loss_evaluated.item())
    assert losses[-1] < losses[0]
    assert [n for n, _ in model.named_parameters()] == [
        "0.weight",
        "0.bias",
        "1.weights_0",
        "1.weight_1",
        "2.weight",
        "2.bias",
    ]


def test_our_example_learns() -> None:
    path = Path(__file__).parents[2] / "examples" / "torchlayer_drop_in.py"
    assert runpy.run_path(str(path))["main"]() > 0.85
