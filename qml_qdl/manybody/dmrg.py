"""The density-matrix renormalisation group, by quimb."""

from __future__ import annotations

import warnings

from attrs import frozen
from pennylane.operation import Operator

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import (
    MOST_SEED,
    check_count,
    check_number,
    validate_call,
)
from qml_qdl.manybody.operators import SpinOperator
from qml_qdl.manybody.sectors import check_memory

_KRYLOV = 20
"""Two-site tensors that one step keeps, at most."""


@frozen
class MatrixProductState:
    """What a renormalisation found.

    Args:
        energy: Its energy.
        bond: The largest bond dimension that was used.
        converged: Whether the last sweep changed the energy by less than the tolerance.
        num_bytes: Bytes that were thought to be needed, at most.
    """

    energy: float
    bond: int
    converged: bool
    num_bytes: int


@validate_call
def dmrg(
    operator: Operator | SpinOperator,
    bond: int = 100,
    tolerance: float = 1e-8,
    sweeps: int = 20,
    seed: int = 0,
) -> MatrixProductState:
    """The ground state as a matrix product state on the sites in their order.

    Two-site sweeps (White 1992; Schollwöck 2011, arXiv:1008.3477) of `quimb`, which the
    extra `manybody` installs. The bond dimension doubles from sweep to sweep, up to the
    largest. Rings and lattices need far larger ones than open chains; the energy is an
    upper bound with any.

    Args:
        operator: A Hermitian operator on at least two sites.
        bond: The largest bond dimension.
        tolerance: Change of the energy in one sweep at which it ends.
        sweeps: Number of sweeps, at most.
        seed: Of the state it starts with.

    Returns:
        The energy, and how it was found.

    Raises:
        ArgumentError: The operator is no Hermitian sum of Pauli words, or zero, or has
            one site; or a number is out of range.
        MemoryBoundError: It does not fit into memory; raised before it starts, with the
            bytes it needs.
        MissingPackageError: quimb is not installed.

    Example:
        >>> from qml_qdl.manybody import Lattice, transverse_ising
        >>> dmrg(transverse_ising(Lattice.chain(40, periodic=False)))  # doctest: +SKIP
        MatrixProductState(energy=-50.56943379..., bond=32, converged=True, ...)
    """
    check_count("bond", bond)
    check_count("sweeps", sweeps, most=10_000)
    check_count("seed", seed, 0, MOST_SEED)
    check_number("tolerance", tolerance, 0.0, float("inf"))
    if isinstance(operator, Operator):
        operator = SpinOperator.of(operator)
    count = operator.num_sites
    if count < 2 or not len(operator.coefficients):
        raise ArgumentError(
            f"operator: expected at least two sites and one word, got {operator!r}; "
            "use ground_state"
        )
    most = min(bond, 2 ** (count // 2))
    size = 8 if operator.is_real else 16

    def check(width: int) -> int:
        """Bytes of states, blocks on both sides of each bond, vectors of one step."""
        tensors = 2 * count + 2 * width * count + 4 * (_KRYLOV + 2 * width)
        needed: int = size * most * most * tensors
        check_memory(
            f"bond: a bond dimension of {most:,} on {count} sites",
            needed,
            "lower bond, or order the sites so that fewer couplings cross",
        )
        return needed

    check(1)
    import quimb.operator as qo
    import quimb.tensor as qtn

    terms = []
    rows = zip(operator.coefficients, operator.flipped, operator.signs, strict=True)
    # quimb's ⴵ is iY, so that words with an even number of Y are real throughout.
    letters = {(True, False): "x", (True, True): "ⴵ", (False, True): "z"}
    for value, flipped, signs in rows:
        places = [k for k in range(count) if flipped[k] or signs[k]]
        word = [(letters[bool(flipped[k]), bool(signs[k])], k) for k in places]
        turned = value * (-1) ** int((flipped & signs).sum())
        terms.append((turned.real if operator.is_real else turned, *word))
    space = qo.HilbertSpace(count)
    network = qo.SparseOperatorBuilder(terms, hilbert_space=space).build_mpo()
    needed = check(network.max_bond())
    dtype = "float64" if operator.is_real else "complex128"
    bonds = [min(8 * 2**k, most) for k in range(sweeps)]
    with warnings.catch_warnings():  # of packages that would find faster orders
        warnings.filterwarnings("ignore", "Couldn't find `optuna`", UserWarning)
        start = qtn.MPS_rand_state(count, min(8, most), dtype=dtype, seed=seed)
        solver = qtn.DMRG2(network, bond_dims=bonds, cutoffs=1e-12, p0=start)
        converged = solver.solve(tol=tolerance, max_sweeps=sweeps, verbosity=0)
    energy = complex(solver.energy).real
    return MatrixProductState(energy, solver.state.max_bond(), bool(converged), needed)
