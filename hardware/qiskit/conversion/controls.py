"""Gates with any number of controls, taken apart without a look at their angles."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import Any

import pennylane as qml

from qml_qdl.hardware.structure import known_name

_WORDS = {"IsingXX": "XX", "IsingYY": "YY", "IsingZZ": "ZZ"}


def controlled(operation: Any, parts: list[Any] | None) -> list[Any] | None:
    """What a controlled operation consists of.

    Args:
        operation: A PennyLane `Controlled`.
        parts: What the operation inside it consists of, if not as PennyLane says.

    Returns:
        Operations; None where PennyLane's own decomposition does as well.
    """
    base = operation.base
    controls = list(operation.control_wires)
    values = [bool(value) for value in operation.control_values]

    def control(gate: Any) -> Any:
        return qml.ctrl(gate, controls, control_values=values)

    def flip(wire: Hashable) -> Any:
        return control(qml.X(wire))

    if isinstance(base, qml.ops.Controlled):
        inner = [*values, *map(bool, base.control_values)]
        return [qml.ctrl(base.base, [*controls, *base.control_wires], inner)]
    name, wires, data = known_name(base), list(base.wires), base.data
    if parts is not None:
        return [control(part) for part in parts]
    if name in ("RY", "RZ"):
        (angle,), (wire,) = data, wires
        half = type(base)
        return [half(angle / 2, wire), flip(wire), half(-angle / 2, wire), flip(wire)]
    if name == "RX":
        (angle,), (wire,) = data, wires
        return [qml.H(wire), control(qml.RZ(angle, wire)), qml.H(wire)]
    if name == "Rot":
        return _rot(data, wires[0], flip)
    if name == "GlobalPhase":
        return phase(-data[0], controls, values)
    if name in ("PhaseShift", "U1"):
        return phase(data[0], [*controls, wires[0]], [*values, True])
    if name in ("PauliRot", "MultiRZ", *_WORDS):
        word = base.hyperparameters.get("pauli_word") or _WORDS.get(name)
        return _pauli_rotation(data[0], word or "Z" * len(wires), wires, control)
    if name == "PauliZ":
        return [qml.H(wires[0]), flip(wires[0]), qml.H(wires[0])]
    if name == "PauliY":
        turn = qml.S(wires[0])
        return [qml.adjoint(turn), flip(wires[0]), turn]
    if name in ("Identity", "Barrier"):
        return []
    # PennyLane would look at the matrix, and takes one that is a row of matrices for a
    # single one.
    if data and base.has_decomposition:
        return [control(part) for part in base.decomposition()]
    return None


def phase(angle: Any, wires: Sequence[Hashable], values: Sequence[bool]) -> list[Any]:
    """A phase for one setting of some wires.

    Args:
        angle: The phase.
        wires: The wires.
        values: For each wire the bit it must have.

    Returns:
        X where the bit is 0, a phase where all are 1, and X again.
    """
    flips = [
        qml.X(wire) for wire, value in zip(wires, values, strict=True) if not value
    ]
    *controls, last = wires
    gate = qml.PhaseShift(angle, last)
    return [*flips, qml.ctrl(gate, controls) if controls else gate, *flips]


def _rot(data: Sequence[Any], wire: Hashable, flip: Any) -> list[Any]:
    """A·X·B·X·C with A·B·C = 1: four rotations and, with two more, the turn."""
    first, middle, last = data
    return [
        qml.RZ((first - last) / 2, wire),
        flip(wire),
        qml.RZ(-(first + last) / 2, wire),
        qml.RY(-middle / 2, wire),
        flip(wire),
        qml.RY(middle / 2, wire),
        qml.RZ(last, wire),
    ]


def _pauli_rotation(
    angle: Any, word: str, wires: Sequence[Hashable], control: Any
) -> list[Any]:
    """Only the RZ in the middle needs controls: all around it undoes itself."""
    pairs = [(wire, letter) for wire, letter in zip(wires, word, strict=True)]
    active = [wire for wire, letter in pairs if letter != "I"]
    if not active:
        return [control(qml.GlobalPhase(angle / 2))]
    before: list[Any] = []
    for wire, letter in pairs:
        if letter == "X":
            before.append(qml.H(wire))
        if letter == "Y":
            before.append(qml.SX(wire))
    before += [qml.CNOT(pair) for pair in pairwise(active)]
    after = [qml.adjoint(gate) for gate in before[::-1]]
    return [*before, control(qml.RZ(angle, active[-1])), *after]
