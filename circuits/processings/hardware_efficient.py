"""Processings made of what machines do well: rotations and gates between neighbours."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Any, TypeAlias

import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.processings.processing import IMPRIMITIVES, ROTATIONS, Processing
from qml_qdl.circuits.validation import check_choice, check_count

PATTERNS = ("linear", "ring", "full", "brick")
"""Which pairs of wires are entangled, by name."""

ENTANGLERS = ("CNOT", "CZ", "iSWAP", "IsingZZ")
"""The entangling gates of a hardware-efficient layer, by name."""


Pattern: TypeAlias = str | tuple[tuple[int, int], ...]
"""Which pairs of wires are entangled: a name, or pairs of positions."""


def pattern_pairs(pattern: Pattern, size: int) -> tuple[tuple[int, int], ...]:
    """The pairs of wires that a pattern joins, in the order of application.

    Args:
        pattern: "linear" joins neighbours from first to last; "ring" also the last
            with the first; "full" all pairs; "brick" neighbours from the first wire
            on, then those in between. Pairs of positions are taken as they are.
        size: Number of wires, n.

    Returns:
        Pairs of positions 0 … n−1; none for a single wire. The ring of two wires is
        one pair.

    Raises:
        ArgumentError: The pattern is unknown, or a pair is not of two wires.

    Example:
        >>> pattern_pairs("brick", 5)
        ((0, 1), (2, 3), (1, 2), (3, 4))
    """
    if not isinstance(pattern, str):
        for pair in pattern:
            if len(set(pair)) != 2 or not set(pair) <= set(range(size)):
                raise ArgumentError(
                    f"pattern: expected pairs of different positions 0 to {size - 1}, "
                    f"got {pair}"
                )
        return pattern
    check_choice("pattern", pattern, PATTERNS)
    if pattern == "full":
        return tuple(combinations(range(size), 2))
    chain = tuple((i, i + 1) for i in range(size - 1))
    if pattern == "brick":
        return chain[0::2] + chain[1::2]
    if pattern == "ring" and size > 2:
        return (*chain, (size - 1, 0))
    return chain


def _as_names(names: Any) -> tuple[str, ...]:
    if isinstance(names, str):
        return (names,)
    if not isinstance(names, Iterable):
        raise ArgumentTypeError(
            f"rotations: expected names such as ('RY', 'RZ'), got {names!r}"
        )
    return tuple(names)


def _as_pattern(pattern: Any) -> Pattern:
    if isinstance(pattern, str):
        return pattern
    try:
        return tuple((int(i), int(j)) for i, j in pattern)
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            f"pattern: expected a name such as 'linear' or pairs of positions, got "
            f"{pattern!r}"
        ) from None


@frozen(repr=False)
class HardwareEfficient(Processing):
    """Layers of rotations on every wire and entangling gates along a pattern.

    From Kandala et al. 2017, arXiv:1704.05018. Weights: (layers, k), in a row first
    the angles of the first rotation on each wire, then of the next, then, for IsingZZ,
    one for each pair. Rot takes three angles a wire.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        layers: Number of layers, 1 or more.
        rotations: "RX", "RY", "RZ" or "Rot", or several, in the order of application.
        entangler: "CNOT", "CZ", "iSWAP", or "IsingZZ" with a trained angle for each
            pair.
        pattern: Which pairs are entangled: "linear", "ring", "full" or "brick", or
            the pairs themselves, as positions of wires; an empty list for none.

    Raises:
        ArgumentError: `layers` is below 1, a name is unknown, a pair is not of two
            wires, or there is no rotation.
        ArgumentTypeError: `rotations` holds no names, or `pattern` no pairs.

    Example:
        >>> from qml_qdl.circuits import Circuit
        >>> print(Circuit([HardwareEfficient(3)]))
        0: ──RY──RZ─╭●────┤  <Z>
        1: ──RY──RZ─╰X─╭●─┤  <Z>
        2: ──RY──RZ────╰X─┤  <Z>
    """

    layers: int = 1
    rotations: tuple[str, ...] = field(
        default=("RY", "RZ"), converter=_as_names, kw_only=True
    )
    entangler: str = field(default="CNOT", kw_only=True)
    pattern: Pattern = field(default="linear", converter=_as_pattern, kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_count("layers", self.layers)
        for name in self.rotations:
            check_choice("rotations", name, (*ROTATIONS, "Rot"))
        if not self.rotations:
            raise ArgumentError(
                "rotations: expected at least one of 'RX', 'RY', 'RZ', 'Rot', got none"
            )
        check_choice("entangler", self.entangler, ENTANGLERS)
        pattern_pairs(self.pattern, len(self.wires))

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The entangled pairs, as positions of wires, in order."""
        return pattern_pairs(self.pattern, len(self.wires))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(layers, angles in a layer)."""
        angles = sum(3 if name == "Rot" else 1 for name in self.rotations)
        trained_pairs = len(self.pairs) if self.entangler == "IsingZZ" else 0
        return (self.layers, angles * len(self.wires) + trained_pairs)

    def process(self, weights: Any) -> None:
        """Queues the layers."""
        for layer in range(self.layers):
            # Two steps: the first is taken once for all angles of the layer.
            row = weights[..., layer, :]
            angles = (row[..., k] for k in range(self.weight_shape[1]))
            for name in self.rotations:
                for wire in self.wires:
                    if name == "Rot":
                        qml.Rot(next(angles), next(angles), next(angles), wires=wire)
                    else:
                        ROTATIONS[name](next(angles), wires=wire)
            for i, j in self.pairs:
                ends = [self.wires[i], self.wires[j]]
                if self.entangler == "IsingZZ":
                    qml.IsingZZ(next(angles), wires=ends)
                else:
                    IMPRIMITIVES[self.entangler](wires=ends)


@frozen(repr=False)
class IsingLayers(Processing):
    """Layers of trained ZZ couplings, local fields and a mixer, as in QAOA.

    From Farhi et al. 2014, arXiv:1411.4028, every angle trained on its own. Weights:
    (layers, k), in a row first an angle for each pair, then for each wire that of the
    field, then for each wire that of the mixer.

    Without a mixer, between angle encodings about X, it is PennyLane's
    `QAOAEmbedding` (Lloyd et al. 2020, arXiv:2001.03622), feature for feature:
    `S @ reupload(IsingLayers(n, field="Y", mixer=None), S, layers=L)` with
    `S = AngleEncoding(n, rotation="X")`, row l of its weights being the tensor of the
    l-th layer.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        layers: Number of layers, 1 or more.
        pattern: Which pairs are coupled: "linear", "ring", "full" or "brick".
        field: Axis of the local fields: "X", "Y", "Z", or None for no field.
        mixer: Axis of the mixer's rotations: "X", "Y", "Z", or None for no mixer.

    Raises:
        ArgumentError: `layers` is below 1, a name is unknown, or nothing is trained.

    Example:
        >>> from qml_qdl.circuits import Circuit
        >>> print(Circuit([IsingLayers(2)]))
        0: ─╭IsingZZ──RZ──RX─┤  <Z>
        1: ─╰IsingZZ──RZ──RX─┤  <Z>
    """

    layers: int = 1
    pattern: str = field(default="ring", kw_only=True)
    # `field` below is the Ising model's; from there on it is no longer attrs' function.
    mixer: str | None = field(default="X", kw_only=True)
    field: str | None = field(default="Z", kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_count("layers", self.layers)
        check_choice("pattern", self.pattern, PATTERNS)
        check_choice("field", self.field, ("X", "Y", "Z", None))
        check_choice("mixer", self.mixer, ("X", "Y", "Z", None))
        if not self.weight_shape[1]:
            raise ArgumentError(
                "field: a single wire without field and mixer has nothing to train; "
                "give it a field or a mixer"
            )

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The coupled pairs, as positions of wires, in order."""
        return pattern_pairs(self.pattern, len(self.wires))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(layers, angles in a layer)."""
        axes = (self.field, self.mixer)
        local = sum(axis is not None for axis in axes) * len(self.wires)
        return (self.layers, len(self.pairs) + local)

    def process(self, weights: Any) -> None:
        """Queues the layers."""
        for layer in range(self.layers):
            # Two steps: the first is taken once for all angles of the layer.
            row = weights[..., layer, :]
            angles = (row[..., k] for k in range(self.weight_shape[1]))
            for i, j in self.pairs:
                qml.IsingZZ(next(angles), wires=[self.wires[i], self.wires[j]])
            for axis in (self.field, self.mixer):
                for wire in self.wires if axis else ():
                    ROTATIONS[f"R{axis}"](next(angles), wires=wire)
