"""Gates with controls are taken apart exactly, and without a look at their angles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.hardware.qiskit.conversion.controls import controlled, phase

BASES: list[Any] = [
    qml.RX(0.3, "t"),
    qml.RY(0.3, "t"),
    qml.RZ(0.3, "t"),
    qml.Rot(0.3, 0.5, -0.7, "t"),
    qml.PhaseShift(0.3, "t"),
    qml.U1(0.3, "t"),
    qml.PauliRot(0.3, "XYIZ", ["t", "u", "v", "w"]),
    qml.PauliRot(0.3, "II", ["t", "u"]),
    qml.MultiRZ(0.3, ["t", "u", "v"]),
    qml.IsingXX(0.3, ["t", "u"]),
    qml.IsingYY(0.3, ["t", "u"]),
    qml.IsingZZ(0.3, ["t", "u"]),
    qml.GlobalPhase(0.3),
    qml.Y("t"),
    qml.Z("t"),
    qml.Identity("t"),
    qml.adjoint(qml.U3(0.3, 0.5, -0.7, "t")),
    qml.pow(qml.RX(0.3, "t"), 2.5),
]


@pytest.mark.parametrize("values", [[1], [0, 1]], ids=str)
@pytest.mark.parametrize("base", BASES, ids=str)
def test_parts_are_the_controlled_gate(base: Any, values: list[int]) -> None:
    controls = ["a", "b"][: len(values)]
    order = [*controls, *base.wires]
    operation = qml.ops.Controlled(base, controls, values)
    parts = controlled(operation, None)
    assert parts is not None
    found = qml.matrix(qml.tape.QuantumScript(parts), wire_order=order)
    expected = qml.matrix(operation, wire_order=order)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_given_parts_are_controlled_each() -> None:
    operation = qml.ops.Controlled(qml.S("t"), ["a"], [0])
    parts = controlled(operation, [qml.T("t"), qml.T("t")])
    assert parts == [qml.ctrl(qml.T("t"), ["a"], [0])] * 2


def test_controls_of_controls_are_joined() -> None:
    inner = qml.ops.Controlled(qml.X("t"), ["b"], [0])
    (joined,) = controlled(qml.ops.Controlled(inner, ["a"], [1]), None) or []
    order = ["a", "b", "t"]
    expected = qml.matrix(qml.ctrl(qml.X("t"), ["a", "b"], [1, 0]), wire_order=order)
    np.testing.assert_allclose(qml.matrix(joined, wire_order=order), expected)


def test_what_pennylane_does_as_well_is_left_to_it() -> None:
    assert controlled(qml.ops.Controlled(qml.SWAP(["t", "u"]), ["a"]), None) is None


@pytest.mark.parametrize("values", [[True], [False], [True, False, False]], ids=str)
def test_a_phase_of_one_setting(values: list[bool]) -> None:
    wires = list(range(len(values)))
    gates = qml.tape.QuantumScript(phase(0.7, wires, values))
    found = qml.matrix(gates, wire_order=wires)
    expected = np.ones(2 ** len(values), dtype=complex)
    expected[int("".join(str(int(value)) for value in values), 2)] = np.exp(0.7j)
    np.testing.assert_allclose(found, np.diag(expected), atol=1e-12)


def test_structures_do_not_depend_on_angles() -> None:
    for kind in (qml.RX, qml.PhaseShift, qml.U1):
        names = [
            [
                part.name
                for part in controlled(qml.ops.Controlled(kind(x, 0), 1), None) or []
            ]
            for x in (0.0, 0.3, np.pi)
        ]
        assert names[0] == names[1] == names[2]
