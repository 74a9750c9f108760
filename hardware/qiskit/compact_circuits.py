"""Transpiled circuits made small: only the qubits in use, and plain parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterExpression

from qml_qdl.circuits.errors import TargetError

_IDLE = ("barrier", "delay")
"""Instructions that do not bring a qubit into use."""


@frozen(eq=False)
class CompactCircuit:
    """A transpiled circuit on the qubits in use.

    Args:
        circuit: The circuit; each parameter stands alone in one place of one gate. Its
            global phase is left out: Aer cannot bind rows of it, and it is seen in
            state vectors only.
        qubits: The backend's number of each qubit.
        positions: For each qubit of the circuit before transpilation, which of this
            circuit's qubits holds it at the end, unless nothing is seen of it.
        readout: For each classical bit the qubit measured into it at the end, or None
            where nothing is; None as a whole where something is measured earlier.
        slots: Parameters of the circuit.
        matrix: Dependence of the slots, and last of the global phase, on the angles,
            (angles, slots + 1).
        offset: What is added to them, (slots + 1,).
        curved: Those that depend on angles otherwise, with the expression.
        names: Names of the angles in order.
    """

    circuit: QuantumCircuit
    qubits: tuple[int, ...]
    positions: dict[int, int]
    readout: tuple[int | None, ...] | None
    slots: tuple[Parameter, ...]
    matrix: NDArray[np.float64] = field(repr=False)
    offset: NDArray[np.float64] = field(repr=False)
    curved: tuple[tuple[int, Any], ...]
    names: tuple[str, ...]

    def values(self, angles: NDArray[np.float64]) -> NDArray[np.float64]:
        """The numbers of the circuit's parameters.

        Args:
            angles: Rows of angles, (rows, angles).

        Returns:
            (rows, slots).
        """
        return self._numbers(angles)[:, :-1]

    def phases(self, angles: NDArray[np.float64]) -> NDArray[np.float64]:
        """The global phases that the circuit lacks.

        Args:
            angles: Rows of angles, (rows, angles).

        Returns:
            (rows,): states are to be multiplied by exp(i·phase).
        """
        return self._numbers(angles)[:, -1]

    def _numbers(self, angles: NDArray[np.float64]) -> NDArray[np.float64]:
        values = angles @ self.matrix + self.offset
        for slot, expression in self.curved:
            columns = [
                (one, self.names.index(one.name)) for one in expression.parameters
            ]
            for row, numbers in enumerate(angles):
                bound = expression.bind({p: numbers[column] for p, column in columns})
                values[row, slot] = float(bound)
        return np.asarray(values, dtype=np.float64)

    def without_measurements(self) -> QuantumCircuit:
        """The circuit up to its final measurements.

        Returns:
            A new circuit with the same parameters.
        """
        # Without classical bits too: for their sake Aer would walk through all shots.
        circuit = QuantumCircuit(self.circuit.qubits)
        for instruction in self.circuit.data:
            if instruction.operation.name != "measure":
                circuit.append(instruction)
        return circuit


def compact_circuit(
    isa: QuantumCircuit,
    width: int,
    names: Sequence[str],
    seen: Sequence[int] | None = None,
) -> CompactCircuit:
    """Makes a transpiled circuit small.

    Gates that nothing depends on which is measured or seen are left out, and qubits
    with them.

    Args:
        isa: The transpiled circuit.
        width: Number of qubits before transpilation.
        names: Names of the parameters in the order of the angles.
        seen: Qubits before transpilation of whose state at the end something is asked,
            beside what is measured; None for all where nothing is measured.

    Returns:
        The compact.

    Raises:
        TargetError: The circuit branches or loops, or has parameters of its own.
    """
    places = final_places(isa, width)
    index = {qubit: number for number, qubit in enumerate(isa.qubits)}
    bits = {bit: number for number, bit in enumerate(isa.clbits)}
    measures = any(one.operation.name == "measure" for one in isa.data)
    used = {places[wire] for wire in seen or ()}
    if seen is None and not measures:
        # Whole states: of the qubits that only help, too, which end in |0⟩.
        used.update(places)
        for instruction in isa.data:
            if instruction.operation.name not in _IDLE:
                used.update(index[qubit] for qubit in instruction.qubits)
    phase: Any = isa.global_phase
    kept: list[tuple[Any, list[int], list[int]]] = []
    for instruction in reversed(isa.data):
        operation = instruction.operation
        if getattr(operation, "blocks", ()):
            raise TargetError(
                f"circuit: {operation.name!r} cannot run here; use circuits without "
                "loops and branches"
            )
        on = [index[qubit] for qubit in instruction.qubits]
        if not on:
            phase = phase + operation.params[0]
        if operation.name == "measure":
            used.update(on)
        if operation.name == "barrier" or used.isdisjoint(on):
            continue
        used.update(on)
        kept.append((operation, on, [bits[bit] for bit in instruction.clbits]))
    qubits = tuple(sorted(used))
    compact = {qubit: number for number, qubit in enumerate(qubits)}

    circuit = QuantumCircuit(len(qubits), isa.num_clbits)
    expressions: list[Any] = []
    slots: list[Parameter] = []

    def plain(value: Any) -> Any:
        if not isinstance(value, ParameterExpression):
            return value
        if not value.parameters:
            return float(value)
        expressions.append(value)
        slots.append(Parameter(f"slot{len(slots):06d}"))
        return slots[-1]

    for operation, on, own in reversed(kept):
        if operation.is_parameterized():
            operation = operation.copy()
            operation.params = [plain(value) for value in operation.params]
        circuit.append(operation, [compact[qubit] for qubit in on], own)

    matrix, offset, curved = _affine([*expressions, phase], names)
    return CompactCircuit(
        circuit,
        qubits,
        {wire: compact[place] for wire, place in enumerate(places) if place in used},
        _readout(circuit),
        tuple(slots),
        matrix,
        offset,
        curved,
        tuple(names),
    )


def final_places(isa: QuantumCircuit, width: int) -> tuple[int, ...]:
    """Where a transpiled circuit leaves the qubits it was made from.

    Args:
        isa: The transpiled circuit.
        width: Number of qubits before transpilation.

    Returns:
        For each of them its number at the end.
    """
    if isa.layout is None:
        return tuple(range(width))
    return tuple(isa.layout.final_index_layout(filter_ancillas=True))


def _affine(
    expressions: Sequence[Any], names: Sequence[str]
) -> tuple[
    NDArray[np.float64],
    NDArray[np.float64],
    tuple[tuple[int, ParameterExpression], ...],
]:
    """Slots as matrix and offset; what is not affine comes back as it is."""
    columns = {name: column for column, name in enumerate(names)}
    matrix = np.zeros((len(names), len(expressions)))
    offset = np.zeros(len(expressions))
    curved: list[tuple[int, ParameterExpression]] = []
    for slot, expression in enumerate(expressions):
        if not isinstance(expression, ParameterExpression):
            offset[slot] = expression
            continue
        foreign = {one.name for one in expression.parameters} - set(columns)
        if foreign:
            raise TargetError(
                f"pass_manager: it left the parameters {sorted(foreign)}, which the "
                "circuit did not have; it must keep the circuit's own"
            )
        slopes = {one: expression.gradient(one) for one in expression.parameters}
        if any(isinstance(slope, ParameterExpression) for slope in slopes.values()):
            curved.append((slot, expression))
            continue
        for one, slope in slopes.items():
            matrix[columns[one.name], slot] = float(np.real(slope))
        offset[slot] = float(expression.bind(dict.fromkeys(slopes, 0.0)))
    return matrix, offset, tuple(curved)


def _readout(circuit: QuantumCircuit) -> tuple[int | None, ...] | None:
    """The qubit of each classical bit, where measurements come last."""
    found: list[int | None] = [None] * circuit.num_clbits
    done: set[int] = set()
    for instruction in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
        if done.intersection(qubits) or instruction.operation.name == "reset":
            return None
        if instruction.operation.name == "measure":
            bit = circuit.find_bit(instruction.clbits[0]).index
            if found[bit] is not None:
                return None
            found[bit] = qubits[0]
            done.add(qubits[0])
        elif instruction.clbits or getattr(instruction.operation, "condition", None):
            return None
    return tuple(found)
