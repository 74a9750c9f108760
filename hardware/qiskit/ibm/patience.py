"""How long, and how often, a service is asked again when it does not answer."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from attrs import frozen

from qml_qdl.hardware.jobs.waiting import Tries


@frozen
class Patience:
    """Exponential back-off with jitter, and a time limit for every request.

    Args:
        tries: How often a request is sent at most.
        deadline: Seconds after which it is not sent again.
        first_wait: Seconds before the second try; doubled with every further one.
        longest_wait: The most seconds between two tries, unless the service asks for
            more (by Retry-After).
        connect_timeout: Seconds to reach the service.
        read_timeout: Seconds without a byte from the service.
        submit_timeout: The same while a job is sent, which may take long.
        sleep: What waits; for tests.
        clock: What tells seconds; for tests.
        jitter: A number from 0 until 1 at every call; for tests.
    """

    tries: int = 8
    deadline: float = 300.0
    first_wait: float = 0.5
    longest_wait: float = 30.0
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    submit_timeout: float = 300.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random

    def begin(self) -> Tries:
        """The tries of one request."""
        return Tries(
            first=self.first_wait,
            growth=2.0,
            longest=self.longest_wait,
            most=self.tries,
            deadline=self.deadline,
            jitter=self.jitter,
            clock=self.clock,
            sleep=self.sleep,
        )
