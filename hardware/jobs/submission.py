"""Submission: every job is sent once, whatever happens on the way.

A job is recorded, marked in the moment in which it is sent, and its id kept. What is
found in the journal later says what is left to do: results are taken from it, a job
with an id is waited for, and one that may have been made is looked for by its tag. A
service lists new jobs with some delay, so that it cannot tell that a job was not made:
one that is not found is unclear, and sent anew only if the user says so. One that the
service refused is looked for as long before it is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from attrs import frozen

from qml_qdl.circuits.errors import (
    AccountError,
    Detached,
    JobError,
    JobTimeoutError,
    ServiceError,
    SubmissionRefused,
    SubmissionUnclear,
)
from qml_qdl.hardware.jobs.client import (
    JobClient,
    JobRequest,
    JobState,
    JobStatus,
    Results,
)
from qml_qdl.hardware.jobs.journal import Journal, Owner, join
from qml_qdl.hardware.jobs.records import (
    DONE,
    SENDING,
    UNCLEAR,
    UNSENT,
    WITHOUT_ID,
    ExecutionRecord,
    Job,
    JobKey,
    Piece,
)
from qml_qdl.hardware.jobs.waiting import Pace, look_up, wait
from qml_qdl.hardware.tapes.executor import Counters

_TRIES = 4
"""How often a job is sent that the service refuses for the time being."""
_LONGEST_WAIT = 300.0
"""Seconds that a service may ask to wait before it is sent again."""


class _Overtaken(Exception):  # noqa: N818 - never leaves this module
    """Another process took the job over, because it took this one for dead."""


@frozen(slots=False)
class Submission:
    """What is sent, and under which key.

    Args:
        key: The execution it is.
        call: What is recorded of it.
        request: What shall be done, all jobs together, as it was asked for: what
            results are read by.
        parts: For each job its rows.
        prepare: Gives the request in the machine's gates; called where something has to
            be sent.
    """

    key: JobKey
    call: ExecutionRecord
    request: JobRequest
    parts: Sequence[Sequence[Piece]]
    prepare: Callable[[], JobRequest]

    @cached_property
    def prepared(self) -> JobRequest:
        """The request as it can be sent."""
        return self.prepare()


class Submitter:
    """Sends jobs through a journal and gets their results.

    Args:
        client: The service.
        journal: What remembers.
        pace: How often and how long the service is asked.
        counters: Where jobs that are made, and QPU seconds, are counted.
    """

    def __init__(
        self,
        client: JobClient,
        journal: Journal,
        pace: Pace | None = None,
        counters: Counters | None = None,
    ) -> None:
        self.client = client
        self.journal = journal
        self.pace = Pace() if pace is None else pace
        self.counters = Counters() if counters is None else counters
        self._owner: Owner | None = None

    def run(self, submission: Submission, *, detach: bool = False) -> list[Any]:
        """Does a request, or what is left of it.

        Args:
            submission: The request.
            detach: Raises `Detached` instead of waiting.

        Returns:
            `Bits` or `Estimates` of each pub.

        Raises:
            Detached: The jobs are sent and not known to be done.
            JobError: A job failed or was cancelled; the same run sends it anew.
            JobTimeoutError: The deadline has passed.
            JournalError: Something else is recorded under the key.
            SubmissionRefused: The service did not take a job.
            SubmissionUnclear: It cannot be found out whether a job was made.
        """
        angles = [pub.angles for pub in submission.request.pubs]
        jobs = self.journal.record(
            submission.key, submission.call, angles, submission.parts
        )
        with self._batch(jobs) as batch:
            jobs = [self._send(job, submission, batch) for job in jobs]
        if detach and any(job.state != DONE for job in jobs):
            ids = tuple(str(job.job_id) for job in jobs)
            raise Detached(
                f"{submission.key}: sent to {self.client.name} as {', '.join(ids)}; "
                "not waited for",
                ids,
            )
        with self._taken_up_again(jobs):
            results = [
                self._collect(job, submission.request.part(job.pieces)) for job in jobs
            ]
        return _joined(jobs, results)

    @contextmanager
    def _batch(self, jobs: Sequence[Job]) -> Iterator[str | None]:
        """A group for several jobs of which some are to be sent."""
        batch = None
        if len(jobs) > 1 and any(job.state in UNSENT for job in jobs):
            batch = self.client.open_batch()
        try:
            yield batch
        finally:
            if batch is not None:
                self.client.close_batch(batch)

    def _send(self, job: Job, submission: Submission, batch: str | None) -> Job:
        if self._owner is None or not self._owner.is_of_this_process():
            self._owner = Owner.of_this_process()
        owner = self._owner
        for _ in self.pace.rounds(self.pace.deadline):
            before, job = self.journal.claim(job, owner)
            if job.state not in WITHOUT_ID:
                return job
            if job.owner != owner.text:
                continue
            try:
                return self._send_own(before, owner, submission, batch)
            except _Overtaken:
                continue
            finally:
                self.journal.release(job, owner)
        raise JobTimeoutError(
            f"deadline: another process has been sending {job.key} for "
            f"{self.pace.deadline:g} s ({job.owner}); end it, or wait longer"
        )

    def _send_own(
        self, job: Job, owner: Owner, submission: Submission, batch: str | None
    ) -> Job:
        """Looks for a job, or sends it; `job` is how it was before it was ours."""
        if job.state in (SENDING, UNCLEAR):
            why = job.reason or "the process that sent it ended before the reply came"
            return self._found(job, owner, self.pace.left(job.changed), why)
        found = None
        if job.was_refused:
            found = self._look_up(job, self.pace.left(job.changed))
        tries = 0
        while found is None:
            tries += 1
            try:
                return self._post(job, owner, submission, batch)
            except SubmissionUnclear as error:
                return self._found(job, owner, self.pace.grace, str(error))
            except (SubmissionRefused, AccountError) as error:
                self.journal.refused(job, owner, str(error))
                wait = getattr(error, "wait", None)
                if wait is None or wait > _LONGEST_WAIT or tries == _TRIES:
                    raise
            self.pace.sleep(wait)
            found = self._look_up(job, self.pace.grace - wait)
        return self.journal.sent(job, found)

    def _post(
        self, job: Job, owner: Owner, submission: Submission, batch: str | None
    ) -> Job:
        request = submission.prepared.part(job.pieces)

        def sending() -> None:
            if not self.journal.sending(job, owner):
                raise _Overtaken

        job_id = self.client.submit(request, job.tag, batch, sending)
        self.counters.jobs += 1
        self.counters.pubs += len(request.pubs)
        self.counters.rows += request.rows
        return self.journal.sent(job, job_id)

    def _found(self, job: Job, owner: Owner, seconds: float, why: str) -> Job:
        """The job that may have been made, if the service lists it."""
        found = self._look_up(job, seconds)
        if found is not None:
            return self.journal.sent(job, found)
        self.journal.unclear(job, owner, why)
        raise SubmissionUnclear(
            f"{job.key}: whether a job was made on {self.client.name} is unclear "
            f"({why}); it is not listed under its tag {job.tag}, and is not sent again "
            "by itself; run again to look for it again, or have it sent anew, and "
            f"perhaps paid twice: qml_qdl.nn.resend_jobs of {self.journal.path}"
        )

    def _look_up(self, job: Job, seconds: float) -> str | None:
        return look_up(self.client, job.tag, self.pace, seconds)

    def _collect(self, job: Job, request: JobRequest) -> Results:
        if job.state == DONE:
            return self.journal.results(job)
        assert job.job_id is not None
        status = wait(self.client, job.job_id, self.pace, job.seconds)
        if status.state != JobState.DONE:
            raise self._ended(job, status)
        results = self.client.results(job.job_id, request)
        self.counters.qpu_seconds += status.seconds or 0.0
        job = self.journal.store(job, results, status.seconds, status.machine)
        return self.journal.results(job)

    def _ended(self, job: Job, status: JobStatus) -> JobError:
        reason = status.reason or "the service gives no reason"
        self.journal.ended(job, str(status.state), reason, status.seconds)
        verb = "was cancelled" if status.state == JobState.CANCELLED else "failed"
        return JobError(
            f"job {job.job_id} on {self.client.name} {verb}: {reason}; the same run "
            "sends it anew as another job"
        )

    @contextmanager
    def _taken_up_again(self, jobs: Sequence[Job]) -> Iterator[None]:
        try:
            yield
        except (KeyboardInterrupt, ServiceError) as error:
            ids = ", ".join(str(job.job_id) for job in jobs)
            error.add_note(
                f"on {self.client.name} {ids} runs on, and the same run takes it up "
                f"again; to see it: qml-qdl jobs list {self.journal.path}"
            )
            raise


def _joined(jobs: Sequence[Job], results: Sequence[Any]) -> list[Any]:
    """Results of each pub, from those of each job's pieces."""
    parts: dict[int, list[Any]] = {}
    for job, result in zip(jobs, results, strict=True):
        for (pub, _, _), part in zip(job.pieces, result, strict=True):
            parts.setdefault(pub, []).append(part)
    return [join(parts[pub]) for pub in sorted(parts)]
