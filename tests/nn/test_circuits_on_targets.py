"""Every encoding and every processing on every kind of local target, with two rows.

Where there is no noise values are default.qubit's; where there is, they are as near to
them as the noise lets them be, so that a wrong angle would be seen. Single wires of
circuits that look like trees are read one by one; Qiskit's own circuits run, too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import pennylane as qml
import pytest
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, ParameterVector
from qiskit.circuit import library as lib
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.quantum_info import Pauli, SparsePauliOp, Statevector
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error
from torch import Tensor

from qml_qdl.circuits import (
    MERA,
    MPS,
    TTN,
    AngleEncoding,
    BasicEntangler,
    Circuit,
    Expectation,
    Processing,
    SimCircuit,
    ZZFeatureMap,
)
from qml_qdl.hardware import from_qiskit
from qml_qdl.nn import QuantumLayer
from qml_qdl.testing import TargetContract
from tests.circuits.test_encoding_contract import ENCODINGS
from tests.circuits.test_processing_contract import PROCESSINGS, SHARING

SHOTS = 4000
WEAK = 1e-7
"""So weak a noise moves no value here by more than 1e-4."""


def weak_noise() -> NoiseModel:
    model = NoiseModel(basis_gates=["rz", "sx", "x", "cx"])
    model.add_all_qubit_quantum_error(depolarizing_error(WEAK, 1), ["sx", "x"])
    model.add_all_qubit_quantum_error(depolarizing_error(WEAK, 2), "cx")
    return model


@cache
def device(name: str) -> Any:
    """A target that all tests share."""
    options: dict[str, Any] = {
        "aer": {},
        "aer, density matrices": {"method": "density_matrix"},
        "aer, matrix products": {"method": "matrix_product_state"},
        "a noise model": {"noise_model": weak_noise()},
        "an object": {"backend": AerSimulator(noise_model=weak_noise())},
        "a machine's gates": {"backend": "fake_manila", "noise_model": NoiseModel()},
        "a machine": {"backend": "fake_manila"},
    }[name]
    return qml.device("qdl.qiskit", **{"backend": "aer", "seed": 1, **options})


def layer(circuit: Any, target: Any, **options: Any) -> Any:
    generator = torch.Generator().manual_seed(3)
    made: Any = QuantumLayer(
        circuit, target=target, generator=generator, dtype=torch.float64, **options
    )
    return made


def rows(circuit: Circuit, count: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    shape = (count, circuit.num_inputs)
    return torch.rand(shape, generator=generator, dtype=torch.float64) + 0.1


def wanted(circuit: Circuit) -> Tensor:
    found: Tensor = layer(circuit, "default.qubit")(rows(circuit))
    return found.detach()


def assert_exact(circuit: Circuit, target: Any, tolerance: float = 1e-7) -> None:
    found = layer(circuit, target)(rows(circuit))
    torch.testing.assert_close(found, wanted(circuit), atol=tolerance, rtol=0)


def assert_sampled(circuit: Circuit, target: Any) -> None:
    found = layer(circuit, target, shots=SHOTS)(rows(circuit))
    torch.testing.assert_close(found, wanted(circuit), atol=5 / SHOTS**0.5, rtol=0)


def assert_noisy(circuit: Circuit, values: Tensor) -> None:
    """Rows run together are what they are alone, and not far from what is right."""
    made, x = layer(circuit, device("a machine")), rows(circuit)
    found = made(x)
    alone = torch.cat([made(row[None]) for row in x])
    torch.testing.assert_close(found, alone, atol=1e-9, rtol=0)
    torch.testing.assert_close(found, values, atol=0.3, rtol=0.3)


BLOCKS: Any = [*ENCODINGS, *PROCESSINGS, *SHARING]
FEW: Any = [one for one in BLOCKS if not one.id.startswith(("sim-", "hur-"))]


def named(*names: str) -> list[Any]:
    """Targets of these names, for contracts."""
    return [pytest.param(partial(device, name), id=name) for name in names]


@pytest.mark.slow
class TestExact(TargetContract):
    instances = (
        "qdl.simulator",
        "lightning.qubit",
        *named("aer", "aer, density matrices", "aer, matrix products"),
        *named("a machine's gates"),
    )
    blocks = BLOCKS


@pytest.mark.slow
class TestWeakNoise(TargetContract):
    instances = named("a noise model", "an object")
    blocks = BLOCKS
    tolerance = 1e-4


@pytest.mark.slow
class TestMachine(TargetContract):
    """Rows run together are what they are alone, and not far from what is right."""

    instances = named("a machine")
    blocks = BLOCKS
    tolerance = 0.3
    shots = None


@pytest.mark.parametrize("block", FEW)
def test_blocks_with_a_noise_model(block: Any) -> None:
    TestWeakNoise().test_values(partial(device, "an object"), block)


PHASES = BasicEntangler(2) @ ZZFeatureMap(2)


def test_phases_on_machines() -> None:
    assert_exact(PHASES, device("a machine's gates"))
    assert_sampled(PHASES, device("a machine's gates"))
    assert_noisy(PHASES, wanted(PHASES))
    found = layer(PHASES, "aer:fake_torino", shots=SHOTS)(rows(PHASES, 1))
    torch.testing.assert_close(found, wanted(PHASES)[:1], atol=0.2, rtol=0)


@pytest.mark.parametrize("name", ["an object", "a machine's gates"])
def test_gradients_of_phases(name: str) -> None:
    TestWeakNoise().test_gradients(partial(device, name))


TREES: dict[str, Processing] = {
    "ttn": TTN(4),
    "mera": MERA(4),
    "mps": MPS(4),
    **{f"sim-{number}": SimCircuit(number) for number in range(1, 20)},
}
WIDE: dict[str, Processing] = {"ttn-8": TTN(8), "mera-8": MERA(8), "mps-6": MPS(6)}


@pytest.mark.parametrize("name", TREES)
def test_single_wires(name: str) -> None:
    circuit = TREES[name] @ AngleEncoding(TREES[name].wires)
    every = wanted(circuit)
    for column, wire in enumerate(circuit.wires):
        alone = circuit.with_readout(Expectation([qml.Z(wire)]))
        found = layer(alone, device("aer"))(rows(circuit))[:, 0]
        torch.testing.assert_close(found, every[:, column], atol=1e-7, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", TREES | WIDE)
def test_single_wires_on_every_target(name: str) -> None:
    tree = (TREES | WIDE)[name]
    circuit = tree @ AngleEncoding(tree.wires)
    for wire in circuit.wires:
        alone = circuit.with_readout(Expectation([qml.Z(wire)]))
        assert_exact(alone, "qdl.simulator")
        assert_exact(alone, device("aer"))
        assert_exact(alone, device("aer, matrix products"))
        assert_sampled(alone, device("aer"))
        if name in TREES:  # density matrices of eight wires take minutes
            assert_exact(alone, device("aer, density matrices"))
            assert_exact(alone, device("an object"), 1e-4)


def gate_circuit(gate: Any) -> QuantumCircuit:
    """A gate with angles after and before gates that let its phases be seen."""
    circuit = QuantumCircuit(max(2, gate.num_qubits))
    x = ParameterVector("x", len(gate.params))
    mixed = range(circuit.num_qubits)
    circuit.h(mixed)
    circuit.append(gate.__class__(*x), range(gate.num_qubits))
    circuit.ry(0.7, mixed)
    return circuit


def controlled_phase() -> QuantumCircuit:
    """A global phase with a parameter, made a phase by a control."""
    x = ParameterVector("x", 2)
    inner = QuantumCircuit(1, global_phase=x[0] - x[1] / 3)
    inner.rx(x[1], 0)
    circuit = QuantumCircuit(2, global_phase=2 * x[0])
    circuit.h([0, 1])
    circuit.append(inner.to_gate().control(1), [0, 1])
    circuit.ry(0.7, [0, 1])
    return circuit


LIBRARY: dict[str, Callable[[], QuantumCircuit]] = {
    "z feature map": lambda: lib.z_feature_map(3, reps=1),
    "zz feature map": lambda: lib.zz_feature_map(3, reps=2),
    "pauli feature map": lambda: lib.pauli_feature_map(2, paulis=["Z", "YX"]),
    "efficient su2": lambda: lib.efficient_su2(3, reps=1),
    "real amplitudes": lambda: lib.real_amplitudes(3, reps=1),
    "excitation preserving": lambda: lib.excitation_preserving(3, reps=1),
    "excitation preserving, fsim": lambda: lib.excitation_preserving(
        3, reps=1, mode="fsim"
    ),
    "n local": lambda: lib.n_local(3, ["u", "p"], "cu", reps=1),
    "n local, phases": lambda: lib.n_local(3, "r", "cp", "circular", reps=1),
    "qaoa": lambda: lib.qaoa_ansatz(SparsePauliOp(["ZZI", "IZZ", "XIX"]), reps=1),
    "controlled phase": controlled_phase,
    **{
        name: partial(gate_circuit, gate)
        for name, gate in get_standard_gate_name_mapping().items()
        if gate.params and isinstance(gate, Gate)
    },
}


def from_library(name: str) -> tuple[Circuit, Tensor]:
    """A circuit whose parameters are inputs, and what Qiskit's algebra gives."""
    found = LIBRARY[name]()
    circuit = from_qiskit(found, inputs=list(found.parameters))
    values = []
    for row in rows(circuit).tolist():
        state = Statevector(found.assign_parameters(row))
        words = [Pauli("Z")] * found.num_qubits
        values.append(
            [state.expectation_value(word, [q]).real for q, word in enumerate(words)]
        )
    return circuit, torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("name", LIBRARY)
def test_qiskits_circuits_with_a_noise_model(name: str) -> None:
    circuit, values = from_library(name)
    made = layer(circuit, device("an object"))
    for count in (1, 2):
        found = made(rows(circuit)[:count])
        torch.testing.assert_close(found, values[:count], atol=1e-4, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", LIBRARY)
def test_qiskits_circuits_on_every_target(name: str) -> None:
    circuit, values = from_library(name)
    for target in ("qdl.simulator", device("aer"), device("a machine's gates")):
        found = layer(circuit, target)(rows(circuit))
        torch.testing.assert_close(found, values, atol=1e-7, rtol=0)
    sampled = layer(circuit, device("a machine's gates"), shots=SHOTS)(rows(circuit))
    torch.testing.assert_close(sampled, values, atol=5 / SHOTS**0.5, rtol=0)
    assert_noisy(circuit, values)
