"""Keys: how a program that runs again knows what it sent before."""

from __future__ import annotations

import threading
import uuid
from collections import Counter

from attrs import frozen


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
