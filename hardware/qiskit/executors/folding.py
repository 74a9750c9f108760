"""Transpiled circuits made longer, so that their noise is some times as strong."""

from __future__ import annotations

from qiskit import QuantumCircuit
from qiskit.circuit.equivalence_library import SessionEquivalenceLibrary
from qiskit.transpiler import PassManager, Target
from qiskit.transpiler.passes import BasisTranslator

from qml_qdl.circuits.errors import ArgumentError, TargetError

FOLDINGS = ("global", "gates")
"""Ways to make a circuit longer."""


def fold(
    circuit: QuantumCircuit, scale: int, target: Target, folding: str = "global"
) -> QuantumCircuit:
    """Makes a transpiled circuit `scale` times as long, but do the same.

    "global" runs the whole circuit forth, back and forth again, which strengthens the
    noise of every gate; "gates" does so with each gate on two qubits, the noisiest
    ones. (Giurgica-Tiron et al., 2020, arXiv:2005.10921.) Measurements stay single.

    Args:
        circuit: A circuit in the backend's gates; it may have parameters.
        scale: How many times as long, an odd number.
        target: The backend's gates.
        folding: "global" or "gates".

    Returns:
        The longer circuit in the backend's gates.

    Raises:
        ArgumentError: The scale is not odd, or there is no such folding.
        TargetError: The circuit measures before its end.
    """
    if scale < 1 or scale % 2 == 0:
        raise ArgumentError(f"scale: expected an odd number from 1 on, got {scale!r}")
    if folding not in FOLDINGS:
        raise ArgumentError(
            f"folding: expected one of {', '.join(FOLDINGS)}, got {folding!r}"
        )
    if scale == 1:
        return circuit
    body, end = _split(circuit)
    folded = circuit.copy_empty_like()
    if folding == "gates":
        for instruction in body.data:
            folded.append(instruction)
            if len(instruction.qubits) == 2 and instruction.operation.name != "barrier":
                single = body.copy_empty_like()
                single.global_phase = 0
                single.append(instruction)
                _repeat(folded, single, scale, target)
    else:
        folded.compose(body, inplace=True)
        _repeat(folded, body, scale, target)
    folded.global_phase = circuit.global_phase
    folded.compose(end, inplace=True)
    return folded


def _repeat(
    folded: QuantumCircuit, body: QuantumCircuit, scale: int, target: Target
) -> None:
    """Appends the body's inverse and the body, as often as is wanted."""
    used = {qubit for instruction in body.data for qubit in instruction.qubits}
    qubits = [qubit for qubit in body.qubits if qubit in used]
    translate = PassManager([BasisTranslator(SessionEquivalenceLibrary, None, target)])
    inverse = translate.run(body.inverse())
    for _ in range(scale // 2):
        # Without barriers a compiler further on would cancel what was folded.
        folded.barrier(qubits)
        folded.compose(inverse, inplace=True)
        folded.barrier(qubits)
        folded.compose(body, inplace=True)


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
                "only circuits that measure at their end can be folded"
            )
        else:
            body.append(instruction)
    return body, end
