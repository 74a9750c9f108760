"""All of Qiskit's circuit library: there, trained, on a noisy machine, and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import AnnotatedOperation, Gate, Instruction, PowerModifier
from qiskit.circuit import library as lib
from qiskit.quantum_info import Pauli, Statevector

from qml_qdl import hardware
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.nn import QuantumLayer, set_target
from tests.hardware.qiskit.conversion import library
from tests.hardware.qiskit.conversion.library import (
    A,
    check,
    check_export,
    numbers,
    plain,
    put,
)

# The old classes of circuits are deprecated; what scipy says is about Qiskit's ways.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::scipy.sparse.SparseEfficiencyWarning"
)

INSTANCES = library.instances()

SAMPLE = (
    "adder controlled",
    "clifford",
    "clifford annotated",
    "comparator",
    "controlled cu of numbers",
    "cu controlled",
    "controlled u2",
    "delay",
    "efficient",
    "evolution controlled",
    "excitation",
    "fourier checking",
    "grover",
    "hamiltonian controlled",
    "hamiltonian of three qubits",
    "isometry",
    "linear function controlled",
    "mcmt controlled",
    "mcmt x",
    "mcu1",
    "mcx chain, open",
    "modular adder",
    "ms of a symbol",
    "multiplexed",
    "pauli controlled",
    "pauli map",
    "pauli rotation controlled",
    "permutation controlled",
    "phase oracle",
    "qft controlled",
    "quantum volume",
    "random iqp",
    "state of a label",
    "two local",
    "unitary controlled",
)


@pytest.mark.parametrize("name", SAMPLE)
def test_sample_comes_and_goes_back(name: str) -> None:
    circuit = INSTANCES[name]()
    check_export(check(circuit), numbers(circuit))


@pytest.mark.slow
@pytest.mark.parametrize("name", INSTANCES)
def test_instance_comes_and_goes_back(name: str) -> None:
    circuit = INSTANCES[name]()
    check_export(check(circuit), numbers(circuit))


def mean(circuit: QuantumCircuit, numbers: Any) -> Any:
    """⟨Z⟩ of each qubit, by Qiskit."""
    bound = circuit.assign_parameters(numbers).decompose("*PauliEvolution", reps=2)
    state = Statevector(bound)
    return [
        state.expectation_value(Pauli("Z"), [qubit]).real
        for qubit in range(circuit.num_qubits)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", INSTANCES | library.STATES)
def test_instance_is_a_layer(name: str) -> None:
    circuit = (INSTANCES | library.STATES)[name]()
    x = numbers(circuit)
    layer = QuantumLayer(hardware.from_qiskit(circuit, inputs=())).double()
    assert sum(p.numel() for p in layer.parameters()) == len(x)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.as_tensor(x))
    exact = layer()
    np.testing.assert_allclose(exact.detach(), mean(circuit, x), atol=1e-8)
    if len(x):
        exact.sum().backward()
        (weights,) = layer.parameters()
        assert weights.grad is not None
        for place in {0, len(x) // 2, len(x) - 1}:
            step = 1e-5 * np.eye(len(x))[place]
            rise = np.sum(mean(circuit, x + step)) - np.sum(mean(circuit, x - step))
            assert float(weights.grad[place]) == pytest.approx(rise / 2e-5, abs=1e-6)
    if circuit.num_qubits > 3:
        return
    set_target(layer, "aer:fake_manila")
    noisy = layer().detach()
    exported = hardware.to_qiskit(hardware.from_qiskit(circuit, inputs=()))
    bare = transpile(exported.assign_parameters(x), basis_gates=["cx", "u"])
    # One of this machine's qubits is misread often; CNOTs lose about one in a hundred.
    lost = 0.25 + 0.04 * bare.num_nonlocal_gates()
    assert float((noisy - exact.detach()).abs().max()) < lost


REFUSED: dict[str, tuple[Callable[[], QuantumCircuit], str]] = {
    "a measurement": (
        lambda: plain(1, lambda c: c.measure_all()),
        "'measure' is no gate.*remove_final_measurements",
    ),
    "a rotation vector of symbols": (
        lambda: put(lib.RVGate(A, 0.1, 0.2)),
        "rv gate cannot be decomposed with unbound parameters'; use other gates",
    ),
    "a root by a modifier": (
        lambda: put(AnnotatedOperation(lib.XGate(), PowerModifier(0.5))),
        "expected a whole power of 'x', got 0.5",
    ),
    "what is not defined": (
        lambda: put(Gate("own", 1, [])),
        "'own' is no gate; give it a definition",
    ),
}
"""What is refused, and the gist of why."""


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why(name: str) -> None:
    make, message = REFUSED[name]
    with pytest.raises(ArgumentError, match=message):
        hardware.from_qiskit(make(), weights=())


LEFT_OUT = {
    "Barrier": "by the method of circuits",
    "BlueprintCircuit": "an abstract class",
    "FunctionalPauliRotations": "an abstract class",
    "Initialize": "by the method of circuits",
    "Measure": "no gate",
    "PauliProductMeasurement": "no gate",
    "Reset": "no gate",
    "WeightedSumGate": "has no unitary in Qiskit: see test_instructions.py",
    "get_standard_gate_name_mapping": "all of which are there",
}


def test_nothing_of_the_library_is_missing() -> None:
    source = Path(library.__file__).read_text()
    standard = {
        gate.base_class.__name__
        for gate in lib.get_standard_gate_name_mapping().values()
        if isinstance(gate, Instruction)
    }
    missing = {
        name
        for name, found in vars(lib).items()
        if callable(found)
        and not name.startswith(("_", "template_", "clifford_", "rzx_"))
        and name not in standard | {*LEFT_OUT}
        and f"lib.{name}" not in source
    }
    assert not missing
