"""Circuits on a service: every call of the executor is one job, sent once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from qml_qdl.circuits.errors import (
    ArgumentError,
    Detached,
    JournalError,
    QdlError,
    TargetError,
)
from qml_qdl.hardware.jobs.client import JobClient, JobRequest, Kind
from qml_qdl.hardware.jobs.cost import (
    check_budget,
    cost_of,
    room,
    row_costs,
    time_limit,
)
from qml_qdl.hardware.jobs.division import divide
from qml_qdl.hardware.jobs.journal import Journal
from qml_qdl.hardware.jobs.keys import JobKey, JobKeys
from qml_qdl.hardware.jobs.records import DONE, SENT, UNSENT, Call, Job
from qml_qdl.hardware.jobs.requests import make_request, plain_request
from qml_qdl.hardware.jobs.submission import Submission, Submitter
from qml_qdl.hardware.jobs.waiting import Pace
from qml_qdl.hardware.qiskit.executors.isa import IsaCache
from qml_qdl.hardware.tapes.executor import Counters, Estimates, Executor, Pub
from qml_qdl.hardware.tapes.outcomes import Counts

MAX_QPU_SECONDS = 60.0
"""QPU seconds that a job may take unless the user allows more."""


@final
class RemoteExecutor(Executor):
    """Runs pubs as jobs of a service, through a journal.

    All pubs of a call are one job, unless the service takes less in one; results are
    put together in order. What was sent under the same key before is not sent again.

    The machine is asked for when something has to be sent: results of what was sent
    are there without it.

    Args:
        client: The service.
        isa: What transpiles circuits for its machine, or makes it when it is needed.
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
        isa: IsaCache | Callable[[], IsaCache],
        *,
        journal: Journal | str | Path | None = None,
        run: str | None = None,
        max_qpu_seconds: float = MAX_QPU_SECONDS,
        resilience_level: int = 0,
        options: dict[str, Any] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.client = client
        self._isa = isa
        self._counters = isa.counters if isinstance(isa, IsaCache) else Counters()
        self.keys = JobKeys(run)
        self.max_qpu_seconds = max_qpu_seconds
        self.resilience_level = resilience_level
        self.detach = False
        """Whether jobs are sent without waiting for them; `Detached` names them."""
        self._options = dict(options or {})
        self._journal = journal
        self._pace = pace
        self._submitter: Submitter | None = None
        self._transpiled: set[JobKey] = set()
        self._unfinished: tuple[JobKey, str, list[NDArray[np.float64]]] | None = None

    @property
    def name(self) -> str:
        """The machine as the user named it."""
        return self.client.name

    @property
    def counters(self) -> Counters:
        """What was done so far."""
        return self._counters

    @property
    def isa(self) -> IsaCache:
        """What transpiles circuits for the machine.

        Raises:
            TargetError: The service has no such machine (any more).
        """
        if not isinstance(self._isa, IsaCache):
            self._isa = self._isa()
            self._isa.counters = self._counters
        return self._isa

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

    def sample(self, pubs: Sequence[Pub], shots: int) -> list[Counts]:
        """Draws outcomes.

        Args:
            pubs: Circuits that measure.
            shots: Shots of every row.

        Returns:
            For each pub how often each outcome occurred.

        Raises:
            BudgetError: The job would take too many QPU seconds.
            Detached: The job was sent, and is not waited for.
            JobError: The job failed or was cancelled.
        """
        return list(map(Counts.from_bits, self._run("sample", pubs, shots)))

    def estimates(self, *, exact: bool) -> bool:
        """A service has an estimator of its own; it says itself that it is not exact.

        Args:
            exact: Whether exact values are asked for.
        """
        return True

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
        if not all(np.isfinite(pub.angles).all() for pub in pubs):
            raise ArgumentError(
                "angles: expected finite numbers, got NaN or infinity, which would be "
                "paid for nothing; take these rows out first"
            )
        request = plain_request(kind, pubs, shots, self.options_for(kind))
        content = request.content(self.client.name)
        angles = [pub.angles for pub in pubs]
        key = self._key(content, angles)
        try:
            submitter = self._submit_through()
            known = submitter.journal.find(key)

            def prepare() -> JobRequest:
                with self._kept(submitter.journal, key.run):
                    return self._request(kind, pubs, shots)

            if known and not any(job.state in UNSENT for job in known):
                account = self.client.account
                call = evolve(known[0].call, content=content, account=account)
                submission = Submission(key, call, request, angles, [], prepare)
            else:
                self._check_placement(key, known, pubs)
                submission = self._priced(key, prepare(), angles)
            return submitter.run(submission, detach=self.detach)
        except Detached:
            raise
        except BaseException:
            # Asked for again in this process, it is the same call.
            self.keys.give_back(key)
            self._unfinished = (key, content, angles)
            raise

    def _check_placement(
        self, key: JobKey, known: Sequence[Job], pubs: Sequence[Pub]
    ) -> None:
        """Whether what is sent now and what was sent before use the same qubits.

        Else outcomes of some qubits would be corrected by the calibration of others.
        Only who transpiled all circuits knows that.
        """
        partly = any(job.state not in UNSENT for job in known)
        calibrated = any(pub.calibrates for pub in pubs)
        if partly and calibrated and key not in self._transpiled:
            raise JournalError(
                f"{key}: one of its jobs was not done, and what another process sent "
                "may have used other qubits, which its calibration would be wrong for; "
                "begin another run"
            )
        self._transpiled.add(key)

    def _priced(
        self,
        key: JobKey,
        request: JobRequest,
        angles: Sequence[NDArray[np.float64]],
    ) -> Submission:
        """What is to be sent, if it does not cost too much."""
        rows = [pub.rows for pub in request.pubs]
        parts = divide(rows, row_costs(request), room(request, self.client.limits))
        cost = cost_of(request, self.client.backend, len(parts))
        check_budget(cost, self.max_qpu_seconds)
        call = Call(
            content=request.content(self.client.name),
            kind=request.kind,
            backend=self.client.name,
            account=self.client.account,
            rows=request.rows,
            shots=request.shots,
            seconds=cost.seconds,
        )
        return Submission(key, call, request, angles, parts)

    @contextmanager
    def _kept(self, journal: Journal, run: str) -> Iterator[None]:
        """Says of an error before anything is sent what of the run is paid and kept."""
        try:
            yield
        except QdlError as error:
            paid = [job for job in journal.jobs() if job.key.run == run]
            _note_paid(error, [job for job in paid if job.state in (SENT, DONE)])
            raise

    def _key(self, content: str, angles: Sequence[NDArray[np.float64]]) -> JobKey:
        """The next key; that of a call that came to nothing only for the same again."""
        key = self.keys.next()
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is None or unfinished[0] != key:
            return key
        _, before_content, before = unfinished
        again = before_content == content and all(map(np.array_equal, before, angles))
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


def _note_paid(error: QdlError, jobs: Sequence[Job]) -> None:
    if jobs:
        rows = sum(job.rows for job in jobs)
        error.add_note(
            f"what was sent before is kept: {len(jobs)} job"
            f"{'s' if len(jobs) > 1 else ''} of this run, {rows:,} rows, whose results "
            "qml-qdl jobs wait and the same run fetch without the machine"
        )
