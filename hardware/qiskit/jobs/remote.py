"""Circuits on a service: every call of the executor is one job, sent once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from qml_qdl.circuits.errors import Detached, TargetError
from qml_qdl.hardware.qiskit.counters import Counters
from qml_qdl.hardware.qiskit.executors.isa import IsaCache
from qml_qdl.hardware.qiskit.jobs.client import JobClient, JobRequest, Kind
from qml_qdl.hardware.qiskit.jobs.cost import (
    check_budget,
    cost_of,
    room,
    row_costs,
    time_limit,
)
from qml_qdl.hardware.qiskit.jobs.division import divide
from qml_qdl.hardware.qiskit.jobs.journal import Journal
from qml_qdl.hardware.qiskit.jobs.keys import JobKey, JobKeys
from qml_qdl.hardware.qiskit.jobs.records import UNSENT, Call
from qml_qdl.hardware.qiskit.jobs.requests import make_request
from qml_qdl.hardware.qiskit.jobs.submission import Submission, Submitter
from qml_qdl.hardware.qiskit.jobs.waiting import Pace
from qml_qdl.hardware.qiskit.pubs import Bits, Estimates, Executor, Pub

MAX_QPU_SECONDS = 60.0
"""QPU seconds that a job may take unless the user allows more."""


@final
class RemoteExecutor(Executor):
    """Runs pubs as jobs of a service, through a journal.

    All pubs of a call are one job, unless the service takes less in one; results are
    put together in order. What was sent under the same key before is not sent again.

    Args:
        client: The service.
        isa: What transpiles circuits for its machine.
        journal: The journal or its file; None for the user's.
        run: The run; None for one that no other process has, so that nothing that was
            sent before is found.
        max_qpu_seconds: A call that would take more is refused.
        resilience_level: Error mitigation of the service's estimator, 0, 1 or 2.
        options: What else the service is told, by name.
        pace: How often and how long the service is asked.
    """

    def __init__(
        self,
        client: JobClient,
        isa: IsaCache,
        *,
        journal: Journal | str | Path | None = None,
        run: str | None = None,
        max_qpu_seconds: float = MAX_QPU_SECONDS,
        resilience_level: int = 0,
        options: dict[str, Any] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.client = client
        self.isa = isa
        self.keys = JobKeys(run)
        self.max_qpu_seconds = max_qpu_seconds
        self.resilience_level = resilience_level
        self.detach = False
        """Whether jobs are sent without waiting for them; `Detached` names them."""
        self._options = dict(options or {})
        self._journal = journal
        self._pace = pace
        self._submitter: Submitter | None = None
        self._unfinished: tuple[JobKey, str, list[NDArray[np.float64]]] | None = None

    @property
    def name(self) -> str:
        """The machine as the user named it."""
        return self.client.name

    @property
    def counters(self) -> Counters:
        """What was done so far."""
        return self.isa.counters

    def record(self, journal: Journal | str | Path, run: str, layer: str) -> None:
        """Makes what follows part of a run.

        Args:
            journal: The run's journal, or its file.
            run: The run.
            layer: Which of the run's quantum layers this executor serves.
        """
        self._journal = journal
        self._submitter = None
        self._unfinished = None
        self.keys = JobKeys(run, layer)

    def options_for(self, kind: Kind) -> dict[str, Any]:
        """What the service is told beside circuits, rows and shots.

        Args:
            kind: "sample" or "estimate".

        Returns:
            Options by name.
        """
        if kind == "sample":
            return dict(self._options)
        return {**self._options, "resilience_level": self.resilience_level}

    def begin(self, step: str) -> None:
        """Goes to another step of the run.

        Args:
            step: The step.
        """
        self.keys.begin(step=step)

    def sample(self, pubs: Sequence[Pub], shots: int) -> list[Bits]:
        """Draws outcomes.

        Args:
            pubs: Circuits that measure.
            shots: Shots of every row.

        Returns:
            For each pub its outcomes, (rows, shots, bits).

        Raises:
            BudgetError: The job would take too many QPU seconds.
            Detached: The job was sent, and is not waited for.
            JobError: The job failed or was cancelled.
        """
        return self._run("sample", pubs, shots)

    def estimate(self, pubs: Sequence[Pub], shots: int | None) -> list[Estimates]:
        """Estimates the pubs' observables by the service's estimator.

        Args:
            pubs: Circuits that do not measure, with observables.
            shots: Shots of every row and basis.

        Returns:
            For each pub its estimates.

        Raises:
            TargetError: Exact values were asked for.
            BudgetError: The job would take too many QPU seconds.
            Detached: The job was sent, and is not waited for.
            JobError: The job failed or was cancelled.
        """
        if shots is None:
            raise TargetError(
                f"shots: {self.name} is a machine and has no exact values, got "
                "shots=None; pass shots=1000, say"
            )
        return self._run("estimate", pubs, shots)

    def states(self, pubs: Sequence[Pub]) -> list[NDArray[np.complex128]]:
        """Refused: a machine does not show its state."""
        raise TargetError(
            f"target: {self.name} is a machine and shows no states, and nothing exact; "
            "pass shots=1000, say, and read out expectation values or probabilities"
        )

    def _run(self, kind: Kind, pubs: Sequence[Pub], shots: int) -> list[Any]:
        if not pubs:
            return []
        request = self._request(kind, pubs, shots)
        per_row = row_costs(request)
        rows = [pub.rows for pub in request.pubs]
        parts = divide(rows, per_row, room(request, self.client.limits))
        cost = cost_of(request, self.client.backend, len(parts))
        call = Call(
            content=request.content(self.client.name),
            kind=kind,
            backend=self.client.name,
            account=self.client.account,
            rows=request.rows,
            shots=shots,
            seconds=cost.seconds,
        )
        angles = [pub.angles for pub in pubs]
        key = self._key(call, angles)
        try:
            submitter = self._submit_through()
            known = submitter.journal.find(key)
            if not known or any(job.state in UNSENT for job in known):
                check_budget(cost, self.max_qpu_seconds)
            submission = Submission(key, call, request, angles, parts)
            return submitter.run(submission, detach=self.detach)
        except Detached:
            raise
        except BaseException:
            # Asked for again in this process, it is the same call.
            self.keys.give_back(key)
            self._unfinished = (key, call.content, angles)
            raise

    def _key(self, call: Call, angles: Sequence[NDArray[np.float64]]) -> JobKey:
        """The next key; that of a call that came to nothing only for the same again."""
        key = self.keys.next()
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is None or unfinished[0] != key:
            return key
        _, content, before = unfinished
        again = content == call.content and all(map(np.array_equal, before, angles))
        return key if again else self.keys.next()

    def _request(self, kind: Kind, pubs: Sequence[Pub], shots: int) -> JobRequest:
        limit = time_limit(self.max_qpu_seconds)
        options = self.options_for(kind)
        return make_request(kind, pubs, shots, self.isa, options, limit)

    def _submit_through(self) -> Submitter:
        if self._submitter is None:
            journal = self._journal
            if not isinstance(journal, Journal):
                journal = Journal(journal)
            self._submitter = Submitter(self.client, journal, self._pace, self.counters)
        return self._submitter
