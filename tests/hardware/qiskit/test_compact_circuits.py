from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import GlobalPhaseGate
from qiskit.quantum_info import Operator
from qiskit.transpiler import CouplingMap, generate_preset_pass_manager

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.qiskit.compact_circuits import compact_circuit
from tests.hardware.qiskit.pubs_for_tests import layered, rows_of


def transpiled(circuit: QuantumCircuit, **options: object) -> QuantumCircuit:
    manager = generate_preset_pass_manager(
        optimization_level=2,
        basis_gates=["rz", "sx", "x", "cz"],
        coupling_map=CouplingMap.from_line(9),
        seed_transpiler=3,
        **options,
    )
    return manager.run(circuit)


def test_only_qubits_in_use_remain_and_parameters_stand_alone() -> None:
    circuit = layered()
    isa = transpiled(circuit, initial_layout=[8, 5, 6, 7])
    names = [one.name for one in circuit.parameters]
    program = compact_circuit(isa, 4, names)
    assert program.qubits == (5, 6, 7, 8)
    for instruction in program.circuit.data:
        for value in instruction.operation.params:
            assert isinstance(value, Parameter | float)
    angles = rows_of(circuit, 2)
    values = program.values(angles)
    places = [program.qubits.index(q) for q in isa.layout.final_index_layout()]
    assert program.positions == dict(enumerate(places))
    start = isa.layout.initial_index_layout(filter_ancillas=True)
    for row, numbers in zip(angles, values, strict=True):
        bound = program.circuit.assign_parameters(
            dict(zip(program.slots, numbers, strict=True))
        )
        want = QuantumCircuit(4)
        want.compose(
            circuit.assign_parameters(row), [places[i] for i in range(4)], inplace=True
        )
        moved = QuantumCircuit(4)
        moved.compose(bound, inplace=True)
        # From |0000⟩ it does not matter where the wires started.
        assert start is not None
        found = Operator(moved).data[:, 0]
        expected = Operator(want).data[:, 0]
        assert abs(np.vdot(found, expected)) == pytest.approx(1)


def test_angles_that_enter_otherwise_than_affinely_are_bound_one_by_one() -> None:
    angle = Parameter("a")
    circuit = QuantumCircuit(1)
    circuit.rx(angle**2 + 1, 0)
    circuit.rz(3 * angle - 0.5, 0)
    program = compact_circuit(circuit, 1, ["a"])
    np.testing.assert_allclose(
        program.values(np.array([[2.0], [-1.0]])), [[5.0, 5.5], [2.0, -3.5]]
    )


def test_names_that_differ_are_bound_by_position() -> None:
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(1)
    circuit.rx(b, 0)
    circuit.rz(a, 0)
    program = compact_circuit(circuit, 1, ["b", "a"])
    assert program.values(np.array([[1.0, 2.0]])).tolist() == [[1.0, 2.0]]


def test_measurements_that_are_not_the_last_have_no_readout() -> None:
    circuit = QuantumCircuit(1, 2)
    circuit.measure(0, 0)
    assert compact_circuit(circuit, 1, []).readout == (0, None)
    circuit.x(0)  # nobody sees it
    assert compact_circuit(circuit, 1, []).readout == (0, None)
    circuit.measure(0, 1)
    assert compact_circuit(circuit, 1, []).readout is None


def test_what_nothing_depends_on_that_is_seen_is_left_out() -> None:
    circuit = QuantumCircuit(5, 1)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.barrier()
    circuit.cx(1, 2)
    circuit.cx(3, 4)
    wide = compact_circuit(circuit, 5, [])
    assert wide.qubits == (0, 1, 2, 3, 4)
    narrow = compact_circuit(circuit, 5, [], seen=(0,))
    assert (narrow.qubits, narrow.positions) == ((0, 1), {0: 0, 1: 1})
    assert narrow.circuit.count_ops() == {"h": 1, "cx": 1}
    circuit.measure(4, 0)
    measured = compact_circuit(circuit, 5, [])
    assert (measured.qubits, measured.readout) == ((3, 4), (1,))
    assert measured.circuit.count_ops() == {"cx": 1, "measure": 1}


def test_a_global_phase_is_kept_beside_the_circuit() -> None:
    angle = Parameter("a")
    circuit = QuantumCircuit(1, global_phase=angle**2)
    circuit.rz(2 * angle, 0)
    circuit.append(GlobalPhaseGate(0.25 - angle), [])
    program = compact_circuit(circuit, 1, ["a"])
    assert program.circuit.global_phase == 0
    angles = np.array([[2.0], [-1.0]])
    np.testing.assert_allclose(program.phases(angles), [2.25, 2.25])
    np.testing.assert_allclose(program.values(angles), [[4.0], [-2.0]])


def test_branches_are_refused() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)
    with pytest.raises(TargetError, match="without loops and branches"):
        compact_circuit(circuit, 1, [])
