"""The nineteen circuits of Sim, Johnson and Aspuru-Guzik, as a table."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.processings.processing import Processing
from qml_qdl.circuits.validation import as_wires, check_choice, check_count

# Each word is a gate and where it stands; without a place it stands on every wire.
LAYERS: Mapping[int, str] = MappingProxyType(
    {
        1: "RX RZ",
        2: "RX RZ CNOT:chain",
        3: "RX RZ CRZ:chain",
        4: "RX RZ CRX:chain",
        5: "RX RZ CRZ:all-to-all RX RZ",
        6: "RX RZ CRX:all-to-all RX RZ",
        7: "RX RZ CRZ:even RX RZ CRZ:odd",
        8: "RX RZ CRX:even RX RZ CRX:odd",
        9: "H CZ:chain RX",
        10: "CZ:closed RY",
        11: "RY RZ CNOT:even RY:inner RZ:inner CNOT:odd",
        12: "RY RZ CZ:even RY:inner RZ:inner CZ:odd",
        13: "RY CRZ:ring RY CRZ:leap",
        14: "RY CRX:ring RY CRX:leap",
        15: "RY CNOT:ring RY CNOT:leap",
        16: "RX RZ CRZ:even CRZ:odd",
        17: "RX RZ CRX:even CRX:odd",
        18: "RX RZ CRZ:ring",
        19: "RX RZ CRX:ring",
    }
)
"""One layer of each circuit, in the order of application."""

PROLOGUES: Mapping[int, str] = MappingProxyType({10: "RY"})
"""What stands once, before the layers."""

TRAINED = ("RX", "RY", "RZ", "CRX", "CRZ")
"""The gates that have an angle."""


def _places(place: str, size: int) -> list[tuple[int, ...]]:
    """The positions, control before target, at which the gates of a word stand."""
    last = size - 1
    match place:
        case "inner":
            return [(i,) for i in range(1, last)]
        case "chain":
            return [(i + 1, i) for i in reversed(range(last))]
        case "closed":
            ends = [(last, 0)] if size > 2 else []
            return [*_places("chain", size), *ends]
        case "even":
            return [(i + 1, i) for i in range(0, last, 2)]
        case "odd":
            return [(i + 1, i) for i in range(1, last, 2)]
        case "all-to-all":
            down = range(last, -1, -1)
            return [
                (control, target)
                for control in down
                for target in down
                if target != control
            ]
        case "ring":
            return [(i, (i + 1) % size) for i in reversed(range(size))]
        case "leap":
            # One orbit of steps of three, which misses wires where 3 divides n.
            orbit = dict.fromkeys((last - 3 * k) % size for k in range(size))
            return [(i, (i + 3) % size) for i in orbit]
        case _:
            return [(i,) for i in range(size)]


@frozen(repr=False)
class SimCircuit(Processing):
    """One of the 19 circuits of Sim, Johnson and Aspuru-Guzik 2019, arXiv:1905.10876.

    The paper draws them for four wires; here they stand on n wires, with the numbers of
    angles that the paper gives. Weights: one vector, in the order of the gates.

    ============  =============================
    circuits      angles in L layers on n wires
    ============  =============================
    1, 2, 15      2nL
    3, 4, 16, 17  (3n − 1)L
    5, 6          (n² + 3n)L
    7, 8          (5n − 1)L
    9             nL
    10            nL + n
    11, 12        (4n − 4)L
    13, 14        (3n + n/gcd(n, 3))L
    18, 19        3nL
    ============  =============================

    Args:
        number: Which circuit, 1 … 19.
        wires: A number of wires, meaning 0 … n−1, or their labels; 2 or more, but not
            3 for circuits 13 to 15, whose second ring joins wire i with i + 3.
        layers: Number of layers L, 1 or more.

    Raises:
        ArgumentError: The number is unknown, `layers` is below 1, or the circuit does
            not exist on so many wires.

    Example:
        >>> from qml_qdl.circuits import Circuit
        >>> print(Circuit([SimCircuit(2)]))
        0: ──RX──RZ───────╭X─┤  <Z>
        1: ──RX──RZ────╭X─╰●─┤  <Z>
        2: ──RX──RZ─╭X─╰●────┤  <Z>
        3: ──RX──RZ─╰●───────┤  <Z>
    """

    number: int
    wires: tuple[Hashable, ...] = field(default=(0, 1, 2, 3), converter=as_wires)
    layers: int = 1

    def __attrs_post_init__(self) -> None:
        check_choice("number", self.number, tuple(LAYERS))
        check_count("layers", self.layers)
        size = len(self.wires)
        if size < 2:
            raise ArgumentError(
                f"wires: the circuits join pairs of wires, got {size} wire; pass 2 "
                "wires or more"
            )
        if size == 3 and "leap" in LAYERS[self.number]:
            raise ArgumentError(
                f"wires: circuit {self.number} joins wire i with i + 3, which on 3 "
                "wires is itself; pass another number of wires"
            )

    def _gates(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """The gates by name, with their positions, in the order of application."""
        layers = [LAYERS[self.number]] * self.layers
        for word in " ".join([PROLOGUES.get(self.number, ""), *layers]).split():
            name, _, place = word.partition(":")
            for positions in _places(place, len(self.wires)):
                yield name, positions

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(angles,), as many as the table says."""
        return (sum(name in TRAINED for name, _ in self._gates()),)

    def process(self, weights: Any) -> None:
        """Queues the gates."""
        used = 0
        for name, positions in self._gates():
            wires = [self.wires[position] for position in positions]
            if name in TRAINED:
                getattr(qml, name)(weights[..., used], wires=wires)
                used += 1
            else:
                getattr(qml, name)(wires=wires)
