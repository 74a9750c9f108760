"""Programs: a structure compiled once, then run on any number of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import pennylane as qml
import torch
from attrs import field, frozen
from torch import Tensor

from qml_qdl.hardware.plan import Gate
from qml_qdl.hardware.simulator.evolution import evolve, run_steps
from qml_qdl.hardware.simulator.setting import Setting
from qml_qdl.hardware.simulator.states import as_layout
from qml_qdl.hardware.simulator.steps import BlockStep, Step


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
    """

    common: Tensor
    rows: Tensor
    arrays: Mapping[int, Tensor] = field(factory=dict)
    num_rows: int | None = None
    row_arrays: frozenset[int] = frozenset()

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


Feed: TypeAlias = Callable[[Angles], Tensor]
"""Makes one parameter of the evolution from the angles."""


@frozen(eq=False)
class Program:
    """A compiled structure: made by `compile_structure`.

    Args:
        num_wires: Wires of the circuit, n.
        common_slots: Slots whose angles are common to all rows, in order.
        row_slots: Slots whose angles differ from row to row, in order.
        preparation: Gate that prepares the first state; None for |0…0⟩.
        initial: (1, 2ⁿ, 1) the state that the fixed gates at the beginning make.
        feeds: Make the evolution's parameters.
        segments: Steps, each run with whether it becomes one matrix.
        setting: What it was compiled for.
        unitary: Whether every step can be undone.
    """

    num_wires: int
    common_slots: tuple[int, ...]
    row_slots: tuple[int, ...]
    preparation: Gate | None
    initial: Tensor
    feeds: tuple[Feed, ...]
    segments: tuple[tuple[bool, tuple[Step, ...]], ...]
    setting: Setting
    unitary: bool

    def __call__(self, angles: Angles) -> Tensor:
        """Runs all rows.

        Args:
            angles: The numbers of the structure.

        Returns:
            The states, (L, 2ⁿ, T) with L·T rows, or one where nothing differs.
        """
        state = self._first_state(angles)
        parameters = [feed(angles) for feed in self.feeds]
        steps: list[Step] = []
        size = 2**self.num_wires
        for whole, run in self.segments:
            if not whole:
                steps += run
                continue
            identity = torch.eye(
                size, dtype=self.setting.dtype, device=self.setting.device
            )
            matrix = self._evolve(run, identity[None], parameters)
            if run is self.segments[-1][1]:
                # Keeping one state costs less than undoing the largest product; without
                # the first dimension its gradient needs no conjugated copy.
                state = self._evolve(steps, state, parameters)
                return (matrix.squeeze(0) @ state.squeeze(0)).unsqueeze(0)
            steps.append(BlockStep(len(parameters), 0, 1, size))
            parameters.append(matrix)
        return self._evolve(steps, state, parameters)

    def _evolve(
        self, steps: Sequence[Step], state: Tensor, parameters: Sequence[Tensor]
    ) -> Tensor:
        run = evolve if self.unitary else run_steps
        return run(steps, state, parameters)

    def _first_state(self, angles: Angles) -> Tensor:
        if self.preparation is None:
            return self.initial
        (slot,) = self.preparation.slots
        numbers = angles.arrays[slot]
        few = self.setting.few_rows and slot in angles.row_arrays
        if slot in angles.row_arrays and not len(numbers):
            vectors = numbers[:, :1].expand(-1, 2**self.num_wires)  # PennyLane cannot
        else:
            vectors = self._prepared(self.preparation, numbers)
        columns = vectors.reshape(-1, 2**self.num_wires).T.to(self.setting.dtype)
        return as_layout(columns, few).contiguous()

    def _prepared(self, preparation: Gate, numbers: Tensor) -> Tensor:
        """(…, 2ⁿ) the state vectors that a gate prepares."""
        operation = qml.ops.functions.bind_new_parameters(
            preparation.operation, [numbers]
        )
        wire_map = dict(zip(operation.wires, preparation.wires, strict=True))
        operation = qml.map_wires(operation, wire_map)
        vectors = operation.state_vector(wire_order=range(self.num_wires))
        return torch.as_tensor(vectors, device=self.setting.device)
