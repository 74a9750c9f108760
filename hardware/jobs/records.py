"""What the journal records: executions and their jobs."""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from qml_qdl.hardware.jobs.keys import JobKey

Piece: TypeAlias = tuple[int, int, int]
"""Rows of a pub: the pub, the first row, the row after the last."""

RECORDED, SENDING, UNCLEAR, SENT = "recorded", "sending", "unclear", "sent"
DONE, FAILED, CANCELLED = "done", "failed", "cancelled"
UNSENT = (RECORDED, FAILED, CANCELLED)
"""States in which the same run sends a job, for the first time or anew."""
WITHOUT_ID = (RECORDED, SENDING, UNCLEAR)
"""States in which the service's id of a job is not known."""


@frozen
class Call:
    """What is recorded of an execution before anything is sent.

    Args:
        content: What tells the request from others, but for its angles.
        kind: "sample" or "estimate".
        backend: The machine as the user named it.
        account: The account's name; None for the default one.
        rows: Rows of all jobs.
        shots: Shots of every row.
        seconds: Estimated QPU seconds.
    """

    content: str
    kind: str
    backend: str
    account: str | None
    rows: int
    shots: int
    seconds: float


@frozen
class Job:
    """A line of the journal: one job, or an attempt at it.

    Args:
        number: The line.
        call_number: The line of its execution.
        key: The execution it belongs to.
        call: What was asked by that execution.
        part: Which of the execution's jobs, from 0.
        attempt: How often this part was sent before: those jobs failed.
        pieces: The rows of each pub.
        tag: The tag it is sent with.
        state: "recorded" (surely not made), "sending" (perhaps made), "unclear" (the
            same, and looked for by its tag without success), "sent", "done", "failed"
            or "cancelled".
        job_id: The service's id; None before it is known.
        reason: Why it failed, was not taken, or is unclear; of one that is recorded it
            tells that it was refused before.
        owner: Who prepares or sends it, as `Owner.text`; None if nobody does.
        used: QPU seconds it took; None while not known.
        changed: When the line last changed, in seconds since 1970.
    """

    number: int
    call_number: int
    key: JobKey
    call: Call
    part: int
    attempt: int
    pieces: tuple[Piece, ...]
    tag: str
    state: str
    job_id: str | None
    reason: str | None
    owner: str | None
    used: float | None
    changed: float

    @property
    def was_refused(self) -> bool:
        """Whether it was sent, and the service said that it did not take it."""
        return self.state == RECORDED and self.reason is not None

    @property
    def rows(self) -> int:
        """Rows of this job."""
        return sum(stop - start for _, start, stop in self.pieces)
