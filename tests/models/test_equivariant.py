"""The classifier of images that does not mind how they are turned, and its twin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import QdlError
from qml_qdl.data import load, split
from qml_qdl.models import EquivariantClassifier, QuanvolutionClassifier
from qml_qdl.nn import ImageGroup, check_equivariance

EXACT = {torch.float32: 1e-5, torch.float64: 1e-12}


in_both_dtypes = pytest.mark.parametrize("dtype", list(EXACT), ids=str)


def images_model(**options: Any) -> Any:
    return EquivariantClassifier((1, 5, 5), 3, hidden=6, **options)


def count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


@pytest.mark.parametrize(("sampling", "expected"), [("pixels", 0.97), ("rings", 0.64)])
def test_how_far_c8_is_from_exact(sampling: str, expected: float) -> None:
    """Exact at 90°; at 45° as its docstring says, as part of the logits' spread."""
    group = ImageGroup("c8")
    digits = split(load("digits"), test_fraction=0.5, validation_fraction=0.05, seed=0)
    images = torch.tensor(digits.test.inputs[:40])
    shares = []
    for seed in range(3):
        torch.manual_seed(seed)
        model = EquivariantClassifier(
            (1, 8, 8), 10, group="c8", sampling=sampling
        ).eval()
        with torch.no_grad():
            upright = model(images)
            eighth, quarter = (model(group.act_on_images(g, images)) for g in (1, 2))
        torch.testing.assert_close(quarter, upright, atol=1e-5, rtol=0)
        change = (eighth - upright).abs().mean(0) / upright.std(0)
        shares.append(float(change.mean()))
    assert float(np.mean(shares)) == pytest.approx(expected, abs=0.1)


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


@pytest.mark.parametrize("group", ["p4", "p4m"])
def test_the_twin_has_about_as_many_weights(group: str) -> None:
    model = images_model(group=group)
    assert count(model.classical_twin()) == pytest.approx(count(model), rel=0.25)


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
        (
            lambda: images_model(group="p6"),
            r"group: expected one of 'p4', 'p4m', 'c8', 'c16'",
        ),
        (
            lambda: images_model(dropout=1.0),
            r"dropout: expected a share of 0 or more an",
        ),
        (lambda: images_model(pooling="sum"), r"mode: expected one of 'max', 'mean'"),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
