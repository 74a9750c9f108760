"""Matrices as sums of Pauli words: a small map on each wire, one after the other.

A tensor with one axis for each wire holds what depends on a letter, or on an outcome,
of each. Since words and snapshots are products over wires, to change from one to the
other is a product of small matrices: 4ⁿ · 4n operations where the whole map has 16ⁿ
elements.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

PAULI_LETTERS = "IXYZ"

PAULI_MATRICES = np.array(
    [[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]]
)
"""I, X, Y and Z, (4, 2, 2)."""

# From the elements ab of a wire's matrix to the letter P: tr(OP)/2 = Σ O_ab P_ba/2.
_TO_LETTERS = PAULI_MATRICES.transpose(0, 2, 1).reshape(4, 4).T / 2
_TO_ELEMENTS = PAULI_MATRICES.reshape(4, 4)


def on_each_wire(tensor: NDArray[Any], maps: Iterable[NDArray[Any]]) -> NDArray[Any]:
    """Applies a map to each of the first axes of a tensor.

    Args:
        tensor: An axis for each wire; more axes may follow.
        maps: For each wire a matrix (entries before, entries after).

    Returns:
        The tensor, with those axes last, in their order.
    """
    for each in maps:
        tensor = np.tensordot(tensor, each, axes=(0, 0))
    return tensor


def pauli_coefficients(matrix: Any) -> NDArray[np.float64]:
    """The coefficients tr(OP)/2ⁿ of a hermitian matrix.

    Args:
        matrix: O, (2ⁿ, 2ⁿ).

    Returns:
        A tensor with n axes of the letters I, X, Y and Z.

    Example:
        >>> pauli_coefficients([[1, 0], [0, 0]])
        array([0.5, 0. , 0. , 0.5])
    """
    array = np.asarray(matrix, dtype=np.complex128)
    size = len(array).bit_length() - 1
    pairs = np.arange(2 * size).reshape(2, size).T.ravel()
    elements = array.reshape((2,) * (2 * size)).transpose(pairs).reshape((4,) * size)
    return on_each_wire(elements, [_TO_LETTERS] * size).real


def matrix_of(coefficients: NDArray[Any]) -> NDArray[np.complex128]:
    """The matrix Σ c_P P, the inverse of `pauli_coefficients`.

    Args:
        coefficients: A tensor with n axes of four letters.

    Returns:
        (2ⁿ, 2ⁿ).
    """
    size = coefficients.ndim
    elements = on_each_wire(coefficients.astype(np.complex128), [_TO_ELEMENTS] * size)
    apart = np.arange(2 * size).reshape(size, 2).T.ravel()
    shaped = elements.reshape((2,) * (2 * size)).transpose(apart)
    return shaped.reshape(2**size, 2**size)
