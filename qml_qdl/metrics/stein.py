"""Kernelised Stein discrepancy of bit strings: the target may be unnormalised."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from qml_qdl.circuits.errors import DataError, ShapeError
from qml_qdl.circuits.validation import check_type, validate_call
from qml_qdl.data.bits import (
    as_floats,
    check_bits,
    check_distribution,
    check_finite,
)
from qml_qdl.metrics.divergences import check_pair
from qml_qdl.metrics.parities import (
    WIDTHS,
    check_widths,
    kernel_spectrum,
    parities,
)


@validate_call
def stein_discrepancy(
    model: Tensor, target: Tensor, widths: Sequence[float] = WIDTHS
) -> Tensor:
    """Kernelised Stein discrepancy of a distribution over bit strings, exactly.

    The mean over pairs x, y of the model of Yang et al.'s kernel κ(x, y) (2018, PMLR
    80, "Goodness-of-fit testing for discrete distributions via Stein discrepancy"), as
    Coyle et al. 2020 (arXiv:1904.02214) train Born machines with it. It knows the
    target p only by ratios p(¬ᵢx)/p(x), where ¬ᵢ flips bit i, so p need not be
    normalised. The kernel below it is that of `mmd`: the mean over widths σ of
    exp(−d/(2σ)) of the Hamming distance d. With
    uᵢ(x) = q(¬ᵢx) − q(x) p(¬ᵢx)/p(x) the discrepancy is Σᵢ uᵢᵀ K uᵢ, so it is zero
    exactly where q ∝ p.

    Args:
        model: Probabilities q, (2ⁿ,), the first bit leading.
        target: Numbers proportional to p, (2ⁿ,), all positive.
        widths: The widths σ > 0.

    Returns:
        A scalar ≥ 0, differentiable in both.

    Raises:
        ArgumentError: A width is not positive.
        DataError: The model's numbers are no probabilities, or one of the target is
            not positive or not finite.
        ShapeError: The shapes differ, or are no power of two.

    Example:
        >>> import torch
        >>> target = torch.tensor([1.0, 2.0, 3.0, 4.0])
        >>> float(stein_discrepancy(target / 10, target)) < 1e-12
        True
        >>> float(stein_discrepancy(torch.full((4,), 0.25), target)) > 0.1
        True
    """
    bits = check_pair(model, target)
    check_distribution("model", model)
    wrong = ~(target > 0)
    if bool(wrong.any()):
        raise DataError(
            "target: expected positive numbers, got "
            f"{target[wrong][0].item():g} for bit string {int(wrong.nonzero()[0])}; "
            "mix a little of the uniform distribution into it"
        )
    numbers = torch.arange(2**bits, device=model.device)
    flips = numbers[:, None] ^ (1 << torch.arange(bits, device=model.device))
    ratios = target[flips] / target[:, None]
    residuals = model[flips] - model[:, None] * ratios
    weights = parities(residuals).square().sum(1) / 2**bits
    return torch.dot(kernel_spectrum(bits, widths, weights), weights)


@validate_call
def flip_scores(samples: Tensor, log_target: Callable[[Tensor], Tensor]) -> Tensor:
    """How the target changes where one bit is flipped: 1 − p(¬ᵢx)/p(x).

    Args:
        samples: Zeros and ones, (rows, n).
        log_target: Maps bits (many rows, n) to log p up to a constant, (many rows,).

    Returns:
        (rows, n).

    Raises:
        DataError: Samples are missing or not bits, or log p is not finite.
        ShapeError: A shape does not fit.

    Example:
        >>> import torch
        >>> flip_scores(torch.tensor([[1.0]]), lambda bits: 2.0 * bits.sum(1).log1p())
        tensor([[0.7500]])
    """
    check_bits("samples", samples)
    samples = as_floats(samples)
    rows, bits = samples.shape
    flipped = (samples[:, None] - torch.eye(bits).to(samples)).abs()
    both = torch.cat([samples[:, None], flipped], dim=1)
    logs = log_target(both.flatten(0, 1))
    check_type("log_target: its result", logs, Tensor)
    if logs.shape != (rows * (bits + 1),):
        raise ShapeError(
            f"log_target: expected one number a row, ({rows * (bits + 1)},), got "
            f"{tuple(logs.shape)}"
        )
    check_finite(
        "log_target",
        logs,
        "the target must be positive for all bit strings: mix a little of the uniform "
        "distribution into it",
    )
    logs = logs.reshape(rows, bits + 1)
    return -torch.expm1(logs[:, 1:] - logs[:, :1])


@validate_call
def stein_discrepancy_of_samples(
    samples: Tensor, scores: Tensor, widths: Sequence[float] = WIDTHS
) -> Tensor:
    """Unbiased estimate of the kernelised Stein discrepancy from samples.

    Needs samples of the model only; the target enters by its scores.

    Args:
        samples: Samples of the model, zeros and ones, (rows, n), at least 2 rows.
        scores: 1 − p(¬ᵢx)/p(x) of the target at the samples, (rows, n), as
            `flip_scores` gives them.
        widths: The widths σ > 0 of `stein_discrepancy`.

    Returns:
        A scalar, around zero for equal distributions, so slightly negative at times.

    Raises:
        ArgumentError: A width is not positive.
        DataError: There is one row or none, samples are not bits, or scores are not
            finite.
        ShapeError: The shapes differ.

    Example:
        >>> import torch
        >>> bits = torch.randint(2, (1000, 3)).float()
        >>> uniform = flip_scores(bits, lambda rows: torch.zeros(len(rows)))
        >>> abs(float(stein_discrepancy_of_samples(bits, uniform))) < 0.1
        True
    """
    check_bits("samples", samples)
    if len(samples) < 2:
        raise DataError(
            "samples: expected two or more rows, got 1; generate more samples"
        )
    if scores.shape != samples.shape:
        raise ShapeError(
            f"scores: expected one for each bit, {tuple(samples.shape)}, got "
            f"{tuple(scores.shape)}"
        )
    check_finite("scores", scores, "take a target that is positive everywhere")
    signs = 1 - 2 * samples.to(scores)
    alike = (samples.shape[1] + signs @ signs.T) / 2
    distance = samples.shape[1] - alike
    same = (scores.sum(1)[:, None] + (scores * signs) @ signs.T) / 2
    other = scores.sum(1)[:, None] - same
    products = scores @ scores.T
    # What flips that take x and y apart, and together, contribute.
    apart = 2 * alike - same - same.T
    together = 2 * distance - other - other.T
    widths = check_widths(widths)
    total = scores.new_zeros(len(scores), len(scores))
    for width in widths:
        decay = math.exp(-1 / (2 * width))
        kernel = decay**distance
        # Where no flip takes them together, nothing is divided by a tiny decay.
        closer = decay ** (distance - 1).clamp(min=0)
        total = total + kernel * (products + (1 - decay) * apart)
        total = total + (kernel - closer) * together
    total = total / len(widths)
    rows = len(samples)
    return (total.sum() - total.diagonal().sum()) / (rows * (rows - 1))
