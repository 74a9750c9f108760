"""Waiting: a service is asked less and less often, which a terminal shows."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attrs import field, frozen

from qml_qdl.circuits.errors import JobTimeoutError
from qml_qdl.hardware.jobs.client import JobClient, JobState, JobStatus

ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)
LISTING = 120.0
"""Seconds within which a service is expected to list a new job under its tag."""


@frozen
class Pace:
    """How often and how long something is asked for, with growing pauses between.

    Args:
        first: Seconds before it is asked the second time.
        longest: Seconds between two times at most, unless a service asks for more.
        growth: By what the pause grows each time.
        most: How often it is asked; None for any number of times.
        grace: Seconds for which a job that may have been made is looked for by its tag:
            a service lists new jobs with some delay; the default is `LISTING`.
        deadline: Seconds after which nobody waits any more; None for ever.
        jitter: A number from 0 until 1 at every call, by which half of each pause is
            random, so that many clients do not come back at once; 1 for the whole one.
        clock: What tells seconds.
        sleep: What lets them pass.
    """

    first: float = 1.0
    longest: float = 30.0
    growth: float = 1.5
    most: int | None = None
    grace: float = field(factory=lambda: LISTING)
    deadline: float | None = None
    jitter: Callable[[], float] = lambda: 1.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def rounds(self, seconds: float | None = None) -> Iterator[float]:
        """Asks at once, and again after growing pauses.

        Args:
            seconds: How long at most, with a last time at the end; None for ever.

        Yields:
            Seconds since the first time.
        """
        tries = Tries(self, seconds)
        yield 0.0
        while tries.again():
            yield tries.seconds

    def left(self, since: float) -> float:
        """For how long the service may not list yet what was sent at some time.

        Args:
            since: When, in seconds since 1970.

        Returns:
            Seconds, 0 … `grace`.
        """
        passed = max(0.0, time.time() - since)
        return max(0.0, self.grace - passed)


class Tries:
    """The tries of one thing.

    Args:
        pace: How often it is tried, and with which pauses.
        seconds: After which there is no further try; one is at the end of them. None
            for ever.

    Example:
        >>> waits = []
        >>> tries = Tries(Pace(first=0.5, growth=2.0, most=4, sleep=waits.append), None)
        >>> [tries.again() for _ in range(4)], waits
        ([True, True, True, False], [0.5, 1.0, 2.0])
    """

    def __init__(self, pace: Pace, seconds: float | None) -> None:
        self.count = 1
        self._pace = pace
        self._pause = pace.first
        self._deadline = math.inf if seconds is None else seconds
        self._started = pace.clock()

    @property
    def seconds(self) -> float:
        """Seconds since the first try began."""
        return self._pace.clock() - self._started

    def again(self, retry_after: float | None = None) -> bool:
        """Waits before the next try.

        Args:
            retry_after: Seconds that the service asked to wait.

        Returns:
            False, at once, where no further try is left: there were too many, or the
            deadline has passed, or will have before the service may be asked again.
        """
        pace, asked = self._pace, retry_after or 0.0
        left = self._deadline - self.seconds
        if self.count == pace.most or left <= 0 or asked > left:
            return False
        pause = self._pause * (0.5 + 0.5 * pace.jitter())
        pace.sleep(max(min(pause, left), asked))
        self._pause = min(pace.longest, self._pause * pace.growth)
        self.count += 1
        return True


def look_up(client: JobClient, tag: str, pace: Pace, seconds: float) -> str | None:
    """Looks for a job by its tag, until the service has had time to list it.

    Args:
        client: The service.
        tag: What the job was sent with.
        pace: How often.
        seconds: For how long; it is asked at least once.

    Returns:
        The job's id; None if it is not listed.

    Raises:
        ServiceError: The service does not answer.
    """
    with display() as show:
        for passed in pace.rounds(max(0.0, seconds)):
            found = client.find(tag)
            if found is not None:
                return found
            show(f"{client.name}: looking for a job by its tag, {passed:.0f} s so far")
    return None


def wait(client: JobClient, job_id: str, pace: Pace, estimate: float) -> JobStatus:
    """Waits until a job has ended.

    Args:
        client: The service.
        job_id: The job.
        pace: How often and how long.
        estimate: QPU seconds that the job was estimated to take.

    Returns:
        How it ended.

    Raises:
        JobTimeoutError: It has not, within the deadline.
        JobError: The service knows no such job.
        ServiceError: The service does not answer.
    """
    status = client.status(job_id)
    with display() as show:
        for passed in pace.rounds(pace.deadline):
            if passed:
                status = client.status(job_id)
            if status.state in ENDED:
                return status
            show(_line(client, job_id, status, passed, estimate))
    raise JobTimeoutError(
        f"deadline: job {job_id} on {client.name} is still {status.state} after "
        f"{pace.deadline:g} s; it runs on, and the same run takes it up again"
    )


def _line(
    client: JobClient, job_id: str, status: JobStatus, passed: float, estimate: float
) -> str:
    words = [f"{client.name} {job_id}: {status.state}"]
    if status.position is not None:
        words.append(f"{status.position} in the queue")
    words.append(f"{passed:.0f} s so far")
    if status.seconds_left is not None:
        words.append(f"done in about {status.seconds_left:.0f} s")
    words.append(f"about {estimate:.0f} QPU s")
    return ", ".join(words)


@contextmanager
def display() -> Iterator[Callable[[str], object]]:
    """Shows lines one over the other, on a terminal; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda line: None
        return
    from rich.console import Console
    from rich.status import Status

    with Status("", console=Console(stderr=True)) as status:
        yield status.update
