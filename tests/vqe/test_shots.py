from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits.errors import ArgumentError, MemoryBoundError, ShapeError
from qml_qdl.manybody import Problem
from qml_qdl.vqe import plan_shots, solve
from tests.vqe.problems import problem


def test_variances_are_those_of_the_matrices() -> None:
    """Three groups by hand, of words of X, of Y and of Z, for a random state."""
    words = [qml.X(0), 0.5 * qml.X(0) @ qml.X(1), 2 * qml.Z(0), qml.Z(0) @ qml.Z(1)]
    hamiltonian = qml.sum(*words, 3 * qml.I(0), qml.Z(1), 0.7 * qml.Y(1) @ qml.Y(0))
    state = (
        np.random.default_rng(0).normal(size=(2, 4)) @ [1, 1j][:1] if False else None
    )
    rng = np.random.default_rng(0)
    state = rng.normal(size=4) + 1j * rng.normal(size=4)
    state /= np.linalg.norm(state)
    groups = [
        qml.sum(*words[:2]),
        qml.sum(*words[2:], qml.Z(1)),
        0.7 * qml.Y(0) @ qml.Y(1),
    ]
    wanted = []
    for group in groups:
        matrix = qml.matrix(group, wire_order=(0, 1))
        mean = np.vdot(state, matrix @ state).real
        wanted.append(np.vdot(state, matrix @ matrix @ state).real - mean**2)
    plan = plan_shots(Problem.of(hamiltonian), state, 0.01)
    found = np.square(plan.deviations)
    assert np.allclose(np.sort(found), np.sort(wanted))
    assert plan.equal == pytest.approx(3 * sum(wanted) / 0.01**2)
    assert plan.optimal == pytest.approx((sum(np.sqrt(wanted)) / 0.01) ** 2)
    assert plan.optimal <= plan.equal


def test_the_error_is_that_of_a_run_with_shots() -> None:
    """The standard error that a target tells of its own shots."""
    hydrogen = problem("H2")
    solution = solve(hydrogen)
    plan = plan_shots(hydrogen, solution.state)
    layer = solution.layer(target="aer", shots=20_000, seed=1)
    value, error = layer.with_errors()
    wanted = np.sqrt(np.square(plan.deviations).sum() / 20_000)
    assert float(error) == pytest.approx(wanted, rel=0.05)
    assert abs(float(value) - solution.energy) < 4 * wanted


def test_what_is_certain_takes_no_shots() -> None:
    plan = plan_shots(Problem.of(qml.Z(0) @ qml.Z(1)), np.eye(4)[0])
    assert (plan.equal, plan.optimal) == (0.0, 0.0)
    constant = plan_shots(Problem.of(2 * qml.I(0)), np.eye(2)[0])
    assert len(constant.deviations) == 0
    assert constant.equal == 0.0


def test_bad_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    hydrogen = problem("H2")
    with pytest.raises(ShapeError, match="expected 4 amplitudes, or 16 of all wires"):
        plan_shots(hydrogen, np.eye(5)[0])
    with pytest.raises(ArgumentError, match="state: expected a norm of 1, got 2"):
        plan_shots(hydrogen, 2 * np.eye(4)[0])
    with pytest.raises(ArgumentError, match="error: expected a number above 0"):
        plan_shots(hydrogen, np.eye(4)[0], 0.0)
    monkeypatch.setattr("qml_qdl.manybody.sectors.free_bytes", lambda _: 100)
    with pytest.raises(MemoryBoundError, match="need 1,024 bytes, but 100 are free"):
        plan_shots(hydrogen, np.eye(4)[0])
