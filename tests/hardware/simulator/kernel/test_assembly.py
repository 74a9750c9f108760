"""What instructions are made of a structure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.hardware.simulator.kernel.assembly import (
    Assembly,
    UnsupportedError,
    _quaternion,
    assemble,
    given_angles,
)
from qml_qdl.hardware.simulator.tracing import native_tape
from qml_qdl.hardware.structure import Plan, make_plan
from qml_qdl.nn import QuantumLayer


def plan_of(*operations: Any, wires: int = 3) -> Plan:
    tape = qml.tape.QuantumScript(operations, [qml.expval(qml.Z(0))])
    return make_plan(native_tape(tape), range(wires))


def assembled(plan: Plan, readout: Any = None) -> Assembly:
    readout = readout or [qml.Z(0).pauli_rep]
    return assemble(plan.structure, *given_angles(plan), readout, plan.batched)


def test_numbers_of_given_angles() -> None:
    each = np.array([0.1, 0.2])
    plan = plan_of(qml.RX(each, 0), qml.RY(0.3, 1), qml.RZ(each, 2))
    numbers, rows, common = given_angles(plan)
    assert [(n.by_row, n.index) for n in numbers] == [(True, 0), (False, 0), (True, 1)]
    assert (rows, common) == (2, [1])


def test_shapes() -> None:
    found = assembled(plan_of(qml.RX(0.1, 0), qml.CNOT([0, 1])))
    assert (found.features, found.weights, found.outputs) == (0, (1,), 1)
    assert not found.reads_state
    whole = assembled(plan_of(qml.RX(0.1, 0)), "state")
    assert (whole.reads_state, whole.outputs) == (True, 16)
    squares = assembled(plan_of(qml.RX(0.1, 0)), "probabilities")
    assert (squares.reads_state, squares.outputs) == (False, 8)


def test_what_does_nothing_has_no_instruction() -> None:
    nothing = assembled(plan_of(qml.Identity(0)))
    undone = assembled(plan_of(qml.Hadamard(1), qml.Hadamard(1)))
    assert undone.whole == nothing.whole
    assert undone.real == nothing.real


def test_equal_layers_share_their_tables() -> None:
    ring = [qml.CNOT([0, 1]), qml.CNOT([1, 2])]
    turn = [qml.RX(0.1, wire) for wire in range(3)]
    sizes = [
        len(assembled(plan_of(*turn, *(ring + turn) * n)).whole) for n in (1, 2, 3)
    ]
    assert sizes[2] - sizes[1] == sizes[1] - sizes[0]
    table = 4 * 2**3
    assert sizes[1] - sizes[0] < table + 4 * 60


NEGATIVE = qml.ctrl(qml.X(0), 1, control_values=[0])


@pytest.mark.parametrize(
    ("gates", "is_read_before"),
    [
        ([qml.CNOT([0, 1]), qml.SWAP([1, 2]), NEGATIVE], (True, True)),
        ([qml.CZ([0, 1]), qml.CNOT([1, 2])], (True, False)),  # signs of amplitudes
        ([qml.Toffoli([0, 1, 2])], (False, False)),  # words become sums of words
    ],
)
def test_words_are_read_before_a_last_permutation(
    gates: list[Any], is_read_before: tuple[bool, bool]
) -> None:
    turn = qml.RX(0.1, 0)
    for letter, is_free in zip((qml.Z, qml.X), is_read_before, strict=True):
        words = [letter(0).pauli_rep]
        plain = assembled(plan_of(turn), words)
        found = assembled(plan_of(turn, *gates), words)
        assert (len(found.whole) == len(plain.whole)) == is_free


def test_matrices_come_with_each_call() -> None:
    unitary = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    found = assembled(plan_of(qml.QubitUnitary(unitary, [2, 0]), qml.ECR([0, 1])))
    assert [gate.wires for gate in found.matrices] == [(2, 0), (0, 1)]


def test_what_is_too_wide_is_left_to_torch() -> None:
    assembled(plan_of(qml.RX(0.1, 0), wires=31))  # needs no table
    for gate, wires in ((qml.CNOT([0, 1]), 26), (qml.RX(0.1, 0), 32)):
        with pytest.raises(UnsupportedError):
            assembled(plan_of(gate, wires=wires))


def test_projections_are_left_to_torch() -> None:
    with pytest.raises(UnsupportedError):
        assembled(plan_of(qml.Projector([0], 1)))


def test_what_is_not_unitary_is_left_to_torch() -> None:
    with pytest.raises(UnsupportedError):
        _quaternion(np.diag([1, 0.5]).astype(complex))
    with pytest.raises(UnsupportedError):
        _quaternion(np.array([[1, 1], [0, 1]], dtype=complex) / np.sqrt(2))


def test_quaternions_are_the_matrices() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        matrix = np.linalg.qr(rng.normal(size=(2, 2, 2)) @ [1, 1j])[0]
        phase, (w, x, y, z) = _quaternion(matrix)
        found = np.array([[w + 1j * z, y + 1j * x], [1j * x - y, w - 1j * z]])
        np.testing.assert_allclose(np.exp(1j * phase) * found, matrix, atol=1e-14)


def test_signs_of_what_does_nothing_else_are_kept() -> None:
    layer = QuantumLayer(
        qml.QNode(
            lambda x: (
                qml.RX(x[..., 0], 1),
                qml.PauliX(0),
                qml.PauliZ(0),
                qml.PauliX(0),
                qml.PauliZ(0),
                qml.state(),
            )[-1],
            qml.device("qdl.simulator", wires=2),
        ),
        {},
    )
    found = layer(torch.zeros(1, 1, dtype=torch.float64))
    assert found[0, 0].real == pytest.approx(-1.0)
