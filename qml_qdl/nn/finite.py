"""Rows that are not finite: they are never sent to a machine, nor paid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from qml_qdl.circuits import Circuit
from qml_qdl.nn.execution import Execution
from qml_qdl.nn.results import refuse_nan

RunRows: TypeAlias = Callable[
    [Sequence[Tensor], Mapping[str, Tensor], int | None], tuple[Tensor, ...]
]
"""Runs inputs and weights, a number of rows or a single one without a dimension."""


def run_finite(
    execution: Execution,
    run: RunRows,
    inputs: Sequence[Tensor],
    weights: Mapping[str, Tensor],
    lost: Tensor,
) -> tuple[Tensor, ...]:
    """Runs the rows that are finite, and none of the others.

    Args:
        execution: What runs, on a target whose runs are jobs.
        run: Runs it.
        inputs: For each input (rows, features), or (features,); finite, as
            `without_nan` gives them.
        weights: The trained tensors by name, finite.
        lost: Which rows do not count: (rows,) or (), of bool.

    Returns:
        What `run` returns, with zeros in the rows that are lost, through which no
        gradient flows.

    Raises:
        ArgumentError: There are such rows, and the results are whole numbers.
    """
    rows = len(lost) if lost.ndim else None
    if not lost.any():
        return run(inputs, weights, rows)
    kept = (~lost).nonzero().flatten() if rows is not None else lost.new_zeros(0)
    blank = None
    if not (len(kept) and isinstance(execution.source, Circuit)):
        # What it would return, found without a machine.
        silent = execution.moved(execution.qnode.device.silent(), "keep")
        with torch.no_grad():
            blank = silent(inputs, weights, rows)
        if not (blank.is_floating_point() or blank.is_complex()):
            refuse_nan(lost)
    if len(kept):
        found = run([x[kept.to(x.device)] for x in inputs], weights, len(kept))
        return tuple(
            part.new_zeros(len(lost), *part.shape[1:]).index_copy(
                0, kept.to(part.device), part
            )
            for part in found
        )
    assert blank is not None
    zero = sum(0 * tensor.sum() for tensor in (*inputs, *weights.values()))
    return (blank + zero,) * 2
