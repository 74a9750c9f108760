"""Models that are solved for any size: Ising chains, Heisenberg rings."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.linalg import eigvalsh_tridiagonal

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import (
    as_items,
    check_choice,
    check_count,
    check_number,
    validate_call,
)

MOST_FREE = 100_000
"""Sites of an Ising ring, at most."""

MOST_OPEN = 5_000
"""Sites of an open Ising chain, at most: as many eigenvalues are found, in seconds."""

MOST_BETHE = 2_000
"""Sites of a Heisenberg ring, at most: half as many equations are solved together."""


@validate_call
def free_fermion_energy(
    num_sites: int,
    h: float = 1.0,
    coupling: float = 1.0,
    periodic: bool = True,
    spin_flip: int | None = None,
) -> float:
    """The ground state's energy of the Ising chain H = −J Σ ZᵢZᵢ₊₁ − h Σ Xᵢ.

    By Jordan and Wigner's transformation (Pfeuty 1970) it is −½ Σ ε(k) with
    ε(k) = 2 √(J² + h² − 2Jh cos k). On a ring the sector Π X = +1 has the antiperiodic
    momenta (2m + 1)π/N and an even number of fermions, Π X = −1 the periodic ones
    2πm/N and an odd number; where −½ Σ ε has the wrong number, the cheapest fermion
    comes on top. An open chain has the singular values of the bidiagonal matrix of h
    and J in place of ε/2.

    Args:
        num_sites: Number of sites, N. A ring of two has one bond, as `Lattice` has it.
        h: The transverse field.
        coupling: J; positive is ferromagnetic.
        periodic: Whether the ends are joined.
        spin_flip: The eigenvalue ±1 of Π X; None for the lower of both.

    Returns:
        The energy, in Pauli units.

    Raises:
        ArgumentError: A number is too large or not finite.

    Example:
        >>> round(free_fermion_energy(80), 10)
        -101.8657088579
    """
    check_count("num_sites", num_sites, most=MOST_FREE if periodic else MOST_OPEN)
    check_number("h", h, -math.inf, math.inf)
    check_number("coupling", coupling, -math.inf, math.inf)
    check_choice("spin_flip", spin_flip, (1, -1, None))
    flips = (1, -1) if spin_flip is None else (spin_flip,)
    if not periodic or num_sites < 3:
        return min(_open(num_sites, h, coupling, flip) for flip in flips)
    return min(_ring(num_sites, h, coupling, flip) for flip in flips)


def _ring(num_sites: int, h: float, coupling: float, flip: int) -> float:
    momenta = (2 * np.arange(num_sites) + (flip > 0)) * np.pi / num_sites
    energies = 2 * np.hypot(h - coupling * np.cos(momenta), coupling * np.sin(momenta))
    # 0 and π have no partner −k: their fermion is there where its energy is negative.
    alone = np.isclose(np.sin(momenta), 0, atol=0.5 / num_sites)
    occupied = int((h < coupling * np.cos(momenta[alone]).round()).sum())
    wrong = occupied % 2 != (flip < 0)
    return float(-energies.sum() / 2 + wrong * energies.min())


def _open(num_sites: int, h: float, coupling: float, flip: int) -> float:
    # The singular values of a bidiagonal matrix, ± each, without squaring it.
    beside = np.full(2 * num_sites - 1, float(coupling))
    beside[::2] = h
    values = eigvalsh_tridiagonal(np.zeros(2 * num_sites), beside)[num_sites:]
    lowest = 1 if h >= 0 else (-1) ** num_sites
    return float(-values.sum() + (flip != lowest) * 2 * abs(values[0]))


@frozen(eq=False)
class RingQuench:
    """What free fermions tell of an Ising ring after a quench.

    Args:
        times: t, (T,).
        x: `⟨X⟩` of each site, (T,).
        zz: `⟨ZZ⟩` of neighbours, (T,).
        energy: That of the new Hamiltonian, which stays.
    """

    times: NDArray[np.float64]
    x: NDArray[np.float64]
    zz: NDArray[np.float64]
    energy: float


@validate_call
def free_fermion_quench(
    num_sites: int,
    times: Sequence[float] | NDArray[np.float64],
    before: float,
    after: float,
    coupling: float = 1.0,
) -> RingQuench:
    r"""The Ising ring H = −J Σ ZᵢZᵢ₊₁ − h Σ Xᵢ whose field h changes at once.

    It begins in the ground state of Π X = +1, which for h > 0 is the ring's own. With
    the antiperiodic momenta k > 0 each pair (k, −k) is a spin ½, up where both fermions
    are there, in the field `2(h − J cos k, J sin k)` of length ε along (z, y). Of the
    ground state it points against the old field and then turns around the new one, once
    in π/ε, so that with unit vectors n₀, n₁ and :math:`p = -n_0 \cdot n_1`

    .. math:: \tau_z(t) = p\,n_1^z - (n_0^z + p\,n_1^z) \cos 2\varepsilon t,

    and `⟨X⟩` = −2/N Σ τ_z (Barouch, McCoy and Dresden, PRA 2, 1075 (1970)). Of an odd
    ring the fermion of k = π, which stays away, adds 1/N.

    Args:
        num_sites: Number of sites, N, at least 3.
        times: t, (T,).
        before: h until time 0, above 0.
        after: h from then on.
        coupling: J, above 0.

    Returns:
        The expectations at these times.

    Raises:
        ArgumentError: A number is too large, too small or not finite.
        ArgumentTypeError: The times are no numbers.

    Example:
        >>> found = free_fermion_quench(10, [0.0, 1.0], before=1.0, after=0.5)
        >>> found.x.round(6).tolist()
        [0.639245, 0.184018]
    """
    check_count("num_sites", num_sites, 3, MOST_FREE)
    check_number("before", before, high=math.inf)
    check_number("after", after, -math.inf, math.inf)
    check_number("coupling", coupling, high=math.inf)
    items = as_items(times)
    given = np.array(items or ())
    if items is None or given.dtype.kind not in "iuf":
        raise ArgumentTypeError(
            f"times: expected several numbers, got {str(times)[:60]}"
        )
    given = given.astype(float)
    if given.ndim != 1 or not np.isfinite(given).all():
        raise ArgumentError(
            f"times: expected finite numbers in a row, got {str(times)[:60]}"
        )
    momenta = (2 * np.arange(num_sites // 2) + 1) * np.pi / num_sites
    cosines, sines = coupling * np.cos(momenta), coupling * np.sin(momenta)
    old = np.stack([before - cosines, sines])
    new = np.stack([after - cosines, sines])
    lengths = np.hypot(*new)
    old, new = old / np.hypot(*old), new / lengths
    along = -(old * new).sum(0) * new[0]
    turned = np.cos(4 * lengths * given[:, None])  # ε is twice this length
    spins = along - (old[0] + along) * turned
    x = (num_sites % 2 - 2 * spins.sum(1)) / num_sites
    # Each spin has the energy of its direction along the new field; that at π is h + J
    # lower without its fermion, half of its own 2(h + J).
    energy = -2 * float((lengths * (old * new).sum(0)).sum())
    energy -= num_sites % 2 * (after + coupling)
    zz = -(energy / num_sites + after * x) / coupling
    return RingQuench(given, x, zz, energy)


@validate_call
def bethe_energy(num_sites: int) -> float:
    """The ground state's energy of the Heisenberg ring H = Σ σᵢ·σᵢ₊₁.

    Bethe's equations N arctan 2λⱼ = π Iⱼ + Σₖ arctan(λⱼ − λₖ) are solved by Newton's
    method for the M = ⌊N/2⌋ quantum numbers Iⱼ around 0; then
    E = N − Σ 2 / (λⱼ² + ¼). A ring of an odd number of sites has M + 1 places for them,
    of which one at the end stays free.

    Args:
        num_sites: Number of sites, N. A ring of two has one bond, as `Lattice` has it.

    Returns:
        The energy, in Pauli units (σ·σ = 4 S·S).

    Raises:
        ArgumentError: A ring has at least one site, and not too many.

    Example:
        >>> round(bethe_energy(80), 10)
        -141.8483045989
    """
    check_count("num_sites", num_sites, most=MOST_BETHE)
    if num_sites < 3:
        return -3.0 * (num_sites - 1)
    down = num_sites // 2
    numbers = np.arange(down) - (num_sites - down - 1) / 2
    roots = np.tan(np.pi * numbers / num_sites) / 2
    for _ in range(100):
        between = roots[:, None] - roots
        wrong = num_sites * np.arctan(2 * roots) - np.pi * numbers
        wrong -= np.arctan(between).sum(axis=1)
        slopes = 1 / (1 + between**2)
        matrix = slopes + np.diag(2 * num_sites / (1 + 4 * roots**2) - slopes.sum(1))
        step = np.linalg.solve(matrix, wrong)
        roots -= step
        if abs(step).max() < 1e-13 * (1 + abs(roots).max()):
            return float(num_sites - (2 / (roots**2 + 0.25)).sum())
    raise ArgumentError(
        f"num_sites: Bethe's equations of {num_sites} sites did not converge; take "
        "fewer"
    )
