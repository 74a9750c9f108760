"""Shots: outcomes of all rows at once, and of the shifted rows that tell gradients.

What is read, which rows gradients need, and how torch carries them is that of
`hardware/tapes`; here rows of angles become counts. All rows of a call, those shifted
for each trained angle among them, are one batch, or as few as memory has room for.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, final

import numpy as np
import pennylane as qml
import torch
from attrs import evolve, frozen
from torch import Tensor

from qml_qdl.circuits import Circuit
from qml_qdl.hardware.preprocessing import selects
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.hardware.simulator.gates.native import decomposition, is_native
from qml_qdl.hardware.simulator.memory import joined
from qml_qdl.hardware.simulator.modes import made_to_last, own_precision
from qml_qdl.hardware.simulator.program import Angles
from qml_qdl.hardware.simulator.runner import (
    Bound,
    Kept,
    compiled,
    numbers_in_precision,
    run_angles,
)
from qml_qdl.hardware.simulator.tracing import TracedCircuit
from qml_qdl.hardware.structure import Plan, Structure
from qml_qdl.hardware.tapes.bases import MOST_WIRES_DECOMPOSED, Basis
from qml_qdl.hardware.tapes.batches import Answer, Request, refuse_lost
from qml_qdl.hardware.tapes.gradients import run_tasks
from qml_qdl.hardware.tapes.outcomes import MOST_BITS_TABLE, Counts, Reals, unpacked
from qml_qdl.hardware.tapes.readouts import (
    TapeReadout,
    has_gradient,
    plain_readings,
    plan_readout,
)
from qml_qdl.hardware.tapes.shifts import ParameterShifts, Stencil, has_shifts
from qml_qdl.hardware.tapes.tasks import TapeTask

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
        like: A tensor of the angles' precision and place.
        most: How many states are made at once, at most.
        seeds: Where random numbers come from: the next for a call, and for its way
            back.
        kept: What was compiled of the plan, and will be.
    """

    plan: Plan
    readout: TapeReadout
    like: Tensor
    most: int
    seeds: Seeds
    kept: Kept

    @classmethod
    def of(
        cls, plan: Plan, like: Tensor, most: int, seeds: Seeds, kept: Kept
    ) -> ShotSampler:
        """Decides how measurements are made; arguments as above."""
        wires = plan.structure.num_wires
        readout = plan_readout(plan.measurements, wires, shots=True, estimator=False)
        return cls(plan, readout, like, most, seeds, kept)

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
        rows, wanted = _rows(angles), frozenset(trained)
        read = [len(basis.wires) for basis in self.readout.bases]
        numbers = sum(min(2**bits, shots.total_shots * bits) for bits in read)
        points = 1 + 2 * len(wanted)
        each = points * (numbers + len(self.plan.batched))
        most = max(1, MOST_NUMBERS // max(1, each))  # identities read no wire
        if rows <= most:
            return self._sampled(angles, wanted, shots, batched)
        ends = [*range(0, rows, most), rows]
        return joined(
            [
                self._sampled(angles.part(first, last), wanted, shots, batched)
                for first, last in pairwise(ends)
            ]
        )

    def _sampled(
        self, angles: Angles, trained: frozenset[int], shots: Any, batched: bool
    ) -> Any:
        rows, places = _rows(angles), self._places(angles, self.plan.batched)
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
            with torch.no_grad(), own_precision(self.like.device):
                return self._answers(requests, task, angles, shots.total_shots)

        # A second pass costs more than few rows that nobody may ask for.
        every = len(self.readout.linear_bases) == len(self.readout.bases)
        fuse = every and rows * (1 + 2 * len(slots)) <= FEW_ROWS
        return run_tasks([task], run, self._shifts, fuse)[0]

    def _places(
        self, angles: Angles, batched: Sequence[bool]
    ) -> tuple[list[int], list[int]]:
        """The slots of numbers common to all rows, and of those that are not."""
        places: tuple[list[int], list[int]] = ([], [])
        for slot, own in enumerate(batched):
            if slot not in angles.arrays:
                places[own].append(slot)
        return places

    def _shifts(
        self, structure: Structure, _: Reals, slots: Sequence[int], __: int
    ) -> Stencil:
        stencil: Stencil = compiled(
            self.kept, ("shifts", slots), lambda: ParameterShifts.of(structure, slots)
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
        for first in range(0, max(1, len(numbers)), self.most):
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
        rows = len(numbers)
        arrays = dict(angles.arrays)
        for slot in angles.row_arrays:
            again = np.arange(first, first + rows) % period
            arrays[slot] = arrays[slot][torch.from_numpy(again).to(self.like.device)]
        common, each = self._places(angles, batched)
        own = Angles(
            torch.from_numpy(numbers[:1, common].reshape(-1)).to(self.like)
            if rows
            else angles.common,
            torch.from_numpy(np.ascontiguousarray(numbers[:, each].T)).to(self.like),
            arrays,
            rows if any(batched) else None,
            angles.row_arrays,
        )
        plan, kept = compiled(
            self.kept,
            ("shots", batched),
            lambda: (
                evolve(self.plan, batched=batched, measurements=(qml.state(),)),
                {},
            ),
        )
        return run_angles(plan, own, self.like, self.most, kept)

    def _chances(self, vectors: Tensor, basis: Basis) -> Reals:
        """The probabilities of what may be read in a basis.

        Args:
            vectors: (rows, 2ⁿ) states.
            basis: The basis.

        Returns:
            (rows, 2ᵇ): bit j of an outcome's number is that of the basis' j-th wire.
        """
        turns: list[tuple[Tensor, list[int]]] = compiled(
            self.kept, ("turns", basis), lambda: self._turns(basis)
        )
        order = list(range(self.plan.structure.num_wires))
        for matrix, wires in turns:
            parts, order = _in_front(vectors, order, wires)
            vectors = (matrix @ parts).flatten(1)
        squares = torch.view_as_real(vectors.resolve_conj()).square().sum(-1)
        parts, _ = _in_front(squares, order, basis.wires[::-1])
        chances: Reals = parts.double().sum(2).cpu().numpy()
        with np.errstate(invalid="ignore"):  # of a state that has no norm
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
                    self.like.device, self.like.dtype.to_complex()
                ),
                list(tape.wires),
            )
            for tape in tapes
        ]


def _rows(angles: Angles) -> int:
    return 1 if angles.num_rows is None else angles.num_rows


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
    shape = (len(values), 2 ** len(wires), 2 ** (len(new) - len(wires)))
    if new == list(order):
        return values.reshape(shape), new
    view = values.reshape(len(values), *(2,) * len(new))
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


@final
class ShotRunner:
    """Samples shots of one circuit on batches, without PennyLane on the way.

    Args:
        circuit: A pure circuit, which is run a single time, whose readout is sampled by
            rows.
        seeds: Where random numbers come from.
        memory: Bytes that may be used; None for a quarter of what is free when a
            precision or a device is first met.
        precision: Complex type of the states; None for the precision of the numbers.
    """

    def __init__(
        self,
        circuit: Circuit,
        seeds: Seeds,
        memory: int | None = None,
        precision: torch.dtype | None = None,
    ) -> None:
        self._circuit = circuit
        self._seeds = seeds
        self._memory = memory
        self._precision = precision
        self._made: dict[
            tuple[torch.dtype, torch.device], tuple[TracedCircuit, ShotSampler]
        ] = {}
        self._trained: dict[tuple[bool, ...], tuple[int, ...] | None] = {}

    def __call__(
        self, inputs: Tensor | None, weights: Sequence[Tensor], shots: Any
    ) -> Any:
        """Samples all rows.

        Args:
            inputs: (rows, num_inputs), or None for a circuit that reads nothing.
            weights: In the order of the circuit's names, of the inputs' precision.
            shots: PennyLane's `Shots`.

        Returns:
            One result, or a tuple for several measurements, with the rows dimension if
            there are inputs: tensors through which gradients flow. None where one is
            wanted for which no shifts are known, or where shots are discarded.

        Raises:
            MemoryBoundError: Not even one row fits into the memory.
        """
        inputs, weights = numbers_in_precision(inputs, weights, self._precision)
        like = inputs if inputs is not None else weights[0]
        with own_precision(like.device):
            traced, sampler = self._sampler(like)
            trained = self._slots(traced, inputs, weights)
            if trained is None:
                return None
            angles = traced.angles(inputs, weights)
            return sampler(angles, trained, shots, batched=inputs is not None)

    def _sampler(self, like: Tensor) -> tuple[TracedCircuit, ShotSampler]:
        key = (like.dtype, like.device)
        if key not in self._made:
            with made_to_last():
                new = torch.empty(0, dtype=like.dtype, device=like.device)
                bound = Bound.of(self._circuit, new, self._memory)
                plan = bound.traced.plan
                sampler = ShotSampler.of(plan, new, bound.most, self._seeds, bound.kept)
                self._made[key] = bound.traced, sampler
        return self._made[key]

    def _slots(
        self, traced: TracedCircuit, inputs: Tensor | None, weights: Sequence[Tensor]
    ) -> tuple[int, ...] | None:
        """The slots that depend on what is trained; None where one has no shifts.

        None, too, where shots are discarded.
        """
        given = weights if inputs is None else (inputs, *weights)
        recording = torch.is_grad_enabled()
        trained = tuple(recording and each.requires_grad for each in given)
        if trained not in self._trained:
            slots = traced.slots_of(trained)
            moved = {*slots}
            known = not any(
                selects(gate.operation)
                or (moved.intersection(gate.slots) and not has_shifts(gate.operation))
                for gate in traced.plan.structure.gates
            )
            self._trained[trained] = slots if known else None
        return self._trained[trained]
