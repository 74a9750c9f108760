"""Steps whose matrix consists of blocks: diagonals, and matrices under controls."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.hardware.simulator.evolution.local_steps import FactorStep, MatrixStep
from qml_qdl.hardware.simulator.evolution.pool import Pool
from qml_qdl.hardware.simulator.evolution.steps import Step
from qml_qdl.hardware.simulator.states import before_expansion


@frozen(eq=False)
class Cut:
    """The amplitudes cut at some wires: where these are neighbours, at once.

    Args:
        shape: What the amplitudes are cut into, (gap, 2ᵃ, gap, 2ᵇ, …, gap).
        order: Which of the wires stands where when they are sorted.
    """

    shape: tuple[int, ...]
    order: tuple[int, ...]

    @classmethod
    def at(cls, wires: Sequence[int], num_wires: int) -> Cut:
        """The cut.

        Args:
            wires: Positions of the wires, in any order.
            num_wires: Wires of the circuit, n.

        Returns:
            The cut.
        """
        shape, last = [1], -1
        for wire in sorted(wires):
            gap = wire - last - 1
            if gap or last < 0:
                shape[-1] *= 2**gap
                shape += [2, 1]
            else:
                shape[-2] *= 2
            last = wire
        shape[-1] = 2 ** (num_wires - 1 - last)
        order = sorted(range(len(wires)), key=lambda place: wires[place])
        return cls(tuple(shape), tuple(order))

    def spread(self, values: Tensor) -> Tensor:
        """Numbers of the wires' settings as factors of the amplitudes.

        Args:
            values: (…, 2ᵏ), the first of the wires leading.

        Returns:
            (…, 1, 2ᵃ, 1, 2ᵇ, …, 1).
        """
        lead = values.shape[:-1]
        cut = values.reshape(*lead, *(2 for _ in self.order))
        places = [len(lead) + place for place in self.order]
        cut = cut.permute(*range(len(lead)), *places)
        return cut.reshape(*lead, *_ones(self.shape))

    def gathered(self, values: Tensor) -> Tensor:
        """Sums over all wires but these: what `spread` is the transpose of.

        Args:
            values: (…, gap, 2ᵃ, gap, 2ᵇ, …, gap).

        Returns:
            (…, 2ᵏ).
        """
        lead = values.shape[: values.ndim - len(self.shape)]
        gaps = range(len(lead), values.ndim, 2)
        cut = values.sum(tuple(gaps)).reshape(*lead, *(2 for _ in self.order))
        back = sorted(range(len(self.order)), key=self.order.__getitem__)
        places = [len(lead) + place for place in back]
        return cut.permute(*range(len(lead)), *places).reshape(*lead, -1)


def _ones(shape: Sequence[int]) -> list[int]:
    """A cut's shape with 1 for each gap."""
    return [size if place % 2 else 1 for place, size in enumerate(shape)]


@frozen(eq=False)
class EntriesStep(FactorStep):
    """A diagonal of an array of entries, none of which is 0.

    Args:
        parameter: Which parameter holds them: (2ᵏ,), or (rows, 2ᵏ).
        order: Which of the wires stands where when they are sorted.
    """

    order: tuple[int, ...]

    @property
    def _cut(self) -> Cut:
        return Cut(self.shape, self.order)

    def factors(self, parameter: Tensor) -> Tensor:
        """The entries, in the order of the amplitudes."""
        spread = self._cut.spread(parameter)
        if not self.batched:
            return spread[None, ..., None]
        return spread[..., None] if self.few_rows else spread.movedim(0, -1)[None]

    def collect(
        self,
        state: Tensor,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
    ) -> None:
        """λ'ψ = λ'ψ'/e, summed over what shares the entry: ψ' = eψ, dψ' = ψ de."""
        total = gradients[self.parameter]
        if total is None:
            return
        product = self.cut(gradient * state)
        if self.batched:
            product = (
                product.squeeze(-1) if self.few_rows else product[0].movedim(-1, 0)
            )
        else:
            product = product.sum((0, -1))
        total += self._cut.gathered(product) / parameters[self.parameter]


@frozen(eq=False)
class ControlledStep(Step):
    """A matrix on some wires where others have their values.

    Elsewhere the step does nothing: state and gradient are those of the matrix on the
    part of the amplitudes that have these values, a state of fewer wires.

    Args:
        inner: The matrix on the wires that are left without the controls.
        shape: The amplitudes cut at the controls: (gap, 2, gap, 2, …, gap).
        values: For each control, in the order of wires, the value that it must have.
        expands: Whether the state has one row before the step and many after.
    """

    inner: MatrixStep
    shape: tuple[int, ...]
    values: tuple[int, ...]
    expands: bool

    @property
    def batched(self) -> bool:
        """Whether there is a matrix for each row."""
        return self.inner.batched

    @property
    def taken(self) -> tuple[int, ...]:
        """The matrix."""
        return self.inner.taken

    @property
    def work(self) -> int:
        """That of the matrix on its part, and a copy."""
        return (self.inner.work >> len(self.values)) + 8

    def _views(self, state: Tensor) -> list[Tensor]:
        """The amplitudes, those left by one control, by two, …, (L, gap, …, gap, T)."""
        views = [state.unflatten(1, self.shape)]
        for place, value in enumerate(self.values):
            views.append(views[-1].select(2 + place, value))
        return views

    def _part(self, state: Tensor) -> Tensor:
        """(L, 2ᵐ, T) the amplitudes that are reached."""
        return self._views(state)[-1].flatten(1, -2)

    def _with(self, state: Tensor, part: Tensor, pool: Pool | None) -> Tensor:
        """The state with another part."""
        if pool is None:
            views = self._views(state)
            part = part.reshape(views[-1].shape)
            for place, value in reversed([*enumerate(self.values)]):
                halves = [views[place].select(2 + place, 1 - value), part]
                part = torch.stack(halves if value else halves[::-1], 2 + place)
            return part.flatten(1, -2)
        out = pool.take(state)
        out = state.clone() if out is None else out.copy_(state)
        view = self._views(out)[-1]
        view.copy_(part.reshape(view.shape))
        return out

    def forward(
        self, state: Tensor, parameters: Sequence[Tensor], pool: Pool | None = None
    ) -> Tensor:
        """The matrix times the part that it reaches."""
        if self.expands:
            rows = len(parameters[self.inner.parameter])
            shape = (rows, -1, -1) if self.inner.few_rows else (-1, -1, rows)
            state = state.expand(shape).contiguous()
        part = self.inner.forward(self._part(state), parameters)
        return self._with(state, part, pool)

    def collect(
        self,
        state: Tensor,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
    ) -> None:
        """That of the matrix, of the part that it reaches."""
        part, change = self._part(state), self._part(gradient)
        self.inner.collect(part, change, parameters, gradients)

    def undo(
        self,
        state: Tensor | None,
        gradient: Tensor,
        parameters: Sequence[Tensor],
        pool: Pool,
    ) -> tuple[Tensor | None, Tensor]:
        """The matrix undone on the part that it reaches."""
        part = None if state is None else self._part(state)
        before, change = self.inner.undo(part, self._part(gradient), parameters, pool)
        if state is not None and before is not None:
            state = self._with(state, before, pool)
        gradient = self._with(gradient, change, pool)
        if self.expands:
            return before_expansion(state, gradient, self.inner.few_rows)
        return state, gradient
