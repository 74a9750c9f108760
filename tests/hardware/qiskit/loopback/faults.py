"""What can go wrong between a client and the service, as rules."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from attrs import Factory, define, field, frozen


@frozen
class Fault:
    """One thing that goes wrong, a number of times.

    A request can be answered with a status of our choice, or its connection cut; either
    before it was handled (nothing happened) or after (it happened, and the client does
    not know). Without a status the connection is cut.

    Args:
        request: Regular expression that the whole of "METHOD /path" must match, the
            path without its prefix, as in "POST /jobs" or "GET /jobs/.*".
        times: How many matching requests it strikes.
        skip: How many matching requests it lets pass before.
        status: The status of the answer; None cuts the connection.
        handled: Whether the request is handled before it goes wrong.
        headers: More headers of the answer.
        body: The body of the answer; None for IBM's form of an error.
        stall: Seconds without an answer before it goes wrong; the server's end shortens
            them.
        truncate: Whether the answer is cut in the middle of its body.
        action: Called when it strikes, as to kill the client in this very moment.
        passes: Whether the answer still goes out as it is, for an `action` alone.
        edit: What becomes of the answer's content, decoded, before it goes out.
    """

    request: str
    times: int = 1
    skip: int = 0
    status: int | None = None
    handled: bool = False
    headers: Mapping[str, str] = field(factory=dict)
    body: str | None = None
    stall: float = 0.0
    truncate: bool = False
    action: Callable[[], None] | None = None
    passes: bool = False
    edit: Callable[[Any], Any] | None = None


@define
class Faults:
    """The faults of a server, and how often each was met."""

    _rules: list[tuple[Fault, list[int]]] = Factory(list)
    _lock: threading.Lock = Factory(threading.Lock)

    def add(self, *faults: Fault) -> None:
        """Faults of the requests to come."""
        with self._lock:
            self._rules += [(fault, [0]) for fault in faults]

    def clear(self) -> None:
        """No fault any more."""
        with self._lock:
            self._rules.clear()

    def next(self, method: str, path: str) -> Fault | None:
        """The fault of this request; counts it."""
        strikes = None
        with self._lock:
            for fault, met in self._rules:
                if re.fullmatch(fault.request, f"{method} {path}"):
                    met[0] += 1
                    due = fault.skip < met[0] <= fault.skip + fault.times
                    strikes = strikes or (fault if due else None)
        return strikes
