"""Tapes, split into what is sent and what carries gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pennylane as qml
import torch
from attrs import evolve, field, frozen
from pennylane.ops.qubit.observables import BasisStateProjector
from torch import Tensor

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.structure import Structure, make_plan
from qml_qdl.hardware.tapes.batches import Answer, Request
from qml_qdl.hardware.tapes.outcomes import Reals
from qml_qdl.hardware.tapes.readouts import TapeReadout, plan_readout


@frozen(eq=False)
class TapeTask:
    """A tape, ready to be sent.

    Args:
        structure: Its circuit, on wire positions.
        angles: (rows, slots).
        readout: What is read.
        batched: Whether results have the rows dimension.
        slots: The slots that need a gradient.
        tensors: Their angles, with gradients: (rows, slots).
        bins: First and last shot of each bin; None where shots are not partitioned.
    """

    structure: Structure
    angles: Reals
    readout: TapeReadout
    batched: bool
    slots: tuple[int, ...]
    tensors: Tensor | None = field(default=None, repr=False)
    bins: tuple[tuple[int, int], ...] | None = None

    @property
    def request(self) -> Request:
        """What is asked for, without gradients."""
        return Request(self.structure, self.angles, self.readout)

    @property
    def tells_gradients(self) -> bool:
        """Whether gradients are needed and there are columns that have any."""
        return self.tensors is not None and self.readout.width > 0

    def columns(self, answer: Answer) -> Reals:
        """(bins, rows, width) of what came back."""
        return np.stack([answer.columns(*bin_) for bin_ in self.bins or ((0, None),)])


def make_task(
    tape: Any, wires: Sequence[Any], *, estimator: bool, mitigated: bool = False
) -> TapeTask:
    """Splits a tape into what is sent and what carries gradients.

    Args:
        tape: A tape of native gates; its angles are tensors, arrays or numbers.
        wires: Labels of the wires in the order of their positions.
        estimator: Whether expectation values of Pauli words come from an estimator.
        mitigated: Whether errors of the machine are mitigated in what is measured.

    Returns:
        The task.

    Raises:
        TargetError: A measurement cannot be made.
    """
    tape, helping, selected = _postselected(tape)
    plan = make_plan(tape, [*wires, *helping])
    shots = tape.shots
    if selected and (mitigated or (estimator and shots)):
        found = "mitigation" if mitigated else "route='estimator'"
        raise TargetError(
            f"circuit: shots are postselected as the sampler gives them, got {found}; "
            "leave it out, or measure without postselect"
        )
    if estimator and shots.has_partitioned_shots:
        raise TargetError(
            f"route: 'estimator' takes one number of shots, got {shots.shot_vector}; "
            "use route='sampler'"
        )
    readout = plan_readout(
        plan.measurements,
        len(wires),
        shots=bool(shots),
        estimator=estimator and not selected,
        mitigated=mitigated,
        selected=selected,
    )
    rows = _num_rows(plan)
    angles = np.empty((rows or 1, len(plan.angles)))
    for slot, angle in enumerate(plan.angles):
        angles[:, slot] = _numbers(angle)
    slots: tuple[int, ...] = ()
    if torch.is_grad_enabled():
        slots = tuple(s for s, a in enumerate(plan.angles) if _needs_gradient(a))
    tensors = None
    if slots:
        each = [plan.angles[slot].double().expand(rows or 1) for slot in slots]
        tensors = torch.stack([tensor.cpu() for tensor in each], dim=1)
    bins = tuple(shots.bins()) if shots and shots.has_partitioned_shots else None
    structure = evolve(plan.structure, measurements=())
    return TapeTask(structure, angles, readout, rows is not None, slots, tensors, bins)


def _postselected(tape: Any) -> tuple[Any, list[Any], tuple[int, ...]]:
    """A tape whose projections are read at its end.

    Returns:
        The tape, with a wire of its own for each outcome that is kept, those wires, and
        the outcomes.
    """
    operations: list[Any] = []
    helping: list[Any] = []
    selected: list[int] = []
    for operation in tape.operations:
        if not isinstance(operation, BasisStateProjector):
            operations.append(operation)
            continue
        for wire, value in zip(operation.wires, operation.data[0], strict=True):
            helping.append(("postselected", len(helping)))
            selected.append(int(value))
            operations.append(qml.CNOT([wire, helping[-1]]))
    if helping:
        tape = tape.copy(operations=operations, trainable_params=[])
    return tape, helping, tuple(selected)


def _num_rows(plan: Any) -> int | None:
    for angle, batched in zip(plan.angles, plan.batched, strict=True):
        if batched:
            return int(qml.math.shape(angle)[0])
    return None


def _numbers(angle: Any) -> Any:
    if isinstance(angle, Tensor):
        return angle.detach().cpu().numpy()
    return np.asarray(qml.math.unwrap(angle), dtype=float)


def _needs_gradient(angle: Any) -> bool:
    return isinstance(angle, Tensor) and angle.requires_grad
