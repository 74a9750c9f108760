"""Pooling: half the wires turn their neighbours, then nobody looks at them again."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.circuit import Block
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import as_wires, check_choice, check_flag, checked

POOLINGS = ("zx", "rot", "trace")
"""What a wire does to its neighbour before it is traced out, by name."""

_ANGLES = {"zx": 2, "rot": 3, "trace": 0}


@frozen(repr=False)
class QuantumPool(Block):
    """Halves the wires: of each pair the second turns the first, and is traced out.

    The pooling of a quantum convolutional neural network (Cong, Choi and Lukin 2019,
    arXiv:1810.03787). Tracing out means that nothing reads the wire afterwards: put
    what follows, gates and readout, on `kept`. All pairs share their angles. Of an odd
    number of wires the last has no partner and is kept.

    - "zx": RZ(θ₀) if the second wire is 1 and RX(θ₁) if it is 0 (Hur, Kim and Park
      2022, arXiv:2108.00661).
    - "rot": Rot(θ₀, θ₁, θ₂) if the second wire is 1.
    - "trace": nothing; the wire is only left out.

    Measured, the second wire is measured in the middle of the circuit and its bit
    decides the rotation, which needs no gate between wires: the same state of what is
    kept, since a control commutes with its measurement. Qiskit's targets measure; on
    all others a layer defers the measurement to the end, by which it becomes the
    controlled rotation again, of the same gradients.

    Weights: one vector of 2, 3 or no angles. "trace" has no weights at all, and no
    gates.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels; 2 or more.
        kind: "zx", "rot" or "trace".
        measured: Whether the wires that go are measured first.

    Raises:
        ArgumentError: There is one wire only, or the kind is unknown.

    Example:
        >>> from qml_qdl.circuits import Circuit
        >>> pool = QuantumPool(4)
        >>> pool.kept
        (0, 2)
        >>> print(Circuit([QuantumPool(2)]))
        0: ─╭RZ────╭RX────┤  <Z>
        1: ─╰●───X─╰●───X─┤  <Z>
    """

    wires: tuple[Hashable, ...] = field(converter=as_wires)
    kind: str = "zx"
    measured: bool = field(default=False, validator=checked(check_flag), kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_choice("kind", self.kind, POOLINGS)
        if len(self.wires) < 2:
            raise ArgumentError(
                f"wires: pooling joins pairs of wires, got {list(self.wires)}; pass 2 "
                "wires or more"
            )

    @property
    def pairs(self) -> tuple[tuple[Hashable, Hashable], ...]:
        """For each pair the wire that is kept and the one that is traced out."""
        return tuple(zip(self.wires[::2], self.wires[1::2], strict=False))

    @property
    def kept(self) -> tuple[Hashable, ...]:
        """The wires that are left, the first, the third and so on."""
        return self.wires[::2]

    @property
    def num_features(self) -> int:
        """0, as pooling reads no data."""
        return 0

    @property
    def weight_shape(self) -> tuple[int, ...] | None:
        """(2,) for "zx", (3,) for "rot", None for "trace"."""
        angles = _ANGLES[self.kind]
        return (angles,) if angles else None

    def queue(self, inputs: Any, weights: Any) -> None:
        """Queues the rotations of each pair; the inputs are not read."""
        for kept, gone in self.pairs:
            bit = qml.measure(gone) if self.measured else None
            if self.kind == "zx":
                _turn_if(qml.RZ, (weights[0],), kept, gone, bit)
                _turn_if(qml.RX, (weights[1],), kept, gone, bit, value=0)
            elif self.kind == "rot":
                angles = tuple(weights[k] for k in range(3))
                _turn_if(qml.Rot, angles, kept, gone, bit)


def _turn_if(
    rotation: Any,
    angles: Sequence[Any],
    wire: Hashable,
    control: Hashable,
    bit: Any,
    value: int = 1,
) -> None:
    """A rotation where the control, or the bit that was measured, has a value."""
    if bit is not None:
        qml.cond(bit == value, rotation)(*angles, wires=wire)
        return
    if not value:
        qml.PauliX(control)
    getattr(qml, f"C{rotation.__name__}")(*angles, wires=[control, wire])
    if not value:
        qml.PauliX(control)
