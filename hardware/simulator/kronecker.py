"""Kronecker products of many small matrices at once, and what is left of one factor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def kronecker_products(factors: Tensor) -> Tensor:
    """Kronecker products of 2×2 matrices.

    Args:
        factors: (blocks, b, 2, 2).

    Returns:
        (blocks, 2ᵇ, 2ᵇ).
    """
    last: Tensor | None = None
    while factors.shape[1] > 1:
        if factors.shape[1] % 2:
            last = _joined(factors[:, -1:], last)
            factors = factors[:, :-1]
        factors = _joined(factors[:, 0::2], factors[:, 1::2])
    return _joined(factors, last)[:, 0]


def _joined(left: Tensor, right: Tensor | None) -> Tensor:
    """Kronecker products of matrices (blocks, count, ·, ·)."""
    if right is None:
        return left
    product = left[:, :, :, None, :, None] * right[:, :, None, :, None, :]
    size = left.shape[2] * right.shape[2]
    return product.reshape(*left.shape[:2], size, size)


def partial_traces(size: int) -> NDArray[np.float64]:
    """What traces all wires but one out of a matrix, for each wire.

    Args:
        size: Wires of the matrix, b.

    Returns:
        (4ᵇ, b · 4): a matrix's entries times this are those of 2×2 matrices.
    """
    wires = np.arange(size)
    bits = np.arange(2**size)[:, None] >> (size - 1 - wires) & 1
    rows, columns = bits[:, None], bits[None, :]
    unequal = (rows != columns).sum(2, keepdims=True) - (rows != columns)
    places = np.eye(4)[2 * rows + columns] * (unequal == 0)[..., None]
    traces: NDArray[np.float64] = places.reshape(4**size, 4 * size)
    return traces
