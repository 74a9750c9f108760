"""The kernelised Stein discrepancy of bit strings."""

from __future__ import annotations

import math
from itertools import permutations, product

import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import HardwareEfficient
from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.data import all_bits, bit_index
from qml_qdl.metrics import (
    flip_scores,
    stein_discrepancy,
    stein_discrepancy_of_samples,
    total_variation,
)
from qml_qdl.models import BornMachine

DOUBLE = torch.float64
Bits = tuple[int, ...]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def distribution(bits: int, seed: int, dtype: torch.dtype = DOUBLE) -> Tensor:
    numbers = torch.rand(2**bits, generator=seeded(seed), dtype=dtype) + 0.1
    return numbers / numbers.sum()


def flipped(bits: Bits, place: int) -> Bits:
    return (*bits[:place], 1 - bits[place], *bits[place + 1 :])


def kappa(x: Bits, y: Bits, target: Tensor, widths: list[float]) -> float:
    """The kernel as Yang et al. define it, equation by equation."""
    p = dict(zip(product((0, 1), repeat=len(x)), target.tolist(), strict=True))

    def k(x: Bits, y: Bits) -> float:
        distance = sum(a != b for a, b in zip(x, y, strict=True))
        return sum(math.exp(-distance / (2 * w)) for w in widths) / len(widths)

    total = 0.0
    for i in range(len(x)):
        fx, fy = flipped(x, i), flipped(y, i)
        sx, sy = 1 - p[fx] / p[x], 1 - p[fy] / p[y]
        total += sx * k(x, y) * sy
        total -= sx * (k(x, y) - k(x, fy))
        total -= (k(x, y) - k(fx, y)) * sy
        total += k(x, y) - k(fx, y) - k(x, fy) + k(fx, fy)
    return total


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_it_is_yangs_definition(dtype: torch.dtype) -> None:
    model, target = distribution(3, 0, dtype), distribution(3, 1, dtype)
    found = stein_discrepancy(model, target, [0.5, 3.0])
    assert found.dtype == dtype
    strings = list(zip(product((0, 1), repeat=3), model.tolist(), strict=True))
    expected = sum(
        qx * qy * kappa(x, y, target, [0.5, 3.0])
        for x, qx in strings
        for y, qy in strings
    )
    assert found.item() == pytest.approx(expected, rel=1e-5)
    assert expected > 0.01


def test_zero_only_for_the_target_whatever_its_norm() -> None:
    target = distribution(4, 0)
    assert stein_discrepancy(target, 7 * target).item() == pytest.approx(0, abs=1e-15)
    for place in range(1, 16):
        moved = target.clone()
        moved[0] += 0.01
        moved[place] -= 0.01
        assert stein_discrepancy(moved, 7 * target).item() > 1e-5


def test_gradient_against_finite_differences() -> None:
    target = distribution(3, 1)
    model = distribution(3, 0).requires_grad_()
    assert torch.autograd.gradcheck(lambda q: stein_discrepancy(q, target), (model,))


@pytest.mark.parametrize("widths", [[1.0], [0.5, 2.0]])
def test_estimate_is_the_mean_over_pairs_of_samples(widths: list[float]) -> None:
    """Of different samples, so it has no bias."""
    target = distribution(3, 1)
    rows = torch.multinomial(
        distribution(3, 0), 12, replacement=True, generator=seeded()
    )
    bits = all_bits(3, dtype=DOUBLE)[rows]
    scores = flip_scores(bits, lambda x: target.log()[bit_index(x)])
    found = stein_discrepancy_of_samples(bits, scores, widths)
    strings = [tuple(int(bit) for bit in row) for row in bits]
    pairs = permutations(strings, 2)
    expected = sum(kappa(x, y, target, widths) for x, y in pairs) / (12 * 11)
    assert found.item() == pytest.approx(expected)


def test_scores_are_one_minus_ratios() -> None:
    target = distribution(2, 0)
    scores = flip_scores(all_bits(2), lambda x: (3 * target).log()[bit_index(x)])
    for row, other in enumerate([(2, 1), (3, 0), (0, 3), (1, 2)]):
        expected = [1 - (target[flip] / target[row]).item() for flip in other]
        assert scores[row].tolist() == pytest.approx(expected)


def test_training_lowers_total_variation() -> None:
    target = distribution(3, 5) ** 2
    machine = BornMachine(HardwareEfficient(3, 3), dtype=DOUBLE, generator=seeded())
    before = total_variation(machine().detach(), target / target.sum()).item()
    optimizer = torch.optim.Adam(machine.parameters(), lr=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        torch.autograd.backward([stein_discrepancy(machine(), target)])
        optimizer.step()
    after = total_variation(machine().detach(), target / target.sum()).item()
    assert after < before / 5


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        pytest.param(
            lambda: stein_discrepancy(torch.ones(4) / 4, torch.tensor([1.0, 0, 1, 1])),
            DataError,
            "positive numbers, got 0 for bit string 1; mix a little of the unif",
            id="zero",
        ),
        pytest.param(
            lambda: stein_discrepancy(torch.ones(2) / 2, torch.tensor([1.0, math.nan])),
            DataError,
            "target: expected finite numbers, got NaN or infinity; remove or repair",
            id="nan",
        ),
        pytest.param(
            lambda: stein_discrepancy(torch.ones(2) / 2, torch.ones(4)),
            ShapeError,
            r"same 2ⁿ bit strings, got the shapes \(2,\) and \(4,\)",
            id="shapes",
        ),
        pytest.param(
            lambda: stein_discrepancy(torch.ones(2) / 2, torch.ones(2), [0.0]),
            ArgumentError,
            r"widths: expected one or more positive numbers, got \[0.0\]",
            id="width",
        ),
        pytest.param(
            lambda: flip_scores(torch.full((1, 2), 0.5), lambda x: x.sum(1)),
            DataError,
            "samples: expected zeros and ones, got 0.5",
            id="bits",
        ),
        pytest.param(
            lambda: flip_scores(torch.ones(2, 2), lambda x: x),
            ShapeError,
            r"log_target: expected one number a row, \(6,\), got \(6, 2\)",
            id="log target",
        ),
        pytest.param(
            lambda: flip_scores(torch.ones(2, 2), lambda x: x.sum(1).log() - math.inf),
            DataError,
            "log_target: expected finite numbers, got NaN or infinity; the target must",
            id="excluded",
        ),
        pytest.param(
            lambda: stein_discrepancy_of_samples(torch.ones(1, 2), torch.ones(1, 2)),
            DataError,
            "samples: expected two or more rows, got 1; generate more samples",
            id="one row",
        ),
        pytest.param(
            lambda: stein_discrepancy_of_samples(torch.ones(3, 2), torch.ones(3, 1)),
            ShapeError,
            r"scores: expected one for each bit, \(3, 2\), got \(3, 1\)",
            id="scores",
        ),
        pytest.param(
            lambda: stein_discrepancy_of_samples(
                torch.ones(2, 1), torch.full((2, 1), math.inf)
            ),
            DataError,
            "scores: expected finite numbers",
            id="infinite scores",
        ),
    ],
)
def test_bad_arguments_are_refused(
    make: object, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64])
def test_scores_of_whole_numbers(dtype: torch.dtype) -> None:
    """A byte 0 − 1 is 255, and no bit."""

    def log_target(rows: Tensor) -> Tensor:
        return rows @ torch.tensor([1.0, 2.0, 3.0])

    bits = all_bits(3)
    scores = flip_scores(bits.to(dtype), log_target)
    assert torch.equal(scores, flip_scores(bits, log_target))


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize("width", [1e-4, 0.02])
def test_narrow_kernels_of_samples_see_equal_rows(
    width: float, dtype: torch.dtype
) -> None:
    """Their kernel is 1 for equal rows and 0 for others, to all digits."""
    samples = torch.tensor([[0, 1, 1], [0, 1, 1], [1, 0, 0], [1, 1, 1]], dtype=dtype)
    scores = torch.rand(4, 3, generator=seeded(), dtype=dtype)
    total = torch.zeros((), dtype=dtype)
    for x, y in permutations(range(4), 2):
        distance = (samples[x] - samples[y]).abs().sum()
        flips = (samples[x] != samples[y]).to(dtype)
        if distance == 0:
            total += (scores[x] * scores[y] - scores[x] - scores[y] + 2).sum()
        elif distance == 1:  # flips that make rows equal
            total += ((scores[x] + scores[y] - 2) * flips).sum()
    found = stein_discrepancy_of_samples(samples, scores, [width])
    torch.testing.assert_close(found, total / 12)


def test_types_of_model_and_target_may_differ() -> None:
    model, target = distribution(2, 0), distribution(2, 1)
    found = stein_discrepancy(model.float(), target)
    torch.testing.assert_close(found, stein_discrepancy(model.float().double(), target))
