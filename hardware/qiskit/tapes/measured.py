"""Structures as Qiskit circuits that are read in a basis, converted once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

import numpy as np
import pennylane as qml
from attrs import evolve, frozen
from numpy.typing import NDArray
from qiskit import ClassicalRegister, QuantumCircuit

from qml_qdl.hardware.plan import Structure, make_plan
from qml_qdl.hardware.qiskit.conversion.structures import (
    circuit_digest,
    phase_factors,
    to_circuit,
    used_slots,
)
from qml_qdl.hardware.qiskit.tapes.bases import Basis
from qml_qdl.hardware.qiskit.tapes.outcomes import Reals

MOST_CIRCUITS = 256
"""How many converted circuits are kept, the latest used."""

NO_BASIS = Basis(())
"""Nothing is read: the circuit stays as it is."""


@frozen(eq=False)
class Converted:
    """A structure as a circuit that is read in a basis.

    Args:
        circuit: The circuit; it measures the basis' wires, or nothing.
        digest: Its digest.
        extra: Angles that the basis adds to those of the structure.
        used: Which of all angles are the circuit's parameters, in their order.
        phases: For each slot of a global phase, which the circuit has not, its factor.
    """

    circuit: QuantumCircuit
    digest: str
    extra: Reals
    used: tuple[int, ...]
    phases: dict[int, float]

    def parameters(self, angles: Reals) -> Reals:
        """The numbers of the circuit's parameters.

        Args:
            angles: (rows, slots) of the structure.

        Returns:
            (rows, parameters).
        """
        extra = np.broadcast_to(self.extra, (len(angles), len(self.extra)))
        return np.concatenate([angles, extra], axis=1)[:, self.used]

    def phase(self, angles: Reals) -> NDArray[np.complex128]:
        """The global phases that the circuit leaves out.

        Args:
            angles: (rows, slots) of the structure.

        Returns:
            (rows,) factors of the states.
        """
        total = np.zeros(len(angles))
        for slot, factor in self.phases.items():
            total += factor * angles[:, slot]
        phases: NDArray[np.complex128] = np.exp(1j * total)
        return phases


class Circuits:
    """Converted circuits, the latest used: one for each structure and basis."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Converted] = OrderedDict()

    def get(self, structure: Structure, basis: Basis, measured: bool) -> Converted:
        """The circuit of a structure, read in a basis.

        Args:
            structure: The structure.
            basis: The basis.
            measured: Whether the circuit measures the basis' wires.

        Returns:
            The circuit and what its angles are.
        """
        key = (structure, basis, measured)
        if key not in self._kept:
            # The gates' example operations may hold tensors and gradients' graphs.
            gates = tuple(evolve(gate, operation=None) for gate in structure.gates)
            key = (evolve(structure, gates=gates), basis, measured)
            self._kept[key] = _converted(structure, basis, measured)
            if len(self._kept) > MOST_CIRCUITS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def _converted(structure: Structure, basis: Basis, measured: bool) -> Converted:
    wires = range(structure.num_wires)
    turn = make_plan(qml.tape.QuantumScript(basis.gates), wires)
    first = structure.num_slots
    gates = tuple(
        evolve(gate, slots=tuple(first + slot for slot in gate.slots))
        for gate in turn.structure.gates
    )
    whole = evolve(structure, gates=structure.gates + gates)
    circuit = to_circuit(whole)
    if measured:
        register = ClassicalRegister(len(basis.wires), "bits")
        circuit.add_register(register)
        circuit.measure(basis.wires, register)
    extra = np.array([float(qml.math.toarray(a)) for a in turn.angles], dtype=float)
    digest, used = circuit_digest(circuit), used_slots(whole)
    return Converted(circuit, digest, extra, used, phase_factors(structure))
