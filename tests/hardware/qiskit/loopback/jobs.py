"""The jobs of the loopback service: what happens to each, and when."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any

from attrs import define, field, frozen

from tests.hardware.qiskit.loopback import programs
from tests.hardware.qiskit.loopback.machines import Machine

OVERHEAD_SECONDS = 2.0
SECONDS_PER_EXECUTION = 0.00035
"""What a job costs, by IBM's rule of thumb."""


@frozen
class Ending:
    """How a job ends that does not end well.

    Args:
        status: "Failed" or "Cancelled".
        reason: The reason that the service gives.
        code: Its number; 1305 for a job over its `max_execution_time`.
    """

    status: str
    reason: str
    code: int | None = None


@define
class Job:
    """One job.

    Args:
        job_id: Its id.
        machine: Where it runs.
        body: What the client posted.
        queue_delay: Seconds in the queue.
        run_delay: Seconds of running.
        ending: How it ends, if not well.
    """

    job_id: str
    machine: Machine
    body: dict[str, Any]
    queue_delay: float
    run_delay: float
    ending: Ending | None = None
    created: float = field(factory=time.time)
    _cancelled_at: float | None = field(default=None, init=False)
    _results: str | None = field(default=None, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _rows: tuple[int, int] | None = field(default=None, init=False)

    @property
    def tags(self) -> list[str]:
        """The tags of the client."""
        return list(self.body.get("tags", []))

    @property
    def rows(self) -> int:
        """Rows of the job."""
        return self._size()[0]

    @property
    def executions(self) -> int:
        """Rows times shots."""
        rows, shots = self._size()
        return rows * shots

    @property
    def seconds(self) -> float:
        """QPU seconds that it takes."""
        return OVERHEAD_SECONDS + SECONDS_PER_EXECUTION * self.executions

    @property
    def paid(self) -> bool:
        """Whether it ran, or runs: a job cancelled in the queue costs nothing."""
        started = self.created + self.queue_delay
        end = time.time() if self._cancelled_at is None else self._cancelled_at
        return end >= started

    @property
    def status(self) -> str:
        """The state that the service shows now."""
        if self._cancelled_at is not None:
            return "Cancelled"
        age = time.time() - self.created
        if age < self.queue_delay:
            return "Queued"
        if age < self.queue_delay + self.run_delay:
            return "Running"
        return self.ending.status if self.ending else "Completed"

    def cancel(self) -> bool:
        """Cancels the job; False where it has ended."""
        if self.status not in ("Queued", "Running"):
            return False
        self._cancelled_at = time.time()
        return True

    def release(self) -> None:
        """Ends the waiting: the job has run."""
        self.queue_delay = self.run_delay = 0.0

    def results(self) -> str:
        """The results, computed when they are first asked for."""
        with self._lock:
            if self._results is None:
                self._results = programs.run(self.body["params"], self.machine)
            return self._results

    def view(self) -> dict[str, Any]:
        """The job as the service shows it."""
        state: dict[str, Any] = {"status": self.status}
        if self.ending is not None and self.status == self.ending.status:
            state["reason"] = self.ending.reason
            if self.ending.code is not None:
                state["reason_code"] = self.ending.code
        return {
            "id": self.job_id,
            "backend": self.machine.name,
            "program": {"id": self.body["program_id"]},
            "state": state,
            "status": self.status,
            "created": _iso(self.created),
            "tags": self.tags,
            "session_id": self.body.get("session_id"),
            "private": bool(self.body.get("private", False)),
            "cost": self.body.get("cost"),
            "estimated_running_time_seconds": self.seconds,
        }

    def metrics(self, position: int | None) -> dict[str, Any]:
        """What the service says about time and cost."""
        finished = self.status in ("Completed", "Failed", "Cancelled")
        started = self.created + self.queue_delay
        stamps = {"created": _iso(self.created)}
        if self.paid:
            stamps["running"] = _iso(started)
        if finished:
            stamps["finished"] = _iso(started + self.run_delay)
        seconds = self.seconds if finished and self.paid else 0.0
        return {
            "timestamps": stamps,
            "usage": {
                "qpu_charge_time_seconds": seconds,
                "status": "complete" if finished else "pending",
            },
            "position_in_queue": position,
            "estimated_start_time": _iso(started) if position else None,
            "estimated_completion_time": (
                _iso(started + self.run_delay) if position else None
            ),
        }

    def _size(self) -> tuple[int, int]:
        with self._lock:
            if self._rows is None:
                self._rows = programs.count_rows(self.body["params"])
            return self._rows


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
