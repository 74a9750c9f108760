"""Steps of an evolution: what is done to all rows of a state at once, and undone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.hardware.simulator.evolution.pool import Pool
from qml_qdl.hardware.simulator.states import (
    as_layout,
    before_expansion,
    from_layout,
    marginals,
    outer_product,
    phases_of,
)


class Step(ABC):
    """One step of an evolution: abstract base. Linear, unitary, with parameters."""

    # ---- Must be defined: these five, and nothing else. ----

    @property
    @abstractmethod
    def taken(self) -> tuple[int, ...]:
        """Which of the evolution's parameters the step takes."""

    @property
    @abstractmethod
    def work(self) -> int:
        """About how many multiplications of each amplitude the step costs."""

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
    def collect(
        self,
        state: Tensor,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
    ) -> None:
        """Adds to the gradients of the parameters that the step takes.

        Args:
            state: The state after the step.
            gradient: The loss's gradient with respect to it, complex conjugated: so
                products with the state need no further copy.
            parameters: All parameters of the evolution.
            gradients: One entry for each, conjugated; None where none is wanted.
        """

    @abstractmethod
    def undo(
        self,
        state: Tensor | None,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        pool: Pool,
    ) -> tuple[Tensor | None, Tensor]:
        """Goes back to before the step.

        Args:
            state: The state after the step; None where no step before asks for it.
            gradient: The loss's gradient with respect to it, conjugated.
            parameters: All parameters of the evolution.
            pool: Memory for what is returned; what came from it and is no longer needed
                may be given back, and is by the caller if not.

        Returns:
            State, None if it was, and gradient before the step.
        """


@frozen(eq=False)
class PermutationStep(Step):
    """A permutation of basis states, with phases.

    Args:
        moves: (2ⁿ,) where each amplitude comes from, and (2ⁿ,) where it goes to; None
            where all stay.
        factors: (2ⁿ, 1) what it is multiplied by after the move; None for 1.
    """

    moves: tuple[Tensor, Tensor] | None
    factors: Tensor | None

    @property
    def taken(self) -> tuple[int, ...]:
        """None."""
        return ()

    @property
    def work(self) -> int:
        """As much time as some multiplications take."""
        return 16

    def forward(
        self, state: Tensor, parameters: Sequence[Tensor], pool: Pool | None = None
    ) -> Tensor:
        """Moves the amplitudes."""
        if self.moves is not None:
            state = _moved(state, self.moves[0], pool)
        return state if self.factors is None else state * self.factors

    def collect(
        self,
        state: Tensor,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
    ) -> None:
        """Nothing: there are no parameters."""

    def undo(
        self,
        state: Tensor | None,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        pool: Pool,
    ) -> tuple[Tensor | None, Tensor]:
        """Moves both back: U = FP, so ψ = PᵀF̄ψ' and λ = PᵀFλ'."""
        if self.factors is not None:
            state = None if state is None else state * self.factors.conj()
            gradient = gradient * self.factors
        if self.moves is None:
            return state, gradient
        back = self.moves[1]
        before = None
        if state is not None:
            before = _moved(state, back, pool)
            pool.give(state)
        return before, _moved(gradient, back, pool)


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
        shared: Which parameter holds the phases of several such steps, (steps, 1, 2ⁿ,
            rows), made at once, or nothing where they are large; None without.
        place: Which of those steps this is.
    """

    parameter: int
    batched: bool
    expands: bool
    few_rows: bool
    symmetric: bool
    singles: Tensor | None
    patterns: Tensor | None
    sums: Tensor | None
    shared: int | None = None
    place: int = 0

    @property
    def taken(self) -> tuple[int, ...]:
        """The angles, and phases made of them."""
        own = (self.parameter,)
        return own if self.shared is None else (*own, self.shared)

    @property
    def work(self) -> int:
        """The phases are made, then multiplied."""
        return 4

    @property
    def is_plain(self) -> bool:
        """Whether each of many rows is turned by angles of its own, as by RZ."""
        alike = self.batched and self.symmetric and not self.few_rows
        return alike and self.patterns is None

    def _shared(self, parameters: Sequence[Tensor]) -> Tensor | None:
        """The phases if they were made with others, which have no gradient."""
        if self.shared is None or not parameters[self.shared].numel():
            return None
        return parameters[self.shared][self.place]

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
        phases = None if pool is None else self._shared(parameters)
        if phases is None:
            phases = self._phases(parameters[self.parameter])
        return self._times(state, phases, pool)

    def _times(self, state: Tensor, phases: Tensor, pool: Pool | None) -> Tensor:
        if pool is None or state.numel() < phases.numel():
            return state * phases
        return torch.mul(state, phases, out=pool.take(state))

    def collect(
        self,
        state: Tensor,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
    ) -> None:
        """−Im(λψ), summed by slot.

        D = diag(exp iφ) with φ = Σₛ pₛθₛ changes ψ by dψ = i dφ ψ, so that dL =
        Re λᵀdψ = −Σₖ Im(λₖψₖ) dφₖ and ∂L/∂θₛ = −Σₖ pₖₛ Im(λₖψₖ).
        """
        total = gradients[self.parameter]
        if total is not None:
            product = from_layout(gradient * state, self.batched)
            if product.is_contiguous():  # real parts are summed too: sooner than moved
                pairs = torch.view_as_real(product).flatten(1)
                total -= self._summed(pairs)[:, 1::2]
            else:
                total -= self._summed(product.imag.clone())

    def undo(
        self,
        state: Tensor | None,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        pool: Pool,
    ) -> tuple[Tensor | None, Tensor]:
        """The state times the opposite phases; Dᵀ = D, so λ times the same ones."""
        shared = self._shared(parameters)
        phases = self._phases(parameters[self.parameter]) if shared is None else shared
        gradient = self._times(gradient, phases, pool)
        if state is not None:  # in place: a state less in memory
            undone = phases.conj_physical_() if shared is None else phases.conj()
            state = self._times(state, undone, pool)
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
