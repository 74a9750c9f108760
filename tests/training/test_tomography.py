"""Circuits by words, and states with their rivals, as the commands have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.errors import ArgumentError, DataError, ShapeError
from qml_qdl.tomography import DensityMatrix, pauli_bases
from qml_qdl.training.json_files import read_json
from qml_qdl.training.tomography import (
    MeasuredCircuit,
    StateTomography,
    known_state,
    pauli_sum,
)

BELL = DensityMatrix([1, 0, 0, 1])


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "bell.qasm"
    path.write_text(
        'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; '
        "cx q[0], q[1]; measure q -> c;"
    )
    return path


def test_a_program_is_a_circuit(program: Path) -> None:
    found = MeasuredCircuit.find(str(program), "runs")
    assert isinstance(found.circuit, Circuit)
    assert found.folder is None
    assert known_state(str(program), 2).fidelity(BELL) == pytest.approx(1)
    with pytest.raises(ShapeError, match=r"state: expected 3 wires .* got 2"):
        known_state(str(program), 3)


def test_words_that_name_no_circuit_are_refused() -> None:
    with pytest.raises(ArgumentError, match="circuit: expected a run of runs"):
        MeasuredCircuit.find("nothing", "runs")
    with pytest.raises(
        ArgumentError, match=r"circuit: 'no_module.x' cannot be imported"
    ):
        MeasuredCircuit.find("no_module.x", "runs")


def test_states_are_read_from_files(tmp_path: Path) -> None:
    path = str(tmp_path / "state.npz")
    np.savez(path, state=BELL.matrix)
    assert known_state(path, 2).fidelity(BELL) == pytest.approx(1)
    np.savez(path, factor=BELL.factor * 3)
    assert known_state(path, 2).fidelity(BELL) == pytest.approx(1)
    np.savez(path, other=np.zeros(2))
    with pytest.raises(DataError, match="expected an array 'state' or 'factor'"):
        known_state(path, 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ZZ", qml.Z(0) @ qml.Z(1)),
        ("-XI", -1.0 * qml.X(0)),
        (
            "ZZ + 0.5*XI - 2e-1 IY",
            qml.Z(0) @ qml.Z(1) + 0.5 * qml.X(0) - 0.2 * qml.Y(1),
        ),
        ("3II+XX", 3 * qml.I(0) + qml.X(0) @ qml.X(1)),
    ],
)
def test_sums_of_words(text: str, expected: qml.operation.Operator) -> None:
    order = [0, 1]
    found = qml.matrix(pauli_sum(text), wire_order=order)
    assert np.allclose(found, qml.matrix(expected, wire_order=order))


@pytest.mark.parametrize("text", ["", "ZQ", "0.5", "ZZ +", "ZZ XX 3", "*ZZ", "ZZ + X"])
def test_what_is_no_sum_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match="hamiltonian: expected "):
        pauli_sum(text)


def test_the_model_comes_first_and_rivals_beside(tmp_path: Path) -> None:
    data = BELL.depolarised(0.1).sample(pauli_bases(2), 200, seed=0)
    options: dict[str, Any] = {"state": BELL, "repeats": 2, "seed": 0}
    found = StateTomography(data, "maximum_likelihood", **options)
    found.fit()
    found.draw_curves(repeats=2)
    names = [rival.name for rival in found.comparison.rivals]
    assert names == ["maximum_likelihood", "inversion", "hedged"]
    assert set(found.curves) == set(names)
    means, deviations = found.curves["inversion"]
    assert found.steps == [12, 50, 200]
    assert means[0] > means[-1]
    assert deviations[-1] == 0
    found.write(tmp_path)
    result = read_json(tmp_path / "result.json", "")
    assert list(result["estimators"]) == names
    assert result["infidelities"]["shots"] == found.steps
    again = StateTomography(data, "maximum_likelihood", **options)
    again.fit()
    first, second = (each.comparison.rivals[0] for each in (found, again))
    assert first.errors == second.errors


def test_wide_states_are_drawn_as_maps(tmp_path: Path) -> None:
    state = np.zeros(2**5)
    state[[0, -1]] = 1
    data = DensityMatrix(state).sample(["Z" * 5], 100, seed=0)
    found = StateTomography(data, "histogram", rivals=False, repeats=0)
    found.fit()
    found.draw_curves()
    assert not found.curves
    found.write(tmp_path)
    assert (tmp_path / "density_matrix.png").stat().st_size > 1000
    assert not (tmp_path / "fidelities.png").exists()
