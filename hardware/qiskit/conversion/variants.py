"""Variants of a circuit that are made of it after it was transpiled.

A variant travels as a circuit that is like the one it is made of; its metadata say what
the transpiler has to make of it.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import final

from attrs import frozen
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.equivalence_library import SessionEquivalenceLibrary
from qiskit.transpiler import PassManager, Target
from qiskit.transpiler.passes import BasisTranslator

from qml_qdl.circuits.errors import TargetError

_NOTE = "variant"


@frozen(eq=False)
class Variant(ABC):
    """What is made of a circuit after it was transpiled.

    Args:
        circuit: The circuit.
        digest: Its digest.

    ---- to be implemented: `of`, `like`, `__str__` ----
    """

    circuit: QuantumCircuit
    digest: str

    @abstractmethod
    def __str__(self) -> str:
        """All that tells it from other variants of the circuit."""

    @abstractmethod
    def of(self, isa: QuantumCircuit, target: Target) -> QuantumCircuit:
        """Makes it.

        Args:
            isa: The circuit in a backend's own gates, on its qubits.
            target: What the backend can do.

        Returns:
            The variant in the same gates.

        Raises:
            TargetError: The circuit has no such variant.
        """

    @abstractmethod
    def like(self) -> QuantumCircuit:
        """A circuit with the same parameters and bits."""

    def noted(self) -> tuple[QuantumCircuit, str]:
        """A circuit that stands for the variant, and its digest."""
        circuit = self.like()
        circuit.metadata = {_NOTE: self}
        text = f"{self.digest} {self}"
        return circuit, hashlib.sha256(text.encode()).hexdigest()

    @staticmethod
    def noted_in(circuit: QuantumCircuit) -> Variant | None:
        """The variant that a circuit stands for, if it does."""
        return (circuit.metadata or {}).get(_NOTE)


@final
@frozen(eq=False)
class Folded(Variant):
    """The circuit `scale` times as long, which does the same.

    "global" runs the whole circuit forth, back and forth again, which strengthens the
    noise of every gate; "gates" does so with each gate on two qubits, the noisiest
    ones. (Giurgica-Tiron et al., 2020, arXiv:2005.10921.) Measurements stay single.

    Args:
        scale: How many times as long, an odd number.
        folding: "global" or "gates".
    """

    scale: int
    folding: str

    def __str__(self) -> str:
        return f"folded {self.folding} {self.scale}"

    def like(self) -> QuantumCircuit:
        """The circuit itself."""
        return self.circuit.copy()

    def of(self, isa: QuantumCircuit, target: Target) -> QuantumCircuit:
        """The longer circuit; see `Variant.of`."""
        body, end = _split(isa)
        folded = isa.copy_empty_like()
        if self.folding == "gates":
            for instruction in body.data:
                folded.append(instruction)
                name, qubits = instruction.operation.name, instruction.qubits
                if len(qubits) == 2 and name != "barrier":
                    single = body.copy_empty_like()
                    single.global_phase = 0
                    single.append(instruction)
                    self._repeat(folded, single, target)
        else:
            folded.compose(body, inplace=True)
            self._repeat(folded, body, target)
        folded.global_phase = isa.global_phase
        folded.compose(end, inplace=True)
        return folded

    def _repeat(
        self, folded: QuantumCircuit, body: QuantumCircuit, target: Target
    ) -> None:
        """Appends the body's inverse and the body, as often as is wanted."""
        used = {qubit for instruction in body.data for qubit in instruction.qubits}
        qubits = [qubit for qubit in body.qubits if qubit in used]
        inverse = _translated(body.inverse(), target)
        for _ in range(self.scale // 2):
            # Without barriers a compiler further on would cancel what was folded.
            folded.barrier(qubits)
            folded.compose(inverse, inplace=True)
            folded.barrier(qubits)
            folded.compose(body, inplace=True)


@final
@frozen(eq=False)
class Calibration(Variant):
    """A circuit that tells how the qubits are misread that the circuit measures.

    It has one angle: for 0 all its bits are to read 0, for π all 1.
    """

    def __str__(self) -> str:
        return "calibration"

    def like(self) -> QuantumCircuit:
        """The same, on as few qubits."""
        bits = self.circuit.num_clbits
        return _rotated(QuantumCircuit(bits, bits), list(range(bits)))

    def of(self, isa: QuantumCircuit, target: Target) -> QuantumCircuit:
        """The same on the qubits that are measured; see `Variant.of`."""
        _, end = _split(isa)
        places = [0] * end.num_clbits
        for instruction in end.data:
            if instruction.operation.name == "measure":
                bit = end.find_bit(instruction.clbits[0]).index
                places[bit] = end.find_bit(instruction.qubits[0]).index
        empty = QuantumCircuit(isa.num_qubits, isa.num_clbits)
        return _translated(_rotated(empty, places), target)


def _rotated(circuit: QuantumCircuit, qubits: list[int]) -> QuantumCircuit:
    """Turns qubits, each by the same angle, and measures them."""
    angle = Parameter("angle")
    for bit, qubit in enumerate(qubits):
        # |0⟩ and |1⟩ come from the same gates, so that all is one circuit.
        circuit.rx(angle, qubit)
        circuit.measure(qubit, bit)
    return circuit


def _translated(circuit: QuantumCircuit, target: Target) -> QuantumCircuit:
    translator = BasisTranslator(SessionEquivalenceLibrary, None, target)
    return PassManager([translator]).run(circuit)


def _split(circuit: QuantumCircuit) -> tuple[QuantumCircuit, QuantumCircuit]:
    """The circuit up to its measurements, and its measurements."""
    body, end = circuit.copy_empty_like(), circuit.copy_empty_like()
    end.global_phase = 0
    measured = set()
    for instruction in circuit.data:
        name = instruction.operation.name
        if name == "measure":
            measured.update(instruction.qubits)
            end.append(instruction)
        elif name == "barrier":
            (end if measured else body).append(instruction)
        elif name == "reset" or measured.intersection(instruction.qubits):
            raise TargetError(
                f"circuit: it goes on after a measurement, or resets, by {name!r}; "
                "only circuits that measure at their end can be mitigated"
            )
        else:
            body.append(instruction)
    return body, end
