"""Requests of known outcome, for tests of clients."""

from __future__ import annotations

from typing import Any

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager

from qml_qdl.hardware.jobs.client import JobRequest
from qml_qdl.hardware.qiskit.ibm.client import IBMClient
from qml_qdl.hardware.tapes.executor import Pub

LAYOUT = [3, 1, 2]
"""Where the three qubits of the circuits lie."""


def ry_circuit(measure: bool = True) -> QuantumCircuit:
    """RY(θ_j) on qubit j, each measured, into two registers."""
    angles = ParameterVector("θ", 3)
    registers = (ClassicalRegister(2, "low"), ClassicalRegister(1, "high"))
    circuit = QuantumCircuit(QuantumRegister(3), *(registers if measure else ()))
    for qubit, angle in enumerate(angles):
        circuit.ry(angle, qubit)
    circuit.cx(0, 2)
    circuit.cx(0, 2)
    if measure:
        circuit.measure(range(3), range(3))
    return circuit


def isa(backend: Any, measure: bool = True) -> QuantumCircuit:
    """`ry_circuit` in the machine's gates, on qubits far from where it began."""
    key = (backend.name, measure)
    if key not in _isa:
        manager = generate_preset_pass_manager(
            backend=backend,
            optimization_level=1,
            initial_layout=LAYOUT,
            seed_transpiler=1,
        )
        _isa[key] = manager.run(ry_circuit(measure))
    return _isa[key]


_isa: dict[tuple[str, bool], QuantumCircuit] = {}


def flips(*rows: str) -> np.ndarray:
    """Angles that make row "011" measure bit 0 = 0, bit 1 = 1, bit 2 = 1."""
    return np.pi * np.array([[int(letter) for letter in row] for row in rows], float)


def sample_request(
    backend: Any, *rows: str, shots: int = 50, **options: Any
) -> JobRequest:
    """One circuit whose outcomes are the rows."""
    pub = Pub(isa(backend), flips(*rows), "ry")
    return JobRequest("sample", (pub,), shots, options, 60)


def estimate_request(
    backend: Any, angles: np.ndarray, shots: int = 1000, **options: Any
) -> JobRequest:
    """⟨Z₀⟩ and ⟨Z₁Z₂⟩: cos θ₀, and cos θ₁ · cos θ₂."""
    circuit = isa(backend, measure=False)
    observables = tuple(
        SparsePauliOp(word).apply_layout(circuit.layout) for word in ("IIZ", "ZZI")
    )
    pub = Pub(circuit, angles, "ry", observables)
    return JobRequest("estimate", (pub,), shots, options, 60)


def renew(client: IBMClient) -> IBMClient:
    """An hour later: the access token has to be renewed."""
    for api in (client._service._active_api_client,):
        manager = api._session.auth._own.tm
        manager.expire_time = manager.refresh_time = 0
    return client
