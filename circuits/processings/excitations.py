"""Rotations of a basis state into another: excitations of electrons, and Pauli words.

Each turns pairs of basis states by half its angle, with real numbers:
`|a⟩ → cos(θ/2)|a⟩ ± sin(θ/2)|b⟩`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.processings.processing import Processing
from qml_qdl.circuits.validation import as_items, check_flag, checked

Excitation: TypeAlias = tuple[int, ...]
"""Two positions, from and to, or four: two from and two to."""


MOST_REAL = 1e-9
"""Coefficients of words below this are none."""


def _as_excitations(excitations: Any) -> tuple[Excitation, ...]:
    found = []
    for item in as_items(excitations) or (None,):
        places = as_items(item)
        try:
            found.append(tuple(map(int, places or ("",))))
        except (TypeError, ValueError):
            raise ArgumentTypeError(
                "excitations: expected one or more such as (0, 2) or (0, 1, 2, 3), "
                f"positions of wires, got {item!r}"
            ) from None
    return tuple(found)


@frozen(repr=False)
class Excitations(Processing):
    """Excitations of one or two particles, each with an angle of its own.

    (i, a) moves a particle from wire i to wire a and (i, j, a, b) two from i and j to a
    and b, so the number of particles is kept. Fermionic ones are
    exp(θ/2 (a†ₐaᵢ − h.c.)) and exp(θ/2 (a†ₐa†ᵦaᵢaⱼ − h.c.)), of which unitary coupled
    cluster is made (Peruzzo et al. 2014, arXiv:1304.3061), have the signs of wires
    between; others are Givens rotations (Arrazola et al. 2022, arXiv:2106.13839; as a
    pool of ADAPT, Yordanov et al. 2021, arXiv:2011.10540). `qml.qchem.excitations` has
    those of a molecule. The first is applied first. Weights: (excitations,).

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        excitations: Positions of wires, in pairs and fours.
        fermionic: Whether they are of fermions, in the mapping of Jordan and Wigner.

    Raises:
        ArgumentError: There is no excitation, or its positions do not fit.
        ArgumentTypeError: They are no whole numbers.

    Example:
        >>> from qml_qdl.circuits import Circuit
        >>> print(Circuit([Excitations(4, [(0, 2), (0, 1, 2, 3)], fermionic=False)]))
        0: ─╭G─╭G²─┤  <Z>
        1: ─│──├G²─┤  <Z>
        2: ─╰G─├G²─┤  <Z>
        3: ────╰G²─┤  <Z>
    """

    excitations: Sequence[Sequence[int]] = field(converter=_as_excitations)
    fermionic: bool = field(default=True, kw_only=True, validator=checked(check_flag))

    def __attrs_post_init__(self) -> None:
        for places in self.excitations:
            most = len(self.wires)
            distinct = len(set(places)) == len(places) and set(places) <= set(
                range(most)
            )
            if len(places) not in (2, 4) or not distinct:
                raise ArgumentError(
                    "excitations: expected two or four different positions below "
                    f"{most}, got {places}"
                )

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(excitations,)."""
        return (len(self.excitations),)

    def process(self, weights: Any) -> None:
        """Queues PennyLane's gates, one for each excitation."""
        for number, places in enumerate(self.excitations):
            angle = weights[..., number]
            if not self.fermionic:
                gate = (
                    qml.SingleExcitation if len(places) == 2 else qml.DoubleExcitation
                )
                gate(angle, wires=[self.wires[place] for place in places])
                continue
            if _crossed(places):  # for which PennyLane has no gate
                for factor, letters, sites in _rotations(tuple(places)):
                    own = [self.wires[site] for site in sites]
                    qml.PauliRot(factor * angle, letters, wires=own)
                continue
            lower, upper, sign = _ordered(places)
            between = [self._range(side) for side in (lower, upper)]
            if len(places) == 2:
                wires = self._range((*lower, *upper))
                qml.FermionicSingleExcitation(sign * angle, wires=wires)
            else:
                qml.FermionicDoubleExcitation(
                    sign * angle, wires1=between[0], wires2=between[1]
                )

    def _range(self, ends: Sequence[int]) -> list[Any]:
        return list(self.wires[min(ends) : max(ends) + 1])


def _crossed(places: Sequence[int]) -> bool:
    """Whether the two sides of an excitation lie in one another."""
    half = len(places) // 2
    first, second = places[:half], places[half:]
    return not (max(first) < min(second) or max(second) < min(first))


@lru_cache(maxsize=4096)
def _rotations(places: Excitation) -> tuple[tuple[float, str, tuple[int, ...]], ...]:
    """Words whose rotations by c θ make exp(θ/2 (T − T†)), which all commute.

    T − T† = −i Σ c P, so that exp(θ/2 (T − T†)) = Π exp(−icθP/2).
    """
    half = len(places) // 2
    order = (*places[half:], *places[:half])
    letters = {(k, site): "+-"[k >= half] for k, site in enumerate(order)}
    found = []
    for word, value in qml.jordan_wigner(qml.FermiWord(letters), ps=True).items():
        # T† has the conjugate coefficients: what is left is twice the imaginary part.
        twice = -2 * complex(value).imag
        if abs(twice) > MOST_REAL:
            sites = sorted(word)
            text = "".join(word[site] for site in sites)
            found.append((twice, text, tuple(sites)))
    return tuple(found)


def _ordered(places: Sequence[int]) -> tuple[Excitation, Excitation, int]:
    """Both sides, each rising, the lower first, and the sign that this order costs."""
    half = len(places) // 2
    first, second = tuple(sorted(places[:half])), tuple(sorted(places[half:]))
    turned = (first != tuple(places[:half])) + (second != tuple(places[half:]))
    if first > second:  # the inverse of the excitation the other way round
        return second, first, (-1) ** (turned + 1)
    return first, second, (-1) ** turned


def _as_words(words: Any) -> tuple[str, ...]:
    items = as_items(words)
    if not items or not all(isinstance(word, str) for word in items):
        raise ArgumentTypeError(
            f"words: expected one or more Pauli words such as 'XIY', got {words!r}"
        )
    return items


@frozen(repr=False)
class PauliRotations(Processing):
    """Rotations exp(−iθP/2) about Pauli words, each with an angle of its own.

    The first is applied first. Words with an odd number of Y rotate real states into
    real ones: they are a pool of ADAPT on qubits (Tang et al. 2021, arXiv:1911.10205).
    Weights: (words,).

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        words: Pauli words as text, one letter a wire.

    Raises:
        ArgumentError: There is no word, or one has other letters than I, X, Y and Z,
            none but I, or more or fewer letters than there are wires.
        ArgumentTypeError: They are no texts.

    Example:
        >>> from qml_qdl.circuits import Circuit
        >>> print(Circuit([PauliRotations(2, ["YI", "XY"])]))
        0: ──RY─╭RXY─┤  <Z>
        1: ─────╰RXY─┤  <Z>
    """

    words: Sequence[str] = field(converter=_as_words)

    def __attrs_post_init__(self) -> None:
        for word in self.words:
            strange = set(word) - set("IXYZ") or not set(word) - {"I"}
            if strange or len(word) != len(self.wires):
                raise ArgumentError(
                    f"words: expected {len(self.wires)} letters I, X, Y and Z, not all "
                    f"of them I, got {word!r}"
                )

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(words,)."""
        return (len(self.words),)

    def process(self, weights: Any) -> None:
        """Queues a rotation about each word."""
        for number, word in enumerate(self.words):
            places = [place for place, letter in enumerate(word) if letter != "I"]
            letters = "".join(word[place] for place in places)
            wires = [self.wires[place] for place in places]
            angle = weights[..., number]
            if len(wires) == 1:
                getattr(qml, f"R{letters}")(angle, wires=wires)
            else:
                qml.PauliRot(angle, letters, wires=wires)
