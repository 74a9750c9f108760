"""Nonlinearities turn with fields, exactly or as nearly as they are sampled."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import QdlError
from qml_qdl.geometry import (
    DiskPool,
    FieldType,
    FourierNonlinearity,
    GatedNonlinearity,
    NormBatchNorm,
    NormNonlinearity,
    NormPool,
)
from qml_qdl.geometry.nonlinearities import FeatureNorm

MIXED = FieldType({-1: 1, 0: 2, 1: 2, 3: 1})
UNIFORM = FieldType.uniform(3, 2)
EXACT = {torch.float32: 1e-5, torch.float64: 1e-12}
in_both_dtypes = pytest.mark.parametrize("dtype", list(EXACT), ids=str)


def random_fields(kind: FieldType, dtype: torch.dtype, rows: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (rows, kind.size, 6, 6)
    return torch.randn(shape, dtype=dtype.to_complex(), generator=generator)


@torch.no_grad()
def error(
    module: nn.Module, incoming: FieldType, out: FieldType, angle: float, fields: Tensor
) -> float:
    """How far a module is from commuting with the phases of a turn, relatively."""
    upright = module(fields)
    change = module(incoming.turned(fields, angle)) - out.turned(upright, angle)
    return float((change.abs().square().mean() / upright.abs().square().mean()).sqrt())


@in_both_dtypes
def test_norms_and_gates_turn_by_any_angle(dtype: torch.dtype) -> None:
    gated = GatedNonlinearity(MIXED)
    scaled = NormBatchNorm(MIXED, dtype=dtype)
    for module, incoming in (
        (NormNonlinearity(MIXED, bias=-0.5, dtype=dtype), MIXED),
        (NormNonlinearity(MIXED, torch.tanh, None), MIXED),
        (scaled, MIXED),
        (gated, gated.in_type),
    ):
        for parameter in module.parameters():
            nn.init.normal_(parameter)
        fields = random_fields(incoming, dtype)
        for angle in (0.3, 2.0, -1.1):
            found = error(module, incoming, MIXED, angle, fields)
            assert found < EXACT[dtype], module
        assert module(fields).dtype == dtype.to_complex()
        assert module(fields[:0]).shape == (0, MIXED.size, 6, 6)


def test_what_acts_on_parts_of_numbers_is_seen() -> None:
    class Parts(nn.Module):
        def forward(self, fields: Tensor) -> Tensor:
            return torch.complex(fields.real.relu(), fields.imag.relu())

    fields = random_fields(MIXED, torch.float64)
    assert error(Parts(), MIXED, MIXED, 0.3, fields) > 0.05
    # Gates that are no scalars.
    gated = GatedNonlinearity(FieldType({1: 1}))
    other = FieldType({1: 2})
    mistaken = error(
        gated, other, gated.out_type, 0.3, random_fields(other, torch.float64)
    )
    assert mistaken > 0.05


def test_gates_by_hand() -> None:
    gated = GatedNonlinearity(FieldType({-1: 1, 0: 1, 2: 1}))
    assert gated.in_type == FieldType({-1: 1, 0: 4, 2: 1})
    fields = torch.tensor([1j, 5.0, -30.0, 0.0, 30.0, 2j]).reshape(1, 6, 1, 1)
    found = gated(fields).flatten()
    torch.testing.assert_close(found, torch.tensor([0j, 2.5, 2j]))


def test_fourier_error_falls_with_the_samples() -> None:
    """9 % at 8 samples, 0.1 % at 64; none for turns by a step of the samples."""
    kind = FieldType.uniform(8, 2)
    fields = random_fields(kind, torch.float64, rows=16)
    fields[:, :8] = fields[:, :8].real + 0j
    found = {}
    for samples in (8, 16, 32, 64):
        module = FourierNonlinearity(kind, samples)
        angles = [2 * math.pi * (k + 0.5) / 7 for k in range(7)]
        found[samples] = max(error(module, kind, kind, a, fields) for a in angles)
        step = 2 * math.pi / samples
        assert error(module, kind, kind, 3 * step, fields) < 1e-12
    print(found)
    assert 0.03 < found[8] < 0.3
    assert found[16] < found[8] / 2
    assert found[64] < 2e-3
    assert error(FourierNonlinearity(kind, 64), kind, UNIFORM_WRONG, 0.3, fields) > 0.1


UNIFORM_WRONG = FieldType(dict.fromkeys(range(1, 4), 8))


@in_both_dtypes
def test_fourier_is_analysis_after_synthesis(dtype: torch.dtype) -> None:
    """The identity keeps fields, but for the imaginary part of order 0."""
    fields = random_fields(UNIFORM, dtype)
    fields[:, :3] = fields[:, :3].real + 0j
    for samples in (5, 6, 16):
        same = FourierNonlinearity(UNIFORM, samples, lambda values: values)
        torch.testing.assert_close(same(fields), fields)
    # A function of one direction: f(θ) = cos(θ − β) has c₁ = exp(iβ); its square is
    # 1/2 + cos(2θ − 2β)/2.
    wave = torch.zeros(1, 3, 1, 1, dtype=dtype.to_complex())
    wave[0, 1] = torch.exp(torch.tensor(0.4j))
    squared = FourierNonlinearity(FieldType.uniform(1, 2), 8, torch.square)(wave)
    expected = torch.tensor([0.5, 0, 0.5]) * torch.exp(torch.tensor([0, 0, 0.8j]))
    torch.testing.assert_close(squared.flatten(), expected.to(squared))


def test_batch_norm_keeps_the_mean_of_training() -> None:
    norm = NormBatchNorm(FieldType({1: 2}), momentum=0.5, dtype=torch.float64)
    fields = torch.randn(8, 2, 5, 5, dtype=torch.complex128)
    fields = fields * torch.tensor([2.0, 5.0])[:, None, None]
    for _ in range(40):
        out = norm(fields)
    square = fields.abs().square().mean((0, 2, 3))
    torch.testing.assert_close(norm.mean_square, square)
    assert float(out.detach().abs().square().mean()) == pytest.approx(1, abs=1e-5)
    norm.eval()
    torch.testing.assert_close(norm(2 * fields), 2 * out)
    assert set(norm.state_dict()) == {"weight", "mean_square"}
    blank = norm.train()(torch.zeros_like(fields))
    assert float(blank.detach().abs().max()) == 0


def test_a_vanishing_field_has_finite_gradients() -> None:
    fields = torch.zeros(1, MIXED.size, 2, 2, dtype=torch.complex64)
    fields.requires_grad_()
    for module in (NormNonlinearity(MIXED), NormPool(MIXED)):
        (gradient,) = torch.autograd.grad(module(fields).abs().sum(), fields)
        assert bool(gradient.isfinite().all())


@in_both_dtypes
def test_pooled_norms_do_not_turn(dtype: torch.dtype) -> None:
    pool = nn.Sequential(NormPool(MIXED), DiskPool())
    fields = random_fields(MIXED, dtype)
    found = pool(fields)
    assert found.shape == (4, 12)
    assert found.dtype == dtype
    turned = MIXED.quarter_turned(fields, 3)
    torch.testing.assert_close(pool(turned), found, rtol=0, atol=EXACT[dtype])
    phases = MIXED.turned(fields, 0.7)
    torch.testing.assert_close(pool(phases), found, rtol=0, atol=EXACT[dtype])
    # What lies in the corners is not seen.
    fields[..., 0, 0] += 5
    torch.testing.assert_close(pool(fields), found)
    fields[..., 2, 3] += 5
    assert float((pool(fields) - found).abs().min()) > 0.01
    dark = DiskPool(["max"])(torch.full((1, 2, 6, 6), -3.0, dtype=dtype))
    assert dark.tolist() == [[-3, -3]]


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (
            lambda: FourierNonlinearity(MIXED),
            r"in_type: expected as many fields of each order from 0 up",
        ),
        (lambda: FourierNonlinearity(UNIFORM, 4), r"samples: expected at least 5, got"),
        (lambda: DiskPool(["sum"]), r"poolings: expected one of 'mean', 'm"),
        (lambda: DiskPool([]), r"poolings: expected some of"),
        (lambda: NormBatchNorm(MIXED, eps=0.0), r"eps: expected a number above 0"),
        (lambda: NormBatchNorm(MIXED, momentum=1.0), r"momentum: expected .* below 1"),
        (lambda: NormNonlinearity(MIXED, bias=math.nan), r"bias: expected a finite"),
        (
            lambda: NormNonlinearity(MIXED)(torch.zeros(1, 6, 2, 2)),
            r"fields: expected complex numbers",
        ),
        (
            lambda: GatedNonlinearity(UNIFORM)(torch.zeros(1, 9, 2, 2)),
            r"fields: expected \(rows, 18, H, W\)",
        ),
    ],
)
def test_errors(act: Callable[[], Any], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        act()


def test_a_single_row_is_normalised_by_the_running_spread() -> None:
    """Where torch refuses it, which ends a training whose last batch is one row."""
    norm, x = FeatureNorm(3), torch.randn(5, 3)
    torch.testing.assert_close(norm(x), torch.nn.BatchNorm1d(3)(x))
    one = norm(x[:1])
    torch.testing.assert_close(one, norm.eval()(x[:1]))
