"""What snapshots tell by themselves: order parameters, string order, correlators."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.phases.scan import Scan

Floats = NDArray[np.float64]


def _in_basis(scan: Scan, letter: str) -> Floats:
    """Spins in the basis of one letter throughout, (rows, shots, sites)."""
    word = letter * scan.num_sites
    if word not in scan.bases:
        raise DataError(
            f"scan: the order parameter needs snapshots in the basis {letter}…{letter},"
            f" got {', '.join(scan.bases[:4])}; measure them there"
        )
    return scan.spins[:, scan.bases.index(word)].astype(np.float64)


@validate_call
def magnetisation(scan: Scan, *, staggered: bool = False, letter: str = "Z") -> Floats:
    """The mean of `|m|` over the snapshots of each row: order that breaks the symmetry.

    Args:
        scan: With snapshots in the basis of the letter.
        staggered: Whether every second spin counts with a minus, as of antiferromagnets
            on chains and square lattices.
        letter: The direction.

    Returns:
        (rows, 1).

    Raises:
        DataError: There are no such snapshots.

    Example:
        >>> scan = Scan(("h",), [0.0], ("ZZ",), [[[[0, 1], [1, 0]]]], [0])
        >>> magnetisation(scan, staggered=True).tolist()
        [[1.0]]
    """
    spins = _in_basis(scan, letter)
    if staggered:
        spins = spins * (-1) ** np.indices(scan.shape).sum(0).reshape(-1)
    found: Floats = np.abs(spins.mean(-1)).mean(-1)[:, None]
    return found


@validate_call
def bond_order(scan: Scan) -> Floats:
    """The mean product of neighbouring spins of a periodic lattice: minus the energy.

    Of spins in thermal equilibrium their energy says all that they know of the
    temperature, as its probability is exp(−E/T)/Z: with equally many at each
    temperature, no classifier of single snapshots is better on average than the best
    threshold on it.

    Args:
        scan: With snapshots in the basis Z…Z.

    Returns:
        (rows, 1).

    Raises:
        DataError: There are no such snapshots.

    Example:
        >>> scan = Scan(("T",), [1.0], ("ZZZ",), [[[[0, 0, 0]]]], [0])
        >>> bond_order(scan).tolist()
        [[1.0]]
    """
    spins = _in_basis(scan, "Z")
    grid = spins.reshape(*spins.shape[:2], *scan.shape)
    axes = tuple(range(2, grid.ndim))
    bonds = [(grid * np.roll(grid, 1, axis)).mean(axes) for axis in axes]
    features: NDArray[np.float64] = np.mean(bonds, axis=0).mean(-1)[:, None]
    return features


@validate_call
def string_order(scan: Scan, span: int | None = None) -> Floats:
    r"""The order of cluster states, which no local order parameter sees.

    .. math:: Z_a X_{a+1} X_{a+3} \ldots X_{b-1} Z_b, \quad b = a + \text{span}

    It is the product of the stabilisers between a and b, and read from snapshots where
    Z and X alternate; the mean is over snapshots and all places of the string (Pollmann
    and Turner 2012, arXiv:1204.0704; Cong, Choi and Lukin 2019, arXiv:1810.03787).

    Args:
        scan: Of a chain, with such snapshots.
        span: b − a, even; None for about half of the chain.

    Returns:
        (rows, 1).

    Raises:
        ArgumentError: The span is odd, or longer than the chain.
        DataError: No basis has the letters of a string.

    Example:
        >>> scan = Scan(("h1",), [0.0], ("ZXZ",), [[[[1, 1, 0], [0, 0, 0]]]], [0])
        >>> string_order(scan, 2).tolist()
        [[1.0]]
    """
    sites = scan.num_sites
    span = max(2, 2 * round(sites / 4)) if span is None else span
    check_count("span", span, 2)
    if span % 2 or span >= sites:
        raise ArgumentError(
            f"span: expected an even number below {sites}, the sites, got {span}"
        )
    found = []
    spins = scan.spins.astype(np.float64)
    for place, basis in enumerate(scan.bases):
        for first in range(sites - span):
            inner = range(first + 1, first + span, 2)
            word = basis[first] + "".join(basis[k] for k in inner) + basis[first + span]
            if word == "Z" + "X" * len(inner) + "Z":
                sites_of = [first, *inner, first + span]
                found.append(spins[:, place][..., sites_of].prod(-1).mean(-1))
    if not found:
        raise DataError(
            f"scan: string order over {span} sites needs snapshots where Z and X "
            f"alternate, such as {('ZX' * sites)[:sites]}, got "
            f"{', '.join(scan.bases[:4])}; measure them there"
        )
    features: NDArray[np.float64] = np.mean(found, axis=0)[:, None]
    return features


@validate_call
def correlators(scan: Scan) -> Floats:
    """Means of products of two spins, over the snapshots of each row.

    Of a lattice in more than one direction, which is taken for periodic, they are
    averaged over its translations, and of each pair of opposite distances one is kept.
    Of a chain all pairs stand for themselves, with the letters that were measured; and
    so do its single spins.

    Args:
        scan: Any.

    Returns:
        (rows, features).

    Example:
        >>> scan = Scan(("T",), [1.0], ("ZZZ",), [[[[0, 0, 1]]]], [0])
        >>> correlators(scan).tolist()
        [[1.0, 1.0, -1.0, 1.0, -1.0, -1.0]]
    """
    spins = scan.spins.astype(np.float64)
    if len(scan.shape) > 1:
        grid = spins.reshape(*spins.shape[:3], *scan.shape)
        axes = tuple(range(3, grid.ndim))
        power = np.abs(np.fft.fftn(grid, axes=axes)) ** 2 / scan.num_sites**2
        # Real parts: C(r) and C(−r) are the same.
        found = np.fft.ifftn(power, axes=axes).real * scan.num_sites
        distances = found.mean(2).reshape(len(scan), len(scan.bases), -1)
        place = np.arange(scan.num_sites).reshape(scan.shape)
        opposite = place
        for axis in range(place.ndim):
            opposite = np.roll(np.flip(opposite, axis), 1, axis)
        kept = np.flatnonzero((place <= opposite).reshape(-1))[1:]
        features: NDArray[np.float64] = distances[..., kept].reshape(len(scan), -1)
        return features
    first, second = np.triu_indices(scan.num_sites, 1)
    pairs = np.einsum("rbsi,rbsj->rbij", spins, spins) / spins.shape[2]
    both = [spins.mean(2), pairs[..., first, second]]
    return np.concatenate(both, -1).reshape(len(scan), -1)


@validate_call
def raw_spins(scan: Scan) -> Floats:
    """The spins themselves, averaged over the snapshots of each row.

    A linear model on them learns next to nothing where order breaks a symmetry that
    flips all spins, as either sign is as likely.

    Args:
        scan: Any.

    Returns:
        (rows, bases · sites).
    """
    features: NDArray[np.float64] = (
        scan.spins.astype(np.float64).mean(2).reshape(len(scan), -1)
    )
    return features
