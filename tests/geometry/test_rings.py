"""Rings of images: modes that rotations turn by phases."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import QdlError
from qml_qdl.geometry import ImageRings
from qml_qdl.nn.symmetry.equivariance import smooth_images


def grid(height: int, width: int) -> tuple[Tensor, Tensor]:
    """x to the right and y upwards, from the centre, in pixels."""
    y = (height - 1) / 2 - torch.arange(height, dtype=torch.float64)
    x = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    return x.expand(height, -1), y[:, None].expand(-1, width)


@pytest.mark.parametrize("size", [(14, 14), (9, 9), (7, 12)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_planes_have_one_mode(size: tuple[int, int], interpolation: str) -> None:
    """x = r cos t and y = r sin t, which every interpolation has exactly.

    The cubic one has x² − y² = r² cos 2t, too.
    """
    radii = (0.0, 0.5, 1.5)
    rings = ImageRings(size, radii=radii, max_mode=3, interpolation=interpolation)
    x, y = grid(*size)
    modes = rings(torch.stack([x, y, torch.ones_like(x)])[None])
    expected = torch.zeros(3, 3, 4, dtype=torch.complex128)
    expected[0, :, 1] = torch.tensor(radii) / 2
    expected[1, :, 1] = 1j * torch.tensor(radii) / 2
    expected[2, :, 0] = 1
    torch.testing.assert_close(modes, expected[None], atol=1e-13, rtol=0)
    saddle = rings((x**2 - y**2)[None, None])[0, 0]
    expected = torch.zeros(3, 4, dtype=torch.complex128)
    expected[:, 2] = torch.tensor(radii) ** 2 / 2
    exact = (saddle - expected).abs().max() < 1e-13
    assert exact == (interpolation == "bicubic")


@pytest.mark.parametrize("size", [8, 9, 14])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-14)]
)
def test_quarter_turns_of_pixels_are_phases(
    size: int, dtype: torch.dtype, tolerance: float
) -> None:
    rings = ImageRings(size, max_mode=7)
    images = torch.rand(2, 3, size, size, dtype=dtype)
    modes = rings(images)
    assert modes.dtype == (images[0] * 1j).dtype
    for quarters in range(1, 4):
        turned = rings(images.rot90(quarters, (-2, -1)))
        expected = rings.turned(modes, quarters * math.pi / 2)
        assert (turned - expected).abs().max() < tolerance


@pytest.mark.parametrize("samples", [5, 8, 9])
def test_signals_below_half_the_samples_turn_by_any_angle(samples: int) -> None:
    """And the one at half of them, Nyquist's, does not."""
    rings = ImageRings(9, radii=[1.0], samples=samples, max_mode=(samples - 1) // 2)
    angles = rings._angles()
    waves = torch.rand(rings.max_mode + 1, 2, dtype=torch.float64)

    def modes(angle: float) -> Tensor:
        at = torch.outer(torch.arange(len(waves)).double(), angles - angle)
        signal = (waves[:, :1] * at.cos() + waves[:, 1:] * at.sin()).sum(0)
        return torch.complex(signal @ rings.waves[0], signal @ rings.waves[1])

    for angle in (0.1, 0.9, -2.0):
        expected = rings.turned(modes(0), angle)
        torch.testing.assert_close(modes(angle), expected, atol=1e-14, rtol=0)
    if samples == 8:
        signals = [torch.cos(4 * (angles - angle)) for angle in (0, 0.3)]
        found = [(signal * torch.exp(4j * angles)).mean() for signal in signals]
        assert (found[1] - torch.exp(torch.tensor(4j * 0.3)) * found[0]).abs() > 0.5


def test_resampling_has_an_error_that_falls_with_resolution() -> None:
    errors = []
    for size in (12, 24, 48):
        images = smooth_images(3, 2, size, generator=torch.Generator().manual_seed(0))
        radii = [fraction * (size - 1) / 2 for fraction in (0.2, 0.4, 0.6)]
        rings = ImageRings(size, radii=radii, max_mode=3)
        error = rings.resampling_error(images, 37.0)
        assert error.shape == (4,)
        errors.append(float(error.max()))
        assert rings.resampling_error(images, 90.0).max() < 1e-4
    assert errors[0] > 0.01
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_blank_and_no_images() -> None:
    rings = ImageRings(6, max_mode=2)
    assert not rings(torch.zeros(2, 1, 6, 6)).any()
    assert not rings.resampling_error(torch.zeros(2, 1, 6, 6), 30.0).any()
    assert rings(torch.zeros(0, 2, 6, 6)).shape == (0, 2, 2, 3)
    assert rings.resampling_error(torch.zeros(0, 1, 6, 6), 30.0).tolist() == [0, 0, 0]


def test_images_have_gradients() -> None:
    rings = ImageRings((5, 4), radii=[1.2], max_mode=1).double()
    images = torch.rand(1, 1, 5, 4, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda x: torch.view_as_real(rings(x)), images)


def test_repr_says_what_it_is() -> None:
    text = "(3, 4), radii=(0.7,), samples=16, max_mode=5"
    assert repr(ImageRings((3, 4))) == f"ImageRings({text})"
    assert ImageRings(14).radii == (0.7, 1.7, 2.7, 3.7, 4.7, 5.7)
    assert ImageRings(3).radii == (0.7,)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: ImageRings(8, samples=8, max_mode=4),
            r"max_mode: with 8 samples a ring the modes 0 to 3 turn by a phase, got 4; "
            r"take samples=10",
        ),
        (lambda: ImageRings(8, samples=9, max_mode=5), r"the modes 0 to 4 turn by"),
        (lambda: ImageRings(1), r"image_size: expected at least 2, got 1"),
        (lambda: ImageRings(2), r"radii: expected one or more from 0 to 0.5, which"),
        (lambda: ImageRings(8, radii=[3.6]), r"to 3.5, .* leave out what is larger"),
        (lambda: ImageRings(8, radii=[-1]), r"radii: expected one or more from 0 to"),
        (lambda: ImageRings(8, radii=["a"]), r"radii: expected numbers, in pixels"),  # type: ignore[list-item]
        (lambda: ImageRings(8, radii=[]), r"radii: expected one or more"),
        (lambda: ImageRings(8, radii=[math.nan]), r"radii: expected one or more"),
        (lambda: ImageRings((8, 8, 1)), r"image_size: expected height and width"),  # type: ignore[arg-type]
        (lambda: ImageRings(8, interpolation="none"), r"interpolation: expected one"),
        (
            lambda: ImageRings(8)(torch.rand(1, 8, 8)),
            r"images: expected \(rows, channels, 8, 8\), got \(1, 8, 8\)",
        ),
        (lambda: ImageRings(8).turned(torch.rand(6), 0.1), r"modes: expected a comp"),
        (
            lambda: ImageRings(8).turned(torch.rand(3) * 1j, 0.1),
            r"modes: expected \(\.\.\., 6\), got \(3,\)",
        ),
        (
            lambda: ImageRings(8).turned(torch.rand(6) * 1j, math.inf),
            r"angle: expected",
        ),
    ],
)
def test_errors(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
