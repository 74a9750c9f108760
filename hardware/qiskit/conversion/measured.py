"""Structures as Qiskit circuits that are read in a basis, converted once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import final

import numpy as np
import pennylane as qml
from attrs import evolve
from pennylane.devices.preprocess import decompose
from qiskit import ClassicalRegister
from qiskit.quantum_info import SparsePauliOp

from qml_qdl.hardware.plan import Structure, make_plan
from qml_qdl.hardware.qiskit.conversion.structures import (
    circuit_digest,
    decomposition,
    is_native,
    phase_factors,
    to_circuit,
    used_slots,
)
from qml_qdl.hardware.tapes.bases import Basis, PauliSum
from qml_qdl.hardware.tapes.batches import Circuits, Converted

MOST_CIRCUITS = 256
"""How many converted circuits are kept, the latest used."""


@final
class QiskitCircuits(Circuits):
    """Structures as Qiskit's circuits, the latest used ones kept."""

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

    def operator(self, observable: PauliSum, num_wires: int) -> SparsePauliOp:
        """Qiskit's operator; see `Circuits.operator`.

        Args:
            observable: The observable, on wire positions.
            num_wires: Wires of the circuit.

        Returns:
            The operator, qubit i being wire position i.
        """
        terms = [
            ("".join(letter for _, letter in word), [w for w, _ in word], coefficient)
            for word, coefficient in observable.words
        ]
        return SparsePauliOp.from_sparse_list(
            terms or [("", [], 0.0)], num_qubits=num_wires
        )


def _converted(structure: Structure, basis: Basis, measured: bool) -> Converted:
    wires = range(structure.num_wires)
    (turned,), _ = decompose(
        qml.tape.QuantumScript(basis.gates),
        stopping_condition=is_native,
        decomposer=decomposition,
        name="qdl.qiskit",
    )
    turn = make_plan(turned, wires)
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
