"""Batching: whether a quantum function takes rows for rows, without running it.

Where rows happen to be as many as features, `inputs[i]` is a feature of every row for
nobody but its author: every shape fits, and the numbers are those of other rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pennylane as qml
import torch
from numpy.typing import NDArray
from torch import Tensor

from qml_qdl.circuits.errors import ShapeError


@torch.no_grad()
def check_batching(
    build: Callable[[Sequence[Tensor]], Any],
    inputs: Sequence[Tensor],
    name: str,
    *,
    reads_inputs: bool,
) -> None:
    """Checks that a row's angles come from that row.

    Another number of rows, that is no number of features, tells: then all that depends
    on the inputs has as many rows. A function that has not, or that does not take so
    many, is suspect, and every other row is changed: no row must be but these.

    Args:
        build: Makes the tape of some inputs.
        inputs: For each input (rows, features), at least two rows.
        name: What messages call the function.
        reads_inputs: Whether something must depend on the inputs.

    Raises:
        ShapeError: A row's angles depend on other rows, or no row's on the inputs.
    """
    rows = len(inputs[0])
    count = 1 + max(rows, *(x.shape[-1] for x in inputs))
    found = _rows_of(build, [x[torch.arange(count) % rows] for x in inputs])
    if found == {count} or (found == set() and not reads_inputs):
        return
    repair = "write inputs[..., i], not inputs[i] or a loop over the inputs"
    if found == set():
        raise ShapeError(
            f"circuit_or_qnode: no gate of {name} has a row for each of the {rows} "
            f"rows of its inputs; it must treat them as a batch: {repair}"
        )
    before = _numbers(build(inputs))
    for first in (0, 1):
        changed = [x.clone() for x in inputs]
        for x in changed:
            x[first::2] = _others(x[first::2])
        after = _numbers(build(changed))
        if len(before) != len(after) or not all(
            _same_in_other_rows(*pair, rows, first)
            for pair in zip(before, after, strict=True)
        ):
            raise ShapeError(
                f"circuit_or_qnode: {name} takes rows for features where there are "
                f"{rows} of both; it must treat its inputs as a batch: {repair}"
            )


def _others(x: Tensor) -> Tensor:
    """Numbers each of which differs from what it was."""
    if x.is_floating_point():
        return 0.97 - 1.3 * x
    return ~x if x.dtype == torch.bool else 1 - x


def _rows_of(
    build: Callable[[Sequence[Tensor]], Any], inputs: Sequence[Tensor]
) -> set[int] | None:
    """The numbers of rows that gates and observables have; None where it fails."""
    try:
        tape = build(inputs)
        gates = {gate.batch_size for gate in _gates(tape)} - {None}
        factors = {len(number) for number in _observed(tape) if number.ndim}
    except Exception:  # whatever a function made for other numbers of rows may raise
        return None
    return gates | factors


def _gates(tape: Any) -> list[Any]:
    """The gates of a tape, templates taken apart."""
    todo, gates = list(tape.operations), []
    while todo:
        gate = todo.pop(0)
        template = not gate.has_matrix and gate.has_decomposition
        if template and not isinstance(gate, qml.operation.StatePrepBase):
            todo = gate.decomposition() + todo
        else:
            gates.append(gate)
    return gates


def _observed(tape: Any) -> list[NDArray[Any]]:
    observables = [m.obs for m in tape.measurements if m.obs is not None]
    return [_array(number) for o in observables for number in o.data]


def _numbers(tape: Any) -> list[NDArray[Any]]:
    """All numbers of a tape."""
    return [_array(n) for gate in _gates(tape) for n in gate.data] + _observed(tape)


def _array(number: Any) -> NDArray[Any]:
    array: NDArray[Any] = np.asarray(qml.math.toarray(qml.math.detach(number)))
    return array


def _same_in_other_rows(
    before: NDArray[Any], after: NDArray[Any], rows: int, first: int
) -> bool:
    if before.shape == after.shape and before.shape[:1] == (rows,):
        before, after = before[1 - first :: 2], after[1 - first :: 2]
    return np.array_equal(before, after, equal_nan=True)
