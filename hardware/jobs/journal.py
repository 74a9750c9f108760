"""The journal: every submission before it is sent, and every result when it comes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from attrs import asdict
from numpy.typing import NDArray

from qml_qdl.circuits.errors import JournalError
from qml_qdl.hardware.jobs.arrays import (
    pack,
    pack_results,
    unpack,
    unpack_results,
)
from qml_qdl.hardware.jobs.client import Results
from qml_qdl.hardware.jobs.journal_file import JournalFile
from qml_qdl.hardware.jobs.journal_lines import Lines, as_job
from qml_qdl.hardware.jobs.keys import JobKey
from qml_qdl.hardware.jobs.owners import Owner
from qml_qdl.hardware.jobs.places import default_place
from qml_qdl.hardware.jobs.records import (
    CANCELLED,
    DONE,
    FAILED,
    RECORDED,
    SENDING,
    SENT,
    UNCLEAR,
    WITHOUT_ID,
    Call,
    Job,
    Piece,
)

# Angles computed on other computers differ in their last digits, which no machine sees.
_SAME_ANGLE = 4e-6


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
        with self._reading() as lines:
            return lines.of(key)

    def record(
        self,
        key: JobKey,
        call: Call,
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
        with self._writing() as lines:
            known = lines.of(key)
            if known:
                self._check_same(lines, known[0], call, angles)
                return known
            values = {**asdict(key), **asdict(call), "created": time.time()}
            number = lines.add("calls", **values)
            lines.keep(f"angles {number}", pack(angles))
            for part, pieces in enumerate(parts):
                lines.add_job(number, part, 0, json.dumps(pieces))
            return lines.of(key)

    def _check_same(
        self,
        lines: Lines,
        known: Job,
        call: Call,
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
            before = unpack(lines.kept(f"angles {known.call_number}"))
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

    def claim(self, job: Job, owner: Owner) -> tuple[Job, Job]:
        """Takes over a job whose id is not known, if nobody else is at it.

        Of a job that failed or was cancelled, another attempt is recorded and taken.

        Args:
            job: Any attempt at the job.
            owner: Who wants to send it.

        Returns:
            The last attempt as it was, and as it is now: the owner's where it was free.
        """
        with self._writing() as lines:
            last = lines.last(job)
            if last.state in (FAILED, CANCELLED):
                last = self._again(lines, last)
            if last.state not in WITHOUT_ID or not self._is_free(last, owner):
                return last, last
            lines.change(last, owner=owner.text)
            return last, lines.at(last.number)

    @staticmethod
    def _again(lines: Lines, job: Job) -> Job:
        pieces = json.dumps(job.pieces)
        lines.add_job(job.call_number, job.part, job.attempt + 1, pieces)
        return lines.last(job)

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
        with self._writing() as lines:
            now = lines.at(job.number)
            if now.owner != mine.text or now.state not in states:
                return False
            lines.change(job, **values)
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
        with self._writing() as lines:
            last = lines.last(job)
            if self.is_unclear(last):
                lines.change(last, state=UNCLEAR, owner=None)
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
        with self._writing() as lines:
            if lines.at(job.number).state != DONE:
                if not lines.has(name):
                    lines.keep(name, pack_results(results))
                    if machine is not None:
                        lines.keep(f"machine {job.number}", machine.encode())
                lines.change(job, state=DONE, used=used, owner=None)
            return lines.at(job.number)

    def machines(self) -> dict[int, str]:
        """The machines that ran jobs, by the jobs' numbers, where they are known."""
        with self._reading() as lines:
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
        with self._reading() as lines:
            return unpack_results(lines.kept(f"results {job.number}"))

    def last_attempts(self) -> list[Job]:
        """The last attempt at every job, in the order in which they were recorded."""
        return list({(job.key, job.part): job for job in self.jobs()}.values())

    def jobs(self) -> list[Job]:
        """All jobs in the order in which they were recorded, with failed attempts."""
        with self._reading() as lines:
            jobs = lines.select("SELECT * FROM jobs ORDER BY id")
            calls = lines.select("SELECT * FROM calls")
            by_number = {line["id"]: line for line in calls}
            return [as_job(line, by_number[line["call_id"]]) for line in jobs]

    def begin_task(self, description: str) -> int:
        """Begins something that takes jobs, or goes on with it if it is unfinished.

        Args:
            description: What it is; the same words mean the same.

        Returns:
            Its number.
        """
        with self._writing() as lines:
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
        with self._writing() as lines:
            lines.update("tasks", number, state="ended")

    def open_tasks(self) -> dict[int, str]:
        """What was begun and not finished: descriptions by number."""
        with self._reading() as lines:
            return _open_tasks(lines)

    def tasks(self) -> dict[int, str]:
        """What was ever begun, finished or not: descriptions by number, in order."""
        with self._reading() as lines:
            tasks = lines.select("SELECT * FROM tasks ORDER BY id")
            return {int(line["id"]): str(line["description"]) for line in tasks}

    def _write(self, job: Job, states: Sequence[str], **values: Any) -> Job:
        """Changes a job that is in one of the states: nothing is ever put back."""
        with self._writing() as lines:
            if lines.at(job.number).state in states:
                lines.change(job, **values)
            return lines.at(job.number)

    @contextmanager
    def _reading(self) -> Iterator[Lines]:
        with self._file.reading() as connection:
            yield Lines(self._file, connection)

    @contextmanager
    def _writing(self) -> Iterator[Lines]:
        with self._file.writing() as connection:
            yield Lines(self._file, connection)


def _open_tasks(lines: Lines) -> dict[int, str]:
    # All are read: a damaged line that is not selected would not be noticed.
    tasks = lines.select("SELECT * FROM tasks ORDER BY id")
    return {
        int(line["id"]): str(line["description"])
        for line in tasks
        if line["state"] == "open"
    }
