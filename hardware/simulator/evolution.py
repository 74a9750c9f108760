"""Running steps one after the other, and their gradient by the adjoint method.

On the way back each step is undone, so memory does not grow with depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from qml_qdl.circuits.errors import DoubleBackwardError
from qml_qdl.hardware.simulator.states import Pool
from qml_qdl.hardware.simulator.steps import Step

MOST_WIRES_DOUBLE_BACKWARD = 8
"""Above, a gradient of a gradient would keep every intermediate state."""


def run_steps(
    steps: Sequence[Step],
    initial: Tensor,
    parameters: Sequence[Tensor],
    pool: Pool | None = None,
) -> Tensor:
    """Applies steps one after the other.

    Args:
        steps: The steps.
        initial: (L, 2ⁿ, T), complex; left as it is.
        parameters: The evolution's parameters.
        pool: Memory for the states between; None to run by differentiable operations.

    Returns:
        The state after the last step.
    """
    state = initial
    for step in steps:
        after = step.forward(state, parameters, pool)
        if pool is not None and state is not initial:
            pool.give(state)
        state = after
    return state


class _Evolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, steps: Sequence[Step], state: Tensor, *parameters: Tensor
    ) -> Tensor:
        pool = Pool()
        final = run_steps(steps, state, parameters, pool)
        pool.close()
        ctx.steps = steps
        ctx.save_for_backward(state, final, *parameters)
        return final

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        initial, state, *parameters = ctx.saved_tensors
        if torch.is_grad_enabled():
            return (None, *_differentiable(ctx, initial, parameters, gradient))
        wanted = ctx.needs_input_grad[2:]
        gradients: list[Tensor | None] = [
            torch.zeros_like(parameter) if needed else None
            for parameter, needed in zip(parameters, wanted, strict=True)
        ]
        needed = ctx.needs_input_grad[1]
        first = 0 if needed else first_wanted(ctx.steps, wanted)
        pool = Pool()
        state = torch.conj_physical(state, out=pool.take(state))
        for index in range(len(ctx.steps) - 1, first - 1, -1):
            onward = needed or index > first
            before, after = ctx.steps[index].backward(
                state, gradient, parameters, gradients, onward, pool
            )
            for used in (state, gradient):
                if used is not before and used is not after:
                    pool.give(used)
            state, gradient = before, after
        pool.give(state)
        if not needed:
            pool.give(gradient)
        pool.close()
        return (None, gradient if needed else None, *gradients)


def first_wanted(steps: Sequence[Step], wanted: Sequence[bool]) -> int:
    """The first step whose parameter's gradient is wanted: none before is undone."""
    for index, step in enumerate(steps):
        parameter = getattr(step, "parameter", None)
        if parameter is not None and wanted[parameter]:
            return index
    return len(steps)


def _differentiable(
    ctx: Any, initial: Tensor, parameters: Sequence[Tensor], gradient: Tensor
) -> list[Tensor | None]:
    """The same gradients by plain autograd, so that they have gradients themselves."""
    if initial.shape[1] > 2**MOST_WIRES_DOUBLE_BACKWARD:
        raise DoubleBackwardError(
            "a gradient of a gradient (create_graph=True) is possible up to "
            f"{MOST_WIRES_DOUBLE_BACKWARD} wires, got "
            f"{initial.shape[1].bit_length() - 1}; use target='default.qubit', or a "
            "smaller circuit"
        )
    tensors = [initial, *parameters]
    final = run_steps(ctx.steps, initial, parameters)
    needed = ctx.needs_input_grad[1:]
    chosen = [t for t, need in zip(tensors, needed, strict=True) if need]
    found = iter(torch.autograd.grad(final, chosen, gradient, create_graph=True))
    return [next(found) if need else None for need in needed]


def evolve(
    steps: Sequence[Step], state: Tensor, parameters: Sequence[Tensor]
) -> Tensor:
    """Applies steps one after the other; gradients by the adjoint method.

    Args:
        steps: Unitary steps.
        state: (L, 2ⁿ, T), complex.
        parameters: The evolution's parameters.

    Returns:
        The state after the last step.

    Raises:
        DoubleBackwardError: On the way back, if a gradient of a gradient is asked of
            more than 8 wires.
    """
    # What no step takes is left out, or autograd would see a state that depends on it.
    taken = {getattr(step, "parameter", None) for step in steps}
    own = [p if index in taken else None for index, p in enumerate(parameters)]
    final: Tensor = _Evolution.apply(  # type: ignore[no-untyped-call]
        tuple(steps), state, *own
    )
    return final
