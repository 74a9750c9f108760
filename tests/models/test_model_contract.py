"""What every model fulfils: shapes, gradients, copies, targets and a twin."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from qml_qdl.circuits import GaugeLattice
from qml_qdl.geometry import GaugeRegressor, RingClassifier, SphereClassifier
from qml_qdl.models import (
    DressedClassifier,
    EquivariantClassifier,
    PointCloudClassifier,
    QCNNClassifier,
    QuanvolutionClassifier,
    SpinClassifier,
)
from qml_qdl.nn import QuantumLayer, set_target

MODELS = [
    pytest.param(lambda **k: DressedClassifier(6, 3, **k), (6,), 3, id="dressed"),
    pytest.param(
        lambda **k: DressedClassifier(2, 2, num_wires=2, layers=1, **k),
        (2,),
        2,
        id="dressed-small",
    ),
    pytest.param(
        lambda **k: QuanvolutionClassifier((1, 4, 4), 3, **k), (1, 4, 4), 3, id="quanv"
    ),
    pytest.param(
        lambda **k: QuanvolutionClassifier(
            (2, 4, 3), 5, channels=3, kernel_size=(2, 1), stride=(2, 1), layers=1, **k
        ),
        (2, 4, 3),
        5,
        id="quanv-options",
    ),
    pytest.param(lambda **k: QCNNClassifier(4, 2, **k), (4,), 2, id="qcnn"),
    pytest.param(
        lambda **k: QCNNClassifier(
            (1, 4, 4), 3, encoding="amplitude", convolution=6, pooling="rot", **k
        ),
        (1, 4, 4),
        3,
        id="qcnn-options",
    ),
    pytest.param(
        lambda **k: EquivariantClassifier((1, 5, 5), 3, hidden=6, **k),
        (1, 5, 5),
        3,
        id="p4",
    ),
    pytest.param(
        lambda **k: EquivariantClassifier((1, 5, 5), 3, hidden=6, group="p4m", **k),
        (1, 5, 5),
        3,
        id="p4m",
    ),
    pytest.param(
        lambda **k: EquivariantClassifier(
            (2, 6, 6), 3, stride=2, padding=1, pooling="mean", layers=1, **k
        ),
        (2, 6, 6),
        3,
        id="p4-options",
    ),
    pytest.param(lambda **k: SpinClassifier(3, 3, **k), (3, 3), 3, id="spin"),
    pytest.param(
        lambda **k: PointCloudClassifier(3, 2, metric=(1, 1), **k),
        (3, 2),
        2,
        id="point-cloud",
    ),
    pytest.param(
        lambda **k: GaugeRegressor(GaugeLattice(2, 2, periodic=False), "u1", 3, **k),
        (4,),
        3,
        id="gauge",
    ),
    pytest.param(
        lambda **k: RingClassifier(
            (2, 5, 6), 3, charges=(0, 1, 1, 2), circuits=1, layers=2, **k
        ),
        (2, 5, 6),
        3,
        id="rings",
    ),
    pytest.param(
        lambda **k: SphereClassifier(
            (1, 4, 8), 3, lmax=1, circuits=1, layers=2, encoding="state", **k
        ),
        (1, 4, 8),
        3,
        id="sphere",
    ),
]
every_model = pytest.mark.parametrize(("make", "shape", "classes"), MODELS)


@every_model
def test_shapes(make: Callable[..., Any], shape: tuple[int, ...], classes: int) -> None:
    """In double; all else is in single precision."""
    model = make().double()
    for module in (model, model.classical_twin().double()):
        for rows in (1, 3, 0):
            logits = module(torch.rand(rows, *shape, dtype=torch.float64))
            assert logits.shape == (rows, classes)
            assert logits.dtype == torch.float64


@every_model
def test_gradients_reach_every_weight(
    make: Callable[..., Any], shape: tuple[int, ...], classes: int
) -> None:
    torch.manual_seed(0)
    model = make().eval()
    for module in (model, model.classical_twin().eval()):
        x = torch.randn(8, *shape).requires_grad_()
        y = torch.arange(8) % classes
        logits = module(x)
        assert (logits.shape, logits.dtype) == ((8, classes), torch.float32)
        torch.autograd.backward([nn.functional.cross_entropy(logits, y)])
        assert x.grad is not None
        assert x.grad.abs().max() > 1e-6
        for name, weight in module.named_parameters():
            assert weight.grad is not None, name
            assert weight.grad.abs().max() > 1e-7, name


@every_model
def test_quantum_layers_move(
    make: Callable[..., Any], shape: tuple[int, ...], classes: int
) -> None:
    model = make(target="lightning.qubit", shots=20, diff_method="parameter-shift")
    (layer, *_) = model.quantum_layers()
    assert (layer.target, layer.shots) == ("lightning.qubit", 20)
    assert layer.qnode.diff_method == "parameter-shift"
    model = make().eval()
    layers = model.quantum_layers()
    assert layers == [m for m in model.modules() if isinstance(m, QuantumLayer)]
    set_target(model, None, shots=50)
    assert {layer.shots for layer in layers} == {50}
    assert model(torch.rand(1, *shape)).shape == (1, classes)


@pytest.mark.parametrize(("make", "shape", "classes"), MODELS[:6])
def test_other_targets_give_the_same(
    make: Callable[..., Any], shape: tuple[int, ...], classes: int
) -> None:
    model = make()
    x = torch.rand(1, *shape)
    expected = model(x)
    set_target(model, "lightning.qubit")
    torch.testing.assert_close(model(x), expected)


@every_model
def test_it_can_be_copied_and_saved(
    make: Callable[..., Any], shape: tuple[int, ...], classes: int
) -> None:
    model = make().eval()
    x = torch.rand(2, *shape)
    expected = model(x)
    fresh = make().eval()
    fresh.load_state_dict(model.state_dict(), strict=True)
    for same in (fresh, pickle.loads(pickle.dumps(copy.deepcopy(model)))):
        assert torch.equal(same(x), expected)


@every_model
def test_a_twin_is_new_every_time(
    make: Callable[..., Any], shape: tuple[int, ...], classes: int
) -> None:
    model = make()
    first, second = (model.classical_twin().eval() for _ in range(2))
    x = torch.rand(2, *shape)
    assert not torch.equal(first(x), second(x))
    assert not [m for m in first.modules() if isinstance(m, QuantumLayer)]
