"""Matrices on blocks of neighbouring wires, no two of them on the same wire."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.hardware.simulator.evolution.pool import Pool
from qml_qdl.hardware.simulator.evolution.steps import Step

AT_ONCE = 512
"""Products of two parts of states that are in memory before they are summed."""


@frozen(eq=False)
class Factor:
    """Where a matrix acts.

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

    def matrix(self, parameters: Sequence[Tensor]) -> Tensor:
        """The matrix, (1, 2ᵇ, 2ᵇ)."""
        matrices = parameters[self.parameter]
        return matrices if len(matrices) == 1 else matrices.narrow(0, self.index, 1)

    def _view(self, state: Tensor) -> Tensor:
        """As (left, 2ᵇ, right)."""
        length, amplitudes, rows = state.shape
        if length == 1 and amplitudes == self.size:
            return state
        right = amplitudes // (self.before * self.size) * rows
        return state.reshape(length * self.before, self.size, right)

    def apply(self, matrix: Tensor, state: Tensor, pool: Pool | None) -> Tensor:
        """A matrix on the block's wires times the state.

        Args:
            matrix: (1, 2ᵇ, 2ᵇ), complex or real.
            state: (L, 2ⁿ, T), complex.
            pool: Memory for the result; None to take new memory, differentiably.

        Returns:
            (L, 2ⁿ, T).
        """
        out = None if pool is None else pool.take(state)
        if matrix.is_complex():
            return self._product(matrix, state, out)
        if state.shape[2] == 1:  # a number's two parts would be the only columns
            return self._product(matrix.to(state.dtype), state, out)
        pairs = torch.view_as_real(state).flatten(2)
        into = None if out is None else torch.view_as_real(out).flatten(2)
        found = self._product(matrix, pairs, into)
        if out is not None:
            return out
        return torch.view_as_complex(found.unflatten(2, (-1, 2)))

    def _product(self, matrix: Tensor, state: Tensor, out: Tensor | None) -> Tensor:
        view = self._view(state)
        into = None if out is None else out.view(view.shape)
        if view.shape[2] == 1 < view.shape[0]:
            into = None if into is None else into[:, :, 0]
            result = torch.mm(view[:, :, 0], matrix[0].T, out=into)
        else:
            # Not `matrix @ view`, which would copy the state to fold it.
            left = view.shape[0]
            many = matrix if left == 1 else matrix.expand(left, -1, -1)
            result = torch.bmm(many, view, out=into)
        return result.reshape(state.shape) if out is None else out

    def overlaps(self, one: Tensor, other: Tensor) -> Tensor:
        """The sum over all other wires of products of two states' amplitudes.

        Args:
            one: (L, 2ⁿ, T), complex.
            other: The same.

        Returns:
            (2ᵇ, 2ᵇ).
        """
        one, other = self._view(one), self._view(other)
        if one.shape[0] == 1:
            return one[0] @ other[0].T
        if one.shape[2] == 1:
            return one[:, :, 0].T @ other[:, :, 0]
        if one.shape[2] < self.size:
            left = one.transpose(0, 1).reshape(self.size, -1)
            return left @ other.transpose(0, 1).reshape(self.size, -1).T
        total = torch.bmm(one[:AT_ONCE], other[:AT_ONCE].mT)
        for start in range(AT_ONCE, len(one), AT_ONCE):
            left, right = (s[start : start + AT_ONCE] for s in (one, other))
            total[: len(left)].baddbmm_(left, right.mT)
        return total.sum(0)


@frozen(eq=False)
class ProductStep(Step):
    """A matrix on each of some blocks of wires.

    All gradients are found from the states after the step, and between the blocks
    nothing need be undone: with ψ' = (A ⊗ B)ψ it is (dA ⊗ B)ψ = (dA A† ⊗ 1)ψ', so B
    drops out of dL = Re λ'ᵀ(dA A† ⊗ 1)ψ', and the conjugated gradient by A is RĀ, where
    R is λ'ψ'ᵀ with all other wires traced out.

    Args:
        blocks: The blocks; no two share a wire.
    """

    blocks: tuple[Factor, ...]

    @property
    def taken(self) -> tuple[int, ...]:
        """The matrices, by their numbers of wires."""
        return tuple({block.parameter for block in self.blocks})

    @property
    def work(self) -> int:
        """As many as the matrices have columns."""
        return sum(block.size for block in self.blocks)

    def forward(
        self, state: Tensor, parameters: Sequence[Tensor], pool: Pool | None = None
    ) -> Tensor:
        """The matrices times the state."""
        first = state
        for block in self.blocks:
            after = block.apply(block.matrix(parameters), state, pool)
            if pool is not None and state is not first:
                pool.give(state)
            state = after
        return state

    def collect(
        self,
        state: Tensor,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
    ) -> None:
        """RĀ for each block's matrix A."""
        for block in self.blocks:
            total = gradients[block.parameter]
            if total is not None:
                overlaps = block.overlaps(gradient, state)
                matrix = block.matrix(parameters)[0]
                total[block.index].addmm_(overlaps, matrix.conj())

    def undo(
        self,
        state: Tensor | None,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        pool: Pool,
    ) -> tuple[Tensor | None, Tensor]:
        """A† times the state, Aᵀ times λ, for each block's matrix A."""
        for block in self.blocks:
            matrix = block.matrix(parameters)
            if state is not None:
                before = block.apply(matrix.mH.contiguous(), state, pool)
                pool.give(state)  # now, so that less memory takes turns in the cache
                state = before
            after, gradient = gradient, block.apply(matrix.mT, gradient, pool)
            pool.give(after)
        return state, gradient
