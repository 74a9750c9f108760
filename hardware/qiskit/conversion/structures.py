"""Structures as parametrised Qiskit circuits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import Barrier, ControlledGate, Operation, ParameterVector
from qiskit.circuit import library as lib

from qml_qdl.hardware.qiskit.conversion.decompositions import decomposition
from qml_qdl.hardware.qiskit.conversion.digest import circuit_digest
from qml_qdl.hardware.qiskit.conversion.gates import (
    Placed,
    QiskitAngle,
    in_table,
    translate,
)
from qml_qdl.hardware.structure import Gate, Structure

__all__ = [
    "circuit_digest",
    "decomposition",
    "is_native",
    "phase_factors",
    "to_circuit",
    "used_slots",
]

_TAKEN_APART = frozenset({"CRX", "CRY", "CRZ", "IsingXY"})
"""Are in the table, but cost no more rows for a gradient as two rotations each."""


def is_native(operation: Any) -> bool:
    """Whether `to_circuit` takes an operation as it is.

    Args:
        operation: A PennyLane operation.

    Returns:
        False where it must be decomposed first, by `decomposition`.
    """
    return in_table(operation) and operation.name not in _TAKEN_APART


def _parts(gate: Gate, angles: Sequence[QiskitAngle]) -> list[Placed]:
    """What a gate of a structure is: its angles only as those of RX, RY, RZ and alike.

    With a symbol in a phase, or three in one gate, Qiskit's transpiler takes time that
    grows exponentially with the number of such gates.
    """
    parts = translate(gate.operation, angles)
    if gate.slots:
        parts = [part for one in parts for part in _with_one_angle(*one)]
    return [(part, tuple(gate.wires[w] for w in on)) for part, on in parts]


def to_circuit(structure: Structure) -> QuantumCircuit:
    """The circuit of a structure, without measurements and phases that are angles.

    Aer (0.18) loses a global phase that is a parameter, and takes every unbound angle
    of a controlled gate for 0 (Qiskit/qiskit-aer issues 2323, 2391 and 2403): the
    circuit has neither.

    Args:
        structure: A structure of native gates.

    Returns:
        A circuit in which qubit i is wire position i. Its `circuit.parameters` are
        those of the slots that `used_slots` names, in that order.

    Example:
        >>> import pennylane as qml
        >>> from qml_qdl.hardware.structure import make_plan
        >>> tape = qml.tape.QuantumScript([qml.RX(0.1, "a"), qml.CNOT(["a", "b"])])
        >>> print(to_circuit(make_plan(tape, ["a", "b"]).structure))
             ┌──────────────┐
        q_0: ┤ Rx(angle[0]) ├──■──
             └──────────────┘┌─┴─┐
        q_1: ────────────────┤ X ├
                             └───┘
    """
    slots = ParameterVector("angle", structure.num_slots)
    circuit = QuantumCircuit(structure.num_wires)
    for gate in structure.gates:
        for part, qubits in _parts(gate, [slots[slot] for slot in gate.slots]):
            if isinstance(part, Barrier) and not qubits:
                circuit.barrier()
            elif not isinstance(part, lib.GlobalPhaseGate):
                circuit.append(part, qubits, copy=False)
    return circuit


def used_slots(structure: Structure) -> tuple[int, ...]:
    """The slots whose angles are parameters of the circuit.

    Args:
        structure: A structure of native gates.

    Returns:
        All but those of global phases, ascending: slot `used_slots(...)[k]` is the
        k-th of `circuit.parameters`.
    """
    return tuple(
        slot
        for gate in structure.gates
        for slot in gate.slots
        if any(
            part.params and not isinstance(part, lib.GlobalPhaseGate)
            for part, _ in _parts(gate, [1.0] * len(gate.slots))
        )
    )


def phase_factors(structure: Structure) -> dict[int, float]:
    """The global phases that `to_circuit` leaves out.

    Args:
        structure: A structure of native gates.

    Returns:
        For each slot that is in one its factor: exact states are to be multiplied by
        exp(i·Σ factor·angle).

    Example:
        >>> import pennylane as qml
        >>> from qml_qdl.hardware.structure import make_plan
        >>> gates = [qml.RX(0.1, 0), qml.PhaseShift(0.3, 0), qml.GlobalPhase(0.2)]
        >>> phase_factors(make_plan(qml.tape.QuantumScript(gates), [0]).structure)
        {1: 0.5, 2: -1.0}
    """
    factors: dict[int, float] = {}
    for gate in structure.gates:
        for slot in gate.slots:
            alone = [float(slot == other) for other in gate.slots]
            phases = [
                float(part.params[0])
                for part, _ in _parts(gate, alone)
                if isinstance(part, lib.GlobalPhaseGate)
            ]
            if any(phases):
                factors[slot] = sum(phases)
    return factors


def _with_one_angle(operation: Operation, places: tuple[int, ...]) -> list[Placed]:
    """The same as gates of one angle without controls, CNOTs and global phases."""
    if not operation.params:
        return [(operation, places)]
    if isinstance(operation, ControlledGate | lib.PhaseGate):
        # All other controlled gates with angles are not native.
        return _phase(operation.params[0], places)
    if isinstance(operation, lib.UGate):
        middle, last, first = operation.params
        return [
            (lib.RZGate(first), places),
            (lib.RYGate(middle), places),
            (lib.RZGate(last), places),
            (lib.GlobalPhaseGate((first + last) / 2), ()),
        ]
    return [(operation, places)]


def _phase(angle: QiskitAngle, wires: tuple[int, ...]) -> list[Placed]:
    """A phase where all wires are 1: a controlled RZ, then half on the controls."""
    *controls, target = wires
    if not controls:
        return [(lib.RZGate(angle), wires), (lib.GlobalPhaseGate(angle / 2), ())]
    flip: Placed = (lib.XGate().control(len(controls)), wires)
    return [
        (lib.RZGate(angle / 2), (target,)),
        flip,
        (lib.RZGate(-angle / 2), (target,)),
        flip,
        *_phase(angle / 2, tuple(controls)),
    ]
