"""Divergences of two distributions over bit strings, or over numbers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from qml_qdl.circuits.errors import ShapeError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.data.bits import as_floats, check_distribution, check_finite
from qml_qdl.metrics.parities import (
    WIDTHS,
    check_widths,
    kernel_spectrum,
    parities,
)


def check_pair(first: Tensor, second: Tensor) -> int:
    """Checks that both are numbers for the same bit strings.

    Args:
        first: (2ⁿ,).
        second: (2ⁿ,).

    Returns:
        n.

    Raises:
        DataError: A number is not finite.
        ShapeError: The shapes differ, or are no power of two.
    """
    size = first.numel()
    bits = size.bit_length() - 1
    if first.shape != second.shape or first.ndim != 1 or 2**bits != size:
        raise ShapeError(
            "model, target: expected probabilities of the same 2ⁿ bit strings, got the "
            f"shapes {tuple(first.shape)} and {tuple(second.shape)}"
        )
    _check_both(first, second)
    return bits


def _check_both(model: Tensor, target: Tensor) -> None:
    check_finite("model", model, "train with a lower learning rate")
    check_finite("target", target, "remove or repair such data")


def _check_distributions(**distributions: Tensor) -> None:
    for name, numbers in distributions.items():
        check_distribution(name, numbers)


@validate_call
def mmd(model: Tensor, target: Tensor, widths: Sequence[float] = WIDTHS) -> Tensor:
    """Squared maximum mean discrepancy of distributions over bit strings.

    The kernel is the mean over widths σ of exp(−d/(2σ)), where d is the Hamming
    distance of two bit strings (their squared Euclidean distance): Liu and Wang 2018,
    arXiv:1804.04168. It is a product over bits, so its eigenvectors are parities and
    nothing of size 4ⁿ is needed.

    Args:
        model: Probabilities, (2ⁿ,), the first bit leading.
        target: Probabilities, (2ⁿ,).
        widths: The widths σ > 0.

    Returns:
        A scalar ≥ 0, differentiable.

    Raises:
        ArgumentError: A width is not positive.
        DataError: The numbers are no probabilities.
        ShapeError: The shapes differ, or are no power of two.

    Example:
        >>> import torch
        >>> uniform = torch.full((4,), 0.25)
        >>> float(mmd(uniform, uniform))
        0.0
    """
    bits = check_pair(model, target)
    _check_distributions(model=model, target=target)
    weights = parities(as_floats(model) - as_floats(target)).square() / 2**bits
    return torch.dot(kernel_spectrum(bits, widths, weights), weights)


@validate_call
def mmd_of_samples(
    model: Tensor, target: Tensor, widths: Sequence[float] = WIDTHS
) -> Tensor:
    """Unbiased estimate of the squared maximum mean discrepancy from samples.

    The kernel is the mean over widths σ of `exp(−|x − y|²/(2σ))`; for bits see `mmd`.

    Args:
        model: Samples, (rows, features), at least 2 rows.
        target: Samples, (other rows, features), at least 2 rows.
        widths: The widths σ > 0, in the units of `|x − y|²`.

    Returns:
        A scalar, differentiable in the samples; around zero for equal distributions,
        so slightly negative at times.

    Raises:
        ArgumentError: A width is not positive.
        DataError: A number is not finite.
        ShapeError: There are fewer than two rows, or other features.

    Example:
        >>> import torch
        >>> bits = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
        >>> float(mmd_of_samples(bits, 1 - bits) <= 0)
        1.0
    """
    fits = model.ndim == target.ndim == 2 and model.shape[1] == target.shape[1]
    if not fits or min(len(model), len(target)) < 2:
        raise ShapeError(
            "model, target: expected two or more rows of the same features, got the "
            f"shapes {tuple(model.shape)} and {tuple(target.shape)}"
        )
    _check_both(model, target)
    model, target, widths = as_floats(model), as_floats(target), check_widths(widths)

    def kernel(first: Tensor, second: Tensor) -> Tensor:
        squares = (first[:, None] - second[None]).square().sum(-1)
        parts = [torch.exp(-squares / (2 * width)) for width in widths]
        return torch.stack(parts).mean(0)

    def within(rows: Tensor) -> Tensor:
        matrix = kernel(rows, rows)
        return (matrix.sum() - matrix.diagonal().sum()) / (len(rows) * (len(rows) - 1))

    return within(model) + within(target) - 2 * kernel(model, target).mean()


@validate_call
def kl_divergence(target: Tensor, model: Tensor) -> Tensor:
    """Relative entropy KL(target ‖ model), in nats.

    Args:
        target: Probabilities, (n,).
        model: Probabilities, (n,).

    Returns:
        A scalar ≥ 0, differentiable; infinite where the model excludes what the target
        has.

    Raises:
        DataError: The numbers are no probabilities.
        ShapeError: The shapes differ.

    Example:
        >>> import torch
        >>> target, model = torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5])
        >>> round(float(kl_divergence(target, model)), 4)
        0.6931
    """
    _check_same("target, model", target, model)
    _check_both(model, target)
    _check_distributions(target=target, model=model)
    there = target > 0
    entropy = torch.xlogy(target, target).sum()
    return entropy - (target[there] * model[there].log()).sum()


@validate_call
def total_variation(first: Tensor, second: Tensor) -> Tensor:
    """Total variation distance: half the sum of absolute differences.

    Args:
        first: Probabilities, (n,).
        second: Probabilities, (n,).

    Returns:
        A scalar from 0 to 1.

    Raises:
        DataError: The numbers are no probabilities.
        ShapeError: The shapes differ.

    Example:
        >>> import torch
        >>> float(total_variation(torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5])))
        0.5
    """
    _check_same("first, second", first, second)
    for name, numbers in (("first", first), ("second", second)):
        check_finite(name, numbers, "remove or repair such data")
    _check_distributions(first=first, second=second)
    return (as_floats(first) - as_floats(second)).abs().sum() / 2


@validate_call
def jensen_shannon(first: Tensor, second: Tensor) -> Tensor:
    """Jensen-Shannon divergence: the mean relative entropy to the mean of both.

    `(KL(p ‖ m) + KL(q ‖ m)) / 2` with `m = (p + q) / 2`, in nats (Lin 1991,
    doi:10.1109/18.61115). Unlike the relative entropy it is symmetric, and finite where
    one excludes what the other has.

    Args:
        first: Probabilities, (n,).
        second: Probabilities, (n,).

    Returns:
        A scalar from 0 to ln 2; differentiable where both are positive.

    Raises:
        DataError: The numbers are no probabilities.
        ShapeError: The shapes differ.

    Example:
        >>> import torch
        >>> first, second = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
        >>> round(float(jensen_shannon(first, second)), 4)
        0.6931
    """
    _check_same("first, second", first, second)
    first, second = as_floats(first), as_floats(second)
    mean = (first + second) / 2
    divergence = (kl_divergence(first, mean) + kl_divergence(second, mean)) / 2
    return divergence.clamp(min=0)  # which rounding may take below


MOST_COLUMNS = 3


@validate_call
def jensen_shannon_of_samples(real: Tensor, generated: Tensor, bins: int = 10) -> float:
    """Jensen-Shannon divergence of samples, counted on a common grid.

    Each column's range in the real samples is cut into equal bins; what is generated
    beyond it falls into one more bin on either side. Few samples in many cells look
    different by chance: of m and n samples of the same distribution, and K cells that
    are in use, about (K − 1)(1/m + 1/n)/8 is to be expected. So compare it with that of
    other samples as many as these, such as training rows.

    Args:
        real: Real samples, (rows, columns), which make the grid; up to three columns.
        generated: Generated samples, (other rows, columns).
        bins: Bins of each column, ≥ 1.

    Returns:
        A number from 0 to ln 2, in nats.

    Raises:
        ArgumentError: `bins` is below 1.
        DataError: There is no row, or a number is not finite.
        ShapeError: The columns differ, or there are more than three.

    Example:
        >>> import torch
        >>> rows = torch.linspace(0, 1, 20)[:, None]
        >>> round(jensen_shannon_of_samples(rows, rows + 2), 4)
        0.6931
    """
    check_count("bins", bins)
    fits = real.ndim == generated.ndim == 2 and real.shape[1] == generated.shape[1]
    if not fits or not 1 <= real.shape[1] <= MOST_COLUMNS:
        raise ShapeError(
            f"real, generated: expected rows of the same 1 to {MOST_COLUMNS} columns, "
            f"got the shapes {tuple(real.shape)} and {tuple(generated.shape)}; choose "
            "columns, such as rows[:, :2]"
        )
    for name, rows in (("real", real), ("generated", generated)):
        check_finite(name, rows, "remove or repair such rows")
    both = torch.cat([each.detach().double().cpu() for each in (real, generated)])
    cells = torch.zeros(len(both), dtype=torch.int64)
    for column in both.T.contiguous():
        low, high = column[: len(real)].aminmax()
        edges = torch.linspace(float(low), float(high), bins + 1, dtype=column.dtype)
        place = torch.bucketize(column, edges, right=True)
        place[column == high] = bins  # the last bin has both of its ends
        cells = cells * (bins + 2) + place
    _, cells = cells.unique(return_inverse=True)
    counts = [
        cells[part].bincount(minlength=int(cells.max()) + 1).double()
        for part in (slice(len(real)), slice(len(real), None))
    ]
    return float(jensen_shannon(*(each / each.sum() for each in counts)))


def _check_same(names: str, first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape:
        raise ShapeError(
            f"{names}: expected the same shape, got {tuple(first.shape)} and "
            f"{tuple(second.shape)}"
        )
