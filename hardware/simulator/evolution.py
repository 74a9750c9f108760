"""Running a schedule on a batch of states, and its gradient by the adjoint method.

States are tensors (L, 2ⁿ, T): with many rows L = 1 and T = rows, so that permuting
amplitudes moves whole rows of memory and every product is one large one; with few rows
L = rows and T = 1, so that the last wires' products stay large too.

On the way back each step is undone, so memory does not grow with depth.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits.errors import DoubleBackwardError

MOST_WIRES_DOUBLE_BACKWARD = 8
"""Above, a gradient of a gradient would keep every intermediate state."""


class Step(ABC):
    """One step of an evolution: abstract base. Linear, unitary, with parameters."""

    # ---- Must be defined: these two, and nothing else. ----

    @abstractmethod
    def forward(self, state: Tensor, parameters: Sequence[Tensor]) -> Tensor:
        """The state after the step, by differentiable operations.

        Args:
            state: (L, 2ⁿ, T), complex.
            parameters: All parameters of the evolution.
        """

    @abstractmethod
    def backward(
        self,
        state: Tensor,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        gradients: list[Tensor | None],
        onward: bool,
    ) -> tuple[Tensor, Tensor]:
        """Undoes the step, and adds to the parameters' gradients.

        Args:
            state: The state after the step, complex conjugated: so its outer product
                with the gradient needs no further copy.
            gradient: The loss's gradient with respect to the state.
            parameters: All parameters of the evolution.
            gradients: One entry for each; None where none is wanted.
            onward: Whether steps before this one will be undone too; if not, what is
                returned does not matter.

        Returns:
            State, conjugated, and gradient before the step.
        """


@frozen(eq=False)
class BlockStep(Step):
    """A matrix on neighbouring wires.

    Args:
        parameter: Which parameter holds the matrix: (count, 2ᵇ, 2ᵇ).
        index: Which of the count.
        before: 2 to the number of wires before the block.
        size: 2ᵇ.
    """

    parameter: int
    index: int
    before: int
    size: int

    def _views(self, *states: Tensor) -> list[Tensor]:
        """As (left, 2ᵇ, right)."""
        length, amplitudes, rows = states[0].shape
        right = amplitudes // (self.before * self.size) * rows
        return [s.reshape(length * self.before, self.size, right) for s in states]

    def forward(self, state: Tensor, parameters: Sequence[Tensor]) -> Tensor:
        """The matrix times the state."""
        return self._apply(parameters[self.parameter][self.index], state)

    def _apply(self, matrix: Tensor, state: Tensor) -> Tensor:
        (view,) = self._views(state)
        if view.shape[0] == 1:
            result = matrix @ view[0]
        elif view.shape[2] == 1:
            result = view[:, :, 0] @ matrix.T
        else:
            # Not `matrix @ view`, which would copy the state to fold it.
            result = torch.bmm(matrix.expand(view.shape[0], -1, -1), view)
        return result.reshape(state.shape)

    def backward(
        self,
        state: Tensor,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        gradients: list[Tensor | None],
        onward: bool,
    ) -> tuple[Tensor, Tensor]:
        """The adjoint matrix times both; their outer product is the gradient."""
        matrix = parameters[self.parameter][self.index]
        state = self._apply(matrix.T, state)
        total = gradients[self.parameter]
        if total is not None:
            total[self.index] += self._outer(*self._views(gradient, state))
        if onward:
            gradient = self._apply(matrix.mH.contiguous(), gradient)
        return state, gradient

    def _outer(self, after: Tensor, before: Tensor) -> Tensor:
        """The sum over all but the block's wires of products of two amplitudes."""
        if after.shape[0] == 1:
            return after[0] @ before[0].T
        if after.shape[2] == 1:
            return after[:, :, 0].T @ before[:, :, 0]
        if after.shape[2] < self.size:
            left = after.transpose(0, 1).reshape(self.size, -1)
            return left @ before.transpose(0, 1).reshape(self.size, -1).T
        return torch.bmm(after, before.transpose(1, 2)).sum(0)


@frozen(eq=False)
class PermutationStep(Step):
    """A permutation of basis states, with phases.

    Args:
        sources: (2ⁿ,) where each amplitude comes from.
        targets: (2ⁿ,) where each amplitude goes to.
        factors: (2ⁿ, 1) what it is multiplied by after the move; None for 1.
    """

    sources: Tensor
    targets: Tensor
    factors: Tensor | None

    def forward(self, state: Tensor, parameters: Sequence[Tensor]) -> Tensor:
        """Moves the amplitudes."""
        moved = state.index_select(1, self.sources)
        return moved if self.factors is None else moved * self.factors

    def backward(
        self,
        state: Tensor,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        gradients: list[Tensor | None],
        onward: bool,
    ) -> tuple[Tensor, Tensor]:
        """Moves both back."""
        if self.factors is not None:
            state, gradient = state * self.factors, gradient * self.factors.conj()
        return (
            state.index_select(1, self.targets),
            gradient.index_select(1, self.targets),
        )


def phases_of(angles: Tensor) -> Tensor:
    """exp(i·angle), elementwise."""
    return torch.complex(angles.cos(), angles.sin())


def imag_of_product(left: Tensor, right: Tensor) -> Tensor:
    """The imaginary part of an elementwise product."""
    return left.real * right.imag + left.imag * right.real


def outer_product(factors: Tensor) -> Tensor:
    """The tensor product over wires of vectors with two entries.

    Args:
        factors: (n, 2, rows).

    Returns:
        (2ⁿ, rows), the first wire's bit leading.
    """
    tail: Tensor | None = None
    while len(factors) > 1:
        if len(factors) % 2:
            last = factors[-1]
            if tail is not None:
                last = (last[:, None] * tail).flatten(0, 1)
            tail, factors = last, factors[:-1]
        factors = (factors[0::2, :, None] * factors[1::2, None]).flatten(1, 2)
    if tail is None:
        return factors[0]
    return (factors[0][:, None] * tail).flatten(0, 1)


def as_layout(values: Tensor, few_rows: bool) -> Tensor:
    """(2ⁿ, rows) in the layout of states: (1, 2ⁿ, rows), or (rows, 2ⁿ, 1)."""
    return values.T[:, :, None] if few_rows else values[None]


def from_layout(values: Tensor, batched: bool) -> Tensor:
    """(L, 2ⁿ, T) as (2ⁿ, rows); summed over rows where angles are common to all."""
    flat = values[0] if values.shape[0] == 1 else values[:, :, 0].T
    return flat if batched else flat.sum(1, keepdim=True)


@frozen(eq=False)
class PhaseStep(Step):
    """A phase for each amplitude: rotations that are diagonal.

    Args:
        parameter: Which parameter holds the angles: (slots, rows) or (slots, 1).
        batched: Whether angles differ from row to row.
        expands: Whether the state has one row before the step and many after.
        few_rows: Whether rows are the leading dimension of states.
        singles: (2n, slots) phases of each wire's two settings; None without rotations
            on one wire.
        patterns: (2ⁿ, slots) phases of each amplitude by rotations on several wires;
            None without such.
        sums: (slots, 2ⁿ): phases of each amplitude by each slot; None where too large.
    """

    parameter: int
    batched: bool
    expands: bool
    few_rows: bool
    singles: Tensor | None
    patterns: Tensor | None
    sums: Tensor | None

    def _phases(self, angles: Tensor) -> Tensor:
        phases: Tensor | None = None
        if self.singles is not None:
            turns = phases_of(self.singles @ angles)
            phases = outer_product(turns.unflatten(0, (turns.shape[0] // 2, 2)))
        if self.patterns is not None:
            others = phases_of(self.patterns @ angles)
            phases = others if phases is None else phases * others
        assert phases is not None
        return as_layout(phases, self.few_rows and self.batched)

    def forward(self, state: Tensor, parameters: Sequence[Tensor]) -> Tensor:
        """The state times the phases."""
        return state * self._phases(parameters[self.parameter])

    def backward(
        self,
        state: Tensor,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        gradients: list[Tensor | None],
        onward: bool,
    ) -> tuple[Tensor, Tensor]:
        """Both times the opposite phases; the gradient is Im(λψ̄), summed by slot."""
        angles = parameters[self.parameter]
        total = gradients[self.parameter]
        if total is not None:
            total += self._summed(from_layout(imag_of_product(gradient, state), self.batched))
        if not onward:
            return state, gradient
        phases = self._phases(angles)
        state, gradient = state * phases, gradient * phases.conj()
        if self.expands:
            dimension = 0 if self.few_rows else 2
            state = state.narrow(dimension, 0, 1)
            gradient = gradient.sum(dimension, keepdim=True)
        return state, gradient

    def _summed(self, change: Tensor) -> Tensor:
        """(2ⁿ, rows) → (slots, rows)."""
        if self.sums is not None:
            return self.sums @ change
        assert self.singles is not None
        return self.singles.T @ marginals(change)


def marginals(values: Tensor) -> Tensor:
    """Sums over all amplitudes of each wire's two settings.

    Args:
        values: (2ⁿ, rows).

    Returns:
        (2n, rows): for each wire the sum where its bit is 0, then 1.
    """
    rows = values.shape[1]
    size = values.shape[0].bit_length() - 1
    if size == 1:
        return values
    half = size // 2
    view = values.reshape(2**half, 2 ** (size - half), rows)
    return torch.cat([marginals(view.sum(1)), marginals(view.sum(0))])


@frozen(eq=False)
class LocalPhaseStep(Step):
    """One diagonal rotation on a few of many wires.

    Args:
        parameter: Which parameter holds the angles: (slots, rows) or (slots, 1).
        slot: Which of the slots.
        batched: Whether angles differ from row to row.
        expands: Whether the state has one row before the step and many after.
        few_rows: Whether rows are the leading dimension of states.
        shape: The state's amplitudes cut at the wires: (gap, 2, gap, 2, …, gap).
        phases: Phases of the wires' settings at angle 1, shaped (1, 2, 1, 2, …, 1).
    """

    parameter: int
    slot: int
    batched: bool
    expands: bool
    few_rows: bool
    shape: tuple[int, ...]
    phases: Tensor

    def _factors(self, angles: Tensor) -> Tensor:
        angle = angles[self.slot]
        lead, trail = (-1, 1) if self.few_rows and self.batched else (1, -1)
        angle = angle.reshape(lead, *(1 for _ in self.shape), trail)
        return phases_of(self.phases[None, ..., None] * angle)

    def _times(self, state: Tensor, factors: Tensor) -> Tensor:
        length, _, rows = state.shape
        product = state.reshape(length, *self.shape, rows) * factors
        return product.flatten(1, -2)

    def forward(self, state: Tensor, parameters: Sequence[Tensor]) -> Tensor:
        """The state times the phases."""
        return self._times(state, self._factors(parameters[self.parameter]))

    def backward(
        self,
        state: Tensor,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        gradients: list[Tensor | None],
        onward: bool,
    ) -> tuple[Tensor, Tensor]:
        """Both times the opposite phases; the gradient is Im(λψ̄), weighted."""
        angles = parameters[self.parameter]
        total = gradients[self.parameter]
        if total is not None:
            flat = from_layout(imag_of_product(gradient, state), self.batched)
            weighted = flat.unflatten(0, self.shape) * self.phases[..., None]
            total[self.slot] += weighted.flatten(0, -2).sum(0)
        if not onward:
            return state, gradient
        factors = self._factors(angles)
        state = self._times(state, factors)
        gradient = self._times(gradient, factors.conj())
        if self.expands:
            dimension = 0 if self.few_rows else 2
            state = state.narrow(dimension, 0, 1)
            gradient = gradient.sum(dimension, keepdim=True)
        return state, gradient


@frozen(eq=False)
class MatrixStep(Step):
    """A matrix on any wires, the same for all rows or one for each.

    Args:
        parameter: Which parameter holds it: (2ᵏ, 2ᵏ), or (rows, 2ᵏ, 2ᵏ).
        wires: Positions of the k wires.
        num_wires: Wires of the circuit, n.
        batched: Whether there is one for each row.
        expands: Whether the state has one row before the step and many after.
        few_rows: Whether rows are the leading dimension of states.
    """

    parameter: int
    wires: tuple[int, ...]
    num_wires: int
    batched: bool
    expands: bool
    few_rows: bool

    def _front(self, state: Tensor) -> Tensor:
        """(rows, 2ᵏ, rest) if batched, else (2ᵏ, rest): the wires' bits in front."""
        length, _, rows = state.shape
        axes = [1 + wire for wire in self.wires]
        others = [1 + w for w in range(self.num_wires) if w not in self.wires]
        view = state.reshape(length, *(2,) * self.num_wires, rows)
        if not self.batched:
            order = [*axes, 0, *others, self.num_wires + 1]
            return view.permute(order).reshape(2 ** len(axes), -1)
        lead, trail = (0, self.num_wires + 1) if length > 1 else (self.num_wires + 1, 0)
        moved = view.permute([lead, *axes, *others, trail])
        return moved.reshape(length * rows, 2 ** len(axes), -1)

    def _back(self, values: Tensor, length: int, rows: int) -> Tensor:
        """The inverse of `_front`."""
        count = self.num_wires
        others = [w for w in range(count) if w not in self.wires]
        if not self.batched:
            view = values.reshape(
                *(2 for _ in self.wires), length, *(2 for _ in others), rows
            )
            order = [*self.wires, -1, *others, count]
        else:
            view = values.reshape(values.shape[0], *(2,) * count, 1)
            order = [-1, *self.wires, *others, count]
            if not self.few_rows:
                order = [count, *self.wires, *others, -1]
        axes = [order.index(axis) for axis in (-1, *range(count + 1))]
        return view.permute(axes).reshape(-1, 2**count, view.permute(axes).shape[-1])

    def _apply(self, matrix: Tensor, state: Tensor) -> Tensor:
        result = matrix @ self._front(state)
        return self._back(result, state.shape[0], state.shape[2])

    def forward(self, state: Tensor, parameters: Sequence[Tensor]) -> Tensor:
        """The matrix times the state."""
        return self._apply(parameters[self.parameter], state)

    def backward(
        self,
        state: Tensor,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        gradients: list[Tensor | None],
        onward: bool,
    ) -> tuple[Tensor, Tensor]:
        """The adjoint matrix times both; their outer product is the gradient."""
        matrix = parameters[self.parameter]
        before = self._apply(matrix.mT, state)
        total = gradients[self.parameter]
        if total is not None:
            total += self._front(gradient) @ self._front(before).mT
        gradient = self._apply(matrix.mH, gradient)
        if self.expands:
            dimension = 0 if self.few_rows else 2
            before = before.narrow(dimension, 0, 1)
            gradient = gradient.sum(dimension, keepdim=True)
        return before, gradient


def run_steps(
    steps: Sequence[Step], state: Tensor, parameters: Sequence[Tensor]
) -> Tensor:
    """Applies steps one after the other, by differentiable operations.

    Args:
        steps: The steps.
        state: (L, 2ⁿ, T), complex.
        parameters: The evolution's parameters.

    Returns:
        The state after the last step.
    """
    for step in steps:
        state = step.forward(state, parameters)
    return state


class _Evolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, steps: Sequence[Step], state: Tensor, *parameters: Tensor
    ) -> Tensor:
        final = run_steps(steps, state, parameters)
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
        state = state.conj().resolve_conj()
        for index in range(len(ctx.steps) - 1, first - 1, -1):
            onward = needed or index > first
            state, gradient = ctx.steps[index].backward(
                state, gradient, parameters, gradients, onward
            )
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
    final: Tensor = _Evolution.apply(tuple(steps), state, *parameters)
    return final
