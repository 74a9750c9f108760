"""Circuits that treat all wires alike: permutations, and the few dimensions they need.

Operators that commute with all permutations of n wires act on total spins J = n/2,
n/2 − 1, … only, as one matrix of 2J + 1 dimensions each (Schur and Weyl): C(n + 3, 3)
independent ones in all, where there are 4ⁿ operators (Schatzki et al. 2022,
arXiv:2210.09974).
"""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.symmetry.equivariant import EquivariantProcessing
from qml_qdl.circuits.symmetry.named_groups import symmetric_group
from qml_qdl.circuits.validation import WiresLike, as_wires, check_count


def permutation_equivariant(wires: WiresLike, layers: int = 1) -> EquivariantProcessing:
    """Layers of exp(−iα ΣX), exp(−iβ ΣY) and exp(−iγ Σ ZZ) over all wires and pairs.

    The Sₙ-equivariant circuit of Schatzki et al. 2022, arXiv:2210.09974, whose
    gradients vanish only polynomially as wires are added.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels; two or more.
        layers: Number of layers, 1 or more; weights are (layers, 3).

    Returns:
        The processing.

    Raises:
        ArgumentError: There is a single wire, or `layers` is below 1.

    Example:
        >>> permutation_equivariant(4, layers=2).weight_shape
        (2, 3)
    """
    labels = as_wires(wires)
    count = len(labels)
    if count < 2:
        raise ArgumentError(
            "wires: permutations need two wires or more, got 1; use a rotation instead"
        )
    words = [letters + "I" * (count - len(letters)) for letters in ("X", "Y", "ZZ")]
    return EquivariantProcessing(labels, symmetric_group(count), words, layers)


def spin_multiplicities(num_wires: int) -> dict[int, int]:
    """How often each total spin occurs among n spins ½.

    Args:
        num_wires: n.

    Returns:
        For each dimension 2J + 1, the largest first, how many copies of it make up the
        2ⁿ dimensions of n wires.

    Raises:
        ArgumentError: `num_wires` is below 1.

    Example:
        >>> spin_multiplicities(4)
        {5: 1, 3: 3, 1: 2}
        >>> sum(dimension**2 for dimension in spin_multiplicities(4))  # C(7, 3)
        35
    """
    check_count("num_wires", num_wires)
    return {
        num_wires - 2 * k + 1: comb(num_wires, k) - (comb(num_wires, k - 1) if k else 0)
        for k in range(num_wires // 2 + 1)
    }


def spin_matrices(dimension: int) -> NDArray[np.complex128]:
    """The spin operators Jx, Jy and Jz of one total spin.

    On the largest of n spins ½, ΣX = 2Jx and so on, and Σ ZZ over all pairs is
    (4Jz² − n)/2.

    Args:
        dimension: 2J + 1.

    Returns:
        Complex array (3, 2J + 1, 2J + 1); the first basis state has the largest Jz.

    Raises:
        ArgumentError: `dimension` is below 1.

    Example:
        >>> spin_matrices(2)[2].real
        array([[ 0.5,  0. ],
               [ 0. , -0.5]])
    """
    check_count("dimension", dimension)
    spin = (dimension - 1) / 2
    m = spin - np.arange(dimension)
    raising = np.diag(np.sqrt(spin * (spin + 1) - m[1:] * (m[1:] + 1)), 1)
    x, y = (raising + raising.T) / 2, (raising - raising.T) / 2j
    return np.array([x, y, np.diag(m)], complex)
