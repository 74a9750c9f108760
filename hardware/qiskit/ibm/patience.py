"""How long, and how often, a service is asked again when it does not answer."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from attrs import define, field, frozen


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

    Example:
        >>> waits = []
        >>> tries = Patience(tries=4, sleep=waits.append, jitter=lambda: 1.0).begin()
        >>> [tries.again() for _ in range(4)], waits
        ([True, True, True, False], [0.5, 1.0, 2.0])
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
        return Tries(self)


@define
class Tries:
    """The tries of one request.

    Args:
        patience: How many there may be, and how long they may take.
    """

    patience: Patience
    count: int = field(default=1, init=False)
    _started: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._started = self.patience.clock()

    @property
    def seconds(self) -> float:
        """Seconds since the first try began."""
        return self.patience.clock() - self._started

    def again(self, retry_after: float | None = None) -> bool:
        """Waits before the next try.

        Args:
            retry_after: Seconds that the service asked to wait.

        Returns:
            False, at once, where no further try is left: there were too many, or the
            wait would pass the deadline.
        """
        patience = self.patience
        if self.count >= patience.tries:
            return False
        wait = min(patience.longest_wait, patience.first_wait * 2 ** (self.count - 1))
        # Half of the wait is random, so that many clients do not come back at once.
        wait *= 0.5 + 0.5 * patience.jitter()
        wait = max(wait, retry_after or 0.0)
        if self.seconds + wait > patience.deadline:
            return False
        patience.sleep(wait)
        self.count += 1
        return True
