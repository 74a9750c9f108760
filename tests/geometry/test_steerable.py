"""Steerable convolutions: exact at quarter turns, nearly so at all, or seen broken."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import jv

from qml_qdl.circuits.errors import QdlError
from qml_qdl.geometry import FieldType, SteerableConv2d
from qml_qdl.geometry.steerable import default_rings, ring_harmonic
from qml_qdl.geometry.turning import turning_error

PICTURE = FieldType({0: 1})
MIXED = FieldType({-1: 1, 0: 2, 1: 2, 2: 1})
EXACT = {torch.float32: 1e-5, torch.float64: 1e-12}
in_both_dtypes = pytest.mark.parametrize("dtype", list(EXACT), ids=str)


def make(*arguments: Any, **options: Any) -> Any:
    generator = torch.Generator().manual_seed(3)
    return SteerableConv2d(*arguments, generator=generator, **options)


def random_fields(kind: FieldType, *shape: int, dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(
        2, kind.size, *shape, dtype=dtype.to_complex(), generator=generator
    )


@torch.no_grad()
def quarter_error(conv: Any, fields: torch.Tensor) -> float:
    """The largest change at quarter turns, beside the largest number."""
    upright = conv(fields)
    changes = [
        (
            conv(conv.in_type.quarter_turned(fields, k))
            - conv.out_type.quarter_turned(upright, k)
        ).abs()
        for k in (1, 2, 3)
    ]
    return max(float(change.max()) for change in changes) / float(upright.abs().max())


@in_both_dtypes
@pytest.mark.parametrize(
    ("kernel_size", "options", "shape"),
    [
        (7, {"padding": "same"}, (9, 9)),
        (5, {"padding": "valid"}, (5, 8)),
        (6, {"padding": 2}, (8, 7)),
        (5, {"padding": 1, "stride": 2}, (7, 9)),
        (5, {"padding": "same", "padding_mode": "circular"}, (4, 5)),
        (5, {"padding": "same", "padding_mode": "reflect"}, (4, 5)),
        (5, {"padding": 0, "bias": False, "scale": 1.6}, (9, 9)),
    ],
)
def test_quarter_turns_are_exact(
    kernel_size: int,
    options: dict[str, Any],
    shape: tuple[int, int],
    dtype: torch.dtype,
) -> None:
    conv = make(MIXED, MIXED, kernel_size, dtype=dtype, **options)
    if conv.bias is not None:
        torch.nn.init.normal_(conv.bias)
    fields = random_fields(MIXED, *shape, dtype=dtype)
    assert quarter_error(conv, fields) < EXACT[dtype]
    found = conv(fields)
    assert found.dtype == dtype.to_complex()
    assert found.shape[-2:] == conv.output_size(shape)


def test_broken_versions_are_seen() -> None:
    """Fields taken for others, a bias where none may be, kernels not harmonic."""
    conv = make(PICTURE, FieldType({1: 2}), 7, padding="same", dtype=torch.float64)
    picture = random_fields(PICTURE, 9, 9, dtype=torch.float64).real
    assert quarter_error(conv, picture) < 1e-12
    assert turning_error(conv, conv.out_type, 33, rows=4, dtype=torch.float64) < 0.01
    wrong = FieldType({2: 2})
    assert turning_error(conv, wrong, 33, rows=4, dtype=torch.float64) > 0.3
    broken = copy.deepcopy(conv)
    broken.out_type = wrong
    assert quarter_error(broken, picture) > 0.3
    broken = copy.deepcopy(conv)
    broken.basis_1.mul_(torch.rand(49)[:, None])
    assert quarter_error(broken, picture) > 0.03

    @torch.no_grad()
    def shifted(fields: torch.Tensor) -> Any:
        return conv(fields) + 1

    assert turning_error(shifted, conv.out_type, 33, rows=4, dtype=torch.float64) > 0.1


def test_rings_are_blurred_circles() -> None:
    """Against the Fourier-Bessel integral of a blurred circle: ∫ k J_m(kq) J_m(kr) …"""
    order, radius, sigma = 2, 1.7, 0.6

    def blurred(r: float) -> float:
        found, _ = quad(
            lambda k: (
                k
                * jv(order, k * radius)
                * jv(order, k * r)
                * math.exp(-((sigma * k) ** 2) / 2)
            ),
            0,
            30,
        )
        return float(found)

    ring = ring_harmonic(order, radius, sigma, 9)
    row = ring[4, 4:]  # from the middle to the right, where φ = 0
    assert np.abs(row.imag).max() < 1e-15
    expected = np.array([blurred(float(r)) for r in range(5)])
    scale = row.real[2] / expected[2]
    np.testing.assert_allclose(row.real, scale * expected, atol=1e-9)
    # From the middle up, φ is a quarter turn: exp(iπ) = −1.
    np.testing.assert_allclose(ring[4::-1, 4], -row, atol=1e-15)


@pytest.mark.parametrize("order", [-3, 0, 1, 4])
def test_rings_have_norm_one(order: int) -> None:
    fine = ring_harmonic(order, 12.0, 3.0, 61)
    assert (abs(fine) ** 2).sum() == pytest.approx(1, abs=1e-6)


def test_default_rings_end_within_the_kernel() -> None:
    assert default_rings(3, 0.6) == (0.0,)
    assert default_rings(5, 0.6) == (0.0, 1.0)
    assert default_rings(9, 0.6) == (0.0, 1.0, 2.0, 3.0)
    assert default_rings(2, 1.0) == ()


def test_the_kernel_is_torchs_convolution_of_harmonics() -> None:
    conv = make(
        FieldType({1: 1}), FieldType({3: 1}), 7, bias=False, dtype=torch.float64
    )
    weights = torch.view_as_complex(conv.weights["2"])[0]
    basis = [ring_harmonic(2, q, 0.6, 7) for q in (1.0, 2.0)]
    kernel = weights[0] * torch.tensor(basis[0]) + weights[1] * torch.tensor(basis[1])
    torch.testing.assert_close(conv.kernel()[0, 0], kernel)
    fields = random_fields(FieldType({1: 1}), 8, 8, dtype=torch.float64)
    expected = torch.nn.functional.conv2d(fields, kernel[None, None])
    torch.testing.assert_close(conv(fields), expected)


def test_first_weights_keep_the_variance_of_noise() -> None:
    conv = make(MIXED, FieldType({0: 20, 1: 20}), 9, padding="same")
    conv.reset_parameters(torch.Generator().manual_seed(0))
    noise = random_fields(MIXED, 32, 32, dtype=torch.float32)
    assert float(conv(noise).detach().abs().square().mean()) == pytest.approx(
        1, rel=0.2
    )


def test_the_same_kernels_in_finer_pictures() -> None:
    """What a layer says in the middle of a picture hardly hangs on its pixels."""
    from qml_qdl.nn.symmetry.equivariance import smooth_images

    conv = make(
        PICTURE, FieldType({0: 1, 1: 1}), 7, padding="same", dtype=torch.float64
    )
    torch.nn.init.normal_(conv.bias)
    found = []
    for size, factor in ((17, 1), (33, 2), (65, 4)):
        generator = torch.Generator().manual_seed(0)
        pictures = smooth_images(4, 1, size, dtype=torch.float64, generator=generator)
        layer = (conv.rescaled(factor) if factor > 1 else conv).requires_grad_(False)
        assert layer.pixels == 8 * factor - 1
        found.append(layer(pictures)[..., size // 2, size // 2])
    scale = float(found[2].abs().max())
    assert float((found[1] - found[2]).abs().max()) < 2e-3 * scale
    assert float((found[0] - found[2]).abs().max()) < 3e-2 * scale
    assert conv.rescaled(0.5).rescaled(4).scale == 2


def test_it_is_a_module() -> None:
    conv = make(MIXED, MIXED, 5, padding="same")
    fields = random_fields(MIXED, 6, 6, dtype=torch.float32)
    fresh: Any = SteerableConv2d(MIXED, MIXED, 5, padding="same")
    fresh.load_state_dict(conv.state_dict(), strict=True)
    for twin in (fresh, copy.deepcopy(conv), pickle.loads(pickle.dumps(conv))):
        assert torch.equal(twin(fields), conv(fields))
    assert set(conv.state_dict()) == {"bias", *(f"weights.{m}" for m in range(-2, 3))}
    double = conv.double()(fields.to(torch.complex128))
    assert double.dtype == torch.complex128
    torch.testing.assert_close(double.to(torch.complex64), fresh(fields))
    for rows in (0, 1):
        assert fresh(fields[:rows]).shape == (rows, MIXED.size, 6, 6)
    (fresh(fields).abs().square().sum()).backward()
    for name, weight in fresh.named_parameters():
        assert weight.grad is not None, name
        assert float(weight.grad.abs().min()) > 0, name
    assert "kernel_size=5, stride=1, padding=2" in repr(conv)
    blank = fresh(torch.zeros(1, MIXED.size, 6, 6, dtype=torch.complex64))
    assert float(blank.detach().abs().max()) == 0  # the bias is 0 at first


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (
            lambda: make(PICTURE, FieldType({0: 1, 1: 1}), 3),
            r"out_type: expected fields that rings of radii \(0.0,\) carry from .*2q, "
            r"got the orders \[1\], too; use a larger kernel_size",
        ),
        (lambda: make(PICTURE, PICTURE, 2, sigma=1.0), r"got the orders \[0\]"),
        (lambda: make(PICTURE, PICTURE, 0), r"kernel_size: expected at least 1, got 0"),
        (lambda: make("0", PICTURE, 5), r"in_type: expected a FieldType, got '0'"),
        (
            lambda: make(PICTURE, PICTURE, 4, padding="same"),
            r"padding: 'same' would add more on one side for a kernel of 4 pixels",
        ),
        (
            lambda: make(PICTURE, PICTURE, 5, padding="full"),
            r"padding: expected one of 'same', 'valid', got 'full'",
        ),
        (
            lambda: make(PICTURE, PICTURE, 5, padding=-1),
            r"padding: expected at least 0",
        ),
        (
            lambda: make(PICTURE, PICTURE, 5, sigma=0.0),
            r"sigma: expected a number above",
        ),
        (lambda: make(PICTURE, PICTURE, 5, rings=[]), r"rings: expected at least one"),
        (
            lambda: make(PICTURE, PICTURE, 5, rings=[-1.0]),
            r"rings: expected radii of 0",
        ),
        (
            lambda: make(PICTURE, PICTURE, 5)(torch.zeros(1, 2, 8, 8)),
            r"fields: expected \(rows, 1, H, W\)",
        ),
        (
            lambda: make(PICTURE, PICTURE, 5)(torch.zeros(1, 1, 4, 8)),
            r"images: a patch of kernel_size=5 is larger than the padded image of 4",
        ),
        (
            lambda: make(PICTURE, PICTURE, 5, 2)(torch.zeros(1, 1, 8, 8)),
            r"images: not equivariant, since .* = 1 is not 0",
        ),
        (
            lambda: make(PICTURE, PICTURE, 5).rescaled(2.0),
            r"rescaled: expected a layer of stride 1 with padding='same', got stride=1",
        ),
        (
            lambda: make(PICTURE, PICTURE, 5, padding="same").rescaled(math.inf),
            r"factor: expected a number above 0 and finite",
        ),
    ],
)
def test_errors(act: Callable[[], Any], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        act()
