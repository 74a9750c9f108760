"""Circuits on charges: U(1), the rotations of the plane, as a phase on each wire.

A rotation by α turns a wire of charge m by RZ(mα), as it turns the m-th Fourier mode of
a ring by exp(imα). On words of ladder letters, σ⁺ = `|0⟩⟨1|` = (X + iY)/2 and σ⁻ its
adjoint, it acts by the phase exp(iqα), where q is their net charge.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Hashable, Iterable, Sequence
from functools import cached_property
from itertools import combinations, product
from numbers import Integral
from types import MappingProxyType
from typing import Any

import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.encodings.encoding import Encoding
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.circuits.processings.processing import Processing
from qml_qdl.circuits.readouts import Expectation
from qml_qdl.circuits.symmetry.exponential import PauliTerm
from qml_qdl.circuits.symmetry.groups import WireGroup
from qml_qdl.circuits.symmetry.wire_action import WireAction
from qml_qdl.circuits.validation import (
    WiresLike,
    as_items,
    as_wires,
    check_count,
    check_number,
    shape_of,
    validate_call,
)

_SIGNS = MappingProxyType({"+": 1, "-": -1})


def _as_charges(charges: Any) -> tuple[int, ...]:
    items = as_items(charges) or ()
    if not items or not all(
        isinstance(item, Integral) and not isinstance(item, bool) for item in items
    ):
        raise ArgumentTypeError(
            "charges: expected one whole number for each wire, such as (0, 1, 1, 2), "
            f"got {charges!r}"
        )
    return tuple(int(item) for item in items)


def _check_charges(charges: Sequence[int], wires: Sequence[Any]) -> None:
    if len(charges) != len(wires):
        raise ArgumentError(
            f"charges: expected {len(wires)} whole numbers, one for each wire, got "
            f"{list(charges)}"
        )


@frozen(repr=False)
class ChargeEncoding(Encoding):
    """Complex numbers c as turns exp(−i(Re c X + Im c Y)), one for each wire.

    Where c of charge m becomes e^{imα}c, the gate S becomes GSG† with
    G = exp(−iα Σ m Z/2), so that a state made of such gates, of `ChargeConserving` and
    of `|0…0⟩` becomes G times itself, up to a phase. The gate may stand anywhere and
    be repeated. The Fourier modes of a ring of pixels are such numbers, and the
    variables of a U(1) gauge field.

    Gradients are exact at c = 0 and everywhere else but at c = ±iπ/2, ±i3π/2, …, where
    the three angles of the gate are not unique.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels; one for each c.
        charges: m of each wire, whole numbers of any sign.
        features: Which features of x are read, Re c and Im c of one wire after the
            other; None for the whole x.
        scaling: Factor on all c.
        trainable_scaling: Whether each feature's factor is trained, which breaks the
            symmetry but on wires of charge 0.

    Raises:
        ArgumentError: The charges are not one for each wire, or the features not two.
        ArgumentTypeError: The charges are no whole numbers.

    Example:
        >>> print(ChargeEncoding(2, (0, 1)) @ ChargeEncoding(2, (0, 1)))
        0: ──RX──RY──RX──RX──RY──RX─┤  <Z>
        1: ──RX──RY──RX──RX──RY──RX─┤  <Z>
    """

    charges: tuple[int, ...] = field(converter=_as_charges)

    def __attrs_post_init__(self) -> None:
        _check_charges(self.charges, self.wires)
        Encoding.__attrs_post_init__(self)

    @property
    def num_features(self) -> int:
        """Two for each wire."""
        return 2 * len(self.wires)

    def encode(self, features: Any) -> None:
        """Queues three rotations for each wire."""
        for index, wire in enumerate(self.wires):
            outer, inner = _angles(
                features[..., 2 * index], features[..., 2 * index + 1]
            )
            qml.RX(outer, wires=wire)
            qml.RY(inner, wires=wire)
            qml.RX(outer, wires=wire)

    def turned(self, features: Any, angle: float) -> Any:
        """What a rotation makes of the features: each c times exp(imα).

        Args:
            features: Array (..., num_features), those that this encoding reads.
            angle: α, in radians.

        Returns:
            Array of the same shape.

        Raises:
            ShapeError: The last dimension is of another size.

        Example:
            >>> import numpy as np
            >>> ChargeEncoding(1, [2]).turned(np.array([1.0, 0.0]), np.pi / 4).round(6)
            array([0., 1.])
        """
        check_number("angle", angle, -math.inf, math.inf)
        shape = shape_of("features", features)
        if shape[-1:] != (self.num_features,):
            raise ShapeError(
                f"features: expected (..., {self.num_features}), real and imaginary "
                f"part for each wire, got {shape}"
            )
        parts = []
        for index, charge in enumerate(self.charges):
            x, y = features[..., 2 * index], features[..., 2 * index + 1]
            cos, sin = math.cos(charge * angle), math.sin(charge * angle)
            parts += [cos * x - sin * y, sin * x + cos * y]
        return qml.math.stack(parts, axis=-1)


def _angles(x: Any, y: Any) -> tuple[Any, Any]:
    """The angles a and b with which RX(a) RY(b) RX(a) is exp(−i(xX + yY)).

    The right side is cos r − i(sin r/r)(xX + yY) with r² = x² + y². The left side has
    no Z either, since it is the same from back to front, and is
    cos(b/2)(cos a − i sin a X) − i sin(b/2) Y. Unlike |c| and arg c, a and b are smooth
    where c = 0.
    """
    square = x * x + y * y
    one = qml.math.ones_like(square)
    origin = square == 0
    # Values are replaced before sqrt, whose gradient is NaN at 0.
    radius = qml.math.sqrt(qml.math.where(origin, one, square))
    sinc = qml.math.where(origin, one, qml.math.sin(radius) / radius)
    cosine = qml.math.where(origin, one, qml.math.cos(radius))
    across = qml.math.sqrt(cosine * cosine + sinc * sinc * x * x)
    return (
        qml.math.arctan2(sinc * x, cosine),
        2 * qml.math.arctan2(sinc * y, across),
    )


@validate_call
def charge_rotations(charges: Sequence[int], order: int = 360) -> WireGroup:
    """Rotations by multiples of 2π/order, as RZ(2πm/order) on each wire of charge m.

    A finite part of U(1), for `encoding_error`, `invariance_error` and `twirl`. Words
    whose net charge is a multiple of the order, other than 0, are taken for invariant.

    Args:
        charges: m of each wire.
        order: How many rotations there are, 1 or more.

    Returns:
        The group.

    Raises:
        ArgumentError: `order` is below 1.
        ArgumentTypeError: The charges are no whole numbers.

    Example:
        >>> import math
        >>> from qml_qdl.circuits.symmetry.equivariance import encoding_error
        >>> S, turns = ChargeEncoding(2, (1, 2)), charge_rotations((1, 2), order=12)
        >>> encoding_error(S, turns, [lambda x: S.turned(x, math.pi / 6)]) < 1e-12
        True
    """
    check_count("order", order)
    given = _as_charges(charges)
    phases = [cmath.exp(2j * math.pi * charge / order) for charge in given]
    local = [((1, 0), (0, phase)) for phase in phases]
    return WireGroup([WireAction(range(len(given)), local)])


def _net_charge(word: Sequence[str], charges: Sequence[int]) -> int:
    return sum(_SIGNS.get(a, 0) * q for a, q in zip(word, charges, strict=True))


@validate_call
def charge_words(charges: Sequence[int], charge: int = 0) -> tuple[str, ...]:
    """Words of few letters and one net charge: what each + adds and each - takes away.

    Of net charge 0 they are Z and ZZ on all wires and pairs, + on neutral wires, hops
    +- between equal charges, ++ on opposite ones, and three letters on charged wires,
    such as -++ where the first charge is the sum of the others; of a word and its
    adjoint one is listed. Of another net charge they are one to three letters on
    charged wires.

    Args:
        charges: m of each wire.
        charge: The net charge.

    Returns:
        Words of the letters I, Z, + for σ⁺ and - for σ⁻, one a wire.

    Raises:
        ArgumentError: There is none.
        ArgumentTypeError: The charges are no whole numbers.

    Example:
        >>> charge_words((1, 1, 2))
        ('ZII', 'IZI', 'IIZ', 'ZZI', 'ZIZ', 'IZZ', '+-I', '++-')
        >>> charge_words((1, 1, 2), charge=1)
        ('+II', 'I+I', '-I+', 'I-+')
    """
    given = _as_charges(charges)
    places = range(len(given))

    def spread(letters: Sequence[str], at: Sequence[int]) -> str:
        return "".join(dict(zip(at, letters, strict=True)).get(k, "I") for k in places)

    words = []
    if charge == 0:
        words = [spread("Z" * n, at) for n in (1, 2) for at in combinations(places, n)]
    for count in (1, 2, 3):
        for at in combinations(places, count):
            own = [given[place] for place in at]
            for letters in product("+-", repeat=count):
                if _net_charge(letters, own) != charge:
                    continue
                if charge == 0 and letters[0] == "-":  # the adjoint of another
                    continue
                # Wires of charge 0 have X, Y and ZZ, of which the rest is made.
                if 0 in own and (charge or count == 3 or letters == ("+", "+")):
                    continue
                words.append(spread(letters, at))
    if not words:
        raise ArgumentError(
            f"charge: no word of up to three letters on the charges {list(given)} has "
            f"net charge {charge}; choose another, or write words of more letters"
        )
    return tuple(words)


def _as_words(words: Any) -> tuple[str, ...] | None:
    if words is None:
        return None
    items = as_items(words)
    if not items or not all(isinstance(word, str) for word in items):
        raise ArgumentTypeError(
            "words: expected None, or one or more words of the letters I, Z, + and - "
            f"such as '+-I', got {words!r}"
        )
    return items


def _check_words(words: Sequence[str], charges: Sequence[int], charge: int) -> None:
    for word in words:
        if (
            len(word) != len(charges)
            or set(word) - set("IZ+-")
            or not set(word) - {"I"}
        ):
            raise ArgumentError(
                f"words: expected {len(charges)} letters I, Z, + and -, not all of "
                f"them I, got {word!r}"
            )
        net = _net_charge(word, charges)
        if net != charge:
            raise ArgumentError(
                f"words: expected words of net charge {charge}, but {word!r} on the "
                f"charges {list(charges)} has {net}; change its letters, or take some "
                f"of charge_words({list(charges)}, {charge})"
            )


def _quadratures(
    word: str, wires: Sequence[Hashable]
) -> tuple[tuple[PauliTerm, ...], ...]:
    """Pauli words of A + A† and of −i(A − A†); of A alone where it has no ladders.

    A is a product of Z and (X ± iY)/2: a sum of Pauli words with factors that are real
    for an even number of Y and else imaginary. Words of one parity all commute.
    """
    places = [place for place, letter in enumerate(word) if letter != "I"]
    labels = tuple(wires[place] for place in places)
    choices = [
        [("Z", 1)] if word[k] == "Z" else [("X", 0.5), ("Y", 0.5j * _SIGNS[word[k]])]
        for k in places
    ]
    found: tuple[list[PauliTerm], list[PauliTerm]] = ([], [])
    for combination in product(*choices):
        letters = "".join(letter for letter, _ in combination)
        factor = complex(math.prod(each for _, each in combination))
        odd = letters.count("Y") % 2
        found[odd].append((letters, labels, 2 * (factor.imag if odd else factor.real)))
    if not found[1]:  # Hermitian already
        return (((found[0][0][0], labels, 1.0),),)
    return tuple(map(tuple, found))


@frozen(repr=False)
class ChargeConserving(Processing):
    """W(θ) that keeps charge: ∏ exp(−iθG) over words of net charge 0.

    W commutes with exp(−iα Σ m Z/2) for every α, and so keeps what `ChargeEncoding`
    promises. A word A with ladder letters has two generators, A + A† and −i(A − A†),
    each a sum of Pauli words that commute, so that its exponential is exactly one
    Pauli rotation for each; a word of Z alone has one. Weights: (layers, generators).

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        charges: m of each wire, whole numbers of any sign.
        layers: Number of layers, 1 or more.
        words: Words of the letters I, Z, + for σ⁺ = (X + iY)/2 and - for its adjoint,
            one a wire, such as "++--" for the plaquettes of a U(1) gauge field; None
            for all of `charge_words`.

    Raises:
        ArgumentError: The charges are not one for each wire, a word's net charge is
            not 0, it does not fit the wires, or `layers` is below 1.
        ArgumentTypeError: The charges are no whole numbers, or the words no texts.

    Example:
        >>> W = ChargeConserving(3, (1, 1, 2), layers=2)
        >>> W.weight_shape
        (2, 10)
        >>> from qml_qdl.circuits import Circuit
        >>> print(Circuit([ChargeConserving(2, (1, 1), words=["ZZ", "+-"])]))
        0: ─╭RZZ─╭RXX─╭RYY─╭RXY─╭RYX─┤  <Z>
        1: ─╰RZZ─╰RXX─╰RYY─╰RXY─╰RYX─┤  <Z>
    """

    charges: tuple[int, ...] = field(converter=_as_charges)
    layers: int = 1
    words: tuple[str, ...] | None = field(
        default=None, converter=_as_words, kw_only=True
    )

    def __attrs_post_init__(self) -> None:
        check_count("layers", self.layers)
        _check_charges(self.charges, self.wires)
        _check_words(self.words or (), self.charges, 0)

    @cached_property
    def generators(self) -> tuple[tuple[PauliTerm, ...], ...]:
        """For each weight of a layer the Pauli words of G: letters, wires, factor."""
        words = self.words or charge_words(self.charges)
        return tuple(g for word in words for g in _quadratures(word, self.wires))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(layers, generators)."""
        return (self.layers, len(self.generators))

    def process(self, weights: Any) -> None:
        """Queues one rotation for each Pauli word."""
        for layer in range(self.layers):
            for index, terms in enumerate(self.generators):
                theta = weights[..., layer, index]
                for letters, wires, factor in terms:
                    qml.PauliRot(2 * factor * theta, letters, wires=wires)


@validate_call
def charge_readout(
    wires: WiresLike,
    charges: Sequence[int],
    *,
    charge: int = 0,
    words: Iterable[str] | None = None,
) -> Expectation:
    """Expectation values that a rotation by α turns by exp(iqα), of net charge q.

    Those of q = 0 do not change at all. A word A with ladder letters has two outputs,
    ⟨A + A†⟩ and ⟨−i(A − A†)⟩, each from −1 to 1: real and imaginary part of a complex
    number, which turns; a word of Z alone has one.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        charges: m of each wire.
        charge: The net charge q.
        words: Words of this net charge, as in `ChargeConserving`; None for all of
            `charge_words`.

    Returns:
        The readout, word by word.

    Raises:
        ArgumentError: The charges are not one for each wire, a word has another net
            charge or does not fit the wires, or there is no word.
        ArgumentTypeError: The charges are no whole numbers, or the words no texts.

    Example:
        >>> charge_readout(2, (1, 1), words=["ZI", "+-"]).output_shape((0, 1))
        (3,)
        >>> charge_readout(2, (0, 1), charge=1)
        Expectation([X(1), Y(1)])
    """
    labels, given = as_wires(wires), _as_charges(charges)
    _check_charges(given, labels)
    own = _as_words(words) or charge_words(given, charge)
    _check_words(own, given, charge)
    observables = []
    for word in own:
        for terms in _quadratures(word, labels):
            sentence = qml.pauli.PauliSentence(
                {
                    qml.pauli.PauliWord(dict(zip(at, letters, strict=True))): factor
                    for letters, at, factor in terms
                }
            )
            observables.append(sentence.operation())
    return Expectation(observables)
