"""Measurements with what is known of their state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pennylane as qml
import pytest
from attrs import evolve

from qml_qdl.circuits.errors import DataError, ShapeError
from qml_qdl.manybody import Problem
from qml_qdl.tomography import DensityMatrix, Experiment, read_state

BELL = DensityMatrix([1, 0, 0, 1])


def test_the_ground_state_is_that_of_the_matrix() -> None:
    problem = Problem.named("j1_j2", size=4, j2=0.3, marshall=True)
    data = DensityMatrix([1] * 16).sample(["ZZZZ"], 5, seed=0)
    found = Experiment.of_problem(data, "ring", problem)
    matrix = qml.matrix(found.hamiltonian, wire_order=range(4))
    values, vectors = np.linalg.eigh(matrix)
    assert values[1] - values[0] > 0.1
    assert found.truth is not None
    # Marshall's signs turn the basis of states, and not what is measured.
    assert found.truth.fidelity(DensityMatrix(vectors[:, 0])) == pytest.approx(1)
    assert found.truth.expectation(found.hamiltonian) == pytest.approx(values[0])
    with pytest.raises(ShapeError, match="truth: expected a state of 2 wires"):
        Experiment.of_problem(BELL.sample(["ZZ"], 5, seed=0), "ring", problem)
    wide = Problem.named("transverse_ising", size=17)
    with pytest.raises(DataError, match="of 17 sites is not known exactly"):
        Experiment.of_problem(data, "ring", wide)


def test_other_wires_are_refused() -> None:
    data = BELL.sample(["ZZ"], 5, seed=0)
    with pytest.raises(ShapeError, match="wires 0 … 1, got wires"):
        Experiment(data, hamiltonian=qml.Z(2))


def test_fingerprints_tell_all_that_counts() -> None:
    data = BELL.sample(["XX", "ZZ"], 20, seed=0)
    same = Experiment(BELL.sample(["XX", "ZZ"], 20, seed=0), "other name")
    confused = evolve(data, confusion=np.tile([[0.9, 0.1], [0.1, 0.9]], (2, 1, 1)))
    others = [
        Experiment(BELL.sample(["XX", "ZZ"], 20, seed=1)),
        Experiment(data, truth=BELL),
        Experiment(confused),
        Experiment(evolve(data, wires=("a", "b"))),
    ]
    prints = {each.fingerprint() for each in [Experiment(data), *others]}
    assert len(prints) == 5
    assert same.fingerprint() == Experiment(data).fingerprint()


def test_states_in_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "factor.npz", factor=BELL.factor)
    np.savez(tmp_path / "matrix.npz", state=BELL.matrix)
    np.savez(tmp_path / "other.npz", x=[1])
    for name in ("factor", "matrix"):
        found = read_state(tmp_path / f"{name}.npz")
        assert found.fidelity(BELL) == pytest.approx(1)
    with pytest.raises(DataError, match="an array 'state' or 'factor', got \\['x'\\]"):
        read_state(tmp_path / "other.npz")
    with pytest.raises(DataError, match="expected a file"):
        read_state(tmp_path / "none.npz")
