"""Parities of bits: words of Z, in which kernels of Hamming distances are diagonal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError

WIDTHS = (0.5, 1.0, 2.0, 4.0)
"""Widths of the mixed kernel of Liu and Wang."""


def check_widths(widths: Iterable[float]) -> tuple[float, ...]:
    """Checks the widths of a mixed kernel.

    Args:
        widths: What came.

    Returns:
        The same, as numbers.

    Raises:
        ArgumentError: There is none, or one is not positive.
        ArgumentTypeError: It is one number, not several.
    """
    try:
        numbers = tuple(float(width) for width in widths)
    except TypeError as error:
        raise ArgumentTypeError(
            f"widths: expected a sequence of numbers, got {widths!r}; pass a list"
        ) from error
    if not numbers or not all(width > 0 for width in numbers):
        raise ArgumentError(
            f"widths: expected one or more positive numbers, got {widths}"
        )
    return numbers


def parities(values: Tensor) -> Tensor:
    """Walsh-Hadamard transform: Σₓ (−1)^(a·x) f(x) for all bit strings a.

    Of probabilities f these are the expectation values of all words of Z.

    Args:
        values: f at all bit strings in order, (2ⁿ,) or (2ⁿ, columns).

    Returns:
        The same shape, one sum for each a.

    Example:
        >>> import torch
        >>> parities(torch.tensor([0.5, 0.0, 0.0, 0.5])).tolist()
        [1.0, 0.0, 0.0, 1.0]
    """
    bits = len(values).bit_length() - 1
    cube = values.reshape((2,) * bits + values.shape[1:])
    for bit in range(bits):
        even, odd = cube.unbind(bit)
        cube = torch.stack([even + odd, even - odd], dim=bit)
    return cube.reshape(values.shape)


def kernel_spectrum(bits: int, widths: Sequence[float], like: Tensor) -> Tensor:
    """Eigenvalues of the kernel exp(−d/(2σ)) of the Hamming distance d, mean over σ.

    Divided by 2ⁿ they sum to 1: the kernel is the mean of words of Z of which each
    letter is Z with probability (1 − e^(−1/(2σ)))/2.

    Args:
        bits: How many, n.
        widths: The widths σ > 0.
        like: Whose type and device the result has.

    Returns:
        One for each parity, (2ⁿ,), all positive.

    Raises:
        ArgumentError: A width is not positive.

    Example:
        >>> import torch
        >>> kernel_spectrum(2, [1.0], torch.zeros(1)).sum().item()
        4.0
    """
    widths = check_widths(widths)
    total = like.new_zeros(2**bits)
    for width in widths:
        decay = math.exp(-1 / (2 * width))
        spectrum = like.new_ones(1)
        for _ in range(bits):
            spectrum = torch.cat([spectrum * (1 + decay), spectrum * (1 - decay)])
        total = total + spectrum
    return total / len(widths)
