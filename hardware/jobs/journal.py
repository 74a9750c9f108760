"""The journal: every submission before it is sent, and every result when it comes."""

from __future__ import annotations

import io
import json
import os
import socket
import sqlite3
import sys
import time
import uuid
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from attrs import asdict, fields, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.errors import JournalError
from qml_qdl.hardware.jobs.client import Results
from qml_qdl.hardware.jobs.journal_file import JournalFile, Transaction, default_place
from qml_qdl.hardware.jobs.records import (
    CANCELLED,
    DONE,
    FAILED,
    RECORDED,
    SENDING,
    SENT,
    UNCLEAR,
    WITHOUT_ID,
    ExecutionRecord,
    Job,
    JobKey,
    Piece,
)
from qml_qdl.hardware.tapes.executor import Estimates
from qml_qdl.hardware.tapes.outcomes import Bits

LEASE = 900.0
"""Seconds after which a silent process on another computer is taken for dead."""

_PROC = Path("/proc")

# Angles computed on other computers differ in their last digits, which no machine sees.
_SAME_ANGLE = 4e-6


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


class Journal:
    """Remembers submissions and results, for this process and any other.

    Args:
        path: The file; made if it is not there. None means `default_place()`.
        create: Whether a missing file is made.

    Raises:
        JournalError: The file is damaged, of a newer version, or missing and not to be
            made; it is left as it was.
        JournalWriteError: It cannot be made.
    """

    def __init__(self, path: str | Path | None = None, *, create: bool = True) -> None:
        self.path = default_place() if path is None else Path(path)
        if not self.path.exists():
            if not create:
                raise JournalError(
                    f"journal: expected a journal of jobs, got {self.path}, which is "
                    "not there; nothing was sent from here, or it was another place"
                )
            JournalFile.make(self.path)
        self._file = JournalFile(self.path)

    def find(self, key: JobKey) -> list[Job]:
        """The jobs of an execution, each part's last attempt.

        Args:
            key: The execution.

        Returns:
            The jobs by part; none if nothing is recorded.
        """
        with self._file.reading() as lines:
            return _jobs_of(lines, key)

    def record(
        self,
        key: JobKey,
        call: ExecutionRecord,
        angles: Sequence[NDArray[np.float64]],
        parts: Sequence[Sequence[Piece]],
    ) -> list[Job]:
        """Records an execution, unless it is recorded.

        Args:
            key: The execution.
            call: What it asks.
            angles: The angles of each pub.
            parts: For each job the rows of each pub.

        Returns:
            The jobs by part, those recorded before where there are such.

        Raises:
            JournalError: Something else is recorded under this key.
        """
        with self._file.writing() as lines:
            known = _jobs_of(lines, key)
            if known:
                self._check_same(lines, known[0], call, angles)
                return known
            values = {**asdict(key), **asdict(call), "created": time.time()}
            number = lines.add("calls", **values)
            lines.keep(f"angles {number}", pack(angles))
            for part, pieces in enumerate(parts):
                _add_job(lines, number, part, 0, json.dumps(pieces))
            return _jobs_of(lines, key)

    def _check_same(
        self,
        lines: Transaction,
        known: Job,
        call: ExecutionRecord,
        angles: Sequence[NDArray[np.float64]],
    ) -> None:
        if known.call.account != call.account:
            raise JournalError(
                f"account: {known.key} was sent with the account "
                f"{known.call.account or 'default'!r}, got "
                f"{call.account or 'default'!r}; use the first one"
            )
        same = known.call.content == call.content
        if same:
            before = unpack(self._kept(lines, f"angles {known.call_number}"))
            same = all(
                np.allclose(a, b, rtol=0, atol=_SAME_ANGLE)
                for a, b in zip(before, angles, strict=True)
            )
        if not same:
            raise JournalError(
                f"run: {known.key} was recorded with other circuits, rows, shots, "
                f"options or machine in {self.path}; a run that goes on must repeat "
                "what it did: restore its options, or begin another run"
            )

    def _kept(self, lines: Transaction, name: str) -> bytes:
        data = lines.kept(name)
        if data is None:
            raise JournalError(f"journal: {self.path} has no {name}; it is damaged")
        return data

    def claim(self, job: Job, owner: Owner) -> tuple[Job, Job]:
        """Takes over a job whose id is not known, if nobody else is at it.

        Of a job that failed or was cancelled, another attempt is recorded and taken.

        Args:
            job: Any attempt at the job.
            owner: Who wants to send it.

        Returns:
            The last attempt as it was, and as it is now: the owner's where it was free.
        """
        with self._file.writing() as lines:
            last = _last(lines, job)
            if last.state in (FAILED, CANCELLED):
                last = self._again(lines, last)
            if last.state not in WITHOUT_ID or not self._is_free(last, owner):
                return last, last
            _change(lines, last, owner=owner.text)
            return last, _at(lines, last.number)

    @staticmethod
    def _again(lines: Transaction, job: Job) -> Job:
        pieces = json.dumps(job.pieces)
        _add_job(lines, job.call_number, job.part, job.attempt + 1, pieces)
        return _last(lines, job)

    @staticmethod
    def _is_free(job: Job, owner: Owner | None) -> bool:
        if job.owner is None:
            return True
        other = Owner.from_text(job.owner)
        return other == owner or not other.is_alive(job.changed)

    def sending(self, job: Job, owner: Owner) -> bool:
        """Marks a job as perhaps made, in each moment in which it is sent.

        Args:
            job: The job.
            owner: Who sends it.

        Returns:
            False, and nothing is marked, where it is no longer the owner's to send.
        """
        return self._change_own(job, owner, (RECORDED, SENDING), state=SENDING)

    def refused(self, job: Job, owner: Owner, reason: str) -> bool:
        """Notes that the service did not take a job; it stays the owner's.

        Args:
            job: The job.
            owner: Who sent it.
            reason: The service's words.

        Returns:
            False where it is no longer the owner's, or was not sent at all.
        """
        return self._change_own(job, owner, (SENDING,), state=RECORDED, reason=reason)

    def unclear(self, job: Job, owner: Owner, reason: str) -> bool:
        """Notes that a job was sent, and that nothing tells whether it was made.

        Args:
            job: The job.
            owner: Who sent it, or looked for it.
            reason: What happened.

        Returns:
            False where it is no longer the owner's.
        """
        states = (SENDING, UNCLEAR)
        return self._change_own(job, owner, states, state=UNCLEAR, reason=reason)

    def release(self, job: Job, owner: Owner) -> None:
        """Leaves a job to others; does nothing to one that is no longer the owner's.

        Args:
            job: The job.
            owner: Who gives up.
        """
        self._change_own(job, owner, WITHOUT_ID, owner=None)

    def _change_own(
        self, job: Job, mine: Owner, states: Sequence[str], **values: Any
    ) -> bool:
        with self._file.writing() as lines:
            now = _at(lines, job.number)
            if now.owner != mine.text or now.state not in states:
                return False
            _change(lines, job, **values)
            return True

    def is_unclear(self, job: Job) -> bool:
        """Whether a job may have been made, and nobody is sending it.

        Args:
            job: The job.
        """
        return job.state in (SENDING, UNCLEAR) and self._is_free(job, None)

    def resend(self, job: Job) -> Job:
        """Has a job that is unclear sent anew, under another tag, by its next run.

        If it was made after all, it is paid twice.

        Args:
            job: The job.

        Returns:
            The new attempt; the job as it is where it is unclear no longer.
        """
        with self._file.writing() as lines:
            last = _last(lines, job)
            if self.is_unclear(last):
                _change(lines, last, state=UNCLEAR, owner=None)
                return self._again(lines, last)
            return last

    def sent(self, job: Job, job_id: str) -> Job:
        """Keeps the id that the service gave a job.

        Args:
            job: The job.
            job_id: The id.

        Returns:
            The job as it is now; what others found out meanwhile is kept.
        """
        return self._write(
            job, WITHOUT_ID, state=SENT, job_id=job_id, owner=None, reason=None
        )

    def ended(self, job: Job, state: str, reason: str, used: float | None) -> Job:
        """Keeps how a job ended that has no results.

        Args:
            job: The job.
            state: "failed" or "cancelled".
            reason: The service's words.
            used: QPU seconds it took.

        Returns:
            The job as it is now; what others found out meanwhile is kept.
        """
        states = (*WITHOUT_ID, SENT)
        return self._write(job, states, state=state, reason=reason, used=used)

    def store(
        self,
        job: Job,
        results: Results,
        used: float | None,
        machine: str | None = None,
    ) -> Job:
        """Keeps the results of a job.

        Args:
            job: The job.
            results: What the service returned.
            used: QPU seconds it took.
            machine: The machine that ran it; None if the service does not say.

        Returns:
            The job as it is now.
        """
        name = f"results {job.number}"
        with self._file.writing() as lines:
            if _at(lines, job.number).state != DONE:
                if lines.kept(name) is None:
                    lines.keep(name, pack_results(results))
                    if machine is not None:
                        lines.keep(f"machine {job.number}", machine.encode())
                _change(lines, job, state=DONE, used=used, owner=None)
            return _at(lines, job.number)

    def machines(self) -> dict[int, str]:
        """The machines that ran jobs, by the jobs' numbers, where they are known."""
        with self._file.reading() as lines:
            kept = lines.select("SELECT * FROM arrays WHERE name LIKE 'machine %'")
            return {
                int(line["name"].split()[1]): bytes(line["data"]).decode()
                for line in kept
            }

    def results(self, job: Job) -> Results:
        """The stored results of a job that is done.

        Args:
            job: The job.

        Raises:
            JournalError: There are none, or they are not what was stored.
        """
        with self._file.reading() as lines:
            return unpack_results(self._kept(lines, f"results {job.number}"))

    def last_attempts(self) -> list[Job]:
        """The last attempt at every job, in the order in which they were recorded."""
        return list({(job.key, job.part): job for job in self.jobs()}.values())

    def jobs(self) -> list[Job]:
        """All jobs in the order in which they were recorded, with failed attempts."""
        with self._file.reading() as lines:
            jobs = lines.select("SELECT * FROM jobs ORDER BY id")
            calls = lines.select("SELECT * FROM calls")
            by_number = {line["id"]: line for line in calls}
            return [_as_job(line, by_number[line["call_id"]]) for line in jobs]

    def begin_task(self, description: str) -> int:
        """Begins something that takes jobs, or goes on with it if it is unfinished.

        Args:
            description: What it is; the same words mean the same.

        Returns:
            Its number.
        """
        with self._file.writing() as lines:
            for number, known in _open_tasks(lines).items():
                if known == description:
                    return number
            return lines.add(
                "tasks", description=description, state="open", created=time.time()
            )

    def end_task(self, number: int) -> None:
        """Marks something as finished, so that the same words begin it anew.

        Args:
            number: What `begin_task` returned.
        """
        with self._file.writing() as lines:
            lines.update("tasks", number, state="ended")

    def open_tasks(self) -> dict[int, str]:
        """What was begun and not finished: descriptions by number."""
        with self._file.reading() as lines:
            return _open_tasks(lines)

    def tasks(self) -> dict[int, str]:
        """What was ever begun, finished or not: descriptions by number, in order."""
        with self._file.reading() as lines:
            tasks = lines.select("SELECT * FROM tasks ORDER BY id")
            return {int(line["id"]): str(line["description"]) for line in tasks}

    def _write(self, job: Job, states: Sequence[str], **values: Any) -> Job:
        """Changes a job that is in one of the states: nothing is ever put back."""
        with self._file.writing() as lines:
            if _at(lines, job.number).state in states:
                _change(lines, job, **values)
            return _at(lines, job.number)


def _open_tasks(lines: Transaction) -> dict[int, str]:
    # All are read: a damaged line that is not selected would not be noticed.
    tasks = lines.select("SELECT * FROM tasks ORDER BY id")
    return {
        int(line["id"]): str(line["description"])
        for line in tasks
        if line["state"] == "open"
    }


def _jobs_of(lines: Transaction, key: JobKey) -> list[Job]:
    """The jobs of an execution by part, each part's last attempt."""
    calls = lines.select(
        "SELECT * FROM calls WHERE run = ? AND layer = ? AND step = ? AND call = ?",
        key.run,
        key.layer,
        key.step,
        key.call,
    )
    if not calls:
        return []
    found = lines.select(
        "SELECT * FROM jobs WHERE call_id = ? ORDER BY part, attempt", calls[0]["id"]
    )
    last = {line["part"]: line for line in found}
    return [_as_job(line, calls[0]) for line in last.values()]


def _last(lines: Transaction, job: Job) -> Job:
    """The last attempt at a job."""
    return _jobs_of(lines, job.key)[job.part]


def _at(lines: Transaction, number: int) -> Job:
    """The job in a line."""
    (line,) = lines.select("SELECT * FROM jobs WHERE id = ?", number)
    (call,) = lines.select("SELECT * FROM calls WHERE id = ?", line["call_id"])
    return _as_job(line, call)


def _add_job(
    lines: Transaction, call: int, part: int, attempt: int, pieces: str
) -> None:
    """Adds an attempt at a part, not sent yet."""
    lines.add(
        "jobs",
        call_id=call,
        part=part,
        attempt=attempt,
        pieces=pieces,
        tag=f"qdl-{uuid.uuid4().hex}",
        state=RECORDED,
        changed=time.time(),
    )


def _change(lines: Transaction, job: Job, **values: Any) -> None:
    lines.update("jobs", job.number, changed=time.time(), **values)


def _as_job(line: sqlite3.Row, call: sqlite3.Row) -> Job:
    """The job that lines of the tables `jobs` and `calls` tell of."""
    return Job(
        number=line["id"],
        call_number=call["id"],
        key=JobKey(*(call[field.name] for field in fields(JobKey))),
        call=ExecutionRecord(*(call[field.name] for field in fields(ExecutionRecord))),
        part=line["part"],
        attempt=line["attempt"],
        pieces=tuple(tuple(piece) for piece in json.loads(line["pieces"])),
        tag=line["tag"],
        state=line["state"],
        job_id=line["job_id"],
        reason=line["reason"],
        owner=line["owner"],
        used=line["used"],
        changed=line["changed"],
    )


def pack(arrays: Sequence[NDArray[np.float64]]) -> bytes:
    """Packs arrays of numbers.

    Args:
        arrays: Any number of them.

    Returns:
        What `unpack` reads.
    """
    return _archive({f"{k}": array for k, array in enumerate(arrays)})


def unpack(data: bytes) -> list[NDArray[np.float64]]:
    """Unpacks what `pack` packed.

    Args:
        data: The bytes.

    Returns:
        The arrays in order.

    Raises:
        JournalError: It is something else.
    """
    arrays = _read(data)
    return [arrays[f"{k}"] for k in range(len(arrays))]


def pack_results(results: Results) -> bytes:
    """Packs what a job returned; eight outcomes take one byte.

    Args:
        results: `Bits` or `Estimates` for each pub.

    Returns:
        What `unpack_results` reads.
    """
    arrays: dict[str, NDArray[Any]] = {}
    result: Any
    for k, result in enumerate(results):
        if isinstance(result, Estimates):
            arrays[f"values{k}"] = result.values
            arrays[f"errors{k}"] = result.errors
        else:
            arrays[f"bits{k}"] = np.packbits(result, axis=None)
            arrays[f"shape{k}"] = np.array(result.shape)
    return _archive(arrays)


def unpack_results(data: bytes) -> Results:
    """Unpacks what `pack_results` packed.

    Args:
        data: The bytes.

    Returns:
        `Bits` or `Estimates` for each pub.

    Raises:
        JournalError: It is something else.
    """
    arrays = _read(data)
    count = range(len(arrays) // 2)
    if "values0" in arrays:
        return [Estimates(arrays[f"values{k}"], arrays[f"errors{k}"]) for k in count]
    return [_bits(arrays[f"bits{k}"], arrays[f"shape{k}"]) for k in count]


def join(parts: Sequence[Any]) -> Any:
    """Puts the rows of one pub together.

    Args:
        parts: `Bits` or `Estimates` of its rows, in order; at least one.

    Returns:
        The results of all rows, of the same type.
    """
    if isinstance(parts[0], Estimates):
        values = np.concatenate([part.values for part in parts])
        return Estimates(values, np.concatenate([part.errors for part in parts]))
    return np.concatenate(parts)


def _bits(packed: NDArray[np.uint8], shape: NDArray[np.int64]) -> Bits:
    sizes = tuple(int(size) for size in shape)
    count = int(np.prod(sizes))
    return np.unpackbits(packed, count=count).reshape(sizes)


def _archive(arrays: dict[str, NDArray[Any]]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _read(data: bytes) -> dict[str, NDArray[Any]]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise JournalError(
            f"journal: expected packed arrays, got something else ({error}); it is "
            "damaged"
        ) from error


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
