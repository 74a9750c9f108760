"""The steerable classifier: invariant, of any square size, and it learns."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from qml_qdl.circuits.errors import QdlError
from qml_qdl.geometry import FieldType, SteerableClassifier
from qml_qdl.nn import ImageGroup, check_equivariance
from qml_qdl.nn.symmetry.image_groups import turned_points

EXACT = {torch.float32: 1e-4, torch.float64: 1e-12}


def small(shape: Any = (1, 7, 7), **options: Any) -> Any:
    torch.manual_seed(0)
    return SteerableClassifier(
        shape, 3, **{"channels": 2, "hidden": 6, "layers": 2, **options}
    )


@pytest.mark.parametrize("dtype", list(EXACT), ids=str)
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((1, 7, 7), {}),
        ((3, 8, 8), {"nonlinearity": "gated", "kernel_size": 5, "max_order": 1}),
        ((1, 5, 5), {"nonlinearity": "fourier", "layers": 1}),
        ((2, 2, 2), {"max_order": 0, "kernel_size": 3}),
    ],
)
def test_logits_do_not_turn(
    shape: tuple[int, int, int], options: dict[str, Any], dtype: torch.dtype
) -> None:
    model = small(shape, **options).to(dtype)
    images = torch.rand(4, *shape, dtype=dtype)
    model(images)  # a step of the running means
    model.eval()
    logits = model(images)
    assert (logits.shape, logits.dtype) == ((4, 3), dtype)
    assert check_equivariance(model, ImageGroup("p4"), images).largest < EXACT[dtype]
    for rows in (0, 1):
        assert model.train()(images[:rows]).shape == (rows, 3)
    assert bool(model(0 * images).isfinite().all())


def test_fields_turn_and_broken_ones_are_seen() -> None:
    model = small().double().eval()
    images = torch.rand(2, 1, 7, 7, dtype=torch.float64)
    fields = model.fields(images)
    kind: FieldType = model.out_type
    turned = model.fields(images.rot90(1, (-2, -1)))
    torch.testing.assert_close(turned, kind.quarter_turned(fields))
    assert float(fields.abs().detach()[..., 0, 0].max()) == 0
    broken = copy.deepcopy(model)
    broken.blocks[1][0].basis_1.mul_(torch.rand(49)[:, None])
    assert check_equivariance(broken, ImageGroup("p4"), images).largest > 1e-3


def test_gradients_reach_every_weight() -> None:
    for nonlinearity in ("norm", "gated", "fourier"):
        model = small(nonlinearity=nonlinearity)
        logits = model(torch.rand(8, 1, 7, 7))
        loss = nn.functional.cross_entropy(logits, torch.arange(8) % 3)
        torch.autograd.backward([loss])
        for name, weight in model.named_parameters():
            assert weight.grad is not None, name
            assert float(weight.grad.abs().max()) > 1e-8, (nonlinearity, name)


def bars_and_blobs(angle: float) -> torch.Tensor:
    """Twenty of each in turn, rendered as they lie after a turn."""
    line = torch.arange(11.0) - 5
    grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1)
    x, y = turned_points(grid, -angle).unbind(-1)
    wide = 1 + 0.5 * torch.rand(20, 1, 1, generator=torch.Generator().manual_seed(0))
    bars = torch.exp(-((x / 3) ** 2 + (y / wide) ** 2) / 2)
    blobs = torch.exp(-(x**2 + y**2) / (6 * wide))
    return torch.stack([bars, blobs], 1).reshape(40, 1, 11, 11)


def test_it_learns_what_does_not_turn() -> None:
    torch.manual_seed(0)
    images, labels = bars_and_blobs(0.0), torch.arange(40) % 2
    model = small((1, 11, 11), dropout=0.0, channels=4, hidden=24, kernel_size=5)
    optimiser = torch.optim.Adam(model.parameters(), 0.03)
    for _ in range(30):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        torch.autograd.backward([loss])
        optimiser.step()
    with torch.no_grad():
        for _ in range(30):
            model(images)  # the running means follow the last weights
    model.eval()
    for angle in (0.0, 0.4, 0.8, 2.5):
        found = model(bars_and_blobs(angle)).argmax(1)
        assert torch.equal(found, labels), angle


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda: small((1, 8, 6)), r"image_shape: expected square images"),
        (lambda: small((8, 8)), r"image_shape: expected \(channels, height, width\)"),
        (lambda: small(layers=0), r"layers: expected at least 1"),
        (lambda: small(channels=0), r"channels: expected at least 1"),
        (lambda: small(dropout=1.0), r"dropout: expected a share"),
        (lambda: small(nonlinearity="relu"), r"nonlinearity: expected one of 'norm'"),
        (lambda: small(kernel_size=4), r"padding: 'same' would add more on one side"),
        (lambda: small(kernel_size=3), r"out_type: expected fields that rings"),
        (
            lambda: small()(torch.zeros(1, 1, 8, 8)),
            r"images: expected \(rows, 1, 7, 7\), got \(1, 1, 8, 8\)",
        ),
    ],
)
def test_errors(act: Callable[[], Any], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        act()
