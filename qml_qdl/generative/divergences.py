"""How far two distributions over bit strings, or over numbers, are from each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ShapeError

WIDTHS = (0.5, 1.0, 2.0, 4.0)
"""Widths of the mixed kernel of Liu and Wang."""


def _check_pair(first: Tensor, second: Tensor) -> int:
    """Checks that both are probabilities over the same bit strings; the bits."""
    size = first.shape[-1]
    bits = size.bit_length() - 1
    if first.shape != second.shape or first.ndim != 1 or 2**bits != size:
        raise ShapeError(
            "model, target: expected probabilities of the same 2ⁿ bit strings, got the "
            f"shapes {tuple(first.shape)} and {tuple(second.shape)}"
        )
    return bits


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
        ShapeError: The shapes differ, or are no power of two.

    Example:
        >>> import torch
        >>> uniform = torch.full((4,), 0.25)
        >>> float(mmd(uniform, uniform))
        0.0
    """
    bits = _check_pair(model, target)
    parities = (model - target).reshape((2,) * bits)
    for bit in range(bits):
        even, odd = parities.unbind(bit)
        parities = torch.stack([even + odd, even - odd], dim=bit)
    spectrum = parities.reshape(-1).square() / 2**bits
    return torch.dot(_kernel_spectrum(bits, widths, model), spectrum)


def _kernel_spectrum(bits: int, widths: Sequence[float], like: Tensor) -> Tensor:
    total = like.new_zeros(2**bits)
    for width in _checked(widths):
        decay = math.exp(-1 / (2 * width))
        spectrum = like.new_ones(1)
        for _ in range(bits):
            spectrum = torch.cat([spectrum * (1 + decay), spectrum * (1 - decay)])
        total = total + spectrum
    return total / len(widths)


def _checked(widths: Sequence[float]) -> Sequence[float]:
    if not widths or min(widths) <= 0:
        raise ArgumentError(
            f"widths: expected one or more positive numbers, got {widths}"
        )
    return widths


def mmd_of_samples(
    model: Tensor, target: Tensor, widths: Sequence[float] = WIDTHS
) -> Tensor:
    """Unbiased estimate of the squared maximum mean discrepancy from samples.

    The kernel is the mean over widths σ of exp(−|x − y|²/(2σ)), for bits that of `mmd`.

    Args:
        model: Samples, (rows, features), at least 2 rows.
        target: Samples, (other rows, features), at least 2 rows.
        widths: The widths σ > 0, in the units of |x − y|².

    Returns:
        A scalar, differentiable in the samples; around zero for equal distributions,
        so slightly negative at times.

    Raises:
        ArgumentError: A width is not positive.
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

    def kernel(first: Tensor, second: Tensor) -> Tensor:
        squares = (first[:, None] - second[None]).square().sum(-1)
        parts = [torch.exp(-squares / (2 * width)) for width in _checked(widths)]
        return torch.stack(parts).mean(0)

    def within(rows: Tensor) -> Tensor:
        matrix = kernel(rows, rows)
        return (matrix.sum() - matrix.diagonal().sum()) / (len(rows) * (len(rows) - 1))

    return within(model) + within(target) - 2 * kernel(model, target).mean()


def kl_divergence(target: Tensor, model: Tensor) -> Tensor:
    """Relative entropy KL(target ‖ model), in nats.

    Args:
        target: Probabilities, (n,).
        model: Probabilities, (n,).

    Returns:
        A scalar ≥ 0, differentiable; infinite where the model excludes what the target
        has.

    Raises:
        ShapeError: The shapes differ.

    Example:
        >>> import torch
        >>> target, model = torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5])
        >>> round(float(kl_divergence(target, model)), 4)
        0.6931
    """
    if target.shape != model.shape:
        raise ShapeError(
            f"target, model: expected the same shape, got {tuple(target.shape)} and "
            f"{tuple(model.shape)}"
        )
    there = target > 0
    entropy = torch.xlogy(target, target).sum()
    return entropy - (target[there] * model[there].log()).sum()


def total_variation(first: Tensor, second: Tensor) -> Tensor:
    """Total variation distance: half the sum of absolute differences.

    Args:
        first: Probabilities, (n,).
        second: Probabilities, (n,).

    Returns:
        A scalar from 0 to 1.

    Example:
        >>> import torch
        >>> float(total_variation(torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5])))
        0.5
    """
    return (first - second).abs().sum() / 2
