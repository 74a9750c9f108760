"""The classifiers that do not mind how their input is turned, and their twins."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from qml_qdl.circuits.errors import QdlError
from qml_qdl.data import load, split
from qml_qdl.models import (
    EquivariantClassifier,
    QuanvolutionClassifier,
    SpinClassifier,
)
from qml_qdl.models.spin import InvariantPointNetwork, invariants, spin_circuit
from qml_qdl.nn import ImageGroup, QuantumLayer, check_equivariance, set_target

EXACT = {torch.float32: 1e-5, torch.float64: 1e-12}
in_both_dtypes = pytest.mark.parametrize("dtype", list(EXACT), ids=str)


def images_model(**options: Any) -> Any:
    return EquivariantClassifier((1, 5, 5), 3, hidden=6, **options)


MODELS = [
    pytest.param(images_model, (1, 5, 5), id="p4"),
    pytest.param(lambda **k: images_model(group="p4m", **k), (1, 5, 5), id="p4m"),
    pytest.param(
        lambda **k: EquivariantClassifier(
            (2, 6, 6), 3, stride=2, padding=1, pooling="mean", layers=1, **k
        ),
        (2, 6, 6),
        id="options",
    ),
    pytest.param(lambda **k: SpinClassifier(3, 3, **k), (3, 3), id="spin"),
]
every_model = pytest.mark.parametrize(("make", "shape"), MODELS)


def count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def rotated(points: Tensor, seed: int) -> Tensor:
    rotation = Rotation.random(rng=np.random.default_rng(seed))
    return points @ torch.tensor(rotation.as_matrix(), dtype=points.dtype).T


def test_how_far_c8_is_from_exact() -> None:
    """Exact at 90°; at 45° as its docstring says: 0.97 ± 0.06 of the logits' spread."""
    group = ImageGroup("c8")
    digits = split(load("digits"), test_fraction=0.5, validation_fraction=0.05, seed=0)
    images = torch.tensor(digits.test.inputs[:40])
    shares = []
    for seed in range(3):
        torch.manual_seed(seed)
        model = EquivariantClassifier((1, 8, 8), 10, group="c8").eval()
        with torch.no_grad():
            upright = model(images)
            eighth, quarter = (model(group.act_on_images(g, images)) for g in (1, 2))
        torch.testing.assert_close(quarter, upright, atol=1e-5, rtol=0)
        change = (eighth - upright).abs().mean(0) / upright.std(0)
        shares.append(float(change.mean()))
    assert float(np.mean(shares)) == pytest.approx(0.97, abs=0.1)


@pytest.mark.parametrize("group", ["p4", "p4m"])
@in_both_dtypes
def test_logits_do_not_turn(group: str, dtype: torch.dtype) -> None:
    model = images_model(group=group).to(dtype).eval()
    x = torch.rand(3, 1, 5, 5, dtype=dtype)
    for module in (model, model.classical_twin().to(dtype).eval()):
        found = check_equivariance(module, ImageGroup(group), x)
        assert found.largest < EXACT[dtype]
        assert module(x).std(0).min() > 1e-4
    plain = QuanvolutionClassifier((1, 5, 5), 3).to(dtype)
    assert check_equivariance(plain, ImageGroup(group), x).largest > 1e-2
    if group == "p4":
        mirrored = check_equivariance(model, ImageGroup("p4m"), x)
        assert max(mirrored.by_element[4:]) > 1e-3


@in_both_dtypes
def test_points_may_turn(dtype: torch.dtype) -> None:
    model: Any = SpinClassifier(4, 3).to(dtype)
    points = torch.randn(5, 4, 3, dtype=dtype)
    for module in (model, model.classical_twin().to(dtype)):
        logits = module(points)
        for seed in range(5):
            change = (module(rotated(points, seed)) - logits).abs().max()
            assert change < 20 * EXACT[dtype]
        assert (module(points + 0.3) - logits).abs().max() > 1e-3
    broken = nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).to(dtype)
    assert (broken(rotated(points, 0)) - broken(points)).abs().max() > 1e-2


@every_model
@in_both_dtypes
def test_shapes(make: Callable[..., Any], shape: Any, dtype: torch.dtype) -> None:
    model = make().to(dtype)
    twin = model.classical_twin().to(dtype)
    for rows in (1, 3, 0):
        x = torch.rand(rows, *shape, dtype=dtype)
        for module in (model, twin):
            logits = module(x)
            assert logits.shape == (rows, 3)
            assert logits.dtype == dtype
    assert count(twin) == pytest.approx(count(model), rel=0.25, abs=12)
    assert not [m for m in twin.modules() if isinstance(m, QuantumLayer)]


@every_model
def test_gradients_reach_every_weight(make: Callable[..., Any], shape: Any) -> None:
    torch.manual_seed(0)
    model = make().eval()
    for module in (model, model.classical_twin().eval()):
        x = torch.rand(8, *shape).requires_grad_()
        y = torch.arange(8) % 3
        torch.autograd.backward([nn.functional.cross_entropy(module(x), y)])
        assert x.grad is not None
        assert x.grad.abs().max() > 1e-6
        for name, weight in module.named_parameters():
            assert weight.grad is not None, name
            assert weight.grad.abs().max() > 1e-7, name


@every_model
def test_it_moves_and_is_saved(make: Callable[..., Any], shape: Any) -> None:
    model = make().eval()
    layers = model.quantum_layers()
    assert layers == [m for m in model.modules() if isinstance(m, QuantumLayer)]
    x = torch.rand(1, *shape)
    fresh = make().eval()
    fresh.load_state_dict(model.state_dict(), strict=True)
    for twin in (fresh, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(twin(x), model(x))
    set_target(model, None, shots=50)
    assert {layer.shots for layer in layers} == {50}
    assert model(x).shape == (1, 3)


def train(model: nn.Module, x: Tensor, y: Tensor, steps: int, lr: float) -> float:
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.autograd.backward([nn.functional.cross_entropy(model(x), y)])
        optimiser.step()
    return float((model.eval()(x).argmax(-1) == y).float().mean())


def test_the_equivariant_classifier_learns_what_does_not_turn() -> None:
    torch.manual_seed(0)
    x = 0.2 * torch.rand(30, 1, 5, 5)
    y = torch.arange(30) % 2
    x[y == 0, :, 2, :] += 0.7  # one bar through the middle
    x[y == 1, :, 1:4, 1:4] += 0.4  # a blob
    model = EquivariantClassifier((1, 5, 5), 2, hidden=4, dropout=0.0)
    assert train(model, x, y, 40, 0.05) == 1.0
    turned = x.rot90(1, (-2, -1))
    assert torch.equal(model(turned).argmax(1), y)
    assert train(model.classical_twin(), x, y, 60, 0.05) > 0.9


def test_the_spin_circuit_tells_left_from_right() -> None:
    """Handedness: mirror images have the same distances, and other triple products."""
    torch.manual_seed(0)
    x = torch.randn(60, 3, 3)
    y = (torch.linalg.det(x) > 0).long()
    model = SpinClassifier(3, 2, layers=3)
    assert train(model, x, y, 50, 0.1) > 0.75
    mirrored = x * torch.tensor([1.0, 1, -1])
    assert (model(mirrored) - model(x)).abs().mean() > 0.5
    assert train(model.classical_twin(), x, y, 200, 0.1) > 0.85


def test_invariants_are_all_products() -> None:
    points = torch.randn(2, 4, 3, dtype=torch.float64)
    found = invariants(points)
    assert found.shape == (2, 10 + 4)
    torch.testing.assert_close(found[0, 1], points[0, 0] @ points[0, 1])
    torch.testing.assert_close(found[:, 10], torch.linalg.det(points[:, :3]))
    torch.testing.assert_close(invariants(rotated(points, 0)), found)
    assert invariants(points[:, :2]).shape == (2, 3)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: EquivariantClassifier((5, 5), 2),  # type: ignore[arg-type]
            r"image_shape: expected \(channels, height, width\), got \(5, 5\); a grey",
        ),
        (
            lambda: EquivariantClassifier((1, 0, 5), 2),
            r"image_shape: expected at least",
        ),
        (
            lambda: EquivariantClassifier((1, 5, 5), 0),
            r"num_classes: expected at least",
        ),
        (
            lambda: EquivariantClassifier((1, 8, 6), 2),
            r"image_shape: expected square images.*got \(1, 8, 6\); pad or crop them",
        ),
        (lambda: images_model(stride=2), r"images: not equivariant, since"),
        (lambda: images_model(group="p6"), r"group: expected one of 'p4', 'p4m', 'c8'"),
        (
            lambda: images_model(dropout=1.0),
            r"dropout: expected a share of 0 or more an",
        ),
        (lambda: images_model(pooling="sum"), r"mode: expected one of 'max', 'mean'"),
        (lambda: SpinClassifier(1, 2), r"num_points: expected at least 2, got 1"),
        (lambda: SpinClassifier(3, 2, layers=0), r"layers: expected at least 1, got 0"),
        (
            lambda: SpinClassifier(3, 2)(torch.rand(1, 9)),
            r"points: expected \(rows, 3, 3\), x, y, z of each point, got \(1, 9\)",
        ),
        (
            lambda: InvariantPointNetwork(3, 2)(torch.rand(1, 4, 3)),
            r"points: expected \(rows, 3, 3\)",
        ),
        (lambda: InvariantPointNetwork(3, 2, 0), r"hidden: expected at least 1, got 0"),
        (lambda: spin_circuit(0), r"num_points: expected at least 2, got 0"),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
