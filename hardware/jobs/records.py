"""Records of the journal: executions by their keys, and their jobs."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from typing import TypeAlias

from attrs import frozen

Piece: TypeAlias = tuple[int, int, int]
"""Rows of a pub: the pub, the first row, the row after the last."""

RECORDED, SENDING, UNCLEAR, SENT = "recorded", "sending", "unclear", "sent"
DONE, FAILED, CANCELLED = "done", "failed", "cancelled"
UNSENT = (RECORDED, FAILED, CANCELLED)
"""States in which the same run sends a job, for the first time or anew."""
WITHOUT_ID = (RECORDED, SENDING, UNCLEAR)
"""States in which the service's id of a job is not known."""


@frozen
class JobKey:
    """Which execution of a program a submission is.

    Args:
        run: The run.
        layer: The quantum layer.
        step: The step of the run.
        call: Which call of the layer in this step, from 0.
    """

    run: str
    layer: str
    step: str
    call: int

    def __str__(self) -> str:
        parts = (self.run, self.layer, self.step, f"call {self.call}")
        return ", ".join(part for part in parts if part)


_unnamed: Counter[str] = Counter()


class JobKeys:
    """Counts the calls of one executor, so that each has a key of its own.

    A program that runs again counts alike, and so finds what it sent before. Within one
    process no key comes twice, unless it is given back.

    Args:
        run: The run; None for one that no other process has.
        layer: The quantum layer; None for "device-0", "device-1", … in the order of
            creation.
        step: The step.

    Example:
        >>> keys = JobKeys("my-run", "conv", step="train-0")
        >>> keys.next().call, keys.next().call
        (0, 1)
        >>> keys.begin(step="train-1")
        >>> keys.next()
        JobKey(run='my-run', layer='conv', step='train-1', call=0)
    """

    def __init__(
        self, run: str | None = None, layer: str | None = None, step: str = ""
    ) -> None:
        self.run = run or f"process-{uuid.uuid4().hex[:12]}"
        if layer is None:
            layer = f"device-{_unnamed[self.run]}"
            _unnamed[self.run] += 1
        self.layer = layer
        self.step = step
        self._calls: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def begin(self, *, layer: str | None = None, step: str | None = None) -> None:
        """Goes to another layer or step, and on counting where that one was left.

        Args:
            layer: The layer; None keeps it.
            step: The step; None keeps it.
        """
        self.layer = self.layer if layer is None else layer
        self.step = self.step if step is None else step

    @property
    def upcoming(self) -> JobKey:
        """The key that the next call will have."""
        with self._lock:
            call = self._calls[self.layer, self.step]
        return JobKey(self.run, self.layer, self.step, call)

    def next(self) -> JobKey:
        """The key of the next call."""
        with self._lock:
            call = self._calls[self.layer, self.step]
            self._calls[self.layer, self.step] += 1
        return JobKey(self.run, self.layer, self.step, call)

    def give_back(self, key: JobKey) -> None:
        """Takes back the key of a call that came to nothing, so that it comes again.

        Args:
            key: The key; nothing happens unless it is the last one.
        """
        place = (key.layer, key.step)
        with self._lock:
            if self._calls[place] == key.call + 1:
                self._calls[place] = key.call


@frozen
class ExecutionRecord:
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
    call: ExecutionRecord
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
    def is_unsent(self) -> bool:
        """Whether it was surely never sent."""
        return self.state == RECORDED and self.reason is None

    @property
    def was_refused(self) -> bool:
        """Whether it was sent, and the service said that it did not take it."""
        return self.state == RECORDED and self.reason is not None

    @property
    def rows(self) -> int:
        """Rows of this job."""
        return sum(stop - start for _, start, stop in self.pieces)

    @property
    def seconds(self) -> float:
        """Estimated QPU seconds: its rows' share of those of the execution."""
        return self.call.seconds * self.rows / max(self.call.rows, 1)
