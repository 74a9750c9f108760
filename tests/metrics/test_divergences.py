"""Divergences against their definitions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from torch import Tensor

from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    QdlError,
    ShapeError,
)
from qml_qdl.data import all_bits
from qml_qdl.metrics import (
    jensen_shannon,
    jensen_shannon_of_samples,
    kl_divergence,
    mmd,
    mmd_of_samples,
    total_variation,
)

DOUBLE = torch.float64


def two(bits: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    pair = torch.rand(2, 2**bits, generator=generator, dtype=DOUBLE)
    first, second = pair / pair.sum(1, keepdim=True)
    return first, second


def test_mmd_is_that_of_the_written_out_kernel() -> None:
    first, second = two()
    bits = all_bits(4, dtype=DOUBLE)
    distance = (bits[:, None] - bits[None]).abs().sum(-1)
    kernel = sum(torch.exp(-distance / (2 * w)) for w in (0.5, 2.0)) / 2
    expected = (first - second) @ kernel @ (first - second)
    torch.testing.assert_close(mmd(first, second, (0.5, 2.0)), expected)


def test_mmd_gradient() -> None:
    first, second = two(3)
    assert torch.autograd.gradcheck(lambda p: mmd(p, second), first.requires_grad_())


def test_sampled_mmd_is_unbiased() -> None:
    first, second = two(3)
    bits = all_bits(3, dtype=DOUBLE)
    generator = torch.Generator().manual_seed(1)
    found = []
    for _ in range(300):
        rows = [
            bits[torch.multinomial(p, 60, replacement=True, generator=generator)]
            for p in (first, second)
        ]
        found.append(mmd_of_samples(rows[0], rows[1]))
    values = torch.stack(found)
    error = values.std().item() / math.sqrt(300)
    assert abs(values.mean().item() - mmd(first, second).item()) < 5 * error


def test_kl_divergence_is_scipys() -> None:
    first, second = two()
    expected = entropy(first.numpy(), second.numpy())
    assert kl_divergence(first, second).item() == pytest.approx(expected)
    zero = torch.tensor([0.0, 1.0], dtype=DOUBLE)
    half = torch.tensor([0.5, 0.5], dtype=DOUBLE)
    assert kl_divergence(zero, half).item() == pytest.approx(math.log(2))
    assert kl_divergence(half, zero).item() == math.inf


def test_total_variation_lies_between_nought_and_one() -> None:
    unit = torch.eye(2, dtype=DOUBLE)
    assert total_variation(unit[0], unit[1]).item() == 1
    assert total_variation(unit[0], unit[0]).item() == 0


def test_jensen_shannon_is_the_square_of_scipys_distance() -> None:
    first, second = two()
    expected = jensenshannon(first.numpy(), second.numpy()) ** 2
    assert jensen_shannon(first, second).item() == pytest.approx(expected, rel=1e-12)
    assert jensen_shannon(second, first) == jensen_shannon(first, second)
    unit = torch.eye(2, dtype=DOUBLE)
    assert jensen_shannon(unit[0], unit[1]).item() == pytest.approx(math.log(2))
    assert jensen_shannon(first, first).item() == 0
    torch.autograd.gradcheck(
        lambda p: jensen_shannon(p.softmax(0), second),
        torch.rand(16, dtype=DOUBLE).requires_grad_(),
    )


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_samples_are_counted_on_the_grid_of_the_real_ones(columns: int) -> None:
    generator = np.random.default_rng(columns)
    real = generator.normal(size=(300, columns))
    made = generator.normal(0.3, 1.5, (400, columns))
    edges = []
    for column in real.T:
        inner = np.linspace(column.min(), column.max(), 5)
        inner[-1] = np.nextafter(inner[-1], np.inf)  # NumPy's last bin is another
        edges.append(np.array([-np.inf, *inner, np.inf]))
    with np.errstate(invalid="ignore"):  # widths of bins without an end
        counts = [np.histogramdd(rows, edges)[0].ravel() for rows in (real, made)]
    assert counts[1].sum() == 400
    expected = jensenshannon(*counts) ** 2
    rows = torch.tensor(real), torch.tensor(made)
    found = jensen_shannon_of_samples(*rows, bins=4)
    assert found == pytest.approx(expected, rel=1e-10)
    order = torch.arange(columns - 1, -1, -1)
    turned = jensen_shannon_of_samples(rows[0][:, order], rows[1][:, order], bins=4)
    assert turned == pytest.approx(found)
    assert jensen_shannon_of_samples(rows[0], rows[0]) == 0


def test_values_that_are_all_the_same_are_in_one_bin() -> None:
    same = torch.full((5, 1), 3.0)
    assert jensen_shannon_of_samples(same, same) == 0
    below = jensen_shannon_of_samples(same, same - 1)
    assert below == jensen_shannon_of_samples(same, same + 1)
    assert below == pytest.approx(math.log(2))


def test_bad_arguments_are_refused() -> None:
    first, second = two(2)
    with pytest.raises(ShapeError, match="same 2ⁿ bit strings"):
        mmd(first[:3], second[:3])
    with pytest.raises(ShapeError, match="expected the same shape"):
        kl_divergence(first, second[:2])
    with pytest.raises(ShapeError, match="first, second: expected the same shape"):
        jensen_shannon(first, second[:2])
    with pytest.raises(ShapeError, match=r"same 1 to 3 columns.*\[:, :2\]"):
        jensen_shannon_of_samples(torch.rand(9, 4), torch.rand(9, 4))
    with pytest.raises(ArgumentError, match="bins: expected at least 1"):
        jensen_shannon_of_samples(torch.rand(9, 1), torch.rand(9, 1), bins=0)
    with pytest.raises(DataError, match="generated: expected finite numbers"):
        jensen_shannon_of_samples(torch.rand(2, 1), torch.tensor([[math.nan]]))
    with pytest.raises(ArgumentError, match="widths: expected one or more positive"):
        mmd(first, second, [])
    with pytest.raises(ShapeError, match="two or more rows of the same features"):
        mmd_of_samples(torch.zeros(1, 2), torch.zeros(3, 2))
    with pytest.raises(ShapeError, match="first, second: expected the same shape"):
        total_variation(first, second[:2])


def test_nan_and_nothing_are_refused() -> None:
    first, _ = two(2)
    bad = torch.full_like(first, math.nan)
    for distance in (mmd, kl_divergence, total_variation):
        for pair in ((first, bad), (bad, first)):
            with pytest.raises(DataError, match="expected finite numbers, got NaN or"):
                distance(*pair)
    for distance in (kl_divergence, total_variation):
        with pytest.raises(DataError, match=r"at least one number, got the shape \(0,"):
            distance(first[:0], first[:0])
    rows = torch.zeros(3, 2)
    with pytest.raises(DataError, match="target: expected finite numbers, got NaN"):
        mmd_of_samples(rows, rows + math.nan)


@pytest.mark.parametrize("distance", [mmd, kl_divergence, total_variation])
def test_types_may_differ(distance: Callable[[Tensor, Tensor], Tensor]) -> None:
    model = torch.tensor([0.25, 0.25, 0.5, 0.0]) / 2 + 0.125
    target = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    expected = distance(model.double(), target)
    torch.testing.assert_close(distance(model, target), expected)
    torch.testing.assert_close(
        distance(target, model), distance(target, model.double())
    )


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_samples_may_be_whole_numbers(dtype: torch.dtype) -> None:
    """Differences of bytes wrap around: 0 − 16 = 240, whose square is 0."""
    levels = torch.tensor([[0, 16], [32, 48], [0, 0]])
    first, second = levels, 16 + levels
    widths = (300.0,)
    expected = mmd_of_samples(first.double(), second.double(), widths)
    found = mmd_of_samples(first.to(dtype), second.to(dtype), widths)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_samples_may_be_bool() -> None:
    bits = torch.tensor([[True, False], [False, False]])
    expected = mmd_of_samples(bits.float(), 1 - bits.float())
    assert torch.equal(mmd_of_samples(bits, ~bits), expected)


def test_widths_are_any_sequence_of_positive_numbers() -> None:
    first, second = torch.tensor([0.5, 0.5]), torch.tensor([0.25, 0.75])
    expected = mmd(first, second, (1.0, 2.0))
    for widths in (np.array([1.0, 2.0]), torch.tensor([1.0, 2.0])):
        assert torch.equal(mmd(first, second, widths), expected)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"widths: .* positive numbers, got"):
        mmd(first, second, [1.0, float("nan")])
    with pytest.raises(ArgumentTypeError, match=r"widths: .* a sequence .* got 1.0"):
        mmd(first, second, 1.0)  # type: ignore[arg-type]


def test_one_number_is_no_distribution() -> None:
    with pytest.raises(ShapeError, match=r"model, target: .* got the shapes \(\)"):
        mmd(torch.tensor(1.0), torch.tensor(1.0))


@pytest.mark.parametrize("measure", [kl_divergence, mmd, total_variation])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p * 1e30, r"probabilities, .* sum is 1e\+30"),
        (lambda p: -p, r"probabilities, .* from -0.75 up"),
        (lambda p: 10 * p, r"probabilities, .* sum is 10; divide counts"),
        (lambda p: p + 0.1j, r"expected real numbers, got torch.complex64; take .real"),
        (lambda p: p.tolist(), r"expected a Tensor, got \[0.25, 0.75\]; make one with"),
        (lambda p: p.numpy(), r"expected a Tensor, got array"),
    ],
)
def test_what_is_no_distribution_is_refused(
    measure: Callable[..., Tensor], spoil: Callable[[Tensor], Any], message: str
) -> None:
    p, q = torch.tensor([0.25, 0.75]), torch.tensor([0.5, 0.5])
    for pair in ((spoil(p), q), (q, spoil(p))):
        with pytest.raises(QdlError, match=message):
            measure(*pair)


def test_probabilities_may_be_rounded_and_whole() -> None:
    p, q = torch.tensor([0.2504, 0.7499]), torch.tensor([0.5, 0.5])
    assert float(total_variation(p, q)) == pytest.approx(0.25, abs=1e-3)
    certain = torch.tensor([0, 1], dtype=torch.uint8)
    assert float(total_variation(certain, 1 - certain)) == 1
    assert float(mmd(certain, 1 - certain)) > 0
