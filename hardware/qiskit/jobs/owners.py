"""Owners: which process is sending a job, and whether it still lives."""

from __future__ import annotations

import json
import os
import socket
import time
import uuid

import psutil
from attrs import asdict, frozen

LEASE = 900.0
"""Seconds after which a silent process on another computer is taken for dead."""


@frozen
class Owner:
    """A sender within a process.

    Args:
        place: The computer, and where it has several worlds of processes, which.
        pid: The process.
        started: When it began, in seconds since 1970: numbers of processes come again.
        sender: Which sender of the process.
    """

    place: str
    pid: int
    started: float
    sender: str

    @classmethod
    def of_this_process(cls) -> Owner:
        """A new sender in the process that asks."""
        pid = os.getpid()
        return cls(_place(), pid, psutil.Process(pid).create_time(), uuid.uuid4().hex)

    @classmethod
    def from_text(cls, text: str) -> Owner:
        """Reads what `text` wrote."""
        return cls(**json.loads(text))

    @property
    def text(self) -> str:
        """The owner as a line of text."""
        return json.dumps(asdict(self))

    def is_of_this_process(self) -> bool:
        """Whether the process that asks is the owner's: a forked one is not."""
        return self.pid == os.getpid() and self.place == _place()

    def is_alive(self, since: float) -> bool:
        """Whether its process may still be sending.

        Args:
            since: When it was last heard of, in seconds since 1970.

        Returns:
            False if the process has ended, or is on another computer and was not heard
            of for `LEASE` seconds.
        """
        if self.place != _place():
            return time.time() - since < LEASE
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            # Clocks are set right now and then, and times of creation with them.
            return abs(float(process.create_time()) - self.started) < 10
        except psutil.NoSuchProcess:
            return False


def _place() -> str:
    name = socket.gethostname()
    try:
        return f"{name} {os.readlink('/proc/self/ns/pid')}"
    except OSError:  # no Linux
        return name
