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

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.qiskit.compact_circuits import compact_circuit
from qml_qdl.hardware.qiskit.conversion.variants import Calibration, Folded
from qml_qdl.hardware.qiskit.transpilation import TranspilationCache
from tests.hardware.qiskit.pubs_for_tests import layered, rows_of

MACHINES = {"cx": FakeManilaV2(), "ecr": FakeSherbrooke(), "cz": FakeTorino()}


def transpiled(gate: str) -> QuantumCircuit:
    manager = generate_preset_pass_manager(
        optimization_level=2, backend=MACHINES[gate], seed_transpiler=1
    )
    return manager.run(layered(3, measure=True))


@pytest.mark.parametrize("gate", ["cx", "ecr", "cz"])
@pytest.mark.parametrize("folding", ["global", "gates"])
@pytest.mark.parametrize("scale", [3, 5])
def test_a_folded_circuit_does_the_same_with_more_gates(
    gate: str, folding: str, scale: int
) -> None:
    isa, target = transpiled(gate), MACHINES[gate].target
    folded = Folded(isa, "x", scale, folding).of(isa, target)
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
        program = compact_circuit(circuit, 3, names)
        bound = program.without_measurements().assign_parameters(
            dict(zip(program.slots, program.values(angles)[0], strict=True))
        )
        unitaries.append(Operator(bound))
    assert unitaries[0].equiv(unitaries[1])
    assert folded.layout.final_index_layout() == isa.layout.final_index_layout()


def measured(circuit: QuantumCircuit) -> set[tuple[int, int]]:
    return {
        (
            circuit.find_bit(one.qubits[0]).index,
            circuit.find_bit(one.clbits[0]).index,
        )
        for one in circuit.data
        if one.operation.name == "measure"
    }


def test_measurements_still_read_the_same_qubits() -> None:
    isa = transpiled("cx")
    folded = Folded(isa, "x", 3, "global").of(isa, MACHINES["cx"].target)

    assert measured(folded) == measured(isa)


def test_circuits_that_go_on_after_a_measurement_are_refused() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    circuit.x(0)
    with pytest.raises(TargetError, match="only circuits that measure at their end"):
        Folded(circuit, "x", 3, "global").of(circuit, MACHINES["cx"].target)


@pytest.mark.parametrize("gate", ["cx", "ecr", "cz"])
def test_the_calibration_reads_the_same_qubits_in_the_backends_gates(gate: str) -> None:
    isa, target = transpiled(gate), MACHINES[gate].target
    made = Calibration(isa, "x").of(isa, target)
    assert measured(made) == measured(isa)
    for instruction in made.data:
        on = tuple(made.find_bit(q).index for q in instruction.qubits)
        assert target.instruction_supported(instruction.operation.name, on)
    program = compact_circuit(made, 3, ["angle"])
    for angle, one in ((0.0, 0), (np.pi, 7)):
        values = program.values(np.array([[angle]]))[0]
        circuit = program.without_measurements().assign_parameters(
            dict(zip(program.slots, values, strict=True))
        )
        assert abs(Operator(circuit).data[one, 0]) == pytest.approx(1)


def test_variants_are_made_of_what_was_transpiled_once() -> None:
    cache = TranspilationCache(MACHINES["cx"], optimization_level=2)
    circuit = layered(3, measure=True)
    whole = cache.get(circuit, "whole")
    notes = [
        Folded(circuit, "whole", 3, "global").noted(),
        Folded(circuit, "whole", 3, "gates").noted(),
        Calibration(circuit, "whole").noted(),
        Calibration(circuit, "other").noted(),
    ]
    assert len({digest for _, digest in notes}) == 4
    made = [cache.get(*note) for note in notes[:3]]
    assert cache.counters.transpilations == 1
    assert made[0] is cache.get(*notes[0])
    for isa, (like, _) in zip(made, notes, strict=False):
        assert measured(isa.circuit) == measured(whole.circuit)
        assert isa.names == tuple(one.name for one in like.parameters)
        assert like.num_clbits == isa.circuit.num_clbits == 3
    depths = [isa.circuit.count_ops()["cx"] for isa in (whole, *made[:2])]
    assert depths == [depths[0], 3 * depths[0], 3 * depths[0]]
