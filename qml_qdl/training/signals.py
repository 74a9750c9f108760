"""Signals that end a process wait until a training has written a checkpoint."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

ENDING = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)
)
"""Ctrl-C, what batch systems send before they kill, and a terminal that is closed."""


class HeldSignals:
    """Within it the first signal that would end the process waits to be delivered.

    What it does then is what it would have done at once: the handlers of the process
    act, or it ends. A second one does so at once. Signals that are ignored stay so, and
    outside the main thread, which has all handlers, nothing changes.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._came: int | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            handlers = {each: signal.getsignal(each) for each in ENDING}
            self._before = {
                each: handler
                for each, handler in handlers.items()
                # None is a handler that was not set by Python.
                if handler not in (signal.SIG_IGN, None)
            }
        self.hold()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()
        if kind is None or issubclass(kind, Exception):  # no second one has ended it
            self.deliver()
        self._restore()
        self._before = {}

    def hold(self) -> None:
        """Holds signals, whatever other handlers were set meanwhile."""
        for each in self._before:
            signal.signal(each, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._came = number
        self._restore()

    def _restore(self) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    @property
    def came(self) -> bool:
        """Whether a signal waits."""
        return self._came is not None

    def deliver(self) -> None:
        """Lets the signal that waits, if there is one, do what it does."""
        number, self._came = self._came, None
        if number is not None:
            self._restore()
            signal.raise_signal(number)
            self.hold()  # its handler had the training go on
