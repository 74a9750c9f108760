"""The file of a journal: made whole, opened only when sound, changed in transactions.

It is an SQLite file with a rollback journal, which unlike a write-ahead log also works
on network file systems, and leaves one file. Every change is on the disk when its
transaction returns; a process or a computer that stops at any point leaves the state
before or after a transaction.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from qml_qdl.circuits.errors import JournalError, JournalWriteError
from qml_qdl.hardware.files import write_atomically

PLACE = "QML_QDL_JOURNAL"
"""The environment variable that names the journal where no run folder does."""

VERSION = 1
_APPLICATION = 0x51444C4A  # "QDLJ"
_HEADER = b"SQLite format 3\x00"
_LOCK_SECONDS = 60.0
_SYNCHRONOUS = "EXTRA"  # on the disk, with its folder, before a transaction returns
_CIRCUMSTANCES = {  # all other failures mean that the file is not what was written
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
_CHECK = "PRAGMA integrity_check(1)"  # unlike quick_check it compares the indices too
_TABLES = """
CREATE TABLE calls (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, layer TEXT NOT NULL, step TEXT NOT NULL,
    call INTEGER NOT NULL, content TEXT NOT NULL, kind TEXT NOT NULL,
    backend TEXT NOT NULL, account TEXT, rows INTEGER NOT NULL, shots INTEGER NOT NULL,
    seconds REAL NOT NULL, created REAL NOT NULL, seal TEXT NOT NULL,
    UNIQUE (run, layer, step, call)
);
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY, call_id INTEGER NOT NULL REFERENCES calls (id),
    part INTEGER NOT NULL, attempt INTEGER NOT NULL, pieces TEXT NOT NULL,
    tag TEXT NOT NULL UNIQUE, state TEXT NOT NULL, job_id TEXT, reason TEXT,
    owner TEXT, used REAL, changed REAL NOT NULL, seal TEXT NOT NULL,
    UNIQUE (call_id, part, attempt)
);
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY, description TEXT NOT NULL, state TEXT NOT NULL,
    created REAL NOT NULL, seal TEXT NOT NULL
);
CREATE TABLE arrays (name TEXT PRIMARY KEY, data BLOB NOT NULL, seal TEXT NOT NULL);
"""


def default_place() -> Path:
    """Where the journal is when no run folder has one.

    Returns:
        What the environment variable QML_QDL_JOURNAL says, else a file in the user's
        folder of application data.
    """
    if os.environ.get(PLACE):
        return Path(os.environ[PLACE])
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "qml-qdl" / "jobs.sqlite"


class Transaction:
    """The lines of a journal as long as a transaction lasts.

    Each line has a seal, a digest of all that is in it, so that one that is not what
    was written is noticed.

    Args:
        path: The journal, for messages.
        connection: SQLite's.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def select(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """Reads whole lines of one table and checks their seals.

        Args:
            query: Begins with "SELECT * FROM".
            *values: For the query's question marks.

        Returns:
            The lines.

        Raises:
            JournalError: A line is not what was written.
        """
        lines: list[sqlite3.Row] = self._connection.execute(query, values).fetchall()
        for line in lines:
            if "seal" not in line.keys() or line["seal"] != _seal(line):  # noqa: SIM118
                raise _damaged(self._path, "a line is not what was written")
        return lines

    def add(self, table: str, **values: Any) -> int:
        """Adds a line.

        Args:
            table: Which table.
            **values: The line.

        Returns:
            Its number.
        """
        names = ", ".join(values)
        places = ", ".join("?" * len(values))
        cursor = self._connection.execute(
            f"INSERT INTO {table} ({names}, seal) VALUES ({places}, '')",
            tuple(values.values()),
        )
        number = cursor.lastrowid
        assert number is not None
        self._reseal(table, number)
        return number

    def update(self, table: str, number: int, **values: Any) -> None:
        """Changes a line.

        Args:
            table: Which table.
            number: The line's number.
            **values: What changes.
        """
        changes = ", ".join(f"{name} = ?" for name in values)
        self._connection.execute(
            f"UPDATE {table} SET {changes} WHERE rowid = ?", (*values.values(), number)
        )
        self._reseal(table, number)

    def keep(self, name: str, data: bytes) -> None:
        """Adds bytes under a name.

        Args:
            name: The name.
            data: The bytes.
        """
        self.add("arrays", name=name, data=data)

    def kept(self, name: str) -> bytes | None:
        """The bytes under a name.

        Args:
            name: The name.

        Returns:
            The bytes; None if there are none.
        """
        lines = self.select("SELECT * FROM arrays WHERE name = ?", name)
        return bytes(lines[0]["data"]) if lines else None

    def _reseal(self, table: str, number: int) -> None:
        query = f"SELECT * FROM {table} WHERE rowid = ?"
        (line,) = self._connection.execute(query, [number])
        self._connection.execute(
            f"UPDATE {table} SET seal = ? WHERE rowid = ?", (_seal(line), number)
        )


class JournalFile:
    """An SQLite file that is known to be a sound journal of this version.

    Args:
        path: The file, which is there.

    Raises:
        JournalError: It is damaged, of a newer version, or no journal; it is left as
            it was.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._check_header()
        with self._connection("BEGIN") as connection:
            verdicts = [row[0] for row in connection.execute(_CHECK)]
            if verdicts != ["ok"]:
                raise _damaged(self.path, "; ".join(verdicts))

    @classmethod
    def make(cls, path: Path) -> None:
        """Makes an empty journal, unless another process makes one at the same time.

        Args:
            path: Where to; the folder is made too.

        Raises:
            JournalWriteError: The disk is full or the folder cannot be written.
        """
        try:
            with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
                fresh.executescript(
                    f"PRAGMA application_id = {_APPLICATION};"
                    f"PRAGMA user_version = {VERSION}; BEGIN; {_TABLES} COMMIT;"
                )
                content = fresh.serialize()
            write_atomically(path, lambda file: file.write(content), replace=False)
        except (OSError, sqlite3.Error) as error:
            if isinstance(error, FileExistsError) and path.is_file():
                return  # another process was faster
            raise JournalWriteError(
                f"journal: {path} cannot be made ({error}); {_repair(error)}"
            ) from error

    def _check_header(self) -> None:
        try:
            with self.path.open("rb") as file:
                header = file.read(100)
        except OSError as error:
            raise JournalError(
                f"journal: {self.path} cannot be read: {error}"
            ) from error
        number = [int.from_bytes(header[k : k + 4], "big") for k in (60, 68)]
        if len(header) < 100 or header[:16] != _HEADER or number[1] != _APPLICATION:
            raise JournalError(
                f"journal: expected a journal of qml-qdl, got {self.path}, which is "
                "damaged or something else; restore it, or name another place"
            )
        if number[0] > VERSION:
            raise JournalError(
                f"journal: {self.path} has version {number[0]}, this is for version "
                f"{VERSION}; use the newer qml-qdl that wrote it"
            )
        if number[0] < 1 or header[18:20] != b"\x01\x01":
            raise _damaged(self.path, "its header is not what was written")

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that sees one state of the journal.

        Raises:
            JournalError: The file is damaged.
        """
        with self._connection("BEGIN") as connection:
            yield Transaction(self.path, connection)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A transaction of which no other process sees a part.

        Raises:
            JournalError: The file is damaged.
            JournalWriteError: The disk is full or the file cannot be written; nothing
                of the transaction was kept.
        """
        with self._connection("BEGIN IMMEDIATE") as connection:
            yield Transaction(self.path, connection)

    @contextmanager
    def _connection(self, begin: str) -> Iterator[sqlite3.Connection]:
        # One for each transaction: they are cheap, and neither threads nor forked
        # processes can share one. What cannot be written can still be read.
        writes = begin != "BEGIN" or os.access(self.path, os.W_OK)
        uri = f"{self.path.absolute().as_uri()}?mode={'rw' if writes else 'ro'}"
        try:
            with closing(
                sqlite3.connect(
                    uri, uri=True, timeout=_LOCK_SECONDS, isolation_level=None
                )
            ) as connection:
                connection.row_factory = sqlite3.Row
                connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS}")
                connection.execute("PRAGMA foreign_keys = ON")
                try:
                    connection.execute(begin)
                    yield connection
                    connection.execute("COMMIT")
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
        except UnicodeDecodeError as error:  # a name in the schema
            raise _damaged(self.path, str(error)) from error
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0)
            short = code == sqlite3.SQLITE_IOERR_SHORT_READ
            if short or code & 0xFF not in _CIRCUMSTANCES:
                raise _damaged(self.path, str(error)) from error
            raise JournalWriteError(
                f"journal: {self.path} cannot be used ({error}); {_repair(error)}, and "
                "run again: what was sent is not lost"
            ) from error


def _damaged(path: Path, how: str) -> JournalError:
    return JournalError(
        f"journal: {path} is damaged ({how}); restore it from a copy, or name another "
        "place"
    )


def _repair(error: OSError | sqlite3.Error) -> str:
    """What helps, by what the system, or SQLite, says is wrong."""
    number = getattr(error, "errno", None)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or number in (errno.ENOSPC, errno.EDQUOT):
        return "make room, or name another place"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "let other processes end"
    forbidden = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN)
    if code in forbidden or number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "allow writing in its folder, or name another place"
    return "name another place"


def _seal(line: sqlite3.Row) -> str:
    digest = hashlib.sha256()
    for name in line.keys():  # noqa: SIM118 - a Row's values are what it iterates over
        if name != "seal":
            value = line[name]
            data = value if isinstance(value, bytes) else repr(value).encode()
            digest.update(f"{name}:{len(data)}:".encode() + data)
    return digest.hexdigest()
