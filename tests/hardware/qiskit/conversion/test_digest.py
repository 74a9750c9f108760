"""Equal circuits have equal digests, everywhere; all others have others."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ClassicalRegister, ControlledGate, Parameter, Qubit
from qiskit.circuit import library as lib

from qml_qdl.circuits.errors import ArgumentTypeError
from qml_qdl.hardware.qiskit.conversion.digest import circuit_digest


def example(theta: str = "t", name: str | None = None, value: float = 0.5) -> Any:
    symbols = [Parameter(f"{theta}{k}") for k in range(3)]
    circuit = QuantumCircuit(3, 2, name=name, global_phase=symbols[0] / 3)
    circuit.rx(symbols[0], 0)
    circuit.ry(2 * symbols[1] + value, 1)
    circuit.append(lib.XGate().control(2, ctrl_state=1), [0, 1, 2])
    circuit.unitary(np.eye(2), [2])
    circuit.rz(symbols[2], 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def changed(change: Callable[[Any], Any]) -> Any:
    circuit = example()
    change(circuit)
    return circuit


def replaced(index: int, **parts: Any) -> Callable[[Any], None]:
    def change(circuit: Any) -> None:
        circuit.data[index] = circuit.data[index].replace(**parts)

    return change


def reordered(circuit: Any) -> None:
    circuit.data.insert(0, circuit.data.pop(1))


def swapped_parameters(circuit: Any) -> None:
    first, second, _ = circuit.parameters
    circuit.assign_parameters({first: second, second: first}, inplace=True)


def sub(*gates: str, name: str = "inner") -> Any:
    inner = QuantumCircuit(1, name=name)
    for gate in gates:
        getattr(inner, gate)(0)
    return inner.to_gate()


def derived(gate: str) -> Any:
    """A class of one's own, derived from one of Qiskit's."""

    def define(self: Any) -> None:
        self.definition = sub(gate).definition

    return type("Mine", (lib.RGate,), {"__module__": "mine", "_define": define})


def controlled(gate: str) -> Any:
    inner = QuantumCircuit(2)
    getattr(inner, gate)(1)
    return ControlledGate("cx", 2, [], None, 1, inner, base_gate=lib.XGate())


DIFFERENT: dict[str, Any] = {
    "itself": example(),
    "a number": example(value=0.5 + 1e-15),
    "a gate more": changed(lambda c: c.x(0)),
    "a qubit more": changed(lambda c: c.add_bits([Qubit()])),
    "a barrier": changed(lambda c: c.barrier()),
    "a register": changed(lambda c: c.add_register(ClassicalRegister(1, "more"))),
    "the phase": changed(lambda c: setattr(c, "global_phase", 0.1)),
    "a gate": changed(replaced(3, operation=lib.HGate())),
    "order": changed(reordered),
    "parameters": changed(swapped_parameters),
    "a control": changed(replaced(2, operation=lib.CCXGate())),
    "a matrix": changed(replaced(3, operation=lib.UnitaryGate(-np.eye(2)))),
    "a delay": changed(lambda c: c.delay(5, 0)),
    "a delay's unit": changed(lambda c: c.delay(5, 0, unit="ns")),
    "a definition": changed(lambda c: c.append(sub("x"), [0])),
    "another definition": changed(lambda c: c.append(sub("x", "x"), [0])),
    "a known name": changed(lambda c: c.append(sub("x", name="unitary"), [0])),
    "a name alone": changed(lambda c: c.append(sub("x", "x", name="unitary"), [0])),
    "a derived class": changed(lambda c: c.append(derived("x")(0.1, 0.2), [0])),
    "another derived class": changed(lambda c: c.append(derived("y")(0.1, 0.2), [0])),
    "what is controlled": changed(lambda c: c.append(controlled("x"), [0, 1])),
    "how it is controlled": changed(lambda c: c.append(controlled("y"), [0, 1])),
}


def test_what_differs_has_another_digest() -> None:
    digests = {name: circuit_digest(circuit) for name, circuit in DIFFERENT.items()}
    for one, other in combinations(digests, 2):
        assert digests[one] != digests[other], (one, other)


def test_qubits_and_bits_count() -> None:
    circuits = []
    for qubit, bit in ((0, 0), (1, 0), (0, 1)):
        circuit = QuantumCircuit(2, 2)
        circuit.x(qubit)
        circuit.measure(0, bit)
        circuits.append(circuit)
    assert len(set(map(circuit_digest, circuits))) == 3


def test_names_do_not_count() -> None:
    assert circuit_digest(example("other", "name")) == circuit_digest(example())
    assert circuit_digest(example().copy()) == circuit_digest(example())


def test_digest_is_the_same_in_every_process() -> None:
    """Journals and caches on disk hold digests: a new one would lose them."""
    assert circuit_digest(example()) == (
        "f99d0bff9e038e8d40754c2216ba231c0ebf84334d4f67bbb4cf0b1ef2de2f8c"
    )


def test_digest_of_many_parameters_follows_their_order() -> None:
    angles = [Parameter(f"a{k:02}") for k in range(12)]
    rising, falling = QuantumCircuit(1), QuantumCircuit(1)
    for one, other in zip(angles, angles[::-1], strict=True):
        rising.rx(one, 0)
        falling.rx(other, 0)
    assert circuit_digest(rising) != circuit_digest(falling)


def test_control_flow_has_no_digest() -> None:
    circuit = QuantumCircuit(1, 1)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)
    with pytest.raises(ArgumentTypeError, match=r"circuit: .*use gates"):
        circuit_digest(circuit)
