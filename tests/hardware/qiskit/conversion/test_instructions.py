"""A gate is what its class or its definition says, whatever its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import qiskit
from packaging.version import Version
from qiskit import ClassicalRegister, QuantumCircuit, qasm2, qasm3, transpile
from qiskit.circuit import (
    AnnotatedOperation,
    ControlledGate,
    ControlModifier,
    Gate,
    InverseModifier,
    Parameter,
    ParameterVector,
    PowerModifier,
    Reset,
)
from qiskit.circuit import library as lib
from qiskit.circuit.annotated_operation import Modifier
from qiskit.circuit.classical import expr, types
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import Operator, Pauli, random_unitary
from qiskit.synthesis import synth_weighted_sum_carry

from qml_qdl import hardware
from qml_qdl.circuits.errors import ArgumentError
from tests.hardware.qiskit.conversion.library import check, plain, put, unitary

KNOWN = sorted(
    {*lib.get_standard_gate_name_mapping()}
    | {"barrier", "unitary", "state_preparation", "initialize", "PauliEvolution"}
    | {"pauli", "permutation", "mcx", "mcphase", "cx_o0", "qft", "if_else", "", "gate"}
)


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


@pytest.mark.parametrize("seed", range(5))
def test_random_circuit(seed: int) -> None:
    check(random_circuit(4, 5, max_operands=4, seed=seed))


@pytest.mark.parametrize(
    "circuit",
    [
        lib.quantum_volume(4, seed=1),
        put(lib.StatePreparation([0.6, 0, 0.48, -0.64])),
        put(lib.QFTGate(3)),
        put(lib.HalfAdderGate(2)),
    ],
    ids=["quantum volume", "state", "qft", "adder"],
)
def test_what_qiskit_wrote_comes_back(circuit: QuantumCircuit) -> None:
    bare = transpile(circuit, basis_gates=["u3", "rz", "cx"], optimization_level=0)
    back = [qasm3.loads(qasm3.dumps(circuit)), qasm2.loads(qasm2.dumps(bare))]
    for loaded in back:
        found = unitary(check(loaded))
        reference = Operator(circuit).data
        overlap = np.trace(reference.conj().T @ found) / len(reference)
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


A, B = Parameter("a"), Parameter("b")


def opened(circuit: QuantumCircuit) -> None:
    circuit.h(0)
    circuit.rx(A, 1)
    circuit.cx(0, 1)


def boxed(circuit: QuantumCircuit) -> None:
    circuit.h(0)
    with circuit.box():
        circuit.rx(A, 1)
        with circuit.box(duration=3):
            circuit.cx(0, 1)


def delayed(circuit: QuantumCircuit) -> None:
    circuit.h(0)
    circuit.delay(100, 0)
    circuit.rx(A, 1)
    circuit.delay(B, 1)
    circuit.cx(0, 1)


def looped(circuit: QuantumCircuit) -> None:
    with circuit.for_loop((0, 2)) as k:
        circuit.rx(k * A, 0)
        circuit.append(lib.HamiltonianGate(np.diag([1, 2]), k), [1])
        with circuit.for_loop((5, 1)) as j:
            circuit.cp(B * j + k, 0, 1)
            circuit.h(0)
        with circuit.for_loop(range(2)):
            circuit.sx(1)


def unrolled(circuit: QuantumCircuit) -> None:
    for k in (0, 2):
        circuit.rx(k * A, 0)
        circuit.append(lib.HamiltonianGate(np.diag([1, 2]), k), [1])
        for j in (5, 1):
            circuit.cp(B * j + k, 0, 1)
            circuit.h(0)
        circuit.sx(1)
        circuit.sx(1)


@pytest.mark.parametrize(
    ("build", "same"), [(boxed, opened), (delayed, opened), (looped, unrolled)]
)
def test_what_surrounds_gates_is_opened(build: Any, same: Any) -> None:
    check(plain(2, build), plain(2, same))


@pytest.mark.skipif(
    Version(qiskit.__version__) < Version("2.6"), reason="Qiskit 2.4 has none"
)
def test_variable_of_a_loop_that_is_no_parameter() -> None:
    body = QuantumCircuit(1, inputs=[k := expr.Var.new("k", types.Uint(8))])
    body.t(0)
    check(
        plain(1, lambda c: c.for_loop(range(3), k, body, [0], [])),
        plain(1, lambda c: [c.t(0) for _ in range(3)]),
    )


def initialised(circuit: QuantumCircuit) -> None:
    circuit.ry(A, 0)
    circuit.barrier()
    circuit.initialize([0.6, 0, 0, 0.8j], [2, 1])
    circuit.reset(3)
    circuit.initialize("+", 3)
    circuit.cx(0, 3)


def prepared(circuit: QuantumCircuit) -> None:
    circuit.ry(A, 0)
    circuit.prepare_state([0.6, 0, 0, 0.8j], [2, 1])
    circuit.h(3)
    circuit.cx(0, 3)


def test_initialize_on_fresh_qubits_is_a_preparation() -> None:
    check(plain(4, initialised), plain(4, prepared))


@pytest.mark.parametrize(
    "build",
    [
        lambda c: (c.x(1), c.reset(1)),
        lambda c: (c.h(0), c.cx(0, 1), c.initialize("0", 1)),
        lambda c: c.append(AnnotatedOperation(Reset(), [InverseModifier()]), [1]),
        lambda c: c.append(AnnotatedOperation(Reset(), [ControlModifier(1)]), [0, 1]),
    ],
)
def test_reset_of_what_is_in_use_is_refused(build: Any) -> None:
    with pytest.raises(ArgumentError, match=r"qubit 1 is reset.*prepare_state"):
        hardware.from_qiskit(plain(2, build))


def branched(circuit: QuantumCircuit) -> None:
    circuit.add_register(ClassicalRegister(1))
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.x(0)


def broken(circuit: QuantumCircuit) -> None:
    with circuit.for_loop(range(2)):
        circuit.x(0)
        circuit.break_loop()


def product(circuit: QuantumCircuit) -> None:
    circuit.add_register(ClassicalRegister(1))
    circuit.append(lib.PauliProductMeasurement(Pauli("XY")), [0, 1], [0])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda c: c.measure_all(), "'measure' is no gate.*remove_final_measurements"),
        (product, "'pauli_product_measurement' is no gate.*with_readout"),
        (branched, "'while_loop' is no gate; .* leave only the gates of the branch"),
        (broken, "'break_loop' is no gate; .* leave only the gates of the branch"),
        (lambda c: c.append(Gate("mine", 1, []), [0]), "'mine' is no gate; give it a"),
    ],
)
def test_what_is_no_gate_stays_refused(build: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message) as raised:
        hardware.from_qiskit(plain(2, build))
    assert "\n" not in str(raised.value)


def test_gate_of_a_symbol_whose_definition_needs_numbers_is_refused() -> None:
    kind = own(Gate, lambda gate: plain(1, lambda c: c.rx(float(gate.params[0]), 0)))
    check(put(kind("mine", 1, [0.3])))
    with pytest.raises(ArgumentError, match="use other gates"):
        hardware.from_qiskit(put(kind("mine", 1, [A])), "a")


@pytest.mark.parametrize("weights", [[1, 2], [1, 1], [0, 3]])
def test_weighted_sum_is_the_one_with_more_qubits(weights: list[int]) -> None:
    gate = lib.WeightedSumGate(len(weights), weights)
    circuit = plain(gate.num_qubits, lambda c: c.append(gate, c.qubits))
    found = unitary(hardware.from_qiskit(circuit))
    with_work = Operator(synth_weighted_sum_carry(gate)).data  # in |0⟩ before and after
    expected = with_work[: len(found), : len(found)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


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
    inner = QuantumCircuit(1, 1, name="inner")
    inner.measure(0, 0)
    outer = QuantumCircuit(1, 1)
    outer.append(inner.to_instruction(), [0], [0])
    with pytest.raises(ArgumentError, match="'inner' is no gate"):
        hardware.from_qiskit(outer)
    wrapped = QuantumCircuit(1, name="wrapped")
    wrapped.append(Gate("inner", 1, []), [0])
    with pytest.raises(ArgumentError, match="'wrapped' has a 'inner', which is no"):
        hardware.from_qiskit(plain(1, lambda c: c.append(wrapped.to_gate(), [0])))
