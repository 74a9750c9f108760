"""Structures as Qiskit circuits that are read in a basis, converted once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import final

import numpy as np
import pennylane as qml
from attrs import evolve
from pennylane.devices.preprocess import decompose
from qiskit import ClassicalRegister
from qiskit.quantum_info import SparsePauliOp

from qml_qdl.hardware.caches import LruCache
from qml_qdl.hardware.qiskit.conversion.structures import (
    circuit_digest,
    decomposition,
    is_native,
    phase_factors,
    to_circuit,
    used_slots,
)
from qml_qdl.hardware.qiskit.conversion.variants import Calibration, Folded, Variant
from qml_qdl.hardware.structure import Structure, make_plan
from qml_qdl.hardware.tapes.bases import Basis, PauliSum
from qml_qdl.hardware.tapes.batches import Circuits, Converted

MOST_CIRCUITS = 256
"""How many converted circuits are kept, the latest used."""


@final
class QiskitCircuits(Circuits):
    """Structures as Qiskit's circuits, the latest used ones kept."""

    def __init__(self) -> None:
        self._kept = LruCache[Hashable, Converted](MOST_CIRCUITS)

    def get(self, structure: Structure, basis: Basis, measured: bool) -> Converted:
        """The circuit of a structure, read in a basis.

        Args:
            structure: The structure.
            basis: The basis.
            measured: Whether the circuit measures the basis' wires.

        Returns:
            The circuit and what its angles are.
        """
        found = self._kept.find((structure, basis, measured))
        if found is None:
            # The gates' example operations may hold tensors and gradients' graphs.
            gates = tuple(evolve(gate, operation=None) for gate in structure.gates)
            key = (evolve(structure, gates=gates), basis, measured)
            found = self._kept.keep(key, _converted(structure, basis, measured))
        return found

    def folded(self, converted: Converted, scale: int, folding: str) -> Converted:
        """The same circuit, longer; see `Circuits.folded`.

        Args:
            converted: A circuit that measures.
            scale: How many times as long.
            folding: "global" or "gates".

        Returns:
            The longer circuit.
        """
        return self._variant(
            converted, Folded(converted.circuit, converted.digest, scale, folding)
        )

    def calibration(self, converted: Converted) -> Converted:
        """How a circuit's bits are misread; see `Circuits.calibration`.

        Args:
            converted: A circuit that measures.

        Returns:
            A circuit of one angle.
        """
        made = self._variant(
            converted, Calibration(converted.circuit, converted.digest)
        )
        return evolve(made, extra=np.empty(0), used=(0,), phases={}, calibrates=True)

    def _variant(self, converted: Converted, variant: Variant) -> Converted:
        key = (converted.digest, str(variant))
        found = self._kept.find(key)
        if found is None:
            circuit, digest = variant.noted()
            made = evolve(converted, circuit=circuit, digest=digest)
            found = self._kept.keep(key, made)
        return found

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
