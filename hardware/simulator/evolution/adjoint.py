"""Evolution: steps one after the other, and their gradient by the adjoint method.

On the way back each step is undone, so memory does not grow with depth. Some states are
kept on the way there, and need not be found again.

Torch's gradient by a complex z is g = ∂L/∂Re z + i ∂L/∂Im z, that is dL = Re Σ ḡ dz.
What is carried back here is its conjugate λ = ḡ, so that dL = Re λᵀdψ without a bar.
For a step ψ' = Uψ, where dψ' = U dψ + dU ψ,

    dL = Re λ'ᵀU dψ + Re λ'ᵀdU ψ,    so    λ = Uᵀλ',    ψ = U†ψ',

and the conjugated gradient by U is λ'ψᵀ = λ'ψ'ᵀŪ: `collect` finds it from the states
after the step, and `undo` goes back through U† with ψ but through Uᵀ with λ. If the
state has many rows, λ'ψ'ᵀ is summed over those that share U. Conjugating once at the
end gives torch's gradients; those by angles, which are real, stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from typing import Any

import torch
from attrs import field, frozen
from torch import Tensor

from qml_qdl.circuits.errors import DoubleBackwardError
from qml_qdl.hardware.simulator.evolution.pool import Pool
from qml_qdl.hardware.simulator.evolution.steps import Step
from qml_qdl.hardware.simulator.modes import is_transformed, own_precision

MOST_CHECKPOINTS = 4
"""States kept beside the last: a constant, so memory does not grow with depth."""


@frozen
class Checkpointing:
    """What an evolution keeps, and where its state is undone on the way back.

    Args:
        asking: Steps that ask for the state after them, since a gradient is wanted of
            a parameter they take.
        kept: Steps after which the state is kept, in order.
        undone: Steps through which the state is undone; through the others only the
            gradient is, for those before them ask for no state or find it kept.
    """

    asking: frozenset[int]
    kept: tuple[int, ...]
    undone: frozenset[int]

    @property
    def first(self) -> int:
        """The first step that asks: none before is undone for a parameter's sake."""
        return min(self.asking)

    @classmethod
    def of(
        cls, steps: Sequence[Step], wanted: Sequence[bool], most: int = MOST_CHECKPOINTS
    ) -> Checkpointing:
        """Keeps the states that would cost most to find again.

        Args:
            steps: The evolution's steps.
            wanted: For each parameter whether its gradient is wanted.
            most: States to keep beside the last.

        Returns:
            What to keep.
        """
        asking = [
            index
            for index, step in enumerate(steps)
            if any(wanted[parameter] for parameter in step.taken)
        ]
        last = len(steps) - 1
        spared: dict[int, int] = {}  # by checkpointing the state after a step
        for index, later in zip(asking, [*asking[1:], last], strict=False):
            if index < last:
                spared[index] = sum(s.work for s in steps[index + 1 : later + 1])
        kept = set(sorted(spared, key=spared.__getitem__)[-most:])
        if asking and asking[-1] not in kept:
            kept.add(last)
        undone = set()
        found = False
        for index in range(len(steps)):
            if found:
                undone.add(index)
            found = (found or index in asking) and index not in kept
        return cls(frozenset(asking), tuple(sorted(kept)), frozenset(undone))


MOST_WIRES_DOUBLE_BACKWARD = 8
"""Above, a gradient of a gradient would keep every intermediate state."""


@frozen(eq=False)
class Evolution:
    """Steps, one after the other.

    Args:
        steps: The steps.
    """

    steps: tuple[Step, ...]
    _taken: Set[int] = field(init=False)
    _checkpointings: dict[tuple[int, tuple[bool, ...]], Checkpointing] = field(
        init=False, factory=dict
    )

    @_taken.default
    def _all_taken(self) -> Set[int]:
        return {parameter for step in self.steps for parameter in step.taken}

    def __call__(
        self,
        state: Tensor,
        parameters: Sequence[Tensor],
        unitary: bool = True,
        most: int = MOST_CHECKPOINTS,
    ) -> Tensor:
        """Applies the steps.

        Args:
            state: (L, 2ⁿ, T), complex; left as it is.
            parameters: The evolution's parameters.
            unitary: Whether every step can be undone; if not, and in transforms of
                `torch.func`, gradients are those of plain autograd, which keeps every
                state.
            most: States to keep beside the last.

        Returns:
            The state after the last step.

        Raises:
            DoubleBackwardError: On the way back, if a gradient of a gradient is asked
                of more than 8 wires.
        """
        if not unitary or is_transformed():
            return self.plainly(state, parameters)
        # What no step takes is left out, or autograd would see a state that depends on
        # it.
        own = [p if i in self._taken else None for i, p in enumerate(parameters)]
        wanted = tuple(p is not None and p.requires_grad for p in own)
        if not torch.is_grad_enabled() or not (state.requires_grad or any(wanted)):
            return self.checkpointing(state, parameters, ())[0]
        key = (most, wanted)
        if key not in self._checkpointings:
            self._checkpointings[key] = Checkpointing.of(self.steps, wanted, most)
        final: Tensor = _Adjoint.apply(  # type: ignore[no-untyped-call]
            self, self._checkpointings[key], state, *own
        )
        return final

    def plainly(self, state: Tensor, parameters: Sequence[Tensor]) -> Tensor:
        """Applies the steps by differentiable operations.

        Args:
            state: As above.
            parameters: As above.

        Returns:
            The state after the last step.
        """
        for step in self.steps:
            state = step.forward(state, parameters)
        return state

    def checkpointing(
        self, initial: Tensor, parameters: Sequence[Tensor], kept: Collection[int]
    ) -> tuple[Tensor, list[Tensor]]:
        """Applies the steps, without gradients.

        Args:
            initial: The state before the first.
            parameters: As above.
            kept: Steps after which the state is kept.

        Returns:
            The state after the last step, and those that are kept.
        """
        pool = Pool()
        state, found = initial, []
        for index, step in enumerate(self.steps):
            after = step.forward(state, parameters, pool)
            if index - 1 not in kept:
                pool.give(state)
            if index in kept:
                found.append(after)
            state = after
        return state, found


class _Adjoint(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        evolution: Evolution,
        checkpointing: Checkpointing,
        initial: Tensor,
        *parameters: Tensor,
    ) -> Tensor:
        final, kept = evolution.checkpointing(initial, parameters, checkpointing.kept)
        ctx.evolution, ctx.checkpointing = evolution, checkpointing
        ctx.save_for_backward(initial, *kept, *parameters)
        return final

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        with own_precision(gradient.device):
            return _Adjoint._found(ctx, gradient)

    @staticmethod
    def _found(ctx: Any, gradient: Tensor) -> Any:
        checkpointing: Checkpointing = ctx.checkpointing
        initial, *others = ctx.saved_tensors
        count = len(checkpointing.kept)
        parameters = others[count:]
        if torch.is_grad_enabled() or is_transformed(gradient):
            return (None, None, *_differentiable(ctx, initial, parameters, gradient))
        kept = dict(zip(checkpointing.kept, others[:count], strict=True))
        onward, *wanted = ctx.needs_input_grad[2:]
        gradients = [
            torch.zeros_like(parameter) if needed else None
            for parameter, needed in zip(parameters, wanted, strict=True)
        ]
        pool = Pool()
        state: Tensor | None = None
        gradient = torch.conj_physical(gradient, out=pool.take(gradient))
        steps = ctx.evolution.steps
        first = 0 if onward else checkpointing.first
        for index in range(len(steps) - 1, first - 1, -1):
            step: Step = steps[index]
            state = kept.pop(index, state)
            if index in checkpointing.asking:
                assert state is not None
                step.collect(state, gradient, parameters, gradients)
            if onward or index > first:
                before = step.undo(
                    state if index in checkpointing.undone else None,
                    gradient,
                    parameters,
                    pool,
                )
                for used in (state, gradient):
                    if used is not None and all(used is not one for one in before):
                        pool.give(used)
                state, gradient = before
        for used in (state, None if onward else gradient):
            if used is not None:
                pool.give(used)
        changes = [
            None if change is None else change.conj_physical_() for change in gradients
        ]
        return (None, None, gradient.conj_physical() if onward else None, *changes)


def _differentiable(
    ctx: Any, initial: Tensor, parameters: Sequence[Tensor], gradient: Tensor
) -> list[Tensor | None]:
    """The same gradients by plain autograd, so that they have gradients themselves."""
    again = torch.is_grad_enabled()  # if not, only many gradients at once are wanted
    if again and initial.shape[1] > 2**MOST_WIRES_DOUBLE_BACKWARD:
        raise DoubleBackwardError(
            "a gradient of a gradient (create_graph=True) is possible up to "
            f"{MOST_WIRES_DOUBLE_BACKWARD} wires, got "
            f"{initial.shape[1].bit_length() - 1}; use target='default.qubit', or a "
            "smaller circuit"
        )
    tensors = [initial, *parameters]
    with torch.enable_grad():
        final = ctx.evolution.plainly(initial, parameters)
    needed = ctx.needs_input_grad[2:]
    chosen = [t for t, need in zip(tensors, needed, strict=True) if need]
    found = iter(torch.autograd.grad(final, chosen, gradient, create_graph=again))
    return [next(found) if need else None for need in needed]
