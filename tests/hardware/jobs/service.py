"""A service that lives in a folder, so that several processes share it.

Its client can be told what goes wrong, and a `Fate` stops a "process" at any point.
What its machine is, and what it measures, is left to clients of one kind of circuits.
"""

from __future__ import annotations

import json
import os
import signal
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from qml_qdl.circuits.errors import (
    JobError,
    ServiceError,
    SubmissionRefused,
    SubmissionUnclear,
)
from qml_qdl.hardware.jobs.client import (
    JobClient,
    JobRequest,
    JobState,
    JobStatus,
    Results,
)
from qml_qdl.hardware.jobs.cost import Limits
from qml_qdl.hardware.jobs.journal import Owner
from qml_qdl.hardware.jobs.journal_file import JournalFile
from qml_qdl.hardware.jobs.waiting import Pace
from qml_qdl.hardware.tapes.executor import Pub
from qml_qdl.testing import JobService
from qml_qdl.testing.job_clients import Fault


class Killed(BaseException):
    """A process stops here and does nothing any more."""


@define
class Fate:
    """Stops a process at a chosen point; by SIGKILL if it is a real one."""

    at: int | None = None
    name: str | None = None
    real: bool = False
    points: list[str] = field(factory=list)
    dead: bool = False

    def point(self, name: str) -> None:
        if self.dead:
            raise Killed
        self.points.append(name)
        if len(self.points) - 1 == self.at or name == self.name:
            if self.real:
                os.kill(os.getpid(), signal.SIGKILL)
            self.dead = True
            raise Killed


@define
class FakeTime:
    now: float = 0.0

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds

    def pace(self, **options: Any) -> Pace:
        return Pace(clock=lambda: self.now, sleep=self.sleep, **options)


@define
class FolderClient(JobClient):
    """Jobs are files `1.json`, `2.json`, … of a folder; results depend on the number.

    `faults` are taken one by one: "refused", "busy", "unclear" (nothing made), "refused
    but made", "busy but made", "reply lost" (made). `silences` says how often there is
    no answer to a question ("jobs", "status", "results").

    ---- to be implemented: `machine`, `pub`, `described`, `measured` ----
    """

    folder: Path
    name_: str = "folder:machine"
    account_: str | None = None
    time: FakeTime = field(factory=FakeTime)
    fate: Fate = field(factory=Fate)
    faults: list[str] = field(factory=list)
    limits_: Limits = field(factory=Limits)
    lag: float = 0.0
    queue: int = 0
    end: str = "done"
    batches: list[str] = field(factory=list)
    machine_: Any = None
    on_status: Callable[[], None] | None = None
    silences: dict[str, int] = field(factory=dict)

    @property
    def name(self) -> str:
        return self.name_

    @property
    def account(self) -> str | None:
        return self.account_

    @staticmethod
    @abstractmethod
    def pub(digest: str = "a", rows: int = 3) -> Pub:
        """A circuit of two parameters that measures two qubits."""

    def described(self, request: JobRequest) -> dict[str, Any]:
        """What else the service keeps of a job, as JSON."""
        return {}

    @abstractmethod
    def measured(self, job: dict[str, Any], request: JobRequest) -> Results:
        """What a job returns."""

    def _answer(self, question: str) -> None:
        self.fate.point(f"before GET {question}")
        if self.silences.get(question, 0):
            self.silences[question] -= 1
            raise ServiceError(f"the service does not answer: {question}")

    def jobs(self) -> list[dict[str, Any]]:
        files = sorted(self.folder.glob("*.json"), key=lambda path: int(path.stem))
        return [json.loads(path.read_text()) for path in files]

    def submit(
        self,
        request: JobRequest,
        tag: str,
        batch: str | None = None,
        sending: Callable[[], None] = lambda: None,
    ) -> str:
        self.fate.point("before POST")
        sending()
        self.fate.point("in POST")
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "unclear":
            raise SubmissionUnclear("connection lost")
        if fault not in ("refused", "busy"):
            assert all(job["tag"] != tag for job in self.jobs()), "made twice"
            job_id = self._make(request, tag, batch)
        if fault.startswith("refused"):
            raise SubmissionRefused("the service: no such instance")
        if fault.startswith("busy"):
            raise SubmissionRefused("the service: too many requests", wait=3.0)
        if fault == "reply lost":
            raise SubmissionUnclear("504 Gateway Timeout")
        self.fate.point("after POST")
        return job_id

    def _make(self, request: JobRequest, tag: str, batch: str | None) -> str:
        self.folder.mkdir(exist_ok=True)
        while True:
            number = len(self.jobs()) + 1
            content = {
                "id": f"job-{number}",
                "tag": tag,
                "rows": request.rows,
                "shots": request.shots,
                "limit": request.max_execution_time,
                "batch": batch,
                "polls": 0,
                "made": self.time.now,
                "state": None,
                **self.described(request),
            }
            temporary = self.folder / f"{os.getpid()}.part"
            temporary.write_text(json.dumps(content))
            try:
                os.link(temporary, self.folder / f"{number}.json")
            except FileExistsError:
                continue
            temporary.unlink()
            return f"job-{number}"

    def find(self, tag: str) -> str | None:
        self._answer("jobs")
        found = [job for job in self.jobs() if job["tag"] == tag]
        if found and self.time.now - found[0]["made"] >= self.lag:
            return str(found[0]["id"])
        return None

    def _path(self, job_id: str) -> Path:
        path = self.folder / f"{job_id.removeprefix('job-')}.json"
        if not path.exists():
            raise JobError(f"no job {job_id}")
        return path

    def status(self, job_id: str) -> JobStatus:
        self._answer("status")
        if self.on_status is not None:
            self.on_status()
        path = self._path(job_id)
        job = json.loads(path.read_text())
        job["polls"] += 1
        _replace(path, job)
        if job["state"] == "cancelled":
            return JobStatus(JobState.CANCELLED, reason="cancelled by user")
        if job["polls"] <= self.queue:
            return JobStatus(JobState.QUEUED, position=self.queue - job["polls"])
        reason = None if self.end == "done" else "code 6000: a qubit fell off"
        return JobStatus(JobState(self.end), reason=reason, seconds=2.5)

    def results(self, job_id: str, request: JobRequest) -> Results:
        self._answer("results")
        return self.measured(json.loads(self._path(job_id).read_text()), request)

    def cancel(self, job_id: str) -> None:
        path = self._path(job_id)
        job = json.loads(path.read_text())
        if job["polls"] <= self.queue:
            _replace(path, job | {"state": "cancelled"})

    def remaining_seconds(self) -> float | None:
        return 500.0

    def open_batch(self) -> str | None:
        self.fate.point("before POST batch")
        self.batches.append("open")
        return f"batch-{len(self.batches)}"

    def close_batch(self, batch: str) -> None:
        self.fate.point("before close batch")
        self.batches.append(f"closed {batch}")


class FolderService(JobService):
    """The service of such clients, as their contract needs it."""

    def __init__(self, kind: type[FolderClient], folder: Path) -> None:
        self._kind, self._folder = kind, folder
        self._first = kind(folder)
        self._clients = [self._first]
        self.pace = self._first.time.pace()

    def client(self) -> FolderClient:
        """Clients share what the first one transpiles, and its faults and queue."""
        first = self._first
        client = self._kind(
            self._folder,
            time=first.time,
            faults=first.faults,
            queue=first.queue,
            machine_=first.machine_,
        )
        self._clients.append(client)
        return client

    def request(self) -> JobRequest:
        pubs = (self._first.pub("a", 3), self._first.pub("b", 2))
        return JobRequest("sample", pubs, 10, {"twirling": False})

    def made(self) -> int:
        return len(self._first.jobs())

    def fail(self, fault: Fault) -> None:
        told = {"refused": "refused", "lost": "reply lost", "cut": "unclear"}
        self._first.faults.append(told[fault])

    def hold(self) -> None:
        for client in self._clients:
            client.queue = 10**6


def _replace(path: Path, job: dict[str, Any]) -> None:
    # Whole, because other processes read it meanwhile.
    temporary = path.with_name(f"{os.getpid()}.part")
    temporary.write_text(json.dumps(job))
    os.replace(temporary, path)


@contextmanager
def mortal(fate: Fate) -> Iterator[None]:
    """All journals, and the owners they know, share the process's fate."""
    writing = JournalFile.writing
    alive = Owner.is_alive

    @contextmanager
    def doomed(self: JournalFile) -> Iterator[Any]:
        fate.point("before transaction")
        with writing(self) as connection:
            yield connection
            fate.point("before COMMIT")
        fate.point("after COMMIT")

    JournalFile.writing = doomed  # type: ignore[method-assign]
    # Whoever is recorded was killed: in these tests one "process" runs at a time.
    Owner.is_alive = lambda self, since: False  # type: ignore[method-assign]
    try:
        yield
    finally:
        JournalFile.writing = writing  # type: ignore[method-assign]
        Owner.is_alive = alive  # type: ignore[method-assign]


def without_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves the disk in peace: killed processes, unlike power cuts, need no sync."""
    monkeypatch.setattr("qml_qdl.hardware.jobs.journal_file._SYNCHRONOUS", "OFF")
    monkeypatch.setattr("qml_qdl.hardware.jobs.journal_file.os.fsync", lambda fd: 0)
