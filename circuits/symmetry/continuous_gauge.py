"""U(1) and SU(2) lattice gauge circuits: no choice of frames at the sites is seen.

Of U(1) a link is a phase φ and a wire: a gauge transformation turns φ into
φ + aₛ − aₜ, and the wire by RZ(aₛ − aₜ), a charge for each of its ends. Of SU(2) a link
is a unit quaternion, which carries the spins of one site into the frame of another.
"""

from __future__ import annotations

import math
from functools import reduce
from itertools import combinations
from operator import matmul
from typing import Any

import pennylane as qml
from attrs import frozen

from qml_qdl.circuits.adjoint import Adjoint
from qml_qdl.circuits.circuit import Circuit
from qml_qdl.circuits.composition import reupload
from qml_qdl.circuits.encodings.encoding import Encoding
from qml_qdl.circuits.symmetry.charges import ChargeConserving, charge_readout
from qml_qdl.circuits.symmetry.gauge import GaugeLattice, Walk
from qml_qdl.circuits.symmetry.spin import (
    HeisenbergExchange,
    Singlets,
    exchange_readout,
    plane_polar,
)
from qml_qdl.circuits.validation import check_count, check_number, validate_call

_BASE = 9
"""At a site at most four links end: sums of four words' charges have digits below 9."""


@frozen(repr=False)
class PhaseEncoding(Encoding):
    """Phases φ, one a wire: exp(−i s(cos φ X + sin φ Y)), with a fixed strength s.

    The gate of `ChargeEncoding` for c = s·exp(iφ): where φ becomes φ + a, it becomes
    RZ(a)·S·RZ(−a), and does nothing new at φ + 2π. It may stand anywhere and be
    repeated.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        strength: s; π/4 turns `|0⟩` to the equator.
        features: Which features of x are read; None for the whole x.
        scaling: Factor on the phases; one other than 1 changes their charge, and one
            that is not whole breaks their period.
        trainable_scaling: Whether each phase's factor is trained, which breaks the
            symmetry.

    Raises:
        ArgumentError: The number of features is not the number of wires, or the
            strength is not finite.

    Example:
        >>> print(PhaseEncoding(1) @ PhaseEncoding(1))
        0: ──RZ──RX──RZ──RZ──RX──RZ─┤  <Z>
    """

    strength: float = math.pi / 4

    def __attrs_post_init__(self) -> None:
        check_number("strength", self.strength, -math.inf, math.inf)
        Encoding.__attrs_post_init__(self)

    @property
    def num_features(self) -> int:
        """One for each wire."""
        return len(self.wires)

    def encode(self, features: Any) -> None:
        """Queues three rotations for each wire."""
        for index, wire in enumerate(self.wires):
            phase = features[..., index]
            qml.RZ(-phase, wires=wire)
            qml.RX(2 * self.strength, wires=wire)
            qml.RZ(phase, wires=wire)


@frozen(repr=False)
class QuaternionEncoding(Encoding):
    """One quaternion q = (a, b, c, d) as the rotation a − i(bX + cY + dZ) of all wires.

    That is of q/`|q|`; q = 0 counts as 1. Three rotations for each wire, the same for
    all. Gradients are exact but where the middle one is by ±π/2, so at
    (a + c)² + (b + d)² = 0 or 2`|q|²`, and there some are zero.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        features: Which four features of x are read; None for the whole x.
        scaling: Factor on the quaternion; a positive one changes nothing.
        trainable_scaling: Whether each feature's factor is trained, which breaks the
            symmetry.

    Raises:
        ArgumentError: The number of features is not four.

    Example:
        >>> print(QuaternionEncoding(2) @ QuaternionEncoding(2))
        0: ──RZ──RY──RX──RZ──RY──RX─┤  <Z>
        1: ──RZ──RY──RX──RZ──RY──RX─┤  <Z>
    """

    @property
    def num_features(self) -> int:
        """Four."""
        return 4

    def encode(self, features: Any) -> None:
        """Queues three rotations for each wire."""
        outer, middle, inner = _angles(features)
        for wire in self.wires:
            qml.RZ(inner, wires=wire)
            qml.RY(middle, wires=wire)
            qml.RX(outer, wires=wire)


def _angles(q: Any) -> tuple[Any, Any, Any]:
    """The angles α, β, γ with which RX(α)RY(β)RZ(γ) is the rotation of a quaternion.

    Multiplied out, for q of length 1 and k, l = cos(β/2) ± sin(β/2):
    (a + c, b + d) = k·(cos, sin)((α + γ)/2), (a − c, b − d) = l·(cos, sin)((α − γ)/2).
    So the angles are smooth about q = 1, unlike those about Z, Y and Z, and where one
    pair vanishes the other still is what it should be.
    """
    a, b, c, d = (q[..., k] for k in range(4))
    plus, half_sum = plane_polar(a + c, b + d)
    minus, half_difference = plane_polar(a - c, b - d)
    none = (plus == 0) & (minus == 0)
    one = qml.math.ones_like(plus)
    middle = math.pi / 2 - 2 * qml.math.arctan2(
        qml.math.where(none, one, minus), qml.math.where(none, one, plus)
    )
    return half_sum + half_difference, middle, half_sum - half_difference


def link_charges(lattice: GaugeLattice) -> tuple[int, ...]:
    """What links carry: a column of the lattice's incidence matrix each, as a number.

    The charge at site s is the digit of 9ˢ, so that a word whose numbers sum to 0 has
    no charge at any site, and no gauge transformation of U(1) changes it.

    Args:
        lattice: The lattice.

    Returns:
        For each link, from site s to site t, 9ˢ − 9ᵗ.

    Example:
        >>> link_charges(GaugeLattice(2, 2, periodic=False))
        (-8, -80, -720, -648)
    """
    return tuple(_BASE**s - _BASE**t for s, t in lattice.ends)


def _word(lattice: GaugeLattice, walk: Walk) -> str:
    letters = {wire: "+" if sign > 0 else "-" for wire, sign in walk}
    return "".join(letters.get(wire, "I") for wire in range(lattice.num_links))


@validate_call
def u1_gauge_circuit(lattice: GaugeLattice, layers: int = 2) -> Circuit:
    """A circuit on the phases of links whose results no U(1) transformation changes.

    Phases are encoded, and words without charge follow, layer by layer: Z on each
    link, ZZ on pairs of one plaquette, and for each closed walk U + U† and −i(U − U†),
    where U is σ⁺ on links that it goes along and σ⁻ on those that it goes back: the
    terms of the lattice's Hamiltonian (Kogut and Susskind 1975), with a link's electric
    field cut to a qubit, as quantum link models have it (Chandrasekharan and Wiese
    1997, arXiv:hep-lat/9609042).

    Args:
        lattice: The lattice; x has one phase in radians for each link.
        layers: How often phases are encoded, 1 or more.

    Returns:
        The circuit, with ⟨U + U†⟩ and ⟨−i(U − U†)⟩ of each of `lattice.walks` as
        outputs.

    Raises:
        ArgumentError: `layers` is below 1.

    Example:
        >>> U = u1_gauge_circuit(GaugeLattice(2, 2))
        >>> U.num_inputs, U.output_shape
        (8, (16,))
    """
    check_count("layers", layers)
    count, charges = lattice.num_links, link_charges(lattice)
    walks = [_word(lattice, walk) for walk in lattice.walks]
    pairs = {pair for square in lattice.plaquettes for pair in combinations(square, 2)}
    fields = [(wire,) for wire in range(count)] + sorted(pairs)
    words = [
        "".join("Z" if wire in each else "I" for wire in range(count))
        for each in fields
    ]
    processing = ChargeConserving(count, charges, words=[*words, *walks])
    circuit = reupload(processing, PhaseEncoding(count), layers)
    return circuit.with_readout(charge_readout(count, charges, words=walks))


@validate_call
def su2_gauge_circuit(lattice: GaugeLattice, layers: int = 2) -> Circuit:
    """A circuit whose results no SU(2) transformation of its links changes.

    Each site has two spins, a singlet at first, and each layer has exchanges
    exp(−iθ·u SWAP u†) along all links, where u carries the spins of the link's end into
    the frame of its beginning, and then one at each site. Spins at a site turn with its
    frame: whatever is made of these gates, and the readout ⟨SWAP⟩ at each site, knows
    of the links what closed walks say alone. A link u and −u make the same gate, so
    that of a closed walk's product w what counts is (tr w)², not the sign of tr w.

    Args:
        lattice: The lattice; x has four numbers for each link, one link after the
            other, of which the direction counts.
        layers: Number of layers, 1 or more.

    Returns:
        The circuit, on two wires for each site.

    Raises:
        ArgumentError: `layers` is below 1.

    Example:
        >>> U = su2_gauge_circuit(GaugeLattice(2, 2, periodic=False))
        >>> U.num_inputs, len(U.wires), U.output_shape
        (16, 8, (4,))
    """
    check_count("layers", layers)
    sites = [(2 * site, 2 * site + 1) for site in range(lattice.num_sites)]
    steps: list[Any] = []
    for number, (start, end) in enumerate(lattice.ends):
        (a, b), (c, d) = sites[start], sites[end]
        carry = QuaternionEncoding(
            sites[end], features=range(4 * number, 4 * number + 4)
        )
        # In this order a ring are the four pairs of one spin of each site.
        exchange = HeisenbergExchange([a, c, b, d], pattern="ring")
        steps += [carry, exchange, Adjoint(carry)]
    steps += [HeisenbergExchange(site, pattern="linear") for site in sites]
    layer = reduce(matmul, steps[::-1])
    wires = 2 * lattice.num_sites
    circuit: Circuit = reduce(matmul, [layer] * layers) @ Singlets(wires)
    return circuit.with_readout(exchange_readout(wires, sites))
