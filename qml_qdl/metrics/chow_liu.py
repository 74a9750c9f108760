"""Chow-Liu trees: which bits of data depend on each other most."""

from __future__ import annotations

import numpy as np
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
from torch import Tensor

from qml_qdl.circuits.validation import validate_call
from qml_qdl.data.bits import as_floats, check_bits


@validate_call
def mutual_information(bits: Tensor) -> Tensor:
    """Mutual information of every two bits, in nats.

    Args:
        bits: Zeros and ones, (rows, n).

    Returns:
        Symmetric matrix (n, n); on the diagonal the entropies.

    Raises:
        DataError: There are no rows, or they are not bits.

    Example:
        >>> import torch
        >>> bits = torch.tensor([[0.0, 0, 0], [1, 1, 0], [0, 0, 1], [1, 1, 1]])
        >>> mutual_information(bits)[0, 1:].round(decimals=3).tolist()
        [0.6930000185966492, 0.0]
    """
    check_bits("bits", bits)
    bits = as_floats(bits)
    rows = len(bits)
    total = bits.new_zeros(bits.shape[-1], bits.shape[-1])
    for first in (bits, 1 - bits):
        for second in (bits, 1 - bits):
            joint = first.T @ second / rows
            product = first.mean(0)[:, None] * second.mean(0)[None]
            ratio = joint / product.where(product > 0, product.new_ones(()))
            total += joint * ratio.where(joint > 0, joint.new_ones(())).log()
    return total.clamp(min=0)


@validate_call
def chow_liu_tree(bits: Tensor) -> tuple[tuple[int, int], ...]:
    """The spanning tree of bits with the most mutual information.

    The best approximation of the data by a product of pair distributions (Chow and Liu,
    IEEE Trans. Inf. Theory 14, 462 (1968)); Liu and Wang 2018, arXiv:1804.04168, lay
    the CNOT gates of a Born machine along it.

    Args:
        bits: Zeros and ones, (rows, n).

    Returns:
        n − 1 pairs (parent, child) of positions, from bit 0 outwards.

    Raises:
        DataError: There are no rows, or they are not bits.

    Example:
        >>> import torch
        >>> bits = torch.tensor([[0.0, 0, 0], [1, 1, 1], [0, 0, 1], [1, 1, 0]])
        >>> chow_liu_tree(bits)[0]
        (0, 1)
    """
    information = mutual_information(bits).double().numpy(force=True)
    # Weights below zero, or SciPy takes independent bits for ones without an edge.
    tree = minimum_spanning_tree(
        -1 - np.triu(information, 1) - np.tril(information, -1)
    )
    order, parents = breadth_first_order(tree, 0, directed=False)
    return tuple((int(parents[child]), int(child)) for child in order[1:])
