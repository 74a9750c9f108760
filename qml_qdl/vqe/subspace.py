"""Excited states: H in the space of what gates make of one state."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from scipy.linalg import eigh

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.circuits.validation import check_count, check_number, validate_call
from qml_qdl.manybody import Problem
from qml_qdl.manybody.sectors import check_memory
from qml_qdl.vqe.adapt import Pool


@frozen(eq=False)
class Expansion:
    """States of a subspace, the lowest first.

    Args:
        energies: Energies, rising, (k,); each is at or above the exact one of its place
            in the sector.
        states: The states in the problem's sector, (states, k).
        dimension: Of the subspace.
    """

    energies: NDArray[np.float64]
    states: NDArray[Any] = field(repr=False)
    dimension: int


@validate_call
def expand_subspace(
    problem: Problem,
    state: NDArray[Any],
    pool: Pool,
    k: int = 3,
    *,
    cutoff: float = 1e-6,
) -> Expansion:
    """Quantum subspace expansion (McClean et al. 2017, arXiv:1603.05681).

    H is diagonalised in the space of ψ and of Gψ for all gates exp(θG) of a pool. All
    keep the sector of ψ, so no state of another number of electrons comes between, as
    cations do among the lowest states of all sectors.

    Args:
        problem: H and its sector.
        state: ψ in the sector, (states,), such as `Adapted.state`.
        pool: The gates.
        k: How many states.
        cutoff: Directions whose squared length is below this part of the longest are
            left out.

    Returns:
        Energies and states.

    Raises:
        ArgumentError: The subspace has fewer dimensions than k.
        MemoryBoundError: Its vectors do not fit into memory.
        ShapeError: ψ is not of the sector.

    Example:
        >>> from qml_qdl.vqe import Molecule, adapt, make_pool
        >>> problem = Molecule.named("H2").problem()
        >>> found = expand_subspace(problem, adapt(problem).state, make_pool(problem))
        >>> print(found.energies.round(6), problem.level.energies[:3].round(6))
        [-1.13727  -0.532479 -0.169901] [-1.13727  -0.532479 -0.169901]
    """
    check_count("k", k)
    check_number("cutoff", cutoff, 0.0, 1.0)
    sector = problem.configurations
    if np.shape(state) != (sector.num_states,):
        raise ShapeError(
            f"state: expected {sector.num_states} amplitudes, those of the sector of "
            f"{problem}, got an array of shape {np.shape(state)}"
        )
    check_memory(
        f"pool: {1 + len(pool.pairs):,} vectors of {sector.num_states:,} states",
        3 * state.itemsize * (1 + len(pool.pairs)) * sector.num_states,
        "take fewer gates, or conserve more numbers",
    )
    directions = [state, *(2 * pairs.derivative(state) for pairs in pool.pairs)]
    basis = np.stack(directions, axis=1)
    image = problem.operator.matrix(sector) @ basis
    # An orthonormal basis first: nearly parallel directions would blow up rounding.
    lengths, turned = eigh(basis.conj().T @ basis)
    kept = lengths > cutoff * lengths[-1]
    frame = turned[:, kept] / np.sqrt(lengths[kept])
    count = int(kept.sum())
    if k > count:
        raise ArgumentError(
            f"k: expected at most {count}, the dimensions of the subspace, got {k}; "
            "take a larger pool"
        )
    energies, vectors = eigh(frame.conj().T @ (basis.conj().T @ image) @ frame)
    return Expansion(energies[:k], basis @ (frame @ vectors[:, :k]), count)
