"""A gate is what its class or its definition says, whatever its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
from qiskit import QuantumCircuit, qasm2, qasm3, transpile
from qiskit.circuit import (
    AnnotatedOperation,
    ControlledGate,
    ControlModifier,
    Gate,
    InverseModifier,
    Parameter,
    ParameterVector,
    PowerModifier,
)
from qiskit.circuit import library as lib
from qiskit.circuit.annotated_operation import Modifier
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import Operator, random_unitary

from qml_qdl import hardware
from qml_qdl.circuits.errors import ArgumentError

KNOWN = sorted(
    {*lib.get_standard_gate_name_mapping()}
    | {"barrier", "unitary", "state_preparation", "initialize", "PauliEvolution"}
    | {"pauli", "permutation", "mcx", "mcphase", "cx_o0", "qft", "if_else", "", "gate"}
)


def ours(circuit: QuantumCircuit, x: Any = None) -> Any:
    """The unitary of a circuit as it is taken over, in Qiskit's order of bits."""
    inputs = list(circuit.parameters)
    imported = hardware.from_qiskit(circuit, inputs)
    tape = qml.tape.make_qscript(imported)(x, None)
    wires = range(circuit.num_qubits)
    tape = qml.tape.QuantumScript([*map(qml.Identity, wires), *tape.operations])
    return qml.matrix(tape, wire_order=list(wires)[::-1])


def check(circuit: QuantumCircuit) -> None:
    x = np.linspace(0.3, 1.2, len(circuit.parameters))
    bound = circuit.assign_parameters(dict(zip(circuit.parameters, x, strict=True)))
    reference = Operator(bound).data
    np.testing.assert_allclose(ours(circuit, x), reference, atol=1e-8)


def put(operation: Any, *qubits: int, size: int | None = None) -> QuantumCircuit:
    """An operation on its own, among gates that it does not commute with."""
    size = size or operation.num_qubits
    circuit = QuantumCircuit(size)
    for qubit in range(size):
        circuit.ry(0.4 + qubit, qubit)
    circuit.append(operation, qubits or range(operation.num_qubits))
    circuit.sx(0)
    return circuit


def body(wires: int, angles: list[Any], phase: Any = 0.3) -> QuantumCircuit:
    """Gates that no standard gate is equal to."""
    inner = QuantumCircuit(wires, global_phase=phase)
    for place, angle in enumerate([*angles, 0.7]):
        inner.rx(angle, place % wires)
        inner.t(0)
        if wires > 1:
            inner.cx(wires - 1 - place % (wires - 1), 0)
    return inner


MAKE: dict[str, Callable[[QuantumCircuit], Any]] = {
    "gate": lambda inner: inner.to_gate(),
    "instruction": lambda inner: inner.to_instruction(),
    "inverse": lambda inner: inner.to_gate().inverse(),
    "control": lambda inner: inner.to_gate().control(1, annotated=False),
    "controls": lambda inner: inner.to_gate().control(2, ctrl_state=1, annotated=False),
    "annotated": lambda inner: AnnotatedOperation(
        inner.to_gate(), [ControlModifier(1, 0), InverseModifier(), PowerModifier(2)]
    ),
    "nested": lambda inner: put(inner.to_gate()).to_gate(),
}


CONTROLS_BY_NAME = frozenset(
    ["p", "u", "x", "y", "z", "h", "sx", "sxdg", "rx", "ry", "rz", "cx", "cz"]
)
"""Qiskit's own `control` goes by these names, and fails or makes something else."""


@pytest.mark.parametrize(("wires", "count"), [(1, 1), (2, 0), (2, 3)])
def test_name_of_ones_own_gate_means_nothing(wires: int, count: int) -> None:
    for number, name in enumerate(KNOWN):
        inner = body(wires, [0.1, 0.5, 0.9][:count])
        inner.name = name
        make = list(MAKE)[number % len(MAKE)]
        if not (make.startswith("control") and name in CONTROLS_BY_NAME):
            check(put(MAKE[make](inner)))


@pytest.mark.parametrize("make", sorted({*MAKE} - {"annotated"}))
def test_ones_own_gate_has_parameters(make: str) -> None:
    vector, a = ParameterVector("v", 2), Parameter("a")
    for angles in ([a], [a * vector[1] + 0.1, vector[0], -a]):
        for name in ("ryy", "r"):
            inner = body(2, angles, phase=a / 2)
            inner.name = name
            check(put(MAKE[make](inner)))


@pytest.mark.parametrize("name", lib.get_standard_gate_name_mapping())
def test_standard_gate_with_its_own_definition_again(name: str) -> None:
    """As loaders make them that define in the program what Qiskit knows."""
    gate = lib.get_standard_gate_name_mapping()[name]
    if not isinstance(gate, Gate) or not gate.num_qubits:
        return
    angles = list(np.linspace(0.4, 2.0, len(gate.params)))
    made = QuantumCircuit(gate.num_qubits, name=name)
    made.append(gate.base_class(*angles), range(gate.num_qubits))
    for operation in (made.to_gate(), made.decompose().to_gate()):
        check(put(operation))
        if name not in CONTROLS_BY_NAME:
            check(put(operation.control(1, ctrl_state=0, annotated=False)))


def own(base: Any, define: Any = None, matrix: Any = None) -> Any:
    """A class derived from one of Qiskit's."""
    parts: dict[str, Any] = {"__module__": "mine"}
    if define is not None:

        def _define(self: Any) -> None:
            self.definition = define(self)

        parts["_define"] = _define
    if matrix is not None:
        parts["__array__"] = lambda self, dtype=None, copy=None: matrix(self)
    return type("Mine", (base,), parts)


def rx_circuit(gate: Any) -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.rx(gate.params[0], 0)
    return circuit


def rz_circuit(gate: Any) -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.rz(gate.params[0], 0)
    return circuit


def rx_matrix(gate: Any) -> Any:
    return lib.RXGate(float(gate.params[0])).to_matrix()


ANGLES = [0.3, Parameter("a"), 2 * Parameter("a") - 0.1]


@pytest.mark.parametrize("angle", ANGLES, ids=str)
def test_derived_class_that_is_what_its_base_is(angle: Any) -> None:
    for kind in (
        own(lib.RXGate),
        own(lib.RXGate, rx_circuit),
        own(lib.RXGate, matrix=rx_matrix),
    ):
        check(put(kind(angle)))
    for kind in (own(Gate, rx_circuit), own(Gate, rx_circuit, rx_matrix)):
        check(put(kind("ry", 1, [angle])))
    check(put(own(lib.UGate)(angle, 0.1, 0.2)))
    check(put(own(lib.CXGate)()))
    check(put(own(lib.CRXGate)(angle)))
    check(put(own(lib.HGate)(), size=2))


def test_derived_class_that_contradicts_itself_is_refused() -> None:
    flip, crossed = QuantumCircuit(1), QuantumCircuit(2)
    flip.x(0)
    crossed.cz(0, 1)
    gates = {
        "rx": own(lib.RXGate, rz_circuit),
        "ry": own(lib.RYGate, matrix=rx_matrix),
        "h": own(lib.HGate, lambda gate: flip),
        "sx": own(lib.SXGate, matrix=lambda gate: lib.XGate().to_matrix()),
        "id": own(lib.IGate, lambda gate: flip),
        "unitary": own(lib.UnitaryGate, lambda gate: flip),
        "cx": own(lib.CXGate, lambda gate: crossed),
        "mine": own(Gate, rz_circuit, rx_matrix),
    }
    makes: dict[str, Callable[[Any, Any], Any]] = {
        "rx": lambda kind, angle: kind(angle),
        "ry": lambda kind, angle: kind(angle),
        "unitary": lambda kind, angle: kind(np.eye(2)),
        "mine": lambda kind, angle: kind("mine", 1, [angle]),
    }
    for name, kind in gates.items():
        for angle in ANGLES:
            circuit = put(makes.get(name, lambda kind, angle: kind())(kind, angle))
            message = f"the matrix of '{name}', .* is not that of its definition"
            with pytest.raises(ArgumentError, match=message):
                hardware.from_qiskit(circuit, circuit.parameters)


def test_definition_that_was_replaced_is_refused() -> None:
    flip = QuantumCircuit(2)
    flip.x(0)
    for gate in (
        lib.RXXGate(0.3),
        lib.SwapGate().to_mutable(),
        lib.CXGate().to_mutable(),
        lib.CRXGate(0.3),
        lib.RZXGate(0.2),
        lib.CUGate(0.1, 0.2, 0.3, 0.4, ctrl_state=0),
        lib.UnitaryGate(random_unitary(4, seed=2)),
    ):
        _ = gate.definition  # looking at it changes nothing
        check(put(gate))
        gate.definition = flip
        with pytest.raises(ArgumentError, match="its definition is not that of"):
            hardware.from_qiskit(put(gate))


def test_matrix_alone_is_enough() -> None:
    matrix = random_unitary(4, seed=3).data
    check(put(own(Gate, matrix=lambda gate: matrix)("swap", 2, []), 1, 0))
    for wrong in (2 * matrix, matrix[:2, :2]):
        gate = own(Gate, matrix=lambda gate, wrong=wrong: wrong)("swap", 2, [])
        with pytest.raises(ArgumentError, match="'swap' has no unitary matrix"):
            hardware.from_qiskit(put(gate))


@pytest.mark.parametrize("state", [0, 1])
def test_controlled_gate_is_what_it_is_defined_to_be(state: int) -> None:
    inner = body(2, [0.2])
    gate = ControlledGate("cx", 2, [], None, 1, inner, state, base_gate=lib.XGate())
    check(put(gate, 1, 0))
    opaque = Gate("h", 1, [])
    gate = ControlledGate("ch", 2, [], None, 1, inner, state, base_gate=opaque)
    check(put(gate))


CONTROLLED: dict[str, Callable[[], Any]] = {
    "unitary": lambda: lib.UnitaryGate(random_unitary(4, seed=1)).control(
        1, ctrl_state=0
    ),
    "ry": lambda: lib.RYGate(0.3).control(3, ctrl_state=5, annotated=False),
    "rz symbol": lambda: lib.RZGate(Parameter("a")).control(2, annotated=False),
    "mcx": lambda: lib.XGate().control(5, ctrl_state=11),
    "mcp": lambda: lib.PhaseGate(0.4).control(4, ctrl_state=6),
    "mcu1": lambda: lib.MCU1Gate(0.4, 3),
    "phase": lambda: lib.GlobalPhaseGate(0.3).control(2, ctrl_state=1),
    "mcmt": lambda: lib.MCMTGate(lib.ZGate(), 2, 2),
    "mcmt of one": lambda: lib.MCMTGate(lib.HGate(), 2, 1),
    "c3sx": lib.C3SXGate,
    "c4x": lib.C4XGate,
    "open crz": lambda: lib.CRZGate(Parameter("a"), ctrl_state=0),
    "open cu": lambda: lib.CUGate(0.1, Parameter("a"), 0.3, 0.4, ctrl_state=0),
    "cswap": lambda: lib.SwapGate().control(2, ctrl_state=2, annotated=False),
    "pauli": lambda: lib.PauliGate("XYZ").control(1, annotated=False),
    "annotated unitary": lambda: lib.UnitaryGate(random_unitary(2, seed=1)).control(
        2, ctrl_state=1, annotated=True
    ),
    "touched": lambda: touched(lib.XGate().control(4)),
}


def touched(gate: Any) -> Any:
    assert gate.definition is not None
    return gate


@pytest.mark.parametrize("name", CONTROLLED)
def test_controlled_gate(name: str) -> None:
    check(put(CONTROLLED[name]()))


@pytest.mark.parametrize("seed", range(5))
def test_random_circuit(seed: int) -> None:
    check(random_circuit(4, 5, max_operands=4, seed=seed))


LIBRARY: dict[str, Callable[[], QuantumCircuit]] = {
    "quantum volume": lambda: lib.quantum_volume(4, seed=1),
    "state": lambda: put(lib.StatePreparation([0.6, 0, 0.48, -0.64])),
    "label": lambda: put(lib.StatePreparation("+-r", inverse=True)),
    "qft": lambda: put(lib.QFTGate(3)),
    "diagonal": lambda: put(lib.DiagonalGate([1, 1j, -1, 1])),
    "permutation": lambda: put(lib.PermutationGate([2, 0, 1])),
    "isometry": lambda: put(lib.Isometry(random_unitary(4, seed=2).data, 0, 0)),
    "ms": lambda: put(lib.MSGate(3, 0.3)),
    "hamiltonian": lambda: put(lib.HamiltonianGate(np.diag([1, 2, 3, -1]), 0.3)),
    "grover": lambda: lib.grover_operator(put(lib.DiagonalGate([1, -1, -1, 1]))),
    "adder": lambda: put(lib.HalfAdderGate(2)),
    "efficient": lambda: lib.efficient_su2(3, reps=1),
    "two local": lambda: lib.n_local(3, ["ry", "u"], "cu", reps=1),
    "excitation": lambda: lib.excitation_preserving(3, reps=1),
    "pauli map": lambda: lib.pauli_feature_map(3, reps=1, paulis=["Z", "XY"]),
    "random": lambda: lib.random_iqp(3, seed=1),
    "fourier": lambda: lib.fourier_checking([1, -1, -1, 1], [1, 1, -1, -1]),
}
if hasattr(lib, "UniformSuperpositionGate"):  # Qiskit 2.4 has none
    LIBRARY["uniform"] = lambda: put(lib.UniformSuperpositionGate(5, 3))


@pytest.mark.parametrize("name", LIBRARY)
def test_circuit_of_the_library(name: str) -> None:
    check(LIBRARY[name]())


@pytest.mark.parametrize(
    "name", sorted(LIBRARY.keys() & {"quantum volume", "state", "uniform", "adder"})
)
def test_what_qiskit_wrote_comes_back(name: str) -> None:
    circuit = LIBRARY[name]()
    plain = transpile(circuit, basis_gates=["u3", "rz", "cx"], optimization_level=0)
    back = [qasm3.loads(qasm3.dumps(circuit)), qasm2.loads(qasm2.dumps(plain))]
    for loaded in back:
        check(loaded)
        reference = Operator(circuit).data
        overlap = np.trace(reference.conj().T @ ours(loaded)) / len(reference)
        assert abs(overlap) == pytest.approx(1.0, abs=1e-6)


QASM2 = """
OPENQASM 2.0;
include "qelib1.inc";
gate iswap a,b { cx a,b; h a; }
gate ecr a,b { iswap b,a; barrier a,b; t b; }
gate ryy(t) a,b { rz(t/2) a; cx a,b; u3(t,0.1,-t) b; }
gate unitary a { h a; u1(pi/7) a; }
gate r(a,b) q { rx(a+b) q; unitary q; }
gate rzz(t) a,b { cx a,b; u1(t) b; cx a,b; }
gate xx_minus_yy(a,b) q,r { ryy(sin(a)) q,r; }
gate pauli q {}
qreg q[3];
h q;
iswap q[0],q[1];
ecr q[2],q[0];
ryy(0.3) q[1],q[2];
unitary q;
r(0.2,0.5) q[2];
rzz(1.1) q[0],q[1];
xx_minus_yy(0.2,0.3) q[0],q[2];
cu1(0.3) q[0],q[1];
cu3(0.1,0.2,0.3) q[2],q[1];
pauli q[0];
id q[1];
"""

QASM3 = """
OPENQASM 3.0;
include "stdgates.inc";
gate iswap a, b { cx a, b; h a; }
gate swap2(t) a, b { iswap b, a; rx(t) a; gphase(t); }
gate unitary a { U(0.1, 0.2, 0.3) a; }
input float[64] w;
qubit[3] q;
h q;
iswap q[0], q[1];
ctrl @ swap2(0.3) q[2], q[0], q[1];
negctrl(2) @ rx(0.4) q[0], q[1], q[2];
inv @ swap2(w) q[0], q[1];
pow(3) @ unitary q[1];
ctrl @ inv @ unitary q[1], q[2];
cphase(w / 2) q[0], q[2];
u2(0.1, 0.2) q[1];
gphase(0.7);
cu(0.1, 0.2, w, 0.4) q[1], q[0];
"""


def test_openqasm_2() -> None:
    for options in ({}, {"custom_instructions": qasm2.LEGACY_CUSTOM_INSTRUCTIONS}):
        check(qasm2.loads(QASM2, **options))


@pytest.mark.filterwarnings("ignore:.*annotated:DeprecationWarning")
def test_openqasm_3() -> None:
    check(qasm3.loads(QASM3))


def test_modifier_that_is_not_known_is_refused() -> None:
    operation = AnnotatedOperation(lib.XGate(), type("Twice", (Modifier,), {})())
    with pytest.raises(ArgumentError, match="'x' has the modifier"):
        hardware.from_qiskit(put(operation))


def test_parameters_of_a_definition_that_the_circuit_has_not_are_refused() -> None:
    inner = QuantumCircuit(1)
    inner.rx(Parameter("a"), 0)
    gate = Gate("rx", 1, [])
    gate.definition = inner
    circuit = put(gate)
    circuit.rz(Parameter("a"), 0)
    with pytest.raises(ArgumentError, match=r"parameters \['a'\], which are not"):
        hardware.from_qiskit(circuit, "a")


def test_what_is_no_gate_stays_refused() -> None:
    builds: list[Callable[[QuantumCircuit], Any]] = [
        lambda c: c.measure_all(),
        lambda c: c.reset(0),
        lambda c: c.initialize([0, 1], 0),
        lambda c: c.delay(3, 0),
    ]
    for build in builds:
        circuit = QuantumCircuit(2)
        build(circuit)
        with pytest.raises(ArgumentError, match="is no gate"):
            hardware.from_qiskit(circuit)


@pytest.mark.parametrize("pattern", [[2, 0, 1], [1, 0], [0, 1, 2], [3, 2, 0, 1]])
@pytest.mark.parametrize("inverse", [False, True])
def test_permutations_are_swaps(pattern: list[int], inverse: bool) -> None:
    size = len(pattern)
    quantum_circuit = QuantumCircuit(size)
    gate = lib.PermutationGate(pattern)
    quantum_circuit.append(gate.inverse() if inverse else gate, range(size))
    found = hardware.to_qiskit(hardware.from_qiskit(quantum_circuit, wires=size))
    np.testing.assert_allclose(Operator(found).data, Operator(quantum_circuit).data)


def test_what_the_user_wrote_is_named() -> None:
    inner = QuantumCircuit(1, name="inner")
    inner.reset(0)
    outer = QuantumCircuit(1)
    outer.append(inner.to_instruction(), [0])
    with pytest.raises(
        ArgumentError, match=r"'inner' has a 'reset', which is no gate.*prepare_state"
    ):
        hardware.from_qiskit(outer, wires=1)
