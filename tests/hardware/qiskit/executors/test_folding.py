from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime.fake_provider import (
    FakeManilaV2,
    FakeSherbrooke,
    FakeTorino,
)

from qml_qdl.circuits.errors import ArgumentError, TargetError
from qml_qdl.hardware.qiskit.executors.mitigation import fold
from qml_qdl.hardware.qiskit.executors.programs import make_program
from tests.hardware.qiskit.pubs_for_tests import layered, rows_of

MACHINES = {"cx": FakeManilaV2(), "ecr": FakeSherbrooke(), "cz": FakeTorino()}


def transpiled(gate: str) -> QuantumCircuit:
    manager = generate_preset_pass_manager(
        optimization_level=2, backend=MACHINES[gate], seed_transpiler=1
    )
    return manager.run(layered(3, measure=True))


@pytest.mark.parametrize("gate", ["cx", "ecr", "cz"])
@pytest.mark.parametrize("folding", ["global", "gates"])
@pytest.mark.parametrize("scale", [1, 3, 5])
def test_a_folded_circuit_does_the_same_with_more_gates(
    gate: str, folding: str, scale: int
) -> None:
    isa, target = transpiled(gate), MACHINES[gate].target
    folded = fold(isa, scale, target, folding)
    assert folded.count_ops()[gate] == scale * isa.count_ops()[gate]
    assert folded.count_ops()["measure"] == 3
    for instruction in folded.data:
        name = instruction.operation.name
        on = tuple(folded.find_bit(qubit).index for qubit in instruction.qubits)
        assert name == "barrier" or target.instruction_supported(name, on)
    names = [one.name for one in layered(3).parameters]
    angles = rows_of(layered(3), 1)
    unitaries = []
    for circuit in (isa, folded):
        program = make_program(circuit, 3, names)
        bound = program.without_measurements().assign_parameters(
            dict(zip(program.slots, program.values(angles)[0], strict=True))
        )
        unitaries.append(Operator(bound))
    assert unitaries[0].equiv(unitaries[1])
    assert folded.layout.final_index_layout() == isa.layout.final_index_layout()


def test_measurements_still_read_the_same_qubits() -> None:
    isa = transpiled("cx")
    folded = fold(isa, 3, MACHINES["cx"].target)

    def measured(circuit: QuantumCircuit) -> set[tuple[int, int]]:
        return {
            (
                circuit.find_bit(one.qubits[0]).index,
                circuit.find_bit(one.clbits[0]).index,
            )
            for one in circuit.data
            if one.operation.name == "measure"
        }

    assert measured(folded) == measured(isa)


@pytest.mark.parametrize("scale", [0, 2, -1])
def test_even_scales_are_refused(scale: int) -> None:
    with pytest.raises(ArgumentError, match="expected an odd number from 1 on"):
        fold(transpiled("cx"), scale, MACHINES["cx"].target)


def test_other_ways_to_fold_are_refused() -> None:
    with pytest.raises(ArgumentError, match="expected one of global, gates"):
        fold(transpiled("cx"), 3, MACHINES["cx"].target, "random")


def test_circuits_that_go_on_after_a_measurement_are_refused() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    circuit.x(0)
    with pytest.raises(TargetError, match="only circuits that measure at their end"):
        fold(circuit, 3, MACHINES["cx"].target)
    assert np.array_equal(fold(circuit, 1, MACHINES["cx"].target).data, circuit.data)
