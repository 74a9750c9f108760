"""Owners: which process is sending a job, and whether it still lives."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import uuid
from pathlib import Path

import psutil
from attrs import asdict, frozen

LEASE = 900.0
"""Seconds after which a silent process on another computer is taken for dead."""

_PROC = Path("/proc")


@frozen
class Owner:
    """A sender within a process.

    Args:
        place: The computer since it was started, and where it has several worlds of
            processes, which.
        pid: The process.
        started: When it began, because numbers of processes come again: in seconds
            since the computer was started where the system tells, which no setting of
            its clock changes.
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
        return cls(_place(), pid, _start_of(pid), uuid.uuid4().hex)

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
            if psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE:
                return False
            return abs(_start_of(self.pid) - self.started) < 0.5
        except psutil.NoSuchProcess:
            return False


def _start_of(pid: int) -> float:
    """When a process began.

    Raises:
        NoSuchProcess: There is none of this number.
    """
    if sys.platform != "linux":
        return float(psutil.Process(pid).create_time())
    try:
        line = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError) as error:
        raise psutil.NoSuchProcess(pid) from error
    # The second of the fields is a name that may hold spaces and brackets.
    ticks = line.rpartition(")")[2].split()[19]
    return int(ticks) / os.sysconf("SC_CLK_TCK")


def _place() -> str:
    name = socket.gethostname()
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{name} {boot} {os.readlink(_PROC / 'self/ns/pid')}"
    except OSError:  # no Linux
        return name
