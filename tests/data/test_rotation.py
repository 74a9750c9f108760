"""Images turned by any angle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import rotate

from qml_qdl.circuits.errors import QdlError
from qml_qdl.data import rotate_images


def images(shape: tuple[int, ...] = (3, 2, 5, 6), dtype: Any = np.float64) -> Any:
    return np.random.default_rng(0).random(shape).astype(dtype)


def test_each_image_is_turned_by_its_angle() -> None:
    pixels = images()
    turned = rotate_images(pixels, [0.0, 33.0, -120.0])
    np.testing.assert_allclose(turned[0], pixels[0], atol=1e-12)
    for row, angle in ((1, 33.0), (2, -120.0)):
        for channel in range(2):
            expected = rotate(pixels[row, channel], angle, reshape=False, order=3)
            np.testing.assert_allclose(turned[row, channel], expected, atol=1e-12)


@pytest.mark.parametrize("size", [1, 4, 7])
def test_quarter_turns_are_exact_and_counter_clockwise(size: int) -> None:
    pixels = images((2, 1, size, size), np.float32)
    for quarters in range(4):
        turned = rotate_images(pixels, 90 * quarters)
        assert turned.dtype == np.float32
        np.testing.assert_allclose(
            turned, np.rot90(pixels, quarters, (2, 3)), atol=1e-6
        )


def test_smooth_images_come_back() -> None:
    line = np.linspace(-1, 1, 41)
    bump = np.exp(-((line[:, None] - 0.2) ** 2 + line**2) / 0.05)[None, None]
    back = rotate_images(rotate_images(bump, 40.0), -40.0)
    assert abs(back - bump).max() < 1e-3
    assert abs(rotate_images(bump, 40.0) - bump).max() > 0.1


def test_narrow_empty_and_whole_numbers() -> None:
    assert rotate_images(np.zeros((0, 1, 4, 4)), 10).shape == (0, 1, 4, 4)
    assert rotate_images(np.zeros((0, 1, 4, 4)), []).shape == (0, 1, 4, 4)
    assert not rotate_images(np.zeros((2, 1, 3, 4)), [10, 20]).any()
    whole = rotate_images(np.eye(4, dtype=int)[None, None], 90)
    assert whole.dtype == np.float64
    np.testing.assert_allclose(whole[0, 0], np.rot90(np.eye(4)), atol=1e-12)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: rotate_images(images((5, 6)), 3), r"images, degrees: expected \(rows"),
        (
            lambda: rotate_images(images(), [1, 2]),
            r"one angle for all or \(rows,\), go",
        ),
        (lambda: rotate_images(images(), np.inf), r"degrees: expected finite real num"),
        (lambda: rotate_images(images(), "45"), r"degrees: expected finite real numbe"),
        (lambda: rotate_images(images() + 1j, 3), r"images: expected finite real numb"),
        (lambda: rotate_images([[1], [1, 2]], 3), r"images: expected rows of equal sh"),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
