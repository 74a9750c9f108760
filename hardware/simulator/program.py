"""Programs: a structure compiled once, then run on any number of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import pennylane as qml
import torch
from attrs import field, frozen
from torch import Tensor

from qml_qdl.hardware.simulator.evolution.adjoint import MOST_CHECKPOINTS, Evolution
from qml_qdl.hardware.simulator.modes import is_transformed
from qml_qdl.hardware.simulator.states import as_layout, outer_product, phases_of
from qml_qdl.hardware.simulator.tensor_options import TensorOptions
from qml_qdl.hardware.structure import Gate

MOST_NUMBERS = 2**19
"""Up to so many, all states of an evolution are kept, and all phases made at once.

Two times 4 MiB in single precision at most, which a bound of memory does not count.
"""


@frozen(eq=False)
class Angles:
    """The numbers of a structure, sorted by how they come.

    Args:
        common: (slots,) real: angles that are the same for all rows, in the order of
            the program's `common_slots`.
        rows: (slots, rows) real: angles that differ, in the order of `row_slots`.
        arrays: Numbers of gates made of arrays, by slot; complex matrices, state
            vectors; with a leading rows dimension where they differ.
        num_rows: Number of rows; None where nothing differs from row to row.
        row_arrays: Slots of the arrays that differ from row to row.
        matrices: Matrices of gates that were made already, by their first slot.
    """

    common: Tensor
    rows: Tensor
    arrays: Mapping[int, Tensor] = field(factory=dict)
    num_rows: int | None = None
    row_arrays: frozenset[int] = frozenset()
    matrices: Mapping[int, Tensor] = field(factory=dict)

    def part(self, first: int, last: int) -> Angles:
        """The angles of some of the rows.

        Args:
            first: The first row.
            last: The row after the last.

        Returns:
            Views of these angles.
        """
        arrays = {
            slot: array[first:last] if slot in self.row_arrays else array
            for slot, array in self.arrays.items()
        }
        rows = self.rows[:, first:last]
        return Angles(self.common, rows, arrays, last - first, self.row_arrays)


Feed: TypeAlias = Callable[[Angles, Sequence[Tensor]], Tensor]
"""Makes one parameter of the evolution from the angles, and from those that differ from
row to row, cut into groups."""


@frozen(eq=False)
class RowGroups:
    """Cuts the angles that differ from row to row into those of each step.

    All at once: on the way back, a selection for each step would fill a whole tensor of
    its own.

    Args:
        order: (taken,) which of the angles are taken; None where it is all of them in
            their order.
        sizes: How many are taken by each step.
    """

    order: Tensor | None
    sizes: tuple[int, ...]

    def __call__(self, rows: Tensor) -> Sequence[Tensor]:
        """The groups.

        Args:
            rows: (slots, rows) real.

        Returns:
            A tensor (size, rows) for each step.
        """
        if not self.sizes:
            return ()
        taken = rows if self.order is None else rows.index_select(0, self.order)
        groups: Sequence[Tensor] = taken.split(self.sizes)
        return groups


@frozen(eq=False)
class SharedPhases:
    """Makes the phases of several steps at once, for few and small states.

    Args:
        singles: (steps, n, slots) phases of the wires for 1 at angle 1; for 0 they are
            the opposite.
    """

    singles: Tensor

    @torch.no_grad()
    def __call__(self, rows: Tensor) -> Tensor:
        """The phases.

        Args:
            rows: (slots, rows) real.

        Returns:
            (steps, 1, 2ⁿ, rows); empty where they would be large, or need tangents.
        """
        steps, wires, slots = self.singles.shape
        count = rows.shape[1]
        if is_transformed() or 2**wires * steps * count > MOST_NUMBERS:
            return rows.new_empty(0)
        turns = phases_of(self.singles.reshape(-1, slots) @ rows.detach())
        turns = turns.reshape(steps, wires, count).transpose(0, 1).flatten(1)
        phases = outer_product(torch.stack((turns.conj(), turns), dim=1))
        return phases.reshape(-1, steps, count).transpose(0, 1)[:, None]


@frozen(eq=False)
class Program:
    """A compiled structure: made by `compile_structure`.

    Args:
        num_wires: Wires of the circuit, n.
        common_slots: Slots whose angles are common to all rows, in order.
        row_slots: Slots whose angles differ from row to row, in order.
        preparation: Gate that prepares the first state; None for `|0…0⟩`.
        initial: (1, 2ⁿ, 1) the state that the fixed gates at the beginning make.
        groups: Cuts the angles that differ from row to row.
        feeds: Make the evolution's parameters.
        shared: Makes the last parameter of the steps that run on the states; None
            without.
        runs: Steps common to all rows; each run becomes one matrix, which is a further
            parameter of what comes after.
        evolution: The steps that run on the states.
        last: A run at the end, whose matrix the states are multiplied by; or None.
        options: What it was compiled for.
        unitary: Whether every step can be undone.
    """

    num_wires: int
    common_slots: tuple[int, ...]
    row_slots: tuple[int, ...]
    preparation: Gate | None
    initial: Tensor
    groups: RowGroups
    feeds: tuple[Feed, ...]
    shared: SharedPhases | None
    runs: tuple[Evolution, ...]
    evolution: Evolution
    last: Evolution | None
    options: TensorOptions
    unitary: bool

    def __call__(self, angles: Angles, first: Tensor | None = None) -> Tensor:
        """Runs all rows.

        Args:
            angles: The numbers of the structure.
            first: (rows, 2ⁿ) or (1, 2ⁿ) the states that a gate has prepared; None to
                prepare them.

        Returns:
            The states, (L, 2ⁿ, T) with L·T rows, or one where nothing differs.
        """
        state = self._first_state(angles, first)
        groups = self.groups(angles.rows)
        parameters = [feed(angles, groups) for feed in self.feeds]
        for run in self.runs:
            parameters.append(self._matrix(run, parameters))
        if self.shared is not None:
            parameters.append(self.shared(angles.rows))
        most = self._most_checkpoints(angles.num_rows or 1)
        if self.last is None:
            return self.evolution(state, parameters, self.unitary, most)
        # Checkpointing one state costs less than undoing the largest product; without
        # the first dimension its gradient needs no conjugated copy.
        matrix = self._matrix(self.last, parameters).squeeze(0)
        state = self.evolution(state, parameters, self.unitary, most).squeeze(0)
        return (matrix @ state).unsqueeze(0)

    def _most_checkpoints(self, rows: int) -> int:
        steps = len(self.evolution.steps)
        if is_transformed():  # none, and the number of rows may be open
            return MOST_CHECKPOINTS
        small = 2**self.num_wires * rows * steps <= MOST_NUMBERS
        return steps if small else MOST_CHECKPOINTS

    def _matrix(self, run: Evolution, parameters: Sequence[Tensor]) -> Tensor:
        """(1, 2ⁿ, 2ⁿ) what a run does."""
        identity = torch.eye(
            2**self.num_wires, dtype=self.options.dtype, device=self.options.device
        )
        return run(identity[None], parameters, self.unitary)

    def _first_state(self, angles: Angles, states: Tensor | None) -> Tensor:
        if self.preparation is None:
            return self.initial
        if states is None:
            states = prepared_states(
                self.preparation, angles, self.num_wires, self.options.dtype
            )
        few = self.options.few_rows and len(states) > 1
        # A conjugated view has no real view, which is taken further on.
        return as_layout(states.T, few).contiguous().resolve_conj()


def prepared_states(
    preparation: Gate, angles: Angles, num_wires: int, dtype: torch.dtype
) -> Tensor:
    """The first states, where a gate prepares them.

    Args:
        preparation: The gate.
        angles: The numbers of the structure.
        num_wires: Wires of the circuit, n.
        dtype: Their complex type.

    Returns:
        (rows, 2ⁿ); one row where none differs.
    """
    (slot,) = preparation.slots
    numbers = angles.arrays[slot]
    if slot in angles.row_arrays and not len(numbers):
        vectors = numbers[:, :1].expand(-1, 2**num_wires)  # PennyLane cannot
    else:
        vectors = _vectors(preparation, numbers, num_wires)
    return vectors.reshape(-1, 2**num_wires).to(dtype)


def _vectors(preparation: Gate, numbers: Tensor, num_wires: int) -> Tensor:
    """(…, 2ⁿ) the state vectors that a gate prepares."""
    operation = qml.ops.functions.bind_new_parameters(preparation.operation, [numbers])
    wire_map = dict(zip(operation.wires, preparation.wires, strict=True))
    operation = qml.map_wires(operation, wire_map)
    vectors = operation.state_vector(wire_order=range(num_wires))
    return torch.as_tensor(vectors, device=numbers.device)
