"""PennyLane's results, in its shapes and order, from columns, bits and states."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pennylane as qml
from numpy.typing import NDArray
from pennylane.devices import qubit, qubit_mixed

from qml_qdl.hardware.tapes.batches import Answer
from qml_qdl.hardware.tapes.readouts import MeasurementResult, TapeReadout


def results_of(
    readout: TapeReadout,
    answer: Answer,
    columns: Sequence[Any],
    bins: Sequence[tuple[int, int]] | None,
    batched: bool,
) -> Any:
    """One tape's results as PennyLane devices return them.

    Args:
        readout: What was read.
        answer: What came back.
        columns: For each bin of shots the columns, (rows, width): arrays or tensors.
        bins: First and last shot of each bin; None where they are not partitioned.
        batched: Whether results have the rows dimension.

    Returns:
        One result, or a tuple for several measurements; a tuple of such for several
        bins.
    """

    def one(number: int) -> Any:
        shots = (0, None) if bins is None else bins[number]
        found = tuple(
            _result(result, answer, columns[number], shots, batched)
            for result in readout.results
        )
        return found[0] if len(found) == 1 else found

    if bins is None:
        return one(0)
    return tuple(map(one, range(len(bins))))


def _result(
    result: MeasurementResult, answer: Answer, columns: Any, shots: Any, batched: bool
) -> Any:
    if result.kind == "sampled":
        return _sampled(result, answer, shots, batched)
    if result.kind == "state":
        return _from_state(result, answer, batched)
    mine = columns[:, result.first : result.first + result.columns]
    if result.kind == "variance":
        value = mine[:, 1] - mine[:, 0] ** 2
    elif result.weights is None:
        value = mine
    elif result.weights == (1.0,):
        value = mine[:, 0]
    else:
        terms = [mine[:, j] * weight for j, weight in enumerate(result.weights)]
        value = qml.math.real(sum(terms[1:], start=terms[0]))
    return value if batched else value[0]


def _sampled(
    result: MeasurementResult, answer: Answer, shots: Any, batched: bool
) -> Any:
    bits = answer.bits(result.basis)[:, slice(*shots)].astype(np.int64)
    count = len(bits)
    if not count:  # no rows have the shape of one
        bits = np.zeros((1, *bits.shape[1:]), dtype=np.int64)
    wires = answer.readout.bases[result.basis].wires
    selection = answer.readout.selection
    kept: Iterable[Any] = bits
    if selection is not None:
        own = len(wires) - len(selection.values)
        right = (bits[:, :, own:] == selection.values).all(axis=2)
        kept = [row[chosen, :own] for row, chosen in zip(bits, right, strict=True)]
        wires = wires[:own]
    # Counts of a batch of one row would come without the list.
    rows = [_processed(result.measurement, row, qml.wires.Wires(wires)) for row in kept]
    if not batched:
        return rows[0]
    return rows[:count] if isinstance(rows[0], dict) else np.stack(rows)[:count]


def _processed(measurement: Any, samples: Any, wires: Any) -> Any:
    if not len(samples) and isinstance(measurement, qml.measurements.CountsMP):
        return {}  # a postselection left no shot, which PennyLane cannot count
    return measurement.process_samples(samples, wires)


def _from_state(result: MeasurementResult, answer: Answer, batched: bool) -> Any:
    states = answer.states
    assert states is not None
    if answer.readout.selection is not None:
        states = answer.readout.selection.states(states)
    num_wires = states.shape[1].bit_length() - 1
    shape = (2,) * num_wires * (states.ndim - 1)
    measure = qubit.measure if states.ndim == 2 else qubit_mixed.measure
    # Not all measurements, such as a user's own, know of batches.
    rows = [measure(result.measurement, state.reshape(shape)) for state in states]
    found: NDArray[Any] = np.stack([np.asarray(row) for row in rows])
    if answer.lost.any():
        found = np.array(found, dtype=np.result_type(found, float))
        found[answer.lost] = np.nan
    return found if batched else found[0]


def errors_of(readout: TapeReadout, errors: Any, batched: bool) -> Any:
    """Standard errors of one tape's results.

    Args:
        readout: What was read.
        errors: (rows, width) of its columns.
        batched: Whether results have the rows dimension.

    Returns:
        Like the results; None for those that are not expectation values or
        probabilities.
    """
    found = tuple(_error(result, errors, batched) for result in readout.results)
    return found[0] if len(found) == 1 else found


def _error(result: MeasurementResult, errors: Any, batched: bool) -> Any:
    if result.kind != "linear":
        return None
    mine = errors[:, result.first : result.first + result.columns]
    value = mine if result.weights is None else mine[:, 0]
    return value if batched else value[0]
