"""The nine convolution circuits of Hur, Kim and Park, as a table."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.processings.processing import Processing
from qml_qdl.circuits.validation import as_wires, check_choice

# Each word is a gate and where it stands: ">" from the first wire to the second, "<"
# from the second to the first, ":0" or ":1" on one wire, without a place on both.
GATES: Mapping[int, str] = MappingProxyType(
    {
        1: "RY CNOT>",
        2: "Hadamard CZ> RX",
        3: "RY CNOT< RY CNOT>",
        4: "RY CRZ< RY CRZ>",
        5: "RY CRX< RY CRX>",
        6: "RY CNOT> RY CNOT> RY",
        7: "RX RZ CRZ< CRZ> RX RZ",
        8: "RX RZ CRX< CRX> RX RZ",
        9: "Rot CNOT> RY:0 RZ:1 CNOT< RY:0 CNOT> Rot",
    }
)
"""The gates of each circuit, in the order of application."""

ANGLES: Mapping[str, int] = MappingProxyType(
    {"RX": 1, "RY": 1, "RZ": 1, "CRX": 1, "CRZ": 1, "Rot": 3}
)
"""How many angles a gate has; all others have none."""

_PLACES: Mapping[str, tuple[tuple[int, ...], ...]] = MappingProxyType(
    {"": ((0,), (1,)), ">": ((0, 1),), "<": ((1, 0),), ":0": ((0,),), ":1": ((1,),)}
)


@frozen(repr=False)
class HurCircuit(Processing):
    """One of the 9 two-wire convolutions of Hur, Kim, Park 2022, arXiv:2108.00661.

    They are the filters of a quantum convolutional neural network, see `qcnn`.
    Weights: one vector, in the order of the gates.

    ======  ===============================================  ================  ======
    number  what it is                                       name in the code  angles
    ======  ===============================================  ================  ======
    1       RY and CNOT, the block of a tree tensor network  U_TTN             2
    2       circuit 9 of Sim et al. on two wires             U_9               2
    3       circuit 15 of Sim et al. cut down to two wires   U_15              4
    4       circuit 13 of Sim et al. cut down to two wires   U_13              6
    5       circuit 14 of Sim et al. cut down to two wires   U_14              6
    6       real gates: a rotation of SO(4)                  U_SO4             6
    7       circuit 5 of Sim et al. on two wires             U_5               10
    8       circuit 6 of Sim et al. on two wires             U_6               10
    9       any gate of two wires, SU(4), up to a phase      U_SU4             15
    ======  ===============================================  ================  ======

    Gates and their order are those of the authors' published code (takh04/QCNN), which
    has names and no numbers. The numbers go up with the angles, as the paper's do;
    which comes first of as many angles (1 and 2; 4, 5 and 6; 7 and 8) is not in the
    code, so that a comparison with numbers of the paper should name the gates.

    The general rotations of circuit 9 are PennyLane's `Rot`, the paper's U3 up to a
    phase and the order of the angles.

    Args:
        number: Which circuit, 1 … 9.
        wires: Two wires: 2, meaning 0 and 1, or their labels.

    Raises:
        ArgumentError: The number is unknown, or there are not two wires.

    Example:
        >>> from qml_qdl.circuits import Circuit
        >>> print(Circuit([HurCircuit(3)]))
        0: ──RY─╭X──RY─╭●─┤  <Z>
        1: ──RY─╰●──RY─╰X─┤  <Z>
    """

    number: int
    wires: tuple[Hashable, ...] = field(default=(0, 1), converter=as_wires)

    def __attrs_post_init__(self) -> None:
        check_choice("number", self.number, tuple(GATES))
        if len(self.wires) != 2:
            raise ArgumentError(
                f"wires: the circuits have two wires, got {list(self.wires)}; on more "
                "wires use ConvolutionLayer or qcnn"
            )

    def _gates(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """The gates by name, with their positions, in the order of application."""
        for word in GATES[self.number].split():
            name = word.rstrip("<>:01")
            for positions in _PLACES[word.removeprefix(name)]:
                yield name, positions

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(angles,), as many as the table says."""
        return (sum(ANGLES.get(name, 0) for name, _ in self._gates()),)

    def process(self, weights: Any) -> None:
        """Queues the gates."""
        used = 0
        for name, positions in self._gates():
            count = ANGLES.get(name, 0)
            angles = [weights[used + k] for k in range(count)]
            used += count
            wires = [self.wires[position] for position in positions]
            getattr(qml, name)(*angles, wires=wires)
