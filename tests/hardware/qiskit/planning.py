"""Operations brought to native ones, planned, and turned back into matrices."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.devices.preprocess import decompose
from qiskit.quantum_info import Operator

from qml_qdl.hardware.qiskit.conversion.structures import (
    decomposition,
    is_native,
    phase_factors,
    to_circuit,
    used_slots,
)
from qml_qdl.hardware.structure import Plan, make_plan

ORDER = ["b", "a", "c", "d"]
WIRES = ["c", "a", "d", "b"]


def native(operations: Sequence[Any]) -> Any:
    (tape,), _ = decompose(
        qml.tape.QuantumScript(operations),
        stopping_condition=is_native,
        skip_initial_state_prep=False,
        decomposer=decomposition,
        name="qdl.qiskit",
    )
    return tape


def planned(operations: Sequence[Any], order: Sequence[Hashable] = ORDER) -> Plan:
    return make_plan(native(operations), order)


def numbers(plan: Plan, row: int | None = None) -> Any:
    angles = [np.asarray(qml.math.detach(angle)) for angle in plan.angles]
    return np.array(
        [
            float(angle[row] if batched else angle)
            for angle, batched in zip(angles, plan.batched, strict=True)
        ]
    )


def unitary(plan: Plan, row: int | None = None) -> Any:
    """The circuit's matrix with its angles bound, in PennyLane's order of bits."""
    angles, used = numbers(plan, row), used_slots(plan.structure)
    circuit = to_circuit(plan.structure)
    assert [p.index for p in circuit.parameters] == list(used)
    if used:
        circuit = circuit.assign_parameters(angles[list(used)])
    phases = phase_factors(plan.structure)
    phase = sum(factor * angles[slot] for slot, factor in phases.items())
    return Operator(circuit.reverse_bits()).data * np.exp(1j * phase)


def expected(*operations: Any) -> Any:
    """PennyLane's matrix of them all."""
    tape = qml.tape.QuantumScript([*map(qml.Identity, ORDER), *operations])
    return qml.matrix(tape, wire_order=ORDER)
