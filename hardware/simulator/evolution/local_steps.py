"""Steps on a few of many wires, in any order."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from attrs import frozen
from torch import Tensor

from qml_qdl.hardware.simulator.evolution.pool import Pool
from qml_qdl.hardware.simulator.evolution.steps import Step
from qml_qdl.hardware.simulator.states import (
    before_expansion,
    from_layout,
    phases_of,
)


@frozen(eq=False)
class FactorStep(Step):
    """A factor for each setting of a few of many wires: abstract base.

    Args:
        parameter: Which parameter the factors are made of.
        batched: Whether they differ from row to row.
        expands: Whether the state has one row before the step and many after.
        few_rows: Whether rows are the leading dimension of states.
        shape: The state's amplitudes cut at the wires: (gap, 2ᵃ, gap, 2ᵇ, …, gap).
    """

    parameter: int
    batched: bool
    expands: bool
    few_rows: bool
    shape: tuple[int, ...]

    @property
    def taken(self) -> tuple[int, ...]:
        """What the factors are made of."""
        return (self.parameter,)

    @property
    def work(self) -> int:
        """One multiplication."""
        return 1

    @abstractmethod
    def factors(self, parameter: Tensor) -> Tensor:
        """The factors, to be multiplied with states in the shape of `cut`.

        Args:
            parameter: What they are made of.
        """

    def cut(self, state: Tensor) -> Tensor:
        """(L, gap, 2ᵃ, …, gap, T) the amplitudes cut at the wires.

        Args:
            state: (L, 2ⁿ, T).
        """
        return state.reshape(state.shape[0], *self.shape, state.shape[2])

    def _times(self, state: Tensor, factors: Tensor) -> Tensor:
        return (self.cut(state) * factors).flatten(1, -2)

    def forward(
        self, state: Tensor, parameters: Sequence[Tensor], pool: Pool | None = None
    ) -> Tensor:
        """The state times the factors."""
        return self._times(state, self.factors(parameters[self.parameter]))

    def undo(
        self,
        state: Tensor | None,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        pool: Pool,
    ) -> tuple[Tensor | None, Tensor]:
        """The state divided by the factors; λ times them."""
        factors = self.factors(parameters[self.parameter])
        if state is not None:
            state = self._times(state, factors.reciprocal())
        gradient = self._times(gradient, factors)
        if self.expands:
            return before_expansion(state, gradient, self.few_rows)
        return state, gradient


@frozen(eq=False)
class LocalPhaseStep(FactorStep):
    """One diagonal rotation on a few of many wires.

    Args:
        parameter: Which parameter holds the angle: (1, rows) or (1, 1).
        phases: Phases of the wires' settings at angle 1, shaped (1, 2ᵃ, 1, 2ᵇ, …, 1).
    """

    phases: Tensor

    def factors(self, parameter: Tensor) -> Tensor:
        """exp(i·angle·phases)."""
        lead, trail = (-1, 1) if self.few_rows and self.batched else (1, -1)
        angle = parameter[0].reshape(lead, *(1 for _ in self.shape), trail)
        return phases_of(self.phases[None, ..., None] * angle)

    def collect(
        self,
        state: Tensor,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
    ) -> None:
        """−Im(λψ), weighted by the phases: as in `PhaseStep`."""
        total = gradients[self.parameter]
        if total is not None:
            flat = from_layout(gradient * state, self.batched).imag
            weighted = flat.unflatten(0, self.shape) * self.phases[..., None]
            total[0] -= weighted.flatten(0, -2).sum(0)


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

    @property
    def taken(self) -> tuple[int, ...]:
        """The matrix."""
        return (self.parameter,)

    @property
    def work(self) -> int:
        """As many as the matrix has columns, and two copies in another order."""
        return int(2 ** len(self.wires)) + 32

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

    def _apply(self, matrix: Tensor, state: Tensor, *, adjoint: bool = False) -> Tensor:
        front = self._front(state)
        result = _adjoint_times(matrix, front) if adjoint else matrix @ front
        return self._back(result, state.shape[0], state.shape[2])

    def forward(
        self, state: Tensor, parameters: Sequence[Tensor], pool: Pool | None = None
    ) -> Tensor:
        """The matrix times the state."""
        return self._apply(parameters[self.parameter], state)

    def collect(
        self,
        state: Tensor,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
    ) -> None:
        """λ'ψ'ᵀŪ, as `adjoint.py` derives it, summed over what shares the matrix."""
        total = gradients[self.parameter]
        if total is not None:
            matrix, change = parameters[self.parameter], self._front(gradient)
            after = self._front(state)
            if after.shape[-1] < after.shape[-2]:  # few columns of a large matrix
                left, right = change, _adjoint_times(matrix, after).mT
            else:
                left, right = change @ after.mT, matrix.conj()
            # Without another matrix in between, which might be the largest of all.
            (total.baddbmm_ if self.batched else total.addmm_)(left, right)

    def undo(
        self,
        state: Tensor | None,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        pool: Pool,
    ) -> tuple[Tensor | None, Tensor]:
        """U† times the state, Uᵀ times λ."""
        matrix = parameters[self.parameter]
        if state is not None:
            state = self._apply(matrix, state, adjoint=True)
        gradient = self._apply(matrix.mT, gradient)
        if self.expands:
            return before_expansion(state, gradient, self.few_rows)
        return state, gradient


def _adjoint_times(matrix: Tensor, columns: Tensor) -> Tensor:
    """U†X = (UᵀX̄)̄, for torch copies a matrix that it conjugates for few columns."""
    if columns.shape[-1] < columns.shape[-2]:
        return (matrix.mT @ columns.conj_physical()).conj_physical()
    return matrix.mH @ columns
