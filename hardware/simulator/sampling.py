"""Shots: outcomes of all rows at once, and of the shifted rows that tell gradients.

What is read, which rows gradients need, and how torch carries them is that of
`hardware/tapes`; here rows of angles become counts. All rows of a call, those shifted
for each trained angle among them, are one batch, or as few as memory has room for.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.hardware.preprocessing import selects
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.hardware.simulator.compiler import shared_program
from qml_qdl.hardware.simulator.memory import joined
from qml_qdl.hardware.simulator.modes import own_precision
from qml_qdl.hardware.simulator.native import decomposition, is_native
from qml_qdl.hardware.simulator.observables import by_rows
from qml_qdl.hardware.simulator.program import Angles, Program
from qml_qdl.hardware.simulator.tensor_options import TensorOptions
from qml_qdl.hardware.structure import Plan, Structure
from qml_qdl.hardware.tapes.bases import MOST_WIRES_DECOMPOSED, Basis
from qml_qdl.hardware.tapes.batches import Answer, Request, refuse_lost
from qml_qdl.hardware.tapes.gradients import run_tasks
from qml_qdl.hardware.tapes.outcomes import MOST_BITS_TABLE, Counts, Reals, unpacked
from qml_qdl.hardware.tapes.readouts import TapeReadout, has_gradient, plain_readings
from qml_qdl.hardware.tapes.shifts import ParameterShifts, Stencil, has_shifts
from qml_qdl.hardware.tapes.tasks import TapeTask

Compiled: TypeAlias = Callable[[Hashable, Callable[[], Any]], Any]
"""Gives what is kept under a key, made by the function if it was not yet."""

MOST_NUMBERS = 2**25
"""About so many numbers of angles and counts, 256 MiB, are in memory at a time."""

FEW_ROWS = 64
"""Up to so many rows, shifted ones included, go in one batch before a gradient is asked
for: a second one takes longer."""

_MOST_TURNED = 4
"""Gates on up to so many wires become one matrix."""


def is_sampled_by_rows(measurement: Any) -> bool:
    """Whether a measurement is made of counts, those of all rows at once.

    Args:
        measurement: A PennyLane measurement.

    Returns:
        False where PennyLane samples in another way, as classical shadows or a user's
        own measurements; where eigenstates of many wires would be needed; and where
        numbers of an observable are trained other than factors of Pauli words.
    """
    kinds = qml.measurements
    if type(measurement) not in (
        kinds.ExpectationMP,
        kinds.VarianceMP,
        kinds.ProbabilityMP,
        kinds.SampleMP,
        kinds.CountsMP,
    ):
        return False
    observable = measurement.obs
    if observable is None:
        return True
    words = observable.pauli_rep is not None
    if any(map(has_gradient, observable.data)):
        return words and type(measurement) is kinds.ExpectationMP
    return words or len(observable.wires) <= MOST_WIRES_DECOMPOSED


def has_shifted_gradients(circuit: Any) -> bool:
    """Whether shifted rows tell all gradients of a circuit.

    Args:
        circuit: A PennyLane tape, as it was written.

    Returns:
        False where a measurement is made in another way, where shots are discarded, and
        where a number is trained that has no shifts in the gates that run.
    """
    if not all(map(is_sampled_by_rows, circuit.measurements)):
        return False
    with qml.QueuingManager.stop_recording():
        return not any(selects(op) or not _shifts(op) for op in circuit.operations)


def _shifts(operation: Any) -> bool:
    """Whether all that is trained of an operation has shifts in the gates that run."""
    if not any(map(qml.math.requires_grad, operation.data)):
        return True
    if isinstance(operation, qml.ops.Conditional):  # measurements wait for the end
        operation = qml.ctrl(operation.base, "measured")
    if is_native(operation) or isinstance(operation, qml.operation.StatePrepBase):
        return has_shifts(operation)
    try:
        return all(map(_shifts, decomposition(operation)))
    except qml.operation.DecompositionUndefinedError:
        return False


@frozen(eq=False)
class ShotSampler:
    """Samples what is read of one plan.

    Args:
        plan: The plan; its angles mean nothing here.
        readout: What is read.
        dtype: Complex type of the states.
        device: Where they are.
        most: How many states are made at once, at most.
        seeds: Where random numbers come from: the next for a call, and for its way
            back.
        compiled: Where programs are kept.
    """

    plan: Plan
    readout: TapeReadout
    dtype: torch.dtype
    device: torch.device
    most: int
    seeds: Seeds
    compiled: Compiled

    def __call__(
        self, angles: Angles, trained: Sequence[int], shots: Any, *, batched: bool
    ) -> Any:
        """Samples all rows.

        Args:
            angles: The numbers; those of either kind in the order of their slots.
            trained: The slots that need a gradient; none of an array.
            shots: PennyLane's `Shots`.
            batched: Whether results have the rows dimension.

        Returns:
            One result, or a tuple for several measurements, or of such for each number
            of shots: tensors through which gradients flow, or dictionaries of counts.
        """
        rows = angles.num_rows or 1
        read = [len(basis.wires) for basis in self.readout.bases]
        numbers = sum(min(2**bits, shots.total_shots * bits) for bits in read)
        points = 1 + 2 * len(trained)
        most = MOST_NUMBERS // (points * (numbers + len(self.plan.batched)))
        if rows <= max(1, most):
            return self._sampled(angles, trained, shots, batched)
        return joined(
            [
                self._sampled(angles.part(first, last), trained, shots, batched)
                for first in range(0, rows, max(1, most))
                for last in [min(first + max(1, most), rows)]
            ]
        )

    def _sampled(
        self, angles: Angles, trained: Sequence[int], shots: Any, batched: bool
    ) -> Any:
        rows, places = angles.num_rows or 1, self._places(angles)
        parts = (angles.common[:, None], angles.rows)
        numbers = np.zeros((rows, len(self.plan.batched)))
        tensors: list[Tensor] = []
        slots: list[int] = []
        for part, own in zip(parts, places, strict=True):
            numbers[:, own] = part.detach().cpu().numpy().T
            chosen = [index for index, slot in enumerate(own) if slot in trained]
            if chosen:
                slots += [own[index] for index in chosen]
                mine = part if len(chosen) == len(own) else part[chosen]
                tensors.append(mine.expand(-1, rows))
        task = TapeTask(
            self.plan.structure,
            numbers,
            self.readout,
            batched,
            tuple(slots),
            torch.cat(tensors).T.double().cpu() if slots else None,
            tuple(shots.bins()) if shots.has_partitioned_shots else None,
        )

        def run(requests: Sequence[Request]) -> list[Answer]:
            with torch.no_grad(), own_precision(self.device):
                return self._answers(requests, task, angles, shots.total_shots)

        # A second pass costs more than few rows that nobody may ask for.
        every = len(self.readout.linear_bases) == len(self.readout.bases)
        fuse = every and rows * (1 + 2 * len(slots)) <= FEW_ROWS
        return run_tasks([task], run, self._shifts, fuse)[0]

    def _places(self, angles: Angles) -> tuple[list[int], list[int]]:
        """The slots that are common to all rows, and those that are not."""
        places: tuple[list[int], list[int]] = ([], [])
        for slot, own in enumerate(self.plan.batched):
            if slot not in angles.arrays:
                places[own].append(slot)
        return places

    def _shifts(
        self, structure: Structure, _: Reals, slots: Sequence[int], __: int
    ) -> Stencil:
        stencil: Stencil = self.compiled(
            (structure, slots), lambda: ParameterShifts.of(structure, slots)
        )
        return stencil

    def _answers(
        self, requests: Sequence[Request], task: TapeTask, angles: Angles, shots: int
    ) -> list[Answer]:
        """Samples the rows of requests: those of a task, and shifted ones."""
        readout, batched = self.readout, self.plan.batched
        used: Sequence[int] = range(len(readout.bases))
        if all(request.only_columns for request in requests):
            used = sorted(readout.linear_bases)
        if any(request.only_columns for request in requests):
            moved = {*task.slots}
            batched = tuple(own or slot in moved for slot, own in enumerate(batched))
        rng = self.seeds.next()
        numbers = np.concatenate([request.angles for request in requests])
        sound = np.isfinite(numbers).all(axis=1)
        counts: dict[int, list[Counts]] = {number: [] for number in used}
        for first in range(0, len(numbers), self.most):
            part = numbers[first : first + self.most]
            states = self._states(part, first, len(task.angles), angles, batched)
            found = [self._chances(states, readout.bases[number]) for number in used]
            own = sound[first : first + self.most]
            for chances in found:
                own &= np.isfinite(chances[:, 0])
            for number, chances in zip(used, found, strict=True):
                whole = np.broadcast_to(chances, (len(part), chances.shape[1]))
                counts[number].append(sampled(whole[own], shots, rng))
        outcomes = {number: Counts.joined(parts) for number, parts in counts.items()}
        readings = {n: plain_readings(len(readout.bases[n].wires)) for n in used}
        answers, first, kept = [], 0, 0
        for request in requests:
            mine = sound[first : first + request.rows]
            first, last = first + request.rows, kept + int(np.count_nonzero(mine))
            refuse_lost(request, ~mine)
            rows = slice(kept, last)
            kept = last
            own_outcomes = {number: found[rows] for number, found in outcomes.items()}
            answers.append(
                Answer(
                    readout, ~mine, shots, outcomes=(own_outcomes,), readings=readings
                )
            )
        return answers

    def _states(
        self,
        numbers: Reals,
        first: int,
        period: int,
        angles: Angles,
        batched: tuple[bool, ...],
    ) -> Tensor:
        """(rows, 2ⁿ) states of rows, or one for all if none differs.

        Args:
            numbers: (rows, slots) their angles.
            first: Which of all rows is the first of these.
            period: After how many rows arrays come again.
            angles: Arrays.
            batched: For each slot whether it differs from row to row.
        """
        structure, rows = self.plan.structure, len(numbers)
        options = TensorOptions.of(self.dtype, self.device, rows, structure.num_wires)
        program: Program = self.compiled(
            (structure, batched, options),
            lambda: shared_program(structure, batched, options),
        )
        arrays = dict(angles.arrays)
        for slot in angles.row_arrays:
            again = np.arange(first, first + rows) % period
            arrays[slot] = arrays[slot][torch.from_numpy(again).to(self.device)]
        common, each = (
            torch.from_numpy(part).to(self.device, self.dtype.to_real())
            for part in (
                numbers[0, program.common_slots],
                np.ascontiguousarray(numbers[:, program.row_slots].T),
            )
        )
        count = rows if any(batched) else None
        return by_rows(program(Angles(common, each, arrays, count, angles.row_arrays)))

    def _chances(self, vectors: Tensor, basis: Basis) -> Reals:
        """The probabilities of what may be read in a basis.

        Args:
            vectors: (rows, 2ⁿ) states.
            basis: The basis.

        Returns:
            (rows, 2ᵇ): bit j of an outcome's number is that of the basis' j-th wire.
        """
        turns: list[tuple[Tensor, list[int]]] = self.compiled(
            (basis, self.dtype, self.device), lambda: self._turns(basis)
        )
        order = list(range(self.plan.structure.num_wires))
        for matrix, wires in turns:
            parts, order = _in_front(vectors, order, wires)
            vectors = (matrix @ parts).flatten(1)
        squares = torch.view_as_real(vectors.resolve_conj()).square().sum(-1)
        parts, _ = _in_front(squares, order, basis.wires[::-1])
        chances: Reals = parts.double().sum(2).cpu().numpy()
        chances /= chances.sum(1, keepdims=True)
        return chances

    def _turns(self, basis: Basis) -> list[tuple[Tensor, list[int]]]:
        """Matrices that turn a basis into that of Z, and their wires."""
        groups: list[list[Any]] = []
        for gate in basis.gates:
            wires = {*gate.wires}.union(*(one.wires for one in (groups or [[]])[-1]))
            if not groups or len(wires) > _MOST_TURNED:
                groups.append([])
            groups[-1].append(gate)
        tapes = map(qml.tape.QuantumScript, groups)
        return [
            (
                torch.as_tensor(qml.matrix(tape, wire_order=tape.wires)).to(
                    self.device, self.dtype
                ),
                list(tape.wires),
            )
            for tape in tapes
        ]


def _in_front(
    values: Tensor, order: Sequence[int], wires: Sequence[int]
) -> tuple[Tensor, list[int]]:
    """(rows, 2ⁿ) as (rows, 2ᵏ, 2ⁿ⁻ᵏ): k wires' bits in front, as they are given.

    Args:
        values: One for each basis state.
        order: The wires, that of the most significant bit first.
        wires: Those to come in front.

    Returns:
        The values, and the new order.
    """
    new = [*wires, *(wire for wire in order if wire not in set(wires))]
    shape = (len(values), 2 ** len(wires), -1)
    if new == list(order):
        return values.reshape(len(values), 2 ** len(wires), -1), new
    view = values.reshape(-1, *(2,) * len(new))
    view = view.permute(0, *(1 + list(order).index(wire) for wire in new))
    return view.reshape(shape), new


def sampled(chances: Reals, shots: int, rng: np.random.Generator) -> Counts:
    """Samples how often each outcome occurs.

    Args:
        chances: (rows, 2ᵇ) probabilities: bit j of an outcome's number is bit j.
        shots: Shots of each row.
        rng: Where random numbers come from.

    Returns:
        The counts.
    """
    seed = int(rng.integers(2**62))
    size = chances.shape[1]
    bits = size.bit_length() - 1
    if bits <= MOST_BITS_TABLE:
        return Counts.from_table(rng.multinomial(shots, chances), shots, seed)
    outcomes, times = [], []
    for row in chances:
        if shots < size:  # a number for each shot is less than one for each outcome
            ends = row.cumsum()
            points = np.sort(rng.random(shots)) * ends[-1]
            places = ends.searchsorted(points, side="right").clip(max=size - 1)
            own, count = np.unique(places, return_counts=True)
        else:
            table = rng.multinomial(shots, row)
            own = table.nonzero()[0]
            count = table[own]
        outcomes.append(own)
        times.append(count)
    starts = np.cumsum([0, *map(len, outcomes)])
    if not len(chances):
        outcomes, times = [np.zeros(0, dtype=int)], [np.zeros(0, dtype=int)]
    every = unpacked(np.concatenate(outcomes), bits)
    return Counts.from_distinct(every, starts, np.concatenate(times), shots, seed)
