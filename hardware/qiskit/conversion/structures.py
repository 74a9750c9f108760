"""From a structure to a parametrised Qiskit circuit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import ControlledGate, Operation, ParameterVector
from qiskit.circuit import library as lib

from qml_qdl.hardware.plan import Structure
from qml_qdl.hardware.qiskit.conversion.decompositions import decomposition
from qml_qdl.hardware.qiskit.conversion.digest import circuit_digest
from qml_qdl.hardware.qiskit.conversion.gates import Angle, Placed, in_table, translate

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


def to_circuit(structure: Structure) -> QuantumCircuit:
    """The circuit of a structure, without measurements and global phases.

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
        >>> from qml_qdl.hardware.plan import make_plan
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
        angles = [slots[slot] for slot in gate.slots]
        for operation, places in translate(gate.operation, angles):
            if operation.name == "global_phase":
                continue
            if operation.name == "barrier" and not places:
                circuit.barrier()
                continue
            wires = [gate.wires[place] for place in places]
            for part, qubits in _without_controls(operation, wires):
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
    phases = phase_factors(structure)
    return tuple(slot for slot in range(structure.num_slots) if slot not in phases)


def phase_factors(structure: Structure) -> dict[int, float]:
    """The global phases that `to_circuit` leaves out.

    Args:
        structure: A structure of native gates.

    Returns:
        For each slot of a global phase its factor: exact states are to be multiplied by
        exp(i·Σ factor·angle).

    Example:
        >>> import pennylane as qml
        >>> from qml_qdl.hardware.plan import make_plan
        >>> tape = qml.tape.QuantumScript([qml.RX(0.1, 0), qml.GlobalPhase(0.2)])
        >>> phase_factors(make_plan(tape, [0]).structure)
        {1: -1.0}
    """
    return {
        slot: float(operation.params[0])
        for gate in structure.gates
        for slot in gate.slots
        for operation, _ in translate(gate.operation, [1.0] * len(gate.slots))
        if operation.name == "global_phase"
    }


def _without_controls(operation: Operation, places: Sequence[int]) -> list[Placed]:
    """The same, with CNOTs in place of controlled phases whose angle is a symbol."""
    if not operation.params or not isinstance(operation, ControlledGate):
        return [(operation, tuple(places))]
    # Only phases come: the other controlled gates with angles are not native.
    return _controlled_phase(operation.params[0], tuple(places))


def _controlled_phase(angle: Angle, wires: tuple[int, ...]) -> list[Placed]:
    """A phase where all wires are 1: a controlled RZ, then half on the controls."""
    *controls, target = wires
    if not controls:
        return [(lib.PhaseGate(angle), wires)]
    flip: Placed = (lib.XGate().control(len(controls)), wires)
    return [
        (lib.RZGate(angle / 2), (target,)),
        flip,
        (lib.RZGate(-angle / 2), (target,)),
        flip,
        *_controlled_phase(angle / 2, tuple(controls)),
    ]
