"""Results in PennyLane's shapes and order, against its own of the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.hardware.tapes.batches import Answer
from qml_qdl.hardware.tapes.outcomes import Counts
from qml_qdl.hardware.tapes.readouts import plain_readings, plan_readout
from qml_qdl.hardware.tapes.results import errors_of, results_of

HALF = np.sqrt(0.5)


def answer(*measured: Any, states: Any = None, bits: Any = None) -> Answer:
    """What came back for measurements of two wires; wires are positions."""
    readout = plan_readout(measured, 2, shots=states is None, estimator=False)
    count = len(states if bits is None else bits)
    lost = np.zeros(count, dtype=bool)
    if bits is None:
        return Answer(readout, lost, None, states=np.asarray(states, dtype=complex))
    found, readings = {}, {}
    for position, basis in enumerate(readout.bases):
        mine = bits[:, :, list(basis.wires)].astype(np.uint8)
        found[position] = Counts.from_bits(mine)
        readings[position] = plain_readings(len(basis.wires))
    return Answer(readout, lost, bits.shape[1], outcomes=(found,), readings=readings)


ZERO, BELL = [1, 0, 0, 0], [HALF, 0, 0, HALF]


def read(made: Answer, *, batched: bool, bins: Any = None, columns: Any = None) -> Any:
    if columns is None:
        columns = [made.columns(*bin_) for bin_ in bins or [(0, None)]]
    return results_of(made.readout, made, columns, bins, batched)


def test_states_are_measured_row_by_row() -> None:
    made = answer(
        qml.state(), qml.purity([0]), qml.density_matrix([1]), states=[ZERO, BELL]
    )
    state, purity, density = read(made, batched=True, columns=[np.empty((2, 0))])
    np.testing.assert_allclose(state, [ZERO, BELL])
    np.testing.assert_allclose(purity, [1, 0.5])
    np.testing.assert_allclose(density, [np.diag([1, 0]), np.eye(2) / 2], atol=1e-12)


def test_density_matrices_are_measured_as_such() -> None:
    mixed = np.diag([0.5, 0, 0, 0.5])
    made = answer(qml.purity([0, 1]), states=[mixed])
    assert read(made, batched=False, columns=[np.empty((1, 0))]) == pytest.approx(0.5)


def test_rows_that_were_not_sent_are_nan() -> None:
    made = answer(qml.purity([0]), states=[ZERO, BELL])
    made.lost[1] = True
    found = read(made, batched=True, columns=[np.empty((2, 0))])
    assert found[0] == 1
    assert np.isnan(found[1])


BITS = np.array([[[0, 1], [1, 1], [1, 0], [1, 1]], [[0, 0], [0, 0], [0, 1], [0, 0]]])


def test_samples_are_those_of_pennylane() -> None:
    made = answer(qml.sample(wires=[1, 0]), qml.counts(wires=[0, 1]), bits=BITS)
    sample, counts = read(made, batched=True)
    np.testing.assert_array_equal(sample, BITS[:, :, ::-1])
    assert counts == [{"01": 1, "10": 1, "11": 2}, {"00": 3, "01": 1}]
    one = answer(qml.counts(wires=[0, 1]), bits=BITS[:1])
    assert read(one, batched=False) == counts[0]
    assert read(one, batched=True) == counts[:1]


def test_variances_are_made_of_two_columns() -> None:
    made = answer(qml.var(qml.Z(0)), qml.expval(qml.Z(0) + 2 * qml.Z(1)), bits=BITS)
    variance, value = read(made, batched=True)
    z = 1 - 2 * BITS.mean(1)
    np.testing.assert_allclose(variance, 1 - z[:, 0] ** 2)
    np.testing.assert_allclose(value, z[:, 0] + 2 * z[:, 1])


def test_each_bin_of_shots_has_results_of_its_own() -> None:
    made = answer(qml.expval(qml.Z(0)), qml.probs(wires=[1]), bits=BITS)
    first, second = read(made, batched=True, bins=[(0, 1), (1, 4)])
    np.testing.assert_allclose(first[0], [1, 1])
    np.testing.assert_allclose(second[0], [-1, 1])
    np.testing.assert_allclose(second[1], [[1 / 3, 2 / 3], [2 / 3, 1 / 3]])


def test_only_means_and_frequencies_have_errors() -> None:
    made = answer(
        qml.expval(qml.Z(0)), qml.probs(wires=[1]), qml.var(qml.Z(0)), bits=BITS
    )
    errors = made.column_errors()
    value, chances, variance = errors_of(made.readout, errors, batched=True)
    p = BITS[:, :, 1].mean(1)
    np.testing.assert_allclose(chances, np.sqrt((p * (1 - p))[:, None] / [3, 3]))
    assert value.shape == (2,)
    assert variance is None
    assert errors_of(
        answer(qml.expval(qml.Z(0)), bits=BITS).readout, errors, False
    ) == (pytest.approx(value[0]))
