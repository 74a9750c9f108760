"""The models: shapes, classical twins, gradients, and that they learn."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import QdlError
from qml_qdl.models import DressedClassifier, QCNNClassifier, QuanvolutionClassifier
from qml_qdl.nn import QuantumLayer, set_target

MODELS = [
    pytest.param(lambda **k: DressedClassifier(6, 3, **k), (6,), id="dressed"),
    pytest.param(
        lambda **k: DressedClassifier(2, 2, num_wires=2, layers=1, **k),
        (2,),
        id="dressed-small",
    ),
    pytest.param(
        lambda **k: QuanvolutionClassifier((1, 4, 4), 3, **k), (1, 4, 4), id="quanv"
    ),
    pytest.param(
        lambda **k: QuanvolutionClassifier(
            (2, 4, 3), 5, channels=3, kernel_size=(2, 1), stride=(2, 1), layers=1, **k
        ),
        (2, 4, 3),
        id="quanv-options",
    ),
    pytest.param(lambda **k: QCNNClassifier(4, 2, **k), (4,), id="qcnn"),
    pytest.param(
        lambda **k: QCNNClassifier(
            (1, 4, 4), 3, encoding="amplitude", convolution=6, pooling="rot", **k
        ),
        (1, 4, 4),
        id="qcnn-options",
    ),
]
every_model = pytest.mark.parametrize(("make", "shape"), MODELS)


def count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def classes(model: Any) -> int:
    if isinstance(model, QCNNClassifier):
        return model.num_classes
    head = model.leave if isinstance(model, DressedClassifier) else model.head
    return int(head.out_features)


def train(model: nn.Module, x: Tensor, y: Tensor, steps: int, lr: float) -> float:
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.autograd.backward([nn.functional.cross_entropy(model(x), y)])
        optimiser.step()
    return float((model(x).argmax(-1) == y).float().mean())


@every_model
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_shapes(
    make: Callable[..., Any], shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    model = make().to(dtype)
    twin = model.classical_twin().to(dtype)
    for rows in (1, 3, 0):
        x = torch.rand(rows, *shape, dtype=dtype)
        for module in (model, twin):
            logits = module(x)
            assert logits.shape == (rows, classes(model))
            assert logits.dtype == dtype


@every_model
def test_gradients_reach_every_weight(
    make: Callable[..., Any], shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    model = make()
    for module in (model, model.classical_twin()):
        x = torch.rand(4, *shape).requires_grad_()
        y = torch.arange(4) % classes(model)
        torch.autograd.backward([nn.functional.cross_entropy(module(x), y)])
        assert x.grad is not None
        assert x.grad.abs().max() > 1e-6
        for name, weight in module.named_parameters():
            assert weight.grad is not None, name
            assert weight.grad.abs().max() > 1e-7, name


@every_model
def test_quantum_layers_move(make: Callable[..., Any], shape: tuple[int, ...]) -> None:
    model = make()
    layers = model.quantum_layers()
    assert layers == [m for m in model.modules() if isinstance(m, QuantumLayer)]
    x = torch.rand(2, *shape)
    expected = model(x)
    set_target(model, "lightning.qubit")
    torch.testing.assert_close(model(x), expected)
    set_target(model, None, shots=50)
    assert {layer.shots for layer in layers} == {50}
    assert model(x).shape == expected.shape
    model = make(target="lightning.qubit", shots=20, diff_method="parameter-shift")
    (layer, *_) = model.quantum_layers()
    assert (layer.target, layer.shots) == ("lightning.qubit", 20)
    assert layer.qnode.diff_method == "parameter-shift"


@every_model
def test_it_can_be_copied_and_saved(
    make: Callable[..., Any], shape: tuple[int, ...]
) -> None:
    model = make()
    x = torch.rand(2, *shape)
    fresh = make()
    fresh.load_state_dict(model.state_dict(), strict=True)
    for twin in (fresh, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(twin(x), model(x))


@every_model
def test_a_twin_is_new_every_time(
    make: Callable[..., Any], shape: tuple[int, ...]
) -> None:
    model = make()
    first, second = model.classical_twin(), model.classical_twin()
    x = torch.rand(2, *shape)
    assert not torch.equal(first(x), second(x))
    assert not [m for m in first.modules() if isinstance(m, QuantumLayer)]


@pytest.mark.parametrize(("wires", "layers"), [(2, 1), (4, 1), (4, 3), (4, 12), (6, 5)])
def test_the_dressed_twin_has_as_many_weights(wires: int, layers: int) -> None:
    model = DressedClassifier(5, 3, num_wires=wires, layers=layers)
    outer = count(model.enter) + count(model.leave)
    assert count(model) == outer + 3 * wires * layers
    square = wires * wires + wires
    difference = abs(count(model.classical_twin()) - count(model))
    # No other number of square layers, at least one, comes nearer.
    assert difference <= max(square / 2, square - 3 * wires * layers)


@pytest.mark.parametrize("channels", [1, 4, 20])
def test_the_quanvolutions_twin_has_its_shapes(channels: int) -> None:
    model = QuanvolutionClassifier((2, 5, 6), 3, channels=channels, kernel_size=(2, 1))
    twin: Any = model.classical_twin()
    assert count(twin) == 2 * channels * 2 + channels + count(model.head)
    assert twin[0].kernel_size == model.conv.kernel_size
    x = torch.rand(2, 2, 5, 6)
    assert twin[0](x).shape == model.conv(x).shape
    assert count(twin[-1]) == count(model.head)


def test_angles_stay_within_half_a_turn() -> None:
    model = DressedClassifier(3, 2)
    seen: list[Tensor] = []
    model.quantum.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    model(1000 * torch.randn(20, 3))
    assert seen[0].abs().max() <= math.pi / 2 + 1e-6
    assert seen[0].abs().max() > math.pi / 2 - 0.1


def test_the_dressed_classifier_learns() -> None:
    torch.manual_seed(0)
    x = torch.randn(60, 2)
    y = (x[:, 0] * x[:, 1] > 0).long()  # no plane separates them
    linear = nn.Linear(2, 2)
    assert train(linear, x, y, 100, 0.1) < 0.8
    model = DressedClassifier(2, 2, num_wires=2, layers=3)
    assert train(model, x, y, 60, 0.1) > 0.9
    assert train(model.classical_twin(), x, y, 100, 0.1) > 0.6


def test_the_quanvolution_learns() -> None:
    torch.manual_seed(0)
    x = 0.2 * torch.rand(30, 1, 4, 4)
    y = torch.arange(30) % 2
    x[y == 0, :, :, 1] += 0.7  # upright bars
    x[y == 1, :, 1, :] += 0.7  # lying bars
    model = QuanvolutionClassifier((1, 4, 4), 2, stride=2)
    before = copy.deepcopy(model.conv.state_dict())
    assert train(model, x, y, 40, 0.05) == 1.0
    after = model.conv.state_dict()
    assert all(not torch.equal(before[name], after[name]) for name in before)
    assert train(model.classical_twin(), x, y, 100, 0.05) > 0.9


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: DressedClassifier(0, 2), r"num_features: expected at least 1, got 0"),
        (lambda: DressedClassifier(2, 0), r"num_classes: expected at least 1, got 0"),
        (lambda: DressedClassifier(2, 2, num_wires=0), r"num_wires: expected at least"),
        (lambda: DressedClassifier(2, 2, layers=0), r"layers: expected at least 1"),
        (lambda: DressedClassifier(2, 2, target="x"), r"target: unknown target 'x'"),
        (
            lambda: QuanvolutionClassifier((28, 28), 2),  # type: ignore[arg-type]
            r"image_shape: expected \(channels, height, width\), got \(28, 28\); a g",
        ),
        (
            lambda: QuanvolutionClassifier((1, 0, 4), 2),
            r"image_shape: expected at",
        ),
        (
            lambda: QuanvolutionClassifier((1, 4, 4), 0),
            r"num_classes: expected at",
        ),
        (
            lambda: QuanvolutionClassifier((1, 4, 4), 2, channels=0),
            r"out_channels: expected at least 1, got 0",
        ),
        (
            lambda: QuanvolutionClassifier((1, 4, 4), 2, kernel_size=5),
            r"images: a patch of kernel_size=\(5, 5\) .* image \(4, 4\)",
        ),
    ],
)
def test_errors(make: Callable[[], nn.Module], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
