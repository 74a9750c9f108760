"""The file of a journal: made whole, and opened only when it is sound."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qml_qdl.circuits.errors import JournalError, JournalWriteError
from qml_qdl.hardware.jobs.journal import (
    Journal,
)
from qml_qdl.hardware.jobs.journal_file import VERSION, JournalFile, default_place
from qml_qdl.hardware.jobs.records import JobKey
from tests.hardware.jobs.filled import CALL, everything, filled

FILE = "qml_qdl.hardware.jobs.journal_file"


@pytest.mark.parametrize("content", [b"", b"text", b"SQLite format 3\x00" + b"x" * 84])
def test_something_else_is_refused_and_left(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(content)
    with pytest.raises(JournalError, match="damaged or something else; restore it"):
        Journal(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE mine (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="something else"):
        Journal(path)
    assert path.read_bytes() == before


def test_a_newer_version_is_refused_and_left(tmp_path: Path) -> None:
    path = filled(tmp_path / "jobs.sqlite").path
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 2")
    newer.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="version 2, this is for version 1; use the"):
        Journal(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["jobs.sqlite"]


def test_a_missing_journal_is_not_made_by_readers(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="is not there"):
        Journal(tmp_path / "jobs.sqlite", create=False)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("sound")
    journal = filled(folder / "jobs.sqlite")
    return journal.path, everything(journal)


def damaged_or_whole(sound: tuple[Path, Any], content: bytes) -> bool:
    path, truth = sound
    copy = path.with_name("copy.sqlite")
    copy.write_bytes(content)
    try:
        assert everything(Journal(copy)) == truth
    except JournalError:
        return False
    finally:
        assert copy.read_bytes() == content
    return True


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_changed_byte_is_noticed_or_does_not_matter(
    sound: tuple[Path, Any], data: st.DataObject
) -> None:
    content = bytearray(sound[0].read_bytes())
    # Most of the file is free space; what is not zero is more telling.
    places = [k for k, byte in enumerate(content) if byte]
    place = data.draw(st.sampled_from(places))
    content[place] ^= data.draw(st.integers(1, 255))
    damaged_or_whole(sound, bytes(content))


def test_a_file_cut_short_is_refused(sound: tuple[Path, Any]) -> None:
    content = sound[0].read_bytes()
    for size in range(0, len(content), 1024):
        assert not damaged_or_whole(sound, content[:size])
    assert damaged_or_whole(sound, content)


def test_a_full_disk_keeps_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = filled(tmp_path / "jobs.sqlite")
    before = everything(journal)
    connect: Any = sqlite3.connect

    def small(*args: Any, **options: Any) -> Any:
        connection = connect(*args, **options)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    monkeypatch.setattr(f"{FILE}.sqlite3.connect", small)
    many = [np.random.default_rng(1).normal(size=(1000, 20))]
    with pytest.raises(JournalWriteError, match=r"is full\); make room") as caught:
        journal.record(JobKey("run", "layer", "step", 2), CALL, many, [[(0, 0, 3)]])
    assert isinstance(caught.value, OSError)
    monkeypatch.undo()
    assert everything(Journal(journal.path)) == before


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalWriteError, match="name another place"):
        Journal(tmp_path / "file" / "jobs.sqlite")


@pytest.mark.parametrize(
    ("number", "repair"),
    [
        (errno.EROFS, "allow writing in its folder, or name another place"),
        (errno.EACCES, "allow writing in its folder, or name another place"),
        (errno.ENOSPC, "make room, or name another place"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, repair: str
) -> None:
    def fail(*args: Any, **options: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(f"{FILE}.os.open", fail)
    with pytest.raises(JournalWriteError, match=rf"{os.strerror(number)}\); {repair}"):
        Journal(tmp_path / "jobs.sqlite")


def test_a_journal_is_made_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever makes it second finds the first one's, and nothing is left behind."""
    path = tmp_path / "jobs.sqlite"

    def faster(source: str, target: Path) -> None:
        monkeypatch.undo()
        filled(path)
        raise FileExistsError

    monkeypatch.setattr(f"{FILE}.os.link", faster)
    assert len(Journal(path).jobs()) == 2
    assert os.listdir(tmp_path) == ["jobs.sqlite"]


def test_a_file_system_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: str, target: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(f"{FILE}.os.link", link)
    assert Journal(tmp_path / "jobs.sqlite").jobs() == []
    assert os.listdir(tmp_path) == ["jobs.sqlite"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_journal_that_cannot_be_written_can_be_read(tmp_path: Path) -> None:
    journal = filled(tmp_path / "jobs.sqlite")
    journal.path.chmod(0o400)
    tmp_path.chmod(0o500)
    assert len(Journal(journal.path).jobs()) == 2
    with pytest.raises(JournalWriteError):
        journal.begin_task("more")


def test_a_hot_rollback_journal_is_rolled_back(tmp_path: Path) -> None:
    """As a power cut in the middle of a transaction leaves it."""
    journal = filled(tmp_path / "jobs.sqlite")
    before = everything(journal)
    connection = sqlite3.connect(journal.path, isolation_level=None)
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("PRAGMA cache_spill = 1")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE jobs SET state = 'gone'")
    for k in range(200):
        connection.execute(
            "INSERT INTO arrays VALUES (?, ?, '')", (f"{k}", os.urandom(5000))
        )
    cut = tmp_path / "cut"
    cut.mkdir()
    for name in ("jobs.sqlite", "jobs.sqlite-journal"):
        shutil.copy(tmp_path / name, cut / name)
    connection.execute("ROLLBACK")
    connection.close()
    assert (cut / "jobs.sqlite").read_bytes() != journal.path.read_bytes()
    assert everything(Journal(cut / "jobs.sqlite")) == before


@pytest.mark.parametrize(
    ("platform", "variables", "place"),
    [
        ("linux", {}, ".local/share/qml-qdl/jobs.sqlite"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/qml-qdl/jobs.sqlite"),
        ("darwin", {}, "Library/Application Support/qml-qdl/jobs.sqlite"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/qml-qdl/jobs.sqlite"),
        ("linux", {"QML_QDL_JOURNAL": "/mine.sqlite"}, "/mine.sqlite"),
    ],
)
def test_the_users_journal_is_where_the_platform_has_it(
    platform: str,
    variables: dict[str, str],
    place: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "QML_QDL_JOURNAL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert default_place() == Path.home() / place


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_the_umask_says_who_may_read_it(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        Journal(tmp_path / "new" / "jobs.sqlite")
    finally:
        os.umask(before)
    (file,) = (tmp_path / "new").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~umask


def made(folder: Path) -> JournalFile:
    JournalFile.make(folder / "jobs.sqlite")
    return JournalFile(folder / "jobs.sqlite")


def test_a_line_that_was_changed_behind_its_seal_is_refused(tmp_path: Path) -> None:
    file = made(tmp_path)
    with file.writing() as lines:
        number = lines.add("tasks", description="evaluate", state="open", created=0.0)
        lines.update("tasks", number, state="ended")
    with file.reading() as lines:
        (line,) = lines.select("SELECT * FROM tasks")
        assert (line["description"], line["state"]) == ("evaluate", "ended")
    with sqlite3.connect(file.path) as connection:
        connection.execute("UPDATE tasks SET description = 'evaluatE'")
    connection.close()
    with file.reading() as lines:
        query = "SELECT * FROM tasks"
        with pytest.raises(JournalError, match="a line is not what was written"):
            lines.select(query)


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    file = made(tmp_path)
    with file.writing() as lines:
        lines.keep("before", b"1")

    def fail() -> None:
        with file.writing() as lines:
            lines.keep("within", b"2")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    with file.reading() as lines:
        assert lines.kept("before") == b"1"
        assert lines.kept("within") is None


def test_making_it_twice_changes_nothing(tmp_path: Path) -> None:
    file = made(tmp_path)
    with file.writing() as lines:
        lines.keep("name", b"data")
    JournalFile.make(file.path)
    with JournalFile(file.path).reading() as lines:
        assert lines.kept("name") == b"data"
    assert file.path.read_bytes()[60:64] == VERSION.to_bytes(4, "big")
