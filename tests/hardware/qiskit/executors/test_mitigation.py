from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Operator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.hardware.qiskit.executors.draws import draw, outcomes_to_bits
from qml_qdl.hardware.qiskit.executors.isa import IsaCache
from qml_qdl.hardware.qiskit.executors.mitigation import (
    calibrate,
    confusion_of,
    correct_probabilities,
    extrapolate,
    readings_of,
)
from qml_qdl.hardware.tapes.executor import Estimates

CONFUSION = np.array([[[0.95, 0.05], [0.1, 0.9]], [[0.8, 0.2], [0.02, 0.98]]])


def estimates(*values: Any, error: float = 0.0) -> list[Estimates]:
    arrays = [np.atleast_2d(np.array(value, dtype=float)) for value in values]
    return [Estimates(array, np.full_like(array, error)) for array in arrays]


def confused(table: np.ndarray) -> np.ndarray:
    """A table (outcomes,) of two qubits as it is read."""
    tensor = table.reshape(2, 2)  # (qubit 1, qubit 0)
    read: np.ndarray = CONFUSION[1].T @ tensor @ CONFUSION[0]
    return read.reshape(-1)


def test_a_calibration_tells_how_qubits_are_misread() -> None:
    rng = np.random.default_rng(0)
    zeros = draw(confused(np.array([1.0, 0, 0, 0]))[None], 100_000, rng)
    ones = draw(confused(np.array([0, 0, 0, 1.0]))[None], 100_000, rng)
    bits = outcomes_to_bits(np.concatenate([zeros, ones]), 2)
    np.testing.assert_allclose(confusion_of(bits), CONFUSION, atol=0.005)


def test_readings_give_the_mean_of_words_without_errors() -> None:
    table = np.random.default_rng(1).dirichlet(np.ones(4))
    values = readings_of(CONFUSION)
    outcomes = np.arange(4)
    z0, z1 = values[0][outcomes & 1], values[1][outcomes >> 1]
    read = confused(table)
    assert read @ z0 == pytest.approx(table @ [1, -1, 1, -1])
    assert read @ (z0 * z1) == pytest.approx(table @ [1, -1, -1, 1])


def test_a_qubit_that_reads_always_the_same_is_refused() -> None:
    with pytest.raises(ArgumentError, match="choose other qubits by initial_layout"):
        readings_of(np.full((1, 2, 2), 0.5))


def test_probabilities_are_corrected() -> None:
    tables = np.random.default_rng(1).dirichlet(np.ones(4), 3)
    read = np.array([confused(table) for table in tables])
    np.testing.assert_allclose(
        correct_probabilities(read, CONFUSION), tables, atol=1e-12
    )


def test_corrected_frequencies_are_the_nearest_probabilities() -> None:
    # The inverse of this one is below zero at 3 of 4 outcomes.
    read = np.array([[1.0, 0, 0, 0]])
    found = correct_probabilities(read, CONFUSION)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)
    inverse = np.linalg.solve(np.array([confused(row) for row in np.eye(4)]).T, read[0])
    rng = np.random.default_rng(0)
    others = rng.dirichlet(np.ones(4) / 4, 2000)
    distances = np.linalg.norm(others - inverse, axis=1)
    assert np.linalg.norm(found[0] - inverse) <= distances.min() + 1e-12


def test_the_calibration_is_in_the_backends_gates() -> None:
    backend = FakeManilaV2()
    made = calibrate([4, 1], backend.target, rows=3)
    assert made.pub.rows == 6
    for instruction in made.isa.circuit.data:
        on = tuple(made.isa.circuit.find_bit(q).index for q in instruction.qubits)
        assert backend.target.instruction_supported(instruction.operation.name, on)
    for angle, want in ((0.0, [1, 0]), (np.pi, [0, 1])):
        circuit = made.isa.circuit.remove_final_measurements(inplace=False)
        unitary = Operator(circuit.assign_parameters([angle])).data
        first = np.abs(unitary[:, 0]) ** 2
        assert first[want[1] * (2**4 + 2**1)] == pytest.approx(1)


def test_calibrations_are_told_apart() -> None:
    target = FakeManilaV2().target
    digests = {calibrate(on, target).pub.digest for on in ([0, 1], [1, 0], [0])}
    assert len(digests) == 3
    read = ([[0, 1], [0, 1]], [[0, 1], [1, 0]])
    digests = {calibrate([0, 1], target, uses=uses).pub.digest for uses in read}
    assert len(digests) == 2


@pytest.mark.parametrize("extrapolation", ["linear", "richardson"])
def test_lines_are_extrapolated_exactly(extrapolation: str) -> None:
    noisy = estimates([0.7, -0.2], [0.5, 0.2], [0.3, 0.6])
    found = extrapolate(noisy, (1, 3, 5), extrapolation)
    np.testing.assert_allclose(found.values, [[0.8, -0.4]], atol=1e-12)


def test_richardson_goes_through_all_points() -> None:
    points = np.array([1, 3, 5])
    noisy = estimates(*(0.9 - 0.2 * x + 0.01 * x**2 for x in points))
    found = extrapolate(noisy, (1, 3, 5), "richardson")
    np.testing.assert_allclose(found.values, 0.9, atol=1e-12)


def test_decays_are_extrapolated_exactly() -> None:
    noisy = estimates(*([0.8 * np.exp(-0.3 * x), -np.exp(-x)] for x in (1, 3, 5)))
    found = extrapolate(noisy, (1, 3, 5), "exponential")
    np.testing.assert_allclose(found.values, [[0.8, -1.0]], atol=1e-12)


def test_what_is_no_decay_is_a_line() -> None:
    noisy = estimates([0.2, 0.0], [-0.1, 0.0])
    found = extrapolate(noisy, (1, 3), "exponential")
    np.testing.assert_allclose(found.values, [[0.35, 0.0]], atol=1e-12)


@pytest.mark.parametrize("extrapolation", ["linear", "richardson", "exponential"])
def test_errors_are_those_of_repeated_draws(extrapolation: str) -> None:
    rng = np.random.default_rng(0)
    true = 0.8 * np.exp(-0.1 * np.array([1, 3, 5]))
    drawn = true[:, None] + rng.normal(0, 0.01, (3, 4000))
    noisy = [Estimates(row[:, None], np.full((4000, 1), 0.01)) for row in drawn]
    found = extrapolate(noisy, (1, 3, 5), extrapolation)
    assert found.errors.mean() == pytest.approx(found.values.std(), rel=0.05)


def test_scales_and_ways_that_cannot_be_are_refused() -> None:
    with pytest.raises(ArgumentError, match="at least two different ones"):
        extrapolate(estimates(1.0, 1.0), (1, 1))
    with pytest.raises(ArgumentError, match="expected one of linear, exponential"):
        extrapolate(estimates(1.0, 1.0), (1, 3), "cubic")


def test_held_circuits_run_as_they_are_and_are_let_go() -> None:
    backend = GenericBackendV2(3, seed=1)
    cache = IsaCache(backend)
    made = calibrate([2], backend.target)
    with cache.holding({made.pub.digest: made.isa}):
        assert cache.get(made.pub.circuit, made.pub.digest) is made.isa
    assert cache.counters.transpilations == 0
    assert cache.get(made.pub.circuit, made.pub.digest) is not made.isa
