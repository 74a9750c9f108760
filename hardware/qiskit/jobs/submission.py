"""Submission: every job is sent once, whatever happens on the way.

A job is recorded, marked as being sent, sent, and its id kept. What is found in the
journal later says what is left to do: results are taken from it, a job with an id is
waited for, one that may have been sent is looked for by its tag, and only what surely
is absent is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from qml_qdl.circuits.errors import (
    AccountError,
    Detached,
    JobError,
    JobTimeoutError,
    ServiceError,
    SubmissionRefused,
    SubmissionUnclear,
)
from qml_qdl.hardware.qiskit.counters import Counters
from qml_qdl.hardware.qiskit.jobs.arrays import join
from qml_qdl.hardware.qiskit.jobs.client import (
    JobClient,
    JobRequest,
    JobState,
    JobStatus,
    Results,
)
from qml_qdl.hardware.qiskit.jobs.division import part_of
from qml_qdl.hardware.qiskit.jobs.journal import Journal
from qml_qdl.hardware.qiskit.jobs.keys import JobKey
from qml_qdl.hardware.qiskit.jobs.owners import Owner
from qml_qdl.hardware.qiskit.jobs.records import (
    DONE,
    RECORDED,
    SENDING,
    SENT,
    Call,
    Job,
    Piece,
)
from qml_qdl.hardware.qiskit.jobs.waiting import Pace, wait

_TRIES = 4


@frozen
class Submission:
    """What is sent, and under which key.

    Args:
        key: The execution it is.
        call: What is recorded of it.
        request: What shall be done, all jobs together.
        angles: The angles of each pub, as they were before circuits were transpiled.
        parts: For each job its rows.
    """

    key: JobKey
    call: Call
    request: JobRequest
    angles: Sequence[NDArray[np.float64]]
    parts: Sequence[Sequence[Piece]]


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
        jobs = self.journal.record(
            submission.key, submission.call, submission.angles, submission.parts
        )
        jobs = self._send_all(jobs, submission.request)
        if detach and any(job.state != DONE for job in jobs):
            ids = tuple(str(job.job_id) for job in jobs)
            raise Detached(
                f"{submission.key}: sent to {self.client.name} as {', '.join(ids)}; "
                "not waited for",
                ids,
            )
        with self._taken_up_again(jobs):
            results = [
                self._collect(job, part_of(submission.request, job.pieces))
                for job in jobs
            ]
        return _joined(jobs, results)

    def _send_all(self, jobs: Sequence[Job], request: JobRequest) -> list[Job]:
        batch = None
        absent = [job for job in jobs if job.state not in (DONE, SENT)]
        if len(jobs) > 1 and absent:
            batch = self.client.open_batch()
        try:
            return [
                self._send(job, part_of(request, job.pieces), batch) for job in jobs
            ]
        finally:
            if batch is not None:
                self.client.close_batch(batch)

    def _send(self, job: Job, request: JobRequest, batch: str | None) -> Job:
        if self._owner is None or not self._owner.is_of_this_process():
            self._owner = Owner.of_this_process()
        for _ in self.pace.rounds(self.pace.deadline):
            job, doubtful = self.journal.claim(job, self._owner)
            if job.state not in (RECORDED, SENDING):
                return job
            if job.owner == self._owner.text:
                return self._send_own(job, request, batch, doubtful)
        raise JobTimeoutError(
            f"deadline: another process has been sending {job.key} for "
            f"{self.pace.deadline:g} s ({job.owner}); end it, or wait longer"
        )

    def _send_own(
        self, job: Job, request: JobRequest, batch: str | None, doubtful: bool
    ) -> Job:
        assert self._owner is not None
        try:
            for _ in range(_TRIES):
                found = self._look_up(job) if doubtful else None
                if found is not None:
                    return self.journal.sent(job, found)
                self.journal.claim(job, self._owner)  # tells others that we live
                try:
                    job_id = self.client.submit(request, job.tag, batch)
                except SubmissionUnclear as error:
                    doubtful, unclear = True, error
                    continue
                self.counters.jobs += 1
                self.counters.pubs += len(request.pubs)
                self.counters.rows += request.rows
                return self.journal.sent(job, job_id)
            raise SubmissionUnclear(
                f"{unclear}; sent {_TRIES} times and looked for by its tag {job.tag}, "
                "with no sign of it; run again to look for it and send it"
            ) from unclear
        except (SubmissionRefused, AccountError) as error:
            self.journal.release(job, self._owner, refused=str(error))
            raise
        except BaseException:
            self.journal.release(job, self._owner)
            raise

    def _look_up(self, job: Job) -> str | None:
        for _ in self.pace.rounds(self.pace.grace):
            found = self.client.find(job.tag)
            if found is not None:
                return found
        return None

    def _collect(self, job: Job, request: JobRequest) -> Results:
        if job.state == DONE:
            return self.journal.results(job)
        assert job.job_id is not None
        estimate = job.call.seconds * job.rows / max(job.call.rows, 1)
        status = wait(self.client, job.job_id, self.pace, estimate)
        if status.state != JobState.DONE:
            raise self._ended(job, status)
        results = self.client.results(job.job_id, request)
        self.counters.qpu_seconds += status.seconds or 0.0
        job = self.journal.store(job, results, status.seconds)
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
