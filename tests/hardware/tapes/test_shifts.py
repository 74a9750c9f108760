"""Shift rules are right for every gate; SPSA is right on average."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
from numpy.typing import NDArray

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.structure import make_plan
from qml_qdl.hardware.tapes.shifts import (
    ParameterShifts,
    RandomDirections,
    shift_terms,
)

GATES = [
    qml.RX(0.3, 0),
    qml.PhaseShift(0.3, 0),
    qml.Rot(0.3, 0.4, 0.5, 0),
    qml.U1(0.3, 0),
    qml.U2(0.3, 0.4, 0),
    qml.U3(0.3, 0.4, 0.5, 0),
    qml.CRX(0.3, [0, 1]),
    qml.CRY(0.3, [0, 1]),
    qml.CRZ(0.3, [0, 1]),
    qml.CRot(0.3, 0.4, 0.5, [0, 1]),
    qml.ControlledPhaseShift(0.3, [0, 1]),
    qml.CPhaseShift01(0.3, [0, 1]),
    qml.IsingXX(0.3, [0, 1]),
    qml.IsingXY(0.3, [0, 1]),
    qml.IsingZZ(0.3, [0, 1]),
    qml.MultiRZ(0.3, [0, 1]),
    qml.PauliRot(0.3, "XY", [0, 1]),
    qml.SingleExcitation(0.3, [0, 1]),
    qml.SingleExcitationPlus(0.3, [0, 1]),
    qml.ctrl(qml.PhaseShift(0.3, 1), 0),
    qml.ctrl(qml.RX(0.3, 1), 0),
    qml.adjoint(qml.RX(0.3, 0)),
]


def circuit(gate: Any) -> Any:
    before = [qml.RY(0.7, 0), qml.RX(1.1, 1), qml.CNOT([0, 1]), qml.RZ(0.4, 1)]
    after = [qml.RX(0.9, 0), qml.CRY(0.8, [1, 0]), qml.RY(0.5, 1)]
    return qml.tape.QuantumScript([*before, gate, *after])


def probabilities(tape: Any, angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """(rows, 4), by matrices."""
    found = []
    for row in angles:
        bound = tape.bind_new_parameters(row, range(len(row)))
        state = qml.matrix(bound, wire_order=[0, 1])[:, 0]
        found.append(abs(state) ** 2)
    return np.array(found)


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.name)
def test_the_rule_is_the_derivative(gate: Any) -> None:
    tape = circuit(gate)
    structure = make_plan(tape, range(2)).structure
    own = next(g for g in structure.gates if g.operation.name == gate.name)
    slots = range(4, 4 + len(gate.data)) if gate.name == "RX" else own.slots
    angles = np.array([tape.get_parameters(trainable_only=False)], dtype=float)
    angles = np.concatenate([angles, angles + 0.2])
    stencil = ParameterShifts.of(structure, tuple(slots))
    gradients = stencil.gradients(probabilities(tape, stencil.rows(angles)))
    assert gradients.shape == (2, len(slots), 4)
    for place, slot in enumerate(slots):
        step = np.zeros(angles.shape[1])
        step[slot] = 1e-5
        there, back = (probabilities(tape, angles + s * step) for s in (1, -1))
        expected = (there - back) / 2e-5
        np.testing.assert_allclose(gradients[:, place], expected, atol=1e-9)


@pytest.mark.parametrize(
    ("gate", "terms"),
    [
        (qml.RX(0, 0), 2),
        (qml.PauliRot(0, "XYZ", [0, 1, 2]), 2),
        (qml.CRX(0, [0, 1]), 4),
        (qml.ControlledPhaseShift(0, [0, 1]), 2),
        (qml.GlobalPhase(0, wires=0), 0),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_no_more_rows_than_needed(gate: Any, terms: int) -> None:
    assert len(shift_terms(gate, 0)) == terms


def test_rows_come_for_chosen_slots_only() -> None:
    tape = circuit(qml.CRX(0.3, [0, 1]))
    structure = make_plan(tape, range(2)).structure
    angles = np.zeros((5, structure.num_slots))
    rows = ParameterShifts.of(structure, (0, 3)).rows(angles)
    assert rows.shape == (5 * (2 + 4), structure.num_slots)
    assert set(np.flatnonzero(rows.any(axis=0))) == {0, 3}


def test_a_global_phase_has_no_gradient() -> None:
    tape = qml.tape.QuantumScript([qml.GlobalPhase(0.3, wires=0), qml.RX(0.1, 0)])
    structure = make_plan(tape, range(1)).structure
    stencil = ParameterShifts.of(structure, (0,))
    assert stencil.rows(np.zeros((3, 2))).shape == (0, 2)
    np.testing.assert_array_equal(
        stencil.gradients(np.zeros((1, 0, 7))), np.zeros((1, 0, 1, 7))
    )


def test_a_gate_without_a_rule() -> None:
    gate = qml.QubitUnitary(np.eye(2), 0)
    with pytest.raises(TargetError, match=r"QubitUnitary has no parameter-shift rule"):
        shift_terms(gate, 0)


class TestSPSA:
    ANGLES = np.random.default_rng(3).uniform(size=(4, 3))

    def test_two_rows_for_each_direction(self) -> None:
        stencil = RandomDirections.sample(self.ANGLES, (0, 2), 5, 0.1, seed=1)
        rows = stencil.rows(self.ANGLES).reshape(2, 5, 4, 3)
        np.testing.assert_allclose(rows.mean(axis=0), [self.ANGLES] * 5)
        moved = rows - self.ANGLES
        np.testing.assert_allclose(abs(moved[..., [0, 2]]), 0.1)
        assert not moved[..., 1].any()

    def test_the_same_again_for_the_same_seed(self) -> None:
        def draw(angles: Any, seed: int) -> Any:
            return RandomDirections.sample(angles, (0, 2), 5, 0.1, seed).directions

        first = draw(self.ANGLES, 1)
        np.testing.assert_array_equal(first, draw(self.ANGLES.copy(), 1))
        assert (first != draw(self.ANGLES, 2)).any()
        # Another computer's last digits do not make a run that goes on another one.
        np.testing.assert_array_equal(first, draw(self.ANGLES + 1e-15, 1))
        # Each row has directions of its own.
        assert (first[:, 0] != first[:, 1]).any()

    def test_exact_on_average_for_linear_functions(self) -> None:
        slopes = np.array([[1.0, -2.0], [0.5, 3.0], [4.0, 0.1]])
        stencil = RandomDirections.sample(self.ANGLES, (0, 1, 2), 20_000, 0.1, seed=1)
        gradients = stencil.gradients((stencil.rows(self.ANGLES) @ slopes)[None])
        assert gradients.shape == (1, 4, 3, 2)
        np.testing.assert_allclose(gradients[0], [slopes] * 4, atol=0.15)
