"""What comes from Qiskit: parameters are told apart, observables keep their wires."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    Gate,
    Parameter,
    ParameterVector,
    PowerModifier,
)
from qiskit.circuit import library as lib
from qiskit.quantum_info import Pauli, SparseObservable, SparsePauliOp, Statevector

from qml_qdl import hardware
from qml_qdl.circuits import Expectation, State
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.nn import QuantumLayer


def test_order_is_the_one_given_beyond_ten() -> None:
    circuit = QuantumCircuit(1)
    vector = ParameterVector("p", 13)
    single = [Parameter(f"q{k}") for k in range(12)]
    for parameter in (*vector, *single):
        circuit.rx(parameter, 0)
    x, theta = np.arange(13.0), np.arange(100.0, 112.0)
    for inputs, weights in [
        (vector, single),
        ("p", [parameter.name for parameter in single]),
        ([*vector], single),
        (["p[0]", *list(vector)[1:]], single),
    ]:
        ours = hardware.from_qiskit(circuit, inputs, weights)
        tape = qml.tape.make_qscript(ours)(x, theta)
        assert [gate.data[0] for gate in tape.operations] == [*x, *theta]
    backwards = hardware.from_qiskit(circuit, "p", single[::-1])
    tape = qml.tape.make_qscript(backwards)(x, theta)
    assert [gate.data[0] for gate in tape.operations] == [*x, *theta[::-1]]


def interleaved() -> QuantumCircuit:
    """Parameters whose order is neither that of creation nor of use."""
    circuit = QuantumCircuit(1)
    x, b, a = ParameterVector("x", 11), Parameter("b"), Parameter("a")
    for parameter in (x[10], b, *x[:10], a):
        circuit.rx(parameter, 0)
    return circuit


@pytest.mark.parametrize(
    ("given", "inputs", "weights"),
    [
        ({"inputs": "x"}, "x", ["a", "b"]),
        ({"weights": "x"}, ["a", "b"], "x"),
        ({"inputs": "b"}, "b", ["a", "x"]),
        ({"weights": ["b", "a"]}, "x", ["b", "a"]),
        ({"inputs": ()}, (), ["a", "b", "x"]),
        ({"weights": []}, ["a", "b", "x"], ()),
        ({"inputs": "x", "weights": None}, "x", ["a", "b"]),
    ],
)
def test_what_is_not_named_is_the_other(given: Any, inputs: Any, weights: Any) -> None:
    found = hardware.from_qiskit(interleaved(), **given)
    assert found == hardware.from_qiskit(interleaved(), inputs, weights)


def test_without_parameters_nothing_is_named() -> None:
    circuit = QuantumCircuit(1)
    circuit.h(0)
    for given in ({}, {"inputs": ()}, {"weights": ()}, {"inputs": (), "weights": ()}):
        found = hardware.from_qiskit(circuit, **given)
        assert (found.num_inputs, found.weight_shapes) == (0, {})


@pytest.mark.parametrize("given", [{}, {"inputs": None}, {"inputs": (), "weights": ()}])
def test_with_neither_the_error_says_what_to_write(given: Any) -> None:
    message = r"\['a', 'b', 'x\[0\]'.* are in neither; name those of one of the two"
    with pytest.raises(ArgumentError, match=message):
        hardware.from_qiskit(interleaved(), **given)


def test_observable_is_read_from_a_circuit() -> None:
    circuit = lib.real_amplitudes(3, reps=1)
    observable = SparsePauliOp(["IZX", "YYI", "III"], [0.5, -2.0, 0.25])
    theta = np.linspace(0.2, 1.4, 6)
    state = Statevector(circuit.assign_parameters(theta))
    readout = Expectation([hardware.from_qiskit(observable)])
    layer = QuantumLayer(hardware.from_qiskit(circuit, ()).with_readout(readout))
    with torch.no_grad():
        next(layer.parameters()).copy_(torch.as_tensor(theta))
    expected = state.expectation_value(observable).real
    assert layer().item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "observable", [SparsePauliOp("Z"), SparseObservable("Z"), Pauli("Z")]
)
def test_observable_takes_no_parameters(observable: Any) -> None:
    assert hardware.from_qiskit(observable) == qml.Z(0)
    with pytest.raises(ArgumentError, match="which is no circuit, got 'x' and None"):
        hardware.from_qiskit(observable, "x")
    with pytest.raises(ArgumentError, match=r"and \['a'\]; leave them out"):
        hardware.from_qiskit(observable, weights=["a"])
    with pytest.raises(ArgumentError, match="wires: expected 1 wires in place"):
        hardware.from_qiskit(observable, wires=2)


def test_observable_of_nothing_is_refused() -> None:
    with pytest.raises(ArgumentError, match="expected at least one qubit"):
        hardware.from_qiskit(SparsePauliOp([""], [1.0]))


def qubit(build: Callable[[QuantumCircuit], Any]) -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.rx(Parameter("a"), 0)
    circuit.ry(ParameterVector("v", 2)[1], 0)
    build(circuit)
    return circuit


def conditional(circuit: QuantumCircuit) -> None:
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)


def fractional(circuit: QuantumCircuit) -> None:
    circuit.append(AnnotatedOperation(lib.XGate(), PowerModifier(0.5)), [0])


@pytest.mark.parametrize(
    ("build", "inputs", "weights", "message"),
    [
        (lambda c: c.x(0), "a", (), r"parameters \['v\[1\]'\] are in neither"),
        (lambda c: c.x(0), ["a", "a"], "v", "'a' is named twice"),
        (lambda c: c.x(0), "a", ["v", "a"], "'a' is named twice"),
        (lambda c: c.x(0), ["a", "b"], "v", r"inputs: 'b' is no .* \['a', 'v'"),
        (lambda c: c.x(0), "a", Parameter("v"), "weights: 'v' is no parameter"),
        (lambda c: c.x(0), "a", ParameterVector("v", 3), "weights: 'v' is no"),
        (lambda c: c.measure(0, 0), "a", "v", "'measure' is no gate.*remove_final"),
        (lambda c: c.reset(0), "a", "v", "qubit 0 is reset"),
        (conditional, "a", "v", "'if_else' is no gate"),
        (lambda c: c.append(Gate("mine", 1, []), [0]), "a", "v", "'mine' is no gate"),
        (lambda c: c.rv(1.0, c.parameters[0], 0.1, 0), "a", "v", "rv gate cannot"),
        (lambda c: c.rx(2 ** c.parameters[0], 0), "a", "v", r"write 2\*\*p as"),
        (fractional, "a", "v", "expected a whole power of 'x', got 0.5"),
    ],
)
def test_what_cannot_come_is_refused(
    build: Callable[[QuantumCircuit], Any], inputs: Any, weights: Any, message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        hardware.from_qiskit(qubit(build), inputs, weights)


def test_wrong_types_are_refused() -> None:
    circuit = qubit(lambda c: c.x(0))
    with pytest.raises(ArgumentTypeError, match="quantum_circuit: expected a Qiskit"):
        hardware.from_qiskit("circuit")
    with pytest.raises(ArgumentTypeError, match="inputs: expected Qiskit parameters"):
        hardware.from_qiskit(circuit, inputs=3)
    with pytest.raises(ArgumentTypeError, match="weights: expected Qiskit parameters"):
        hardware.from_qiskit(circuit, weights=[3])
    with pytest.raises(ArgumentError, match="expected at least one qubit"):
        hardware.from_qiskit(QuantumCircuit())
    with pytest.raises(ArgumentError, match="wires: expected 2 wires"):
        hardware.from_qiskit(circuit, "a", "v", wires=3)


GATES = "qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; rz(0.3) q[1]; measure q -> c;"
PROGRAMS = {
    2: f'OPENQASM 2.0; include "qelib1.inc"; {GATES}',
    3: f'OPENQASM 3.0; include "stdgates.inc"; {GATES}'.replace(
        "measure q -> c;", "c = measure q;"
    ),
}


@pytest.mark.parametrize("version", PROGRAMS)
def test_programs_of_openqasm_are_their_circuits(version: int) -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.rz(0.3, 1)
    expected = Statevector(circuit).reverse_qargs().data
    found = hardware.from_qasm(PROGRAMS[version]).with_readout(State())
    state = QuantumLayer(found)().numpy()
    assert abs(np.vdot(expected, state)) == pytest.approx(1, abs=1e-6)


def test_parameters_of_openqasm_3_are_inputs_or_weights() -> None:
    text = 'OPENQASM 3.0; include "stdgates.inc"; input float a; qubit q; rx(a) q;'
    assert hardware.from_qasm(text, inputs="a").num_inputs == 1
    made = hardware.from_qasm(text, weights="a", wires=["w"])
    assert made.wires == ("w",)
    assert made.weight_shapes == {"weights_0": (1,)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "text: expected a program that begins with OPENQASM 2 or 3, got ''"),
        ("h q[0];", "begins with OPENQASM 2 or 3, got 'h q"),
        ("OPENQASM 2.0; qreg q[1]; foo q[0];", "OpenQASM 2 or 3: .*'foo' is not"),
        ("OPENQASM 3.0; foo q", "text: expected a program in OpenQASM 2 or 3: "),
        ("OPENQASM 3.0; qubit q; foo q;", "text: expected a program in OpenQASM"),
    ],
)
def test_what_is_no_program_is_refused(
    text: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ArgumentError, match=message):
        hardware.from_qasm(text)
    assert capfd.readouterr().err == ""  # the parser's own words are in the message
