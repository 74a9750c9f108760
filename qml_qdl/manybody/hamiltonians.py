"""Hamiltonians of spins on lattices, as PennyLane operators.

All are in units of Pauli matrices, as in `qml.spin`: σ·σ = 4 S·S, so energies are four
times those of spins ½ with the same coupling. Site k of the lattice is wire k.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pennylane.operation import Operator
from pennylane.pauli import PauliSentence, PauliWord

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import as_items, check_number, validate_call
from qml_qdl.manybody.lattices import GRAPH, Edge, Lattice


def _operator(
    lattice: Lattice, *terms: tuple[float, str, Iterable[Iterable[int]]]
) -> Operator:
    """The sum of coefficient · letters, on each of the places."""
    sentence = PauliSentence()
    for coefficient, letters, places in terms:
        check_number("coupling", coefficient, -math.inf, math.inf)
        for place in places if coefficient else ():
            word = PauliWord(dict(zip(place, letters, strict=False)))
            sentence[word] = sentence.get(word, 0.0) + float(coefficient)
    return sentence.operation(wire_order=range(lattice.num_sites))


def _sites(lattice: Lattice) -> list[tuple[int]]:
    return [(site,) for site in range(lattice.num_sites)]


def _further(lattice: Lattice, pairs: tuple[Edge, ...], coupling: float) -> list[Edge]:
    """Pairs beyond the nearest neighbours, which there must be if they are coupled."""
    found = sorted(set(pairs) - set(lattice.edges))
    if not found and coupling:
        raise ArgumentError(
            f"lattice: expected next-nearest neighbours, but of {lattice.num_sites} "
            "sites none are; pass a larger lattice, or give their edges to "
            "Lattice.from_edges after those of the nearest"
        )
    return found


def _exchange(
    coupling: float | Sequence[float], places: Iterable[Edge]
) -> list[tuple[float, str, Iterable[Edge]]]:
    strengths = as_items(coupling)
    strengths = (coupling,) * 3 if strengths is None else strengths
    if len(strengths) != 3:
        raise ArgumentError(
            "coupling: expected a number, or three for XX, YY and ZZ, got "
            f"{list(strengths)}"
        )
    letters = ("XX", "YY", "ZZ")
    return [(j, two, places) for j, two in zip(strengths, letters, strict=True)]


@validate_call
def heisenberg(lattice: Lattice, coupling: float | Sequence[float] = 1.0) -> Operator:
    """The Heisenberg model: H = J Σ (XᵢXⱼ + YᵢYⱼ + ZᵢZⱼ) over nearest neighbours.

    Positive couplings are antiferromagnetic, as in `qml.spin.heisenberg`.

    Args:
        lattice: The lattice.
        coupling: J, or three numbers for XX, YY and ZZ.

    Returns:
        The Hamiltonian, in Pauli units (σ·σ = 4 S·S).

    Raises:
        ArgumentError: There are neither one nor three couplings, or one is not finite.
        ArgumentTypeError: A coupling is no number.

    Example:
        >>> from qml_qdl.manybody import Lattice
        >>> len(heisenberg(Lattice.chain(22)))
        66
    """
    return _operator(lattice, *_exchange(coupling, lattice.edges))


@validate_call
def xxz(lattice: Lattice, coupling: float = 1.0, anisotropy: float = 1.0) -> Operator:
    """The XXZ model: H = J Σ (XᵢXⱼ + YᵢYⱼ + Δ ZᵢZⱼ) over nearest neighbours.

    Args:
        lattice: The lattice.
        coupling: J; positive is antiferromagnetic.
        anisotropy: Δ.

    Returns:
        The Hamiltonian, in Pauli units.

    Raises:
        ArgumentError: A number is not finite.

    Example:
        >>> from qml_qdl.manybody import Lattice
        >>> print(xxz(Lattice.chain(2), anisotropy=0.5))
        X(0) @ X(1) + Y(0) @ Y(1) + 0.5 * (Z(0) @ Z(1))
    """
    check_number("anisotropy", anisotropy, -math.inf, math.inf)
    couplings = (coupling, coupling, coupling * anisotropy)
    return _operator(lattice, *_exchange(couplings, lattice.edges))


@validate_call
def transverse_ising(
    lattice: Lattice, coupling: float = 1.0, h: float = 1.0, longitudinal: float = 0.0
) -> Operator:
    """The Ising model in fields: H = −J Σ ZᵢZⱼ − h Σ Xᵢ − g Σ Zᵢ.

    Positive couplings are ferromagnetic, as in `qml.spin.transverse_ising`.

    Args:
        lattice: The lattice.
        coupling: J, over nearest neighbours.
        h: The transverse field.
        longitudinal: The longitudinal field, g.

    Returns:
        The Hamiltonian, in Pauli units.

    Raises:
        ArgumentError: A number is not finite.

    Example:
        >>> from qml_qdl.manybody import Lattice
        >>> print(transverse_ising(Lattice.chain(2), h=0.5))
        -1.0 * (Z(0) @ Z(1)) + -0.5 * X(0) + -0.5 * X(1)
    """
    sites = _sites(lattice)
    return _operator(
        lattice,
        (-coupling, "ZZ", lattice.edges),
        (-h, "X", sites),
        (-longitudinal, "Z", sites),
    )


@validate_call
def j1_j2(lattice: Lattice, j1: float = 1.0, j2: float = 0.5) -> Operator:
    """The J₁-J₂ model: J₁ Σ σᵢ·σⱼ over nearest, J₂ over next-nearest neighbours.

    A chain with J₂ = J₁/2 has products of singlets as its ground states, with −3/2 J₁ a
    site (Majumdar and Ghosh 1969).

    Args:
        lattice: The lattice.
        j1: J₁; positive is antiferromagnetic.
        j2: J₂.

    Returns:
        The Hamiltonian, in Pauli units (σ·σ = 4 S·S).

    Raises:
        ArgumentError: A number is not finite, or no sites are next-nearest neighbours.

    Example:
        >>> from qml_qdl.manybody import Lattice
        >>> len(j1_j2(Lattice.square(4, 4)))
        192
    """
    further = _further(lattice, lattice.neighbours(2), j2)
    return _operator(lattice, *_exchange(j1, lattice.edges), *_exchange(j2, further))


@validate_call
def cluster_ising(
    lattice: Lattice, coupling: float = 1.0, h1: float = 0.0, h2: float = 0.0
) -> Operator:
    """The cluster-Ising model: H = −J Σ Zᵢ₋₁XᵢZᵢ₊₁ − h₁ Σ Xᵢ − h₂ Σ XᵢXⱼ.

    Its phases on an open chain are those of Cong, Choi and Lukin 2019
    (arXiv:1810.03787). On other lattices the cluster term is X on a site and Z on all
    its neighbours. Sites at an open boundary, which have fewer neighbours than others,
    have none.

    Args:
        lattice: The lattice.
        coupling: J, of the cluster terms.
        h1: The field, h₁.
        h2: The coupling XX of nearest neighbours, h₂.

    Returns:
        The Hamiltonian, in Pauli units.

    Raises:
        ArgumentError: A number is not finite, or no sites are neighbours.

    Example:
        >>> from qml_qdl.manybody import Lattice
        >>> print(cluster_ising(Lattice.chain(3, periodic=False), h1=0.5))
        -1.0 * (X(1) @ Z(0) @ Z(2)) + -0.5 * X(0) + -0.5 * X(1) + -0.5 * X(2)
    """
    near: dict[int, list[int]] = {}
    for edge in lattice.edges:
        for site, other in (edge, edge[::-1]):
            near.setdefault(site, []).append(other)
    most = max(map(len, near.values()), default=0)
    if not most:
        raise ArgumentError(
            f"lattice: expected neighbours, but of {lattice.num_sites} sites none are; "
            "pass a larger lattice"
        )
    clusters = [(k, *sorted(near[k])) for k in sorted(near) if len(near[k]) == most]
    return _operator(
        lattice,
        (-coupling, "X" + most * "Z", clusters),
        (-h1, "X", _sites(lattice)),
        (-h2, "XX", lattice.edges),
    )


@validate_call
def annni(
    lattice: Lattice,
    coupling: float = 1.0,
    kappa: float = 0.5,
    h: float = 1.0,
    axis: int = 0,
) -> Operator:
    """The axial next-nearest-neighbour Ising model, with competing couplings.

    H = −J (Σ ZᵢZⱼ − κ Σ ZᵢZᵢ₊₂ + h Σ Xᵢ): ferromagnetic between nearest neighbours,
    antiferromagnetic between sites two cells apart in one direction (Elliott 1961; for
    learning the phases of the chain, Monaco and others 2023, arXiv:2208.08748).

    Args:
        lattice: The lattice.
        coupling: J, which multiplies all terms.
        kappa: κ, the part of the competing coupling.
        h: The transverse field, in units of J.
        axis: The direction in which couplings compete; of a lattice made of edges its
            next-nearest neighbours are taken.

    Returns:
        The Hamiltonian, in Pauli units.

    Raises:
        ArgumentError: A number is not finite, there is no such direction, or no sites
            are two cells apart.

    Example:
        >>> from qml_qdl.manybody import Lattice
        >>> len(annni(Lattice.chain(6)))
        18
    """
    graph = lattice.shape == GRAPH
    pairs = lattice.neighbours(2) if graph else lattice.along(axis, 2)
    return _operator(
        lattice,
        (-coupling, "ZZ", lattice.edges),
        (coupling * kappa, "ZZ", _further(lattice, pairs, coupling * kappa)),
        (-coupling * h, "X", _sites(lattice)),
    )
