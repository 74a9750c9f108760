"""Structures become circuits whose parameters are the slots in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pennylane as qml
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import transpile
from qiskit.circuit import ControlledGate, ParameterExpression
from qiskit_aer import AerSimulator

from qml_qdl.hardware.qiskit.conversion.structures import (
    phase_factors,
    to_circuit,
    used_slots,
)
from tests.hardware.qiskit.planning import ORDER, expected, numbers, planned, unitary

GATES: list[Callable[[float, list[str]], Any]] = [
    lambda a, w: qml.RX(a, w[0]),
    lambda a, w: qml.Rot(a, -a, a / 3, wires=w[1]),
    lambda a, w: qml.CNOT(w[:2]),
    lambda a, w: qml.ISWAP(w[1:3]),
    lambda a, w: qml.CRY(a, wires=w[:2]),
    lambda a, w: qml.ControlledPhaseShift(a, wires=w[:2]),
    lambda a, w: qml.CRot(a, 2 * a, 0.1, wires=w[1:3]),
    lambda a, w: qml.ctrl(qml.PhaseShift(a, w[0]), w[1:], control_values=[1, 0, 1]),
    lambda a, w: qml.ctrl(qml.PauliRot(a, "XY", w[:2]), w[2:]),
    lambda a, w: qml.adjoint(qml.IsingXY(a, w[:2])),
    lambda a, w: qml.pow(qml.SX(w[0]), 0.3),
    lambda a, w: qml.GlobalPhase(a),
    lambda a, w: qml.DoubleExcitation(a, w),
    lambda a, w: qml.ctrl(qml.U3(a, 0.2, -a, w[3]), w[:2]),
]


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    st.lists(
        st.tuples(st.sampled_from(GATES), st.floats(-7, 7), st.permutations(ORDER)),
        min_size=1,
        max_size=8,
    )
)
def test_random_circuit(
    parts: list[tuple[Callable[[float, list[str]], Any], float, list[str]]],
) -> None:
    operations = [build(angle, list(wires)) for build, angle, wires in parts]
    found = unitary(planned(operations))
    np.testing.assert_allclose(found, expected(*operations), atol=1e-9)


@pytest.mark.parametrize(
    "order", [[0, 1, 2], ["a", "b", "c"], [1, 0, 2], [5, 7, 9]], ids=str
)
def test_wires_are_positions(order: list[Any]) -> None:
    def operations(w: Sequence[Any]) -> list[Any]:
        return [qml.RY(0.3, w[0]), qml.CRX(0.7, [w[2], w[0]]), qml.T(w[1])]

    assert (
        planned(operations(order), order).structure
        == planned(operations(range(3)), range(3)).structure
    )


def test_parameters_are_in_the_order_of_slots() -> None:
    angles = np.linspace(0.1, 2.5, 25)
    operations: list[Any] = [qml.RX(angle, "a") for angle in angles]
    operations[7:7] = [qml.GlobalPhase(0.5), qml.PauliRot(0.4, "II", ["a", "b"])]
    plan = planned(operations)
    assert used_slots(plan.structure) == (*range(7), *range(9, 27))
    assert phase_factors(plan.structure) == {7: -1.0, 8: -0.5}
    circuit = to_circuit(plan.structure)
    bound = circuit.assign_parameters(numbers(plan)[list(used_slots(plan.structure))])
    assert [gate.operation.params[0] for gate in bound.data] == list(angles)


def test_aer_binds_every_angle() -> None:
    """Aer takes the unbound angles of controlled gates for 0: there are none."""
    operations = [
        *(qml.RY(0.4 + 0.3 * place, wire) for place, wire in enumerate(ORDER)),
        qml.CRX(0.7, ["a", "b"]),
        qml.CRot(0.5, 0.6, 0.7, ["c", "b"]),
        qml.ControlledPhaseShift(0.9, ["a", "c"]),
        qml.CPhaseShift01(0.9, ["a", "c"]),
        qml.ctrl(qml.PhaseShift(1.1, "d"), ["a", "b", "c"]),
        qml.ctrl(qml.IsingXX(0.8, ["a", "d"]), ["b"]),
        qml.IsingXY(0.7, ["d", "b"]),
    ]
    plan = planned(operations)
    circuit = to_circuit(plan.structure)
    for instruction in circuit.data:
        gate = instruction.operation
        symbols = any(isinstance(p, ParameterExpression) for p in gate.params)
        assert not (symbols and isinstance(gate, ControlledGate))
    wanted = expected(*operations)[:, 0]
    for bind in (False, True):
        backend = AerSimulator(method="statevector", runtime_parameter_bind_enable=bind)
        ready = transpile(circuit.reverse_bits(), backend, optimization_level=1)
        ready.save_statevector()
        values = numbers(plan)[list(used_slots(plan.structure))]
        binds = {p: [v, v + 1] for p, v in zip(circuit.parameters, values, strict=True)}
        result = backend.run(ready, parameter_binds=[binds]).result()
        found = np.asarray(result.get_statevector(0))
        assert abs(np.vdot(found, wanted)) == pytest.approx(1.0, abs=1e-9)
