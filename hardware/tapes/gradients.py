"""Tapes on an executor, with gradients of their results as torch carries them.

A tape's angles become one array. What torch knows of it is a single operation, from the
angles that need a gradient to the readout's columns; its derivative comes from shifted
rows, sent together with the plain ones (fused) or on the way back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from attrs import field, frozen
from torch import Tensor

from qml_qdl.circuits.errors import DoubleBackwardError, TargetError
from qml_qdl.hardware.structure import Structure
from qml_qdl.hardware.tapes.batches import Answer, Request
from qml_qdl.hardware.tapes.outcomes import Reals
from qml_qdl.hardware.tapes.results import results_of
from qml_qdl.hardware.tapes.shifts import Stencil
from qml_qdl.hardware.tapes.tasks import TapeTask

SendRequests: TypeAlias = Callable[[Sequence[Request]], list[Answer]]
"""Sends requests in one call."""

MakeStencil: TypeAlias = Callable[[Structure, Reals, Sequence[int], int], Stencil]
"""Chooses the rows that tell the gradients of some slots of a structure.

The last argument is the task's number among those of one call.
"""


@frozen(eq=False)
class _Sending:
    """What the operation below does, apart from torch."""

    tasks: Sequence[TapeTask]
    run: SendRequests
    make_stencil: MakeStencil
    fuse: bool
    answers: list[Answer] = field(factory=list)

    def stencils(self) -> list[Stencil]:
        """For each task that needs gradients, its stencil."""
        return [
            self.make_stencil(task.structure, task.angles, task.slots, number)
            for number, task in enumerate(self.wanting)
        ]

    @property
    def wanting(self) -> list[TapeTask]:
        """The tasks that have gradients to tell."""
        return [task for task in self.tasks if task.tells_gradients]

    def forward(self, fuse: bool) -> tuple[list[Reals], list[Reals]]:
        """The columns of all tasks, and if fused gradients of those that need them."""
        stencils = self.stencils() if fuse else []
        plain = [task.request for task in self.tasks]
        answers = self.run([*plain, *self._shifted(stencils)])
        self.answers[:] = answers[: len(plain)]
        columns = [
            task.columns(answer)
            for task, answer in zip(self.tasks, self.answers, strict=True)
        ]
        return columns, self._gradients(stencils, answers[len(plain) :])

    def backward(self) -> list[Reals]:
        """The gradients of the tasks that need them, by a call of their own."""
        stencils = self.stencils()
        return self._gradients(stencils, self.run(self._shifted(stencils)))

    def _shifted(self, stencils: Sequence[Stencil]) -> list[Request]:
        return [
            Request(task.structure, stencil.rows(task.angles), task.readout, True)
            for task, stencil in zip(self.wanting, stencils, strict=bool(stencils))
        ]

    def _gradients(
        self, stencils: Sequence[Stencil], answers: Sequence[Answer]
    ) -> list[Reals]:
        return [
            stencil.gradients(task.columns(answer))
            for task, stencil, answer in zip(
                self.wanting, stencils, answers, strict=bool(stencils)
            )
        ]


class _Measured(torch.autograd.Function):
    """From the angles that need gradients to the columns, of all tasks together."""

    @staticmethod
    def forward(ctx: Any, sending: _Sending, *angles: Tensor) -> tuple[Tensor, ...]:
        columns, gradients = sending.forward(sending.fuse)
        ctx.sending, ctx.gradients = sending, gradients
        return tuple(map(torch.from_numpy, columns))

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        sending: _Sending = ctx.sending
        if not ctx.gradients:
            ctx.gradients = sending.backward()
        gradients = iter(ctx.gradients)
        found = [
            torch.einsum("brw,brsw->rs", cotangent, torch.from_numpy(next(gradients)))
            for task, cotangent in zip(sending.tasks, cotangents, strict=True)
            if task.tells_gradients
        ]
        for task, gradient in zip(sending.wanting, found, strict=True):
            # A row that was not sent must not spoil what all rows share.
            lost = ~np.isfinite(task.angles).all(axis=1)
            if lost.any():
                gradient[torch.from_numpy(lost)] = 0.0
        if torch.is_grad_enabled():  # a gradient of this gradient may be asked for
            leaves = [cotangent for cotangent in cotangents if cotangent.requires_grad]
            angles = [task.tensors for task in sending.wanting]
            found = refusing(_twice, found, [*angles, *leaves])
        return (None, *found)


class _Refusing(torch.autograd.Function):
    """Some tensors as they are, whose gradients are refused.

    The tensors beside them only say that there could be a gradient.
    """

    @staticmethod
    def forward(
        ctx: Any, refuse: Callable[[], Exception], count: int, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.refuse = refuse
        return tuple(tensor.clone() for tensor in tensors[:count])

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> Any:
        raise ctx.refuse()


def refusing(
    refuse: Callable[[], Exception], tensors: Sequence[Tensor], beside: Sequence[Any]
) -> list[Tensor]:
    """Tensors that say so where a gradient of theirs is asked for.

    Args:
        refuse: Makes the error.
        tensors: The tensors, floating or complex.
        beside: Tensors they depend on, or None: nothing happens if none needs a
            gradient.

    Returns:
        The same values.
    """
    return list(
        _Refusing.apply(  # type: ignore[no-untyped-call]
            refuse, len(tensors), *tensors, *beside
        )
    )


def _twice() -> Exception:
    return DoubleBackwardError(
        "a gradient of a gradient (create_graph=True) is not possible by shifted rows; "
        "use target='qdl.simulator' without shots, or diff_method='parameter-shift' "
        "with max_diff=2 in a QNode"
    )


def _no_gradient() -> Exception:
    return TargetError(
        "circuit: gradients by shifted rows flow through expectation values, variances "
        "and probabilities, not through samples or states; detach the result, or use "
        "target='qdl.simulator' without shots for states"
    )


def run_tasks(
    tasks: Sequence[TapeTask], run: SendRequests, make_stencil: MakeStencil, fuse: bool
) -> list[Any]:
    """Runs tasks in one call.

    Args:
        tasks: Tapes, ready to be sent.
        run: Sends requests.
        make_stencil: Chooses the rows for gradients.
        fuse: Whether shifted rows are sent with the plain ones.

    Returns:
        For each task its results, torch tensors or dictionaries of counts.
    """
    sending = _Sending(tasks, run, make_stencil, fuse)
    angles = [task.tensors for task in sending.wanting]
    if angles:
        columns = _Measured.apply(sending, *angles)  # type: ignore[no-untyped-call]
    else:
        columns = tuple(map(torch.from_numpy, sending.forward(False)[0]))
    results = []
    for task, answer, found in zip(tasks, sending.answers, columns, strict=True):
        if task.readout.selection is not None:
            found = task.readout.selection.quotients(found)
        result = results_of(task.readout, answer, found, task.bins, task.batched)
        results.append(_tensors(result, task.tensors))
    return results


def _tensors(result: Any, angles: Tensor | None) -> Any:
    """All arrays as tensors; those that have no gradient say so when one is asked."""
    if isinstance(result, tuple):
        return tuple(_tensors(part, angles) for part in result)
    if isinstance(result, Tensor | dict | list):
        return result
    tensor = torch.as_tensor(result)
    floating = tensor.is_floating_point() or tensor.is_complex()
    if angles is None or not floating:
        return tensor
    return refusing(_no_gradient, [tensor], [angles])[0]
