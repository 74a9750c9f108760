"""Products of fields and their invariants, under rotations and mirrors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from qml_qdl.circuits.errors import QdlError
from qml_qdl.data import SphereGrid, rotate_coefficients, spherical_harmonics
from qml_qdl.geometry import ClebschGordanProduct, SphereNetwork, bispectrum
from qml_qdl.geometry.clebsch_gordan import twin_width

TILT = Rotation.random(rng=np.random.default_rng(0))


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    """e3nn's symbols have the digits of torch's default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def fields(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def turned(coefficients: torch.Tensor) -> torch.Tensor:
    return torch.tensor(rotate_coefficients(coefficients.detach().numpy(), TILT))


def test_products_turn() -> None:
    product = ClebschGordanProduct(2, 3)
    a, b = fields(3, 2, 16), fields(4, 2, 16)[1:]
    found = product(turned(a), turned(b))
    torch.testing.assert_close(found, turned(product(a, b)), rtol=0, atol=1e-12)
    broken = turned(a)
    broken[..., 4:9] = a[..., 4:9]
    assert (product(broken, turned(b)) - found).abs().max() > 1e-2


def test_the_bispectrum_does_not_turn_and_tells_mirror_images() -> None:
    c = fields(2, 3, 25)
    found = bispectrum(c)
    assert found.shape == (2, 3, 5 + 10)
    torch.testing.assert_close(bispectrum(turned(c)), found, rtol=0, atol=1e-12)
    powers = torch.stack([c[..., 0], c[..., 1:4].square().sum(-1)], -1)
    torch.testing.assert_close(found[..., :2], powers)
    assert (found[0, 0, 5:].abs() > 1e-6).all()
    # A mirror image has the same powers, and other odd triples: 2 + 3 + 4.
    points = np.random.default_rng(0).normal(size=(200, 3))
    basis = spherical_harmonics(4, points)
    values = spherical_harmonics(4, points * [1, 1, -1]) @ c[0, 0].numpy()
    mirrored = torch.tensor(np.linalg.lstsq(basis, values)[0])
    change = (bispectrum(mirrored) - found[0, 0]).abs()
    assert change[:5].max() < 1e-10
    assert (change[5:] > 1e-3).sum() == 1
    assert bispectrum(c[..., :1]).shape == (2, 3, 1)


def test_networks_do_not_turn() -> None:
    grid = SphereGrid(6, 11)
    images = torch.tensor(grid.synthesis(fields(4, 2, 36)))
    tilted = torch.tensor(grid.rotate(images, TILT))
    model = SphereNetwork((2, 6, 11), 3, lmax=4, width=3)
    model(images)
    model.eval()
    found = model(images)
    assert found.std(0).min() > 1e-3
    torch.testing.assert_close(model(tilted), found, rtol=0, atol=1e-12)
    wrong = model(images.flip(-2))  # a mirror image is another one
    assert (wrong - found).abs().max() > 1e-3
    assert model(torch.zeros(1, 2, 6, 11)).isfinite().all()
    torch.autograd.backward([model.train()(torch.zeros(2, 2, 6, 11)).sum()])
    for weight in model.parameters():
        assert weight.grad is not None
        assert weight.grad.isfinite().all()


@pytest.mark.parametrize("width", [1, 3, 9])
def test_twins_have_the_width_of_their_weights(width: int) -> None:
    for channels, lmax in ((1, 3), (2, 1)):
        model = SphereNetwork((channels, 5, 9), 4, lmax=lmax, width=width)
        weights = sum(weight.numel() for weight in model.parameters())
        assert twin_width(channels, 4, lmax, weights) == width


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: bispectrum(torch.zeros(5)), r"coefficients: .* got \(5,\)"),
        (lambda: ClebschGordanProduct(0, 1), "channels: expected at least 1"),
        (
            lambda: ClebschGordanProduct(1, 1)(fields(2, 1, 4), fields(2, 2, 4)),
            r"second: expected \(rows, 1, 4\)",
        ),
        (
            lambda: SphereNetwork((4, 8), 2),  # type: ignore[arg-type]
            r"image_shape: .* got \(4, 8\)",
        ),
        (lambda: SphereNetwork((1, 4, 8), 2), "lmax: .* up to 3, got 7"),
        (lambda: SphereNetwork((1, 8, 16), 2, dropout=1.0), "dropout: expected"),
        (lambda: SphereNetwork((1, 8, 16), 2, grid="healpix"), "kind: expected one"),
        (
            lambda: SphereNetwork((1, 8, 16), 2)(torch.zeros(2, 1, 16, 8)),
            r"images: expected \(rows, 1, 8, 16\)",
        ),
    ],
)
def test_wrong_arguments_are_refused(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
