"""A PennyLane device that runs tapes as few circuits with rows, in one call."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import cache, partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
from attrs import asdict, evolve
from numpy.typing import NDArray
from pennylane.devices.execution_config import ExecutionConfig

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, TargetError
from qml_qdl.hardware.device import TapeDevice, Traits
from qml_qdl.hardware.mitigation import Mitigation
from qml_qdl.hardware.options import ASKED, GRADIENTS, TargetOptions
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.hardware.structure import Structure
from qml_qdl.hardware.tapes.batches import Answer, Circuits, Request, run_requests
from qml_qdl.hardware.tapes.executor import Executor, SilentExecutor
from qml_qdl.hardware.tapes.gradients import MakeStencil, run_tasks
from qml_qdl.hardware.tapes.outcomes import Reals
from qml_qdl.hardware.tapes.results import errors_of
from qml_qdl.hardware.tapes.shifts import (
    ParameterShifts,
    RandomDirections,
    Stencil,
)
from qml_qdl.hardware.tapes.tasks import TapeTask, make_task
from qml_qdl.hardware.vjp import as_numpy


class ExecutorDevice(TapeDevice):
    """Runs all tapes of an execution in one call of an executor.

    All circuits of an execution that differ in angles only are one parametrised
    circuit. Gradients are parameter shifts, or SPSA, over all rows at once, for weights
    and inputs; with the torch interface they flow through the results like those of any
    torch operation.

    PennyLane's tracker counts `jobs`, `pubs` (circuits sent, each with all its rows),
    `rows`, `transpilations` and `qpu_seconds`.

    A device defines its `name`, its `abilities`, and gives an executor and circuits.

    Args:
        wires: Number of wires or their labels; None finds them in each circuit.
        shots: As PennyLane devices take them; better set on the QNode.
        executor: What runs circuits.
        circuits: What makes circuits of the executor's kind.
        options: How it is asked.
    """

    traits: ClassVar[Traits] = Traits(
        gradients=GRADIENTS, costs_jobs=True, tells_errors=True
    )

    def __init__(
        self,
        wires: Any,
        shots: Any,
        executor: Executor,
        circuits: Circuits,
        options: TargetOptions,
    ) -> None:
        super().__init__(wires=wires, shots=shots)
        self.options: Any = options.completed()  # nothing is open any more
        self.executor = executor
        self._circuits = circuits

    @property
    def seeds(self) -> Seeds:
        """Where random numbers come from that are sampled here."""
        return self.executor.seeds

    def seeded(self, seeds: Seeds) -> Self:
        """The same device with other random numbers; see `TapeDevice.seeded`."""
        twin = copy(self)
        twin.executor = self.executor.seeded(seeds)
        twin.options = evolve(self.options, seed=seeds.seed)
        return twin

    def changed(self, **options: Any) -> Self:
        """The same backend, asked in another way.

        Args:
            **options: `gradient`, `spsa_directions`, `spsa_step`, `fuse_gradient`,
                `merge_rows`, `mitigation` or `route`.

        Returns:
            A device that shares what runs circuits; this one, if nothing changes.

        Raises:
            ArgumentTypeError: An option concerns the executor itself.
            ArgumentError: A value cannot be used.
        """
        fixed = sorted(options.keys() - set(ASKED))
        if fixed:
            raise ArgumentTypeError(
                f"{', '.join(fixed)}: expected options among {', '.join(sorted(ASKED))}"
                "; make a new device for others"
            )
        changed = self.options.changed(**options).completed()
        if changed == self.options:
            return self
        twin = copy(self)
        twin.options = changed
        return twin

    def silent(self) -> Self:
        """The same device, which sends nothing; what it measures is all zero.

        Returns:
            A device that shares nothing that runs circuits.
        """
        twin = copy(self)
        twin.executor = SilentExecutor(self.executor)
        return twin

    def check_tape(self, tape: Any) -> None:
        """Refuses what the backend cannot run; see `TapeDevice.check_tape`."""
        task = self._task(tape)
        self.executor.check(task.structure.num_wires, exact=not tape.shots)

    @contextmanager
    def standing_in(self, executor: Executor) -> Iterator[None]:
        """Within it another executor runs the circuits.

        Args:
            executor: It takes circuits of the same kind.
        """
        before, self.executor = self.executor, executor
        try:
            yield
        finally:
            self.executor = before

    def run_tapes(
        self, circuits: Sequence[Any], config: ExecutionConfig, *, gradients: bool
    ) -> tuple[Any, ...]:
        """Runs tapes, all in one job; see `TapeDevice.run_tapes`.

        Those with other numbers of shots go in a job of their own.
        """
        fuse = gradients or self.options.fuse_gradient
        tasks = [self._task(tape) for tape in circuits]
        shots = [tape.shots.total_shots for tape in circuits]
        stencil = self._make_stencil()
        results: list[Any] = [None] * len(tasks)
        for count in dict.fromkeys(shots):
            chosen = [i for i, own in enumerate(shots) if own == count]
            send = partial(self._send, shots=count)
            mine = [tasks[i] for i in chosen]
            found = run_tasks(mine, send, stencil, fuse)
            for position, result in zip(chosen, found, strict=True):
                results[position] = result
        return tuple(results)

    def _task(self, tape: Any) -> TapeTask:
        wires: Any = tape.wires
        if self.wires is not None:
            # Only wires that are used are simulated, unless places on a machine are
            # given for all.
            used = set(wires)
            wires = [w for w in self.wires if self.options.placed or w in used]
        exact = not tape.shots
        mitigated = self.options.mitigation is not None
        wanted = (exact or self.options.route == "estimator") and not mitigated
        return make_task(
            tape,
            list(wires) or [0],
            estimator=wanted and self.executor.estimates(exact=exact),
            mitigated=mitigated,
        )

    def _send(
        self,
        requests: Sequence[Request],
        shots: int | None,
        mitigation: Mitigation | None = None,
    ) -> list[Answer]:
        """One call of the executor, with what the tracker counts."""
        before = self.executor.counters.copy()
        answers = run_requests(
            requests,
            self.executor,
            self._circuits,
            shots,
            self.options.merge_rows,
            mitigation or self.options.mitigation,
        )
        if self.tracker.active:
            done = self.executor.counters.difference(before)
            self.tracker.update(**asdict(done))
            self.tracker.record()
        return answers

    def _make_stencil(self) -> MakeStencil:
        """What chooses the rows for the gradients of one execution."""

        @cache  # sampled once for an execution, and only where directions are needed
        def first() -> int:
            return int(self.seeds.next().integers(2**62))

        def make(
            structure: Structure, angles: Reals, slots: Sequence[int], number: int
        ) -> Stencil:
            if self.options.gradient == "parameter-shift":
                return ParameterShifts.of(structure, slots)
            count, step = self.options.spsa_directions, self.options.spsa_step
            # An executor with a journal finds the same directions when run again.
            sender = self.executor.sender
            if sender is None:
                begin: int | str = first()
            else:
                begin = f"{self.options.seed}, {sender.keys.upcoming}"
            seed = self._direction_seed(begin, number)
            return RandomDirections.sample(angles, slots, count, step, seed)

        return make

    def _direction_seed(self, begin: int | str, number: int) -> int:
        """Where the directions of one of an execution's tapes begin."""
        digest = hashlib.sha256(f"{begin}, {number}".encode()).digest()
        return int.from_bytes(digest[:16], "big")

    def execute_with_errors(
        self, circuits: Sequence[Any], execution_config: Any = None
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Runs circuits, and tells how sure their results are.

        Args:
            circuits: Tapes of native gates, with one number of shots for all.
            execution_config: PennyLane's configuration.

        Returns:
            Results as `execute` gives them, without gradients, and like them standard
            errors: zero where results are exact, None for what is neither an
            expectation value nor probabilities.

        Raises:
            ArgumentError: There are several numbers of shots.
        """
        results, tasks, answers = self._answered(circuits)
        errors = tuple(
            errors_of(task.readout, answer.column_errors(), task.batched)
            for task, answer in zip(tasks, answers, strict=True)
        )
        return as_numpy(results), errors

    def execute_calibrated(
        self, circuits: Sequence[Any], calibration_rows: int
    ) -> tuple[tuple[Any, ...], tuple[NDArray[np.float64], ...]]:
        """Runs circuits that sample wires, and in the same job how they are misread.

        Args:
            circuits: Tapes of native gates, with one number of shots for all, each of
                which only samples wires in the basis of Z.
            calibration_rows: Rows that prepare `|0⟩`, and as many `|1⟩`, shared among
                the circuits; each has one of both at least.

        Returns:
            Results as `execute` gives them, and for each circuit its wires' confusion,
            (wires, 2, 2): the probability of reading the bit r where it is t stands at
            [wire, t, r].

        Raises:
            ArgumentError: There are several numbers of shots.
            TargetError: The backend cannot be calibrated, or mitigates errors itself.
        """
        if self.options.mitigation is not None:
            raise TargetError(
                f"mitigation: samples cannot be mitigated, got "
                f"{self.options.mitigation}; leave it out"
            )
        calibration = Mitigation(zne_scales=(1,), calibration_rows=calibration_rows)
        results, tasks, answers = self._answered(circuits, calibration)
        confusions = []
        for task, answer in zip(tasks, answers, strict=True):
            (result,) = task.readout.results
            read = answer.readout.bases[result.basis].wires
            wires = result.measurement.wires or read
            ones = answer.misread[result.basis][[read.index(wire) for wire in wires]]
            confusions.append(np.stack([1 - ones, ones], axis=2))
        return as_numpy(results), tuple(confusions)

    def _answered(
        self, circuits: Sequence[Any], mitigation: Mitigation | None = None
    ) -> tuple[tuple[Any, ...], list[TapeTask], list[Answer]]:
        """Results without gradients, and the answers they are made of."""
        kept: list[Answer] = []

        def send(requests: Sequence[Request]) -> list[Answer]:
            kept[:] = self._send(requests, shots, mitigation)
            return kept

        kinds = {tape.shots for tape in circuits}
        if len(kinds) > 1 or any(kind.has_partitioned_shots for kind in kinds):
            raise ArgumentError(
                "shots: expected one number for all circuits, got "
                f"{sorted(map(str, kinds))}; run them apart"
            )
        shots = kinds.pop().total_shots if kinds else None
        with torch.no_grad():
            tasks = [self._task(tape) for tape in circuits]
            results = tuple(run_tasks(tasks, send, self._make_stencil(), False))
        return results, tasks, kept
