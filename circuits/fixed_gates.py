"""Gates without angles, as a block."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from numbers import Integral
from typing import Any

import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.circuit import Block
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import as_items, as_wires, check_choice

GATES = ("Hadamard", "PauliX", "PauliY", "PauliZ")
"""The gates, by their names in PennyLane."""


@frozen(repr=False)
class FixedBlock(Block):
    """Gates without features or weights: abstract base.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
    """

    wires: tuple[Hashable, ...] = field(converter=as_wires)

    @property
    def num_features(self) -> int:
        """0, as nothing is read."""
        return 0

    @property
    def weight_shape(self) -> None:
        """None: nothing is trained."""


def _as_places(places: Any) -> tuple[int, ...]:
    items = as_items(places)
    if items is None or not all(isinstance(each, Integral) for each in items):
        raise ArgumentTypeError(
            f"places: expected whole numbers, positions of wires, got {places!r}"
        )
    return tuple(map(int, items))


@frozen(repr=False)
class FixedGates(FixedBlock):
    """The same gate without an angle on some wires, such as X where electrons are.

    A fixed block without features or weights.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        gate: "Hadamard", "PauliX", "PauliY" or "PauliZ".
        places: On which of the wires, as positions; none leaves all as they are.

    Raises:
        ArgumentError: The gate is unknown, or a position is not among the wires.

    Example:
        >>> from qml_qdl.circuits import Circuit
        >>> print(Circuit([FixedGates(3, "PauliX", (0, 1))]))
        0: ──X─┤  <Z>
        1: ──X─┤  <Z>
        2: ────┤  <Z>
    """

    gate: str
    places: Sequence[int] = field(converter=_as_places)

    def __attrs_post_init__(self) -> None:
        check_choice("gate", self.gate, GATES)
        known = range(len(self.wires))
        places = set(self.places)
        if len(places) < len(self.places) or not places <= set(known):
            raise ArgumentError(
                f"places: expected different positions below {len(known)}, got "
                f"{list(self.places)}"
            )

    def queue(self, inputs: Any, weights: Any) -> None:
        """Queues the gates; neither inputs nor weights are read."""
        for place in self.places:
            getattr(qml, self.gate)(self.wires[place])
