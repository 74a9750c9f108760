"""Qiskit's gates and parameter expressions as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import evolve
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    ControlledGate,
    ControlModifier,
    InverseModifier,
    Parameter,
    ParameterExpression,
)
from qiskit.circuit.exceptions import CircuitError

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.hardware.qiskit.conversion.imported import (
    FUNCTIONS,
    OPERATIONS,
    Angle,
    ImportedGate,
)


def imported_gates(
    quantum_circuit: QuantumCircuit,
    wires: tuple[int, ...],
    sources: Mapping[str, Angle],
) -> list[ImportedGate]:
    """The gates of a circuit, or of a gate's definition, on some wires.

    Args:
        quantum_circuit: Gates only.
        wires: For each qubit the position of its wire.
        sources: What each parameter is, by name.

    Returns:
        The gates, the global phase last.

    Raises:
        ArgumentError: It has something that is no gate, or an angle that cannot be
            computed.
    """
    gates: list[ImportedGate] = []
    places = {qubit: place for place, qubit in enumerate(quantum_circuit.qubits)}
    for instruction in quantum_circuit.data:
        where = tuple(wires[places[qubit]] for qubit in instruction.qubits)
        gates += _gate(instruction.operation, where, sources)
    phase = _angle(quantum_circuit.global_phase, sources)
    return gates + [ImportedGate("global_phase", (), (phase,))] * (phase != 0)


def _gate(
    operation: Any, wires: tuple[int, ...], sources: Mapping[str, Angle]
) -> list[ImportedGate]:
    """One of Qiskit's operations, or what it is defined to be."""
    name = operation.name
    if name == "id":
        return []
    if name in OPERATIONS:
        angles = tuple(_angle(number, sources) for number in operation.params)
        return [ImportedGate(name, wires, angles)]
    if name == "unitary":
        # Qiskit's matrices begin with the last qubit.
        rows = tuple(map(tuple, np.asarray(operation.params[0]).tolist()))
        return [ImportedGate(name, wires[::-1], rows)]
    if isinstance(operation, AnnotatedOperation):
        return _annotated(operation, wires, sources)
    if isinstance(operation, ControlledGate):
        base, count = operation.base_gate, operation.num_ctrl_qubits
        # CU has an angle more than U: that of its control.
        if base.name in OPERATIONS and len(base.params) == len(operation.params):
            gates = _gate(base, wires[count:], sources)
            return _controlled(gates, wires[:count], operation.ctrl_state)
    try:
        definition = getattr(operation, "definition", None)
    except CircuitError as error:  # as for RV, which has one for numbers only
        raise ArgumentError(f"quantum_circuit: {error}; use other gates") from error
    if definition is None or operation.num_clbits:
        raise ArgumentError(
            f"quantum_circuit: {name!r} is no gate; only gates can be taken over, so "
            "remove it (quantum_circuit.remove_final_measurements does it for "
            "measurements at the end) and choose a readout with with_readout"
        )
    return imported_gates(definition, wires, sources)


def _annotated(
    operation: AnnotatedOperation, wires: tuple[int, ...], sources: Mapping[str, Angle]
) -> list[ImportedGate]:
    """An operation with modifiers, the last of which is applied last."""
    controls = sum(getattr(m, "num_ctrl_qubits", 0) for m in operation.modifiers)
    gates = _gate(operation.base_op, wires[controls:], sources)
    for modifier in operation.modifiers:
        power = getattr(modifier, "power", 1)
        if power != int(power):
            raise ArgumentError(
                f"quantum_circuit: expected a whole power of {operation.base_op.name!r}"
                f", got {power}; write what it is with other gates"
            )
        if isinstance(modifier, InverseModifier) or power < 0:
            gates = [evolve(gate, adjoint=not gate.adjoint) for gate in gates[::-1]]
        gates = gates * abs(int(power))
        if isinstance(modifier, ControlModifier):
            count = modifier.num_ctrl_qubits
            chosen = wires[controls - count : controls]
            gates = _controlled(gates, chosen, modifier.ctrl_state)
            controls -= count
    return gates


def _controlled(
    gates: Sequence[ImportedGate], wires: tuple[int, ...], state: int
) -> list[ImportedGate]:
    """Gates with more controls; the last bit of the state is the first one's."""
    bits = tuple(bool(state >> place & 1) for place in range(len(wires)))
    return [
        evolve(gate, wires=wires + gate.wires, controls=bits + gate.controls)
        for gate in gates
        if gate.name != "barrier"
    ]


def _angle(number: Any, sources: Mapping[str, Angle]) -> Angle:
    """A number or parameter expression as a plain value."""
    if not isinstance(number, ParameterExpression):
        return float(number)
    if isinstance(number, Parameter):
        return sources[number.name]
    expression = number.sympify()
    if expression is NotImplemented:  # what Qiskit 2.6 says to a number's power
        raise ArgumentError(
            f"quantum_circuit: the angle {number} has a number to the power of a "
            "parameter; write 2**p as (p * math.log(2)).exp()"
        )
    return _expression(expression, sources)


def _expression(node: Any, sources: Mapping[str, Angle]) -> Angle:
    """A sympy expression as a plain value."""
    if node.is_Symbol:
        return sources[node.name]
    if node.is_number and node.is_real:
        return float(node)
    name = type(node).__name__
    if name == "conjugate":  # of what is real
        return _expression(node.args[0], sources)
    if name not in FUNCTIONS:
        raise ArgumentError(
            f"quantum_circuit: the angle {node} is made with {name!r}; expected sums, "
            f"products, powers and {sorted(set(FUNCTIONS) - {'Add', 'Mul', 'Pow'})}"
        )
    return (name, *(_expression(argument, sources) for argument in node.args))
