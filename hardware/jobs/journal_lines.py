"""The lines of a journal within one transaction."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from typing import Any

from attrs import fields

from qml_qdl.circuits.errors import JournalError
from qml_qdl.hardware.jobs.journal_file import JournalFile
from qml_qdl.hardware.jobs.keys import JobKey
from qml_qdl.hardware.jobs.records import RECORDED, Call, Job


class Lines:
    """Reads and writes lines as long as a transaction lasts.

    Args:
        file: The journal's file.
        connection: Of `file.reading()` or `file.writing()`.
    """

    def __init__(self, file: JournalFile, connection: sqlite3.Connection) -> None:
        self._file = file
        self._connection = connection

    def select(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """Reads whole lines of one table; see `JournalFile.select`.

        Args:
            query: Begins with "SELECT * FROM".
            *values: For the query's question marks.
        """
        return self._file.select(self._connection, query, *values)

    def add(self, table: str, **values: Any) -> int:
        """Adds a line and returns its number; see `JournalFile.insert`.

        Args:
            table: Which table.
            **values: The line.
        """
        return self._file.insert(self._connection, table, **values)

    def update(self, table: str, number: int, **values: Any) -> None:
        """Changes a line; see `JournalFile.update`.

        Args:
            table: Which table.
            number: The line's number.
            **values: What changes.
        """
        self._file.update(self._connection, table, number, **values)

    def of(self, key: JobKey) -> list[Job]:
        """The jobs of an execution by part, each part's last attempt.

        Args:
            key: The execution.
        """
        calls = self.select(
            "SELECT * FROM calls WHERE run = ? AND layer = ? AND step = ? AND call = ?",
            key.run,
            key.layer,
            key.step,
            key.call,
        )
        if not calls:
            return []
        lines = self.select(
            "SELECT * FROM jobs WHERE call_id = ? ORDER BY part, attempt",
            calls[0]["id"],
        )
        last = {line["part"]: line for line in lines}
        return [as_job(line, calls[0]) for line in last.values()]

    def last(self, job: Job) -> Job:
        """The last attempt at a job.

        Args:
            job: Any attempt at it.
        """
        return self.of(job.key)[job.part]

    def at(self, number: int) -> Job:
        """The job in a line.

        Args:
            number: The line.
        """
        (line,) = self.select("SELECT * FROM jobs WHERE id = ?", number)
        (call,) = self.select("SELECT * FROM calls WHERE id = ?", line["call_id"])
        return as_job(line, call)

    def add_job(
        self,
        call: int,
        part: int,
        attempt: int,
        pieces: str,
    ) -> None:
        """Adds an attempt at a part, not sent yet.

        Args:
            call: The line of its execution.
            part: Which of the execution's jobs.
            attempt: How often it was sent before.
            pieces: Its rows as JSON.
        """
        self._file.insert(
            self._connection,
            "jobs",
            call_id=call,
            part=part,
            attempt=attempt,
            pieces=pieces,
            tag=f"qdl-{uuid.uuid4().hex}",
            state=RECORDED,
            changed=time.time(),
        )

    def change(self, job: Job, **values: Any) -> None:
        """Changes a job's line.

        Args:
            job: The job.
            **values: What changes.
        """
        self._file.update(
            self._connection, "jobs", job.number, changed=time.time(), **values
        )

    def keep(self, name: str, data: bytes) -> None:
        """Adds bytes under a name.

        Args:
            name: The name.
            data: The bytes.
        """
        self._file.insert(self._connection, "arrays", name=name, data=data)

    def has(self, name: str) -> bool:
        """Whether there are bytes under a name.

        Args:
            name: The name.
        """
        return bool(self.select("SELECT * FROM arrays WHERE name = ?", name))

    def kept(self, name: str) -> bytes:
        """The bytes under a name.

        Args:
            name: The name.

        Raises:
            JournalError: There are none.
        """
        lines = self.select("SELECT * FROM arrays WHERE name = ?", name)
        if not lines:
            raise JournalError(
                f"journal: {self._file.path} has no {name}; it is damaged"
            )
        return bytes(lines[0]["data"])


def as_job(line: sqlite3.Row, call: sqlite3.Row) -> Job:
    """The job that lines of the tables `jobs` and `calls` tell of.

    Args:
        line: The job's line.
        call: Its execution's.
    """
    return Job(
        number=line["id"],
        call_number=call["id"],
        key=JobKey(*(call[field.name] for field in fields(JobKey))),
        call=Call(*(call[field.name] for field in fields(Call))),
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
