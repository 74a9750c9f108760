"""Circuits on a service: every call of an executor is one job, sent once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, final

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
from qml_qdl.hardware.jobs.client import JobClient, JobKind, JobRequest, Machine
from qml_qdl.hardware.jobs.cost import Cost, check_budget
from qml_qdl.hardware.jobs.journal import Journal
from qml_qdl.hardware.jobs.records import (
    DONE,
    SENT,
    UNSENT,
    ExecutionRecord,
    Job,
    JobKey,
    JobKeys,
)
from qml_qdl.hardware.jobs.submission import Submission, Submitter
from qml_qdl.hardware.jobs.waiting import Pace
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.hardware.tapes.executor import (
    Counters,
    Estimates,
    Executor,
    Pub,
    SilentExecutor,
)
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
        *,
        journal: Journal | str | Path | None = None,
        run: str | None = None,
        max_qpu_seconds: float = MAX_QPU_SECONDS,
        resilience_level: int = 0,
        options: Mapping[str, Any] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.client = client
        self.keys = JobKeys(run)
        self.max_qpu_seconds = max_qpu_seconds
        self.resilience_level = resilience_level
        self._options = dict(options or {})
        self._journal = journal
        self._pace = pace
        self._counters = Counters()
        self._machine: Machine | None = None
        self._detaching = False
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
        made = 0 if self._machine is None else self._machine.transpilations
        return evolve(self._counters, transpilations=made)

    @property
    def sender(self) -> RemoteExecutor:
        """What sends the executor's jobs: itself."""
        return self

    @property
    def machine(self) -> Machine:
        """The machine, looked up when it is first asked for.

        Raises:
            TargetError: The service has no such machine (any more).
        """
        if self._machine is None:
            self._machine = self.client.machine
        return self._machine

    def seeded(self, seeds: Seeds) -> Self:
        """The executor itself: the machine samples its shots."""
        return self

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

    @property
    def job_ids(self) -> tuple[str, ...]:
        """The service's ids of the run's jobs, those of earlier processes too."""
        jobs = self._submit_through().journal.jobs()
        mine = [job for job in jobs if job.key.run == self.keys.run]
        return tuple(job.job_id for job in mine if job.job_id is not None)

    @contextmanager
    def detached(self) -> Iterator[None]:
        """Within it jobs are sent without waiting for them; `Detached` names them."""
        self._detaching = True
        try:
            yield
        finally:
            self._detaching = False

    def request(self, kind: JobKind, pubs: Sequence[Pub], shots: int) -> JobRequest:
        """What the service is asked to do, before the machine prepares it.

        Args:
            kind: "sample" or "estimate".
            pubs: Circuits and rows.
            shots: Shots of every row.

        Returns:
            The request, with the options of the executor.
        """
        options = dict(self._options)
        if kind == "estimate":
            options["resilience_level"] = self.resilience_level
        return JobRequest(kind, tuple(pubs), shots, options)

    def begin(self, step: str) -> None:
        """Goes to another step of the run.

        Args:
            step: The step.
        """
        self.keys.begin(step=step)

    def sample(self, pubs: Sequence[Pub], shots: int) -> list[Counts]:
        """Samples outcomes.

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

    def _run(self, kind: JobKind, pubs: Sequence[Pub], shots: int) -> list[Any]:
        if not pubs:
            return []
        if not all(np.isfinite(pub.angles).all() for pub in pubs):
            raise ArgumentError(
                "angles: expected finite numbers, got NaN or infinity, which would be "
                "paid for nothing; take these rows out first"
            )
        request = self.request(kind, pubs, shots)
        content = self.client.content(request)
        angles = [pub.angles for pub in pubs]
        key = self._key(content, angles)
        try:
            submitter = self._submit_through()
            known = submitter.journal.find(key)

            def prepare() -> JobRequest:
                with self._kept(submitter.journal, key.run):
                    return self.machine.prepare(request, self.max_qpu_seconds)

            if known and not any(job.state in UNSENT for job in known):
                account = self.client.account
                call = evolve(known[0].call, content=content, account=account)
                submission = Submission(key, call, request, [], prepare)
            else:
                self._check_placement(key, known, pubs)
                submission = self._priced(key, content, request, prepare())
            return submitter.run(submission, detach=self._detaching)
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
        self, key: JobKey, content: str, request: JobRequest, prepared: JobRequest
    ) -> Submission:
        """What is to be sent, if it does not cost too much."""
        parts, cost = self.machine.price(prepared)
        check_budget(cost, self.max_qpu_seconds)
        call = ExecutionRecord(
            content=content,
            kind=request.kind,
            backend=self.client.name,
            account=self.client.account,
            rows=request.rows,
            shots=request.shots,
            seconds=cost.seconds,
        )
        return Submission(key, call, request, parts, lambda: prepared)

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

    def _submit_through(self) -> Submitter:
        if self._submitter is None:
            journal = self._journal
            if not isinstance(journal, Journal):
                journal = Journal(journal)
            counters = self._counters
            self._submitter = Submitter(self.client, journal, self._pace, counters)
        return self._submitter


def _note_paid(error: QdlError, jobs: Sequence[Job]) -> None:
    if jobs:
        rows = sum(job.rows for job in jobs)
        error.add_note(
            f"what was sent before is kept: {len(jobs)} job"
            f"{'s' if len(jobs) > 1 else ''} of this run, {rows:,} rows, whose results "
            "qml-qdl jobs wait and the same run fetch without the machine"
        )


def costing(executor: Executor, costs: list[Cost]) -> Executor:
    """Stands in for an executor: sends nothing, and notes what each call would cost.

    Args:
        executor: One that runs on a machine, or on the model of one.
        costs: Where costs are noted, one for each call.

    Returns:
        An executor whose results are zeros.

    Raises:
        TargetError: It runs on no machine.
    """
    machine, sender = executor.machine, executor.sender
    if machine is None:
        raise no_machine(executor.name)

    def note(kind: JobKind, pubs: Sequence[Pub], shots: int | None) -> None:
        if shots is None:
            raise TargetError(
                "shots: a machine has no exact values and shows no states, got "
                "shots=None; say how many shots: shots=1000"
            )
        make = JobRequest if sender is None else sender.request
        request = machine.prepare(make(kind, tuple(pubs), shots), math.inf)
        costs.append(machine.price(request)[1])

    return SilentExecutor(executor, note)


def no_machine(name: str) -> TargetError:
    """The error of asking what jobs cost where there are none.

    Args:
        name: What was asked: a device or an executor.
    """
    return TargetError(
        f"target: what jobs cost can be told for a machine, got {name}; use "
        "'ibm:ibm_NAME', 'ibm:least_busy', or without an account the model of a "
        "machine, 'aer:fake_NAME'"
    )
