"""Qiskit's gates and expressions as plain values: each is Qiskit's."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit.circuit import library as lib
from qiskit.circuit.library import get_standard_gate_name_mapping

from qml_qdl.hardware.qiskit.conversion.fixed import Fixed
from qml_qdl.hardware.qiskit.conversion.imported import (
    OPERATIONS,
    ImportedGate,
    ImportedGates,
    value_of,
)

QISKITS = get_standard_gate_name_mapping() | {
    "u1": lib.U1Gate(0.1),
    "u2": lib.U2Gate(0.1, 0.2),
    "u3": lib.U3Gate(0.1, 0.2, 0.3),
}


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - {"barrier", "global_phase"}))
def test_each_gate_is_qiskits_of_that_name(name: str) -> None:
    kind = type(QISKITS[name])
    angles = [0.3, -0.7, 1.1][: len(QISKITS[name].params)]
    theirs = kind(*angles)
    wires = tuple(range(theirs.num_qubits))
    ours = ImportedGate(name, wires, tuple(angles)).queue(wires, None, None)
    matrix = qml.matrix(ours, wire_order=wires[::-1])
    np.testing.assert_allclose(matrix, theirs.to_matrix(), atol=1e-12)


def test_a_global_phase_has_qiskits_sign() -> None:
    gate = ImportedGate("global_phase", (), (0.3,)).queue((), None, None)
    assert qml.matrix(gate, wire_order=[0])[0, 0] == pytest.approx(np.exp(0.3j))


@pytest.mark.parametrize(
    ("angle", "expected"),
    [
        (0.5, 0.5),
        (("input", 1), 0.7),
        (("weight", 0), 1.1),
        (("Add", ("input", 0), ("weight", 0), 2.0), 0.3 + 1.1 + 2),
        (("Mul", 2.0, ("Pow", ("input", 1), 2)), 2 * 0.7**2),
        (("Abs", ("Mul", -1.0, ("input", 0))), 0.3),
        (("sin", ("exp", ("input", 0))), np.sin(np.exp(0.3))),
        (("acos", ("input", 0)), np.arccos(0.3)),
        (("exp", 1), np.e),
    ],
    ids=str,
)
def test_expressions_have_values(angle: Any, expected: float) -> None:
    x, theta = np.array([0.3, 0.7]), np.array([1.1])
    assert value_of(angle, x, theta) == pytest.approx(expected)
    rows = value_of(angle, np.stack([x, x]), theta)
    np.testing.assert_allclose(np.broadcast_to(rows, 2), [expected] * 2)


def test_only_numbers_of_the_circuit_are_fixed() -> None:
    theta = torch.tensor([0.3], requires_grad=True)
    fixed = ImportedGate("rx", (0,), (0.3,)).queue([0], None, None)
    trained = ImportedGate("rx", (0,), (("weight", 0),)).queue([0], None, theta)
    assert isinstance(fixed, Fixed)
    assert not isinstance(trained, Fixed)
    assert trained.data[0].requires_grad
    assert not isinstance(ImportedGate("h", (0,)).queue([0], None, None), Fixed)


def test_controls_come_first_with_their_bits_and_adjoints_inside() -> None:
    gate = ImportedGate("s", (2, 0, 1), (), controls=(True, False), adjoint=True)
    found = gate.queue(["a", "b", "c"], None, None)
    expected = qml.ctrl(qml.adjoint(qml.S("b")), ["c", "a"], control_values=[1, 0])
    order = ["a", "b", "c"]
    np.testing.assert_allclose(
        qml.matrix(found, wire_order=order), qml.matrix(expected, wire_order=order)
    )


def test_a_block_of_gates_is_a_value() -> None:
    gates = (ImportedGate("rx", (0,), (("input", 1),)), ImportedGate("h", (1,)))
    block = ImportedGates(["a", "b"], gates, 2, 0)
    assert (block.num_features, block.weight_shape) == (2, None)
    assert ImportedGates(1, gates[:1], 2, 3).weight_shape == (3,)
    assert (
        repr(block) == "ImportedGates(['a', 'b'], 2 gates, num_inputs=2, num_weights=0)"
    )
    for twin in (pickle.loads(pickle.dumps(block)), copy.deepcopy(block)):
        assert twin == block
        assert hash(twin) == hash(block)
    with qml.queuing.AnnotatedQueue() as queue:
        block.queue(np.array([0.1, 0.2]), None)
    assert [op.name for op in queue.queue] == ["RX", "Hadamard"]
    assert queue.queue[0].data[0] == 0.2
