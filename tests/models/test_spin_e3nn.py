"""The spin classifier's twin of e3nn's layers; most of it needs e3nn."""

from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from qml_qdl.circuits.errors import QdlError
from qml_qdl.models import SpinClassifier

EXACT = {torch.float32: 1e-4, torch.float64: 1e-11}


def twin_of(model: SpinClassifier) -> Any:
    pytest.importorskip("e3nn")
    return model.classical_twin("e3nn")


def count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def rotated(points: Tensor, seed: int) -> Tensor:
    matrix = torch.tensor(Rotation.random(rng=seed).as_matrix())
    return (points.double() @ matrix.T).to(points.dtype)


@pytest.mark.parametrize("dtype", list(EXACT), ids=str)
def test_points_may_turn(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    twin = twin_of(SpinClassifier(4, 3)).to(dtype)
    points = torch.randn(5, 4, 3, dtype=dtype)
    logits = twin(points)
    assert logits.dtype == dtype
    assert logits.std(0).min() > 1e-3
    for seed in range(5):
        assert (twin(rotated(points, seed)) - logits).abs().max() < EXACT[dtype]
    mirrored = points * torch.tensor([1, 1, -1], dtype=dtype)
    assert (twin(mirrored) - logits).abs().max() > 1e-3
    stretched = points * torch.tensor([1, 1, 2], dtype=dtype)
    assert (twin(stretched) - logits).abs().max() > 1e-3


@pytest.mark.parametrize(("points", "classes"), [(3, 2), (4, 2), (4, 5), (8, 2)])
def test_it_has_about_as_many_weights(points: int, classes: int) -> None:
    model = SpinClassifier(points, classes)
    assert count(twin_of(model)) == pytest.approx(count(model), rel=0.3, abs=12)


def test_gradients_copies_and_pickles() -> None:
    twin = twin_of(SpinClassifier(3, 2))
    points = torch.randn(4, 3, 3).requires_grad_()
    loss = nn.functional.cross_entropy(twin(points), torch.arange(4) % 2)
    torch.autograd.backward([loss])
    assert points.grad is not None
    for name, weight in twin.named_parameters():
        if weight.numel():
            assert weight.grad is not None, name
            assert weight.grad.abs().max() > 1e-8, name
    for other in (copy.deepcopy(twin), pickle.loads(pickle.dumps(twin))):
        assert torch.equal(other(points), twin(points))
    assert twin(torch.rand(0, 3, 3)).shape == (0, 2)
    with pytest.raises(QdlError, match=r"points: expected \(rows, 3, 3\), x, y, z of"):
        twin(torch.rand(1, 9))


def test_it_learns_handedness() -> None:
    torch.manual_seed(0)
    points = torch.randn(120, 3, 3)
    labels = (torch.linalg.det(points) > 0).long()
    twin = twin_of(SpinClassifier(3, 2, layers=3))
    optimiser = torch.optim.Adam(twin.parameters(), lr=0.1)
    for _ in range(150):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(twin(points[:60]), labels[:60])
        torch.autograd.backward([loss])
        optimiser.step()
    right = twin(points[60:]).argmax(1) == labels[60:]
    assert float(right.float().mean()) > 0.85


def test_without_e3nn_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("e3nn", "e3nn.o3"):
        monkeypatch.setitem(sys.modules, name, None)
    text = r"e3nn: this package is not installed; .* 'qml-qdl\[symmetry\]'"
    with pytest.raises(QdlError, match=text):
        SpinClassifier(3, 2).classical_twin("e3nn")
    with pytest.raises(QdlError, match=r"kind: expected one of 'invariants', 'e3nn'"):
        SpinClassifier(3, 2).classical_twin("escnn")
