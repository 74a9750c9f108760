"""Circuits with rows, and what they give, computed by Qiskit's own linear algebra."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp, Statevector

from qml_qdl.hardware.qiskit.conversion.digest import circuit_digest
from qml_qdl.hardware.tapes.executor import Executor, Pub
from qml_qdl.hardware.tapes.outcomes import Counts

WIRES = 4
OBSERVABLES = (
    SparsePauliOp("IIIZ"),
    SparsePauliOp("ZIII"),
    SparsePauliOp.from_list([("XYZI", 0.5), ("IIII", 2.0), ("IZIX", -1.5)]),
    SparsePauliOp("YXXZ"),
)


def layered(wires: int = WIRES, layers: int = 2, measure: bool = False) -> Any:
    """A circuit that entangles every wire with its next, last with first too."""
    angles = iter(ParameterVector("θ", wires * layers * 2))
    circuit = QuantumCircuit(wires, wires if measure else 0)
    for _ in range(layers):
        for wire in range(wires):
            circuit.ry(next(angles), wire)
            circuit.rz(next(angles), wire)
        for wire in range(wires):
            circuit.cx(wire, (wire + 1) % wires)
    if measure:
        circuit.measure(range(wires), range(wires))
    return circuit


def rows_of(circuit: QuantumCircuit, rows: int, seed: int = 0) -> NDArray[np.float64]:
    """Random rows of angles."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-3, 3, (rows, circuit.num_parameters))


def pub_of(circuit: QuantumCircuit, rows: Any = 3, observables: Any = ()) -> Pub:
    """A pub with given or random rows."""
    angles = rows_of(circuit, rows) if isinstance(rows, int) else np.asarray(rows)
    return Pub(circuit, angles, circuit_digest(circuit), tuple(observables))


def exact_states(pub: Pub) -> NDArray[np.complex128]:
    """States with wire 0 as the most significant bit."""
    bare = pub.circuit.remove_final_measurements(inplace=False)
    states = []
    for row in pub.angles:
        state = Statevector(bare.assign_parameters(row)).data
        tensor = state.reshape((2,) * bare.num_qubits)
        states.append(tensor.transpose().reshape(-1))
    return np.array(states)


def exact_values(pub: Pub) -> NDArray[np.float64]:
    """Expectation values of the pub's observables."""
    return np.array(
        [
            [
                Statevector(pub.circuit.assign_parameters(row))
                .expectation_value(observable)
                .real
                for observable in pub.observables
            ]
            for row in pub.angles
        ]
    )


def exact_tables(pub: Pub) -> NDArray[np.float64]:
    """Probabilities of outcomes, bit j of an outcome being wire j."""
    bare = pub.circuit.remove_final_measurements(inplace=False)
    return np.array(
        [Statevector(bare.assign_parameters(row)).probabilities() for row in pub.angles]
    )


def measured_tables(
    executor: Executor, pub: Pub, shots: int | None
) -> NDArray[np.float64]:
    """Frequencies of outcomes, or their exact probabilities."""
    if shots is None:
        return executor.probabilities([pub])[0]
    return tables_of(executor.sample([pub], shots)[0])


def measured_values(
    executor: Executor, pub: Pub, shots: int | None
) -> NDArray[np.float64]:
    """Values of the pub's observables, from one measurement of all wires a word."""
    found = np.zeros((pub.rows, len(pub.observables)))
    for column, observable in enumerate(pub.observables):
        for label, weight in observable.to_list():
            circuit = pub.circuit.copy()
            for wire, letter in enumerate(reversed(label)):
                if letter == "Y":
                    circuit.sdg(wire)
                if letter in "XY":
                    circuit.h(wire)
            circuit.measure_all()
            one = Pub(circuit, pub.angles, circuit_digest(circuit))
            acts = [wire for wire, a in enumerate(reversed(label)) if a != "I"]
            numbers = np.arange(2**circuit.num_qubits)[:, None]
            signs = (-1.0) ** (numbers >> np.array(acts, dtype=int) & 1).sum(axis=1)
            found[:, column] += weight.real * (
                measured_tables(executor, one, shots) @ signs
            )
    return found


def tables_of(counts: Counts) -> NDArray[np.float64]:
    """Relative frequencies, bit j of an outcome being the j-th bit."""
    return counts.marginal(range(counts.num_bits)[::-1])


def within_five_errors(
    found: NDArray[np.float64], exact: NDArray[np.float64], shots: int
) -> bool:
    """Whether frequencies agree with probabilities."""
    errors = np.sqrt(exact * (1 - exact) / shots) + 1e-9
    return bool((np.abs(found - exact) <= 5 * errors + 1 / shots).all())
