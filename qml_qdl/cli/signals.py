"""Signals that end a command as Ctrl-C does, in one line that says how to go on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}


class Interrupted(KeyboardInterrupt):
    """A signal asked the command to end.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def word(self) -> str:
        """What happened."""
        return _WORDS[signal.Signals(self.number).name]


@contextmanager
def heeding_signals() -> Iterator[list[Interrupted]]:
    """Within it SIGINT, SIGTERM and SIGHUP raise `Interrupted`; a second one kills.

    Those that are ignored, as `nohup` has SIGHUP ignored, stay so. Handlers can be set
    in the main thread only; in another one nothing changes.

    Yields:
        What was raised, or nothing so far.
    """
    came: list[Interrupted] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    numbers = [getattr(signal, name) for name in _WORDS if hasattr(signal, name)]
    before = {each: signal.getsignal(each) for each in numbers}
    heeded = [each for each in numbers if before[each] not in (signal.SIG_IGN, None)]

    def end(number: int, frame: FrameType | None) -> None:
        for each in heeded:
            signal.signal(each, signal.SIG_DFL)
        if came:
            signal.raise_signal(number)
        came.append(Interrupted(number))
        raise came[0]

    for each in heeded:
        signal.signal(each, end)
    try:
        yield came
    finally:
        for each in heeded:
            signal.signal(each, before[each])
