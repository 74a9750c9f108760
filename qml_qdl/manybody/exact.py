"""Exact diagonalisation in sectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from pennylane.operation import Operator
from scipy.sparse.linalg import eigsh
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_choice, check_count, validate_call
from qml_qdl.manybody.operators import SpinOperator
from qml_qdl.manybody.sectors import Sector, check_memory

_DENSE = 400
"""Matrices of no more states are diagonalised whole."""


@validate_call
@frozen(eq=False)
class Eigenstates:
    """The lowest eigenstates of an operator in a sector.

    Args:
        energies: Eigenvalues, rising, (k,).
        vectors: Eigenvectors in the basis of the sector, (states, k).
        sector: The sector.
    """

    energies: NDArray[np.float64]
    vectors: NDArray[Any]
    sector: Sector

    def amplitudes(self, spins: Tensor, number: int = 0) -> Tensor:
        """`⟨s|ψ⟩` of configurations, normalised over all of them.

        Args:
            spins: Rows of ±1, (rows, N), in float32 or float64.
            number: Which of the states.

        Returns:
            Numbers (rows,) in double precision; 0 outside the sector.

        Raises:
            ArgumentError: There is no such state, or a number is not ±1.
            ArgumentTypeError: The spins are of another type.
            ShapeError: There are more or fewer columns than sites.

        Example:
            >>> import pennylane as qml
            >>> import torch
            >>> state = ground_state(-qml.X(0) - qml.X(1))
            >>> state.amplitudes(torch.tensor([[1.0, -1.0]])).abs()
            tensor([0.5000], dtype=torch.float64)
        """
        check_choice("number", number, range(len(self.energies)))
        return self.sector.amplitudes(self.vectors[:, number], spins)


@validate_call
def ground_state(
    operator: Operator | SpinOperator, sector: Sector | None = None, k: int = 1
) -> Eigenstates:
    """The lowest eigenstates, by Lanczos' method on the sparse matrix of a sector.

    Small matrices are diagonalised whole. Of states with the same energy in the same
    sector, Lanczos' method may miss some.

    Args:
        operator: A Hermitian operator.
        sector: The sector; None for all configurations.
        k: How many states.

    Returns:
        Energies and vectors.

    Raises:
        ArgumentError: The operator is no Hermitian sum of Pauli words or does not
            conserve the numbers of the sector, or the sector has fewer states than k.
        MemoryBoundError: Matrix and vectors do not fit into memory; it is raised before
            they are made, with the bytes they need.

    Example:
        >>> from qml_qdl.manybody import Lattice, heisenberg
        >>> ring = Lattice.chain(8)
        >>> state = ground_state(heisenberg(ring), Sector(8, magnetisation=0))
        >>> print(state.energies.round(6))
        [-14.604374]
    """
    check_count("k", k)
    if isinstance(operator, Operator):
        operator = SpinOperator.of(
            operator, None if sector is None else sector.num_sites
        )
    if sector is None:
        operator.check_numbered()
        sector = Sector(operator.num_sites)
    operator.check_sector(sector)
    real = operator.is_real and sector.is_real
    kept = max(2 * k + 1, 20)
    vectors = (8 if real else 16) * (kept + k + 3) * sector.expected_states
    check_memory(
        f"sector: matrix and vectors of about {sector.expected_states:,} states",
        operator.matrix_bytes(sector) + vectors,
        "conserve more numbers (magnetisation, spin_flip, permutations), or take fewer "
        "sites",
    )
    count = sector.num_states
    if k > count:
        raise ArgumentError(
            f"k: expected at most {count}, the states of the sector, got {k}"
        )
    matrix = operator.matrix(sector)
    if count <= max(_DENSE, kept):
        energies, states = np.linalg.eigh(matrix.toarray())
    else:
        start = np.random.default_rng(0).standard_normal(count)
        energies, states = eigsh(matrix, k, which="SA", v0=start, ncv=kept)
    order = np.argsort(energies)[:k]
    return Eigenstates(energies[order], states[:, order], sector)
