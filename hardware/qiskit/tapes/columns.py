"""The columns of a readout, and their standard errors, from what was measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qml_qdl.hardware.qiskit.tapes.outcomes import Outcomes, Reals
from qml_qdl.hardware.qiskit.tapes.readout import Readout


def read_columns(
    readout: Readout,
    rows: int,
    outcomes: Sequence[Outcomes | None],
    estimates: NDArray[np.float64] | None,
) -> Reals:
    """The columns of what was measured.

    Args:
        readout: What was to be read.
        rows: Number of rows.
        outcomes: For each basis what came; None where it was not measured.
        estimates: (rows, sums) what the estimator gave.

    Returns:
        (rows, width).
    """
    columns = np.tile(readout.constants, (rows, 1))
    if estimates is not None and readout.sums:
        columns[:, [column for column, _ in readout.sums]] = estimates
    for part in readout.parts:
        found = outcomes[part.basis]
        assert found is not None
        values = part.read(found)
        columns[:, part.column : part.column + values.shape[1]] += values
    return columns


def column_errors(
    readout: Readout,
    rows: int,
    shots: int | None,
    outcomes: Sequence[Outcomes | None],
    estimates: NDArray[np.float64] | None,
) -> Reals:
    """The standard errors of columns.

    Args:
        readout: What was read.
        rows: Number of rows.
        shots: Shots of each basis; None where results are exact.
        outcomes: For each basis what came.
        estimates: (rows, sums) the estimator's errors.

    Returns:
        (rows, width); zero where results are exact, NaN where a single shot tells
        nothing of its error.
    """
    squares = np.zeros((rows, readout.width))
    if estimates is not None and readout.sums:
        squares[:, [column for column, _ in readout.sums]] = estimates**2
    if shots is not None:
        for part in readout.parts:
            found = outcomes[part.basis]
            assert found is not None
            variances = np.maximum(part.variances(found), 0.0)
            scale = 1 / (shots - 1) if shots > 1 else np.nan
            last = part.column + variances.shape[1]
            squares[:, part.column : last] += variances * scale
    return np.sqrt(squares)
