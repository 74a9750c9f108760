"""Steps of an evolution: what is done to all rows of a state at once, and undone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.hardware.simulator.states import (
    Pool,
    as_layout,
    before_expansion,
    from_layout,
    imag_of_product,
    marginals,
    outer_product,
    phases_of,
)


class Step(ABC):
    """One step of an evolution: abstract base. Linear, unitary, with parameters."""

    # ---- Must be defined: these two, and nothing else. ----

    @abstractmethod
    def forward(
        self, state: Tensor, parameters: Sequence[Tensor], pool: Pool | None = None
    ) -> Tensor:
        """The state after the step, by differentiable operations.

        Args:
            state: (L, 2ⁿ, T), complex.
            parameters: All parameters of the evolution.
            pool: Memory for the result; None to take new memory, differentiably.
        """

    @abstractmethod
    def backward(
        self,
        state: Tensor,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        gradients: list[Tensor | None],
        onward: bool,
        pool: Pool,
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
            pool: Memory for what is returned; what came from it and is no longer needed
                may be given back, and is by the caller if not.

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

    def forward(
        self, state: Tensor, parameters: Sequence[Tensor], pool: Pool | None = None
    ) -> Tensor:
        """The matrix times the state."""
        return self._apply(parameters[self.parameter][self.index], state, pool)

    def _apply(self, matrix: Tensor, state: Tensor, pool: Pool | None) -> Tensor:
        (view,) = self._views(state)
        out = None if pool is None else pool.take(state)
        into = None if out is None else out.view(view.shape)
        if view.shape[0] == 1:
            into = None if into is None else into[0]
            result = torch.mm(matrix, view[0], out=into)
        elif view.shape[2] == 1:
            into = None if into is None else into[:, :, 0]
            result = torch.mm(view[:, :, 0], matrix.T, out=into)
        else:
            # Not `matrix @ view`, which would copy the state to fold it.
            result = torch.bmm(matrix.expand(view.shape[0], -1, -1), view, out=into)
        return result.reshape(state.shape) if out is None else out

    def backward(
        self,
        state: Tensor,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        gradients: list[Tensor | None],
        onward: bool,
        pool: Pool,
    ) -> tuple[Tensor, Tensor]:
        """The adjoint matrix times both; their outer product is the gradient."""
        matrix = parameters[self.parameter][self.index]
        before = self._apply(matrix.T, state, pool)
        pool.give(state)  # now, so that less memory takes turns in the cache
        total = gradients[self.parameter]
        if total is not None:
            total[self.index] += self._outer(*self._views(gradient, before))
        if onward:
            gradient = self._apply(matrix.mH.contiguous(), gradient, pool)
        return before, gradient

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

    def forward(
        self, state: Tensor, parameters: Sequence[Tensor], pool: Pool | None = None
    ) -> Tensor:
        """Moves the amplitudes."""
        moved = _moved(state, self.sources, pool)
        return moved if self.factors is None else moved * self.factors

    def backward(
        self,
        state: Tensor,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        gradients: list[Tensor | None],
        onward: bool,
        pool: Pool,
    ) -> tuple[Tensor, Tensor]:
        """Moves both back."""
        if self.factors is not None:
            state, gradient = state * self.factors, gradient * self.factors.conj()
        before = _moved(state, self.targets, pool)
        pool.give(state)
        return before, _moved(gradient, self.targets, pool)


def _moved(state: Tensor, sources: Tensor, pool: Pool | None) -> Tensor:
    """The amplitudes in another order."""
    # torch is several times faster at selecting from a first dimension (measured).
    length, amplitudes, rows = state.shape
    if length == 1:
        out = None if pool is None else pool.take(state)
        shape = (amplitudes,) if rows == 1 else (amplitudes, rows)
        into = None if out is None else out.view(shape)
        moved = torch.index_select(state.reshape(shape), 0, sources, out=into)
        return moved.reshape(state.shape) if out is None else out
    out = None if pool is None else pool.take(state)
    if out is None:
        return state.index_select(1, sources)
    for row, target in zip(state.unbind(0), out.unbind(0), strict=True):
        torch.index_select(row.reshape(-1), 0, sources, out=target.view(-1))
    return out


@frozen(eq=False)
class PhaseStep(Step):
    """A phase for each amplitude: rotations that are diagonal.

    Args:
        parameter: Which parameter holds the angles: (slots, rows) or (slots, 1).
        batched: Whether angles differ from row to row.
        expands: Whether the state has one row before the step and many after.
        few_rows: Whether rows are the leading dimension of states.
        symmetric: Whether each wire's two phases are opposite, as those of RX, RY, RZ.
        singles: Phases of wires by rotations on one wire, for 1: (n, slots) where those
            for 0 are the opposite, else (2n, slots) with both; None without such.
        patterns: (2ⁿ, slots) phases of each amplitude by rotations on several wires;
            None without such.
        sums: (slots, 2ⁿ): phases of each amplitude by each slot; None where too large.
    """

    parameter: int
    batched: bool
    expands: bool
    few_rows: bool
    symmetric: bool
    singles: Tensor | None
    patterns: Tensor | None
    sums: Tensor | None

    def _phases(self, angles: Tensor) -> Tensor:
        phases: Tensor | None = None
        if self.singles is not None:
            turns = phases_of(self.singles @ angles)
            if self.symmetric:
                turns = torch.stack((turns.conj(), turns), dim=1)
            else:
                turns = turns.reshape(len(turns) // 2, 2, angles.shape[1])
            phases = outer_product(turns)
        if self.patterns is not None:
            others = phases_of(self.patterns @ angles)
            phases = others if phases is None else phases * others
        assert phases is not None
        return as_layout(phases, self.few_rows and self.batched)

    def forward(
        self, state: Tensor, parameters: Sequence[Tensor], pool: Pool | None = None
    ) -> Tensor:
        """The state times the phases."""
        return self._times(state, self._phases(parameters[self.parameter]), pool)

    def _times(self, state: Tensor, phases: Tensor, pool: Pool | None) -> Tensor:
        if pool is None or state.numel() < phases.numel():
            return state * phases
        return torch.mul(state, phases, out=pool.take(state))

    def backward(
        self,
        state: Tensor,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        gradients: list[Tensor | None],
        onward: bool,
        pool: Pool,
    ) -> tuple[Tensor, Tensor]:
        """Both times the opposite phases; the gradient is Im(λψ̄), summed by slot."""
        angles = parameters[self.parameter]
        total = gradients[self.parameter]
        if total is not None:
            total += self._summed(
                from_layout(imag_of_product(gradient, state), self.batched)
            )
        if not onward:
            return state, gradient
        phases = self._phases(angles)
        state = self._times(state, phases, pool)
        gradient = self._times(gradient, phases.conj(), pool)
        if self.expands:
            return before_expansion(state, gradient, self.few_rows)
        return state, gradient

    def _summed(self, change: Tensor) -> Tensor:
        """(2ⁿ, rows) → (slots, rows)."""
        if self.sums is not None:
            return self.sums @ change
        assert self.singles is not None
        settings = marginals(change)
        if self.symmetric:
            settings = settings[1::2] - settings[0::2]
        return self.singles.T @ settings
