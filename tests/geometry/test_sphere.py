"""The classifier of fields on the sphere: no tilt changes its logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from qml_qdl.circuits.errors import QdlError
from qml_qdl.data import SphereGrid
from qml_qdl.geometry import SphereClassifier, sphere_circuit

GRID = SphereGrid(4, 7)
TILTS = Rotation.random(4, rng=np.random.default_rng(0))


def images(channels: int = 1) -> Any:
    c = np.random.default_rng(1).normal(size=(4, channels, 16))
    return GRID.synthesis(c)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("encoding", ["gates", "state"])
def test_no_tilt_changes_the_logits(encoding: str, dtype: torch.dtype) -> None:
    model: Any = SphereClassifier(
        (1, *GRID.shape), 3, circuits=1, layers=2, encoding=encoding
    ).to(dtype)
    x = images()
    y = np.stack([GRID.rotate(x[k], TILTS[k]) for k in range(4)])
    upright, tilted = (torch.tensor(each, dtype=dtype) for each in (x, y))
    model(upright)  # running means
    model.eval()
    logits = model(upright)
    assert logits.dtype == dtype
    assert logits.std(0).min() > 1e-3
    tolerance = 1e-4 if dtype == torch.float32 else 1e-12
    assert (model(tilted) - logits).abs().max() < tolerance
    # A field that is not the turned one, as all but one degree are.
    coefficients = [GRID.analysis(each) for each in (x, y)]
    coefficients[1][..., 4:9] = coefficients[0][..., 4:9]
    broken = torch.tensor(GRID.synthesis(coefficients[1]), dtype=dtype)
    assert (model(broken) - logits).abs().max() > 1e-3


def test_channels_are_mixed_and_means_are_read() -> None:
    model = SphereClassifier((2, *GRID.shape), 3, lmax=1, circuits=2, layers=1)
    x = torch.tensor(images(2), dtype=torch.float32)
    features = model.features(x)
    assert features.shape == (4, 2 + 2 * 6)
    torch.autograd.backward([model(x).square().sum()])
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all()
    model.eval()
    brighter = model.features(x + 1) - model.features(x)
    assert brighter[:, :2].abs().min() > 0.1
    torch.testing.assert_close(brighter[:, 2:], torch.zeros(4, 12), rtol=0, atol=1e-4)
    assert model(torch.zeros(2, 2, *GRID.shape)).isfinite().all()
    assert len(model.quantum_layers()) == 2


def test_the_twin_has_about_as_many_weights() -> None:
    pytest.importorskip("e3nn")
    model = SphereClassifier((1, 8, 16), 10, circuits=2)
    twin = model.classical_twin()
    sizes = [sum(w.numel() for w in each.parameters()) for each in (model, twin)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.1)
    assert twin(torch.rand(3, 1, 8, 16)).shape == (3, 10)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: sphere_circuit(2), "lmax: expected one of 1, 3, 7, got 2"),
        (lambda: sphere_circuit(3, 0), "layers: expected at least 1"),
        (lambda: sphere_circuit(encoding="angles"), "encoding: expected one of"),
        (lambda: SphereClassifier((1, 3, 6), 2), "lmax: .* up to 2, got 3"),
        (lambda: SphereClassifier((1, 8, 16), 0), "num_classes: expected at least 1"),
        (lambda: SphereClassifier((1, 8, 16), 2, circuits=0), "circuits: expected"),
        (
            lambda: SphereClassifier((1, 4, 8), 2, lmax=1)(torch.zeros(1, 4, 8)),
            r"images: expected \(rows, 1, 4, 8\)",
        ),
    ],
)
def test_wrong_arguments_are_refused(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
