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
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qml_qdl.circuits.errors import JournalError, JournalWriteError
from qml_qdl.hardware.jobs.journal import (
    LEASE,
    Journal,
    Owner,
    pack,
    pack_results,
    unpack_results,
)
from qml_qdl.hardware.jobs.journal_file import default_place
from qml_qdl.hardware.jobs.records import Call, JobKey, JobKeys
from qml_qdl.hardware.tapes.executor import Estimates
from tests.hardware.jobs.service import without_sync

pytestmark = pytest.mark.usefixtures("fast_disk")
fast_disk = pytest.fixture(without_sync)

FILE = "qml_qdl.hardware.jobs.journal_file"
KEY = JobKey("run", "layer", "step", 0)
CALL = Call("c" * 64, "sample", "ibm:fake", None, 3, 10, 2.5)
ANGLES = [np.arange(6.0).reshape(3, 2)]
BITS = np.random.default_rng(0).integers(0, 2, (3, 10, 2), dtype=np.uint8)


def filled(path: Path) -> Journal:
    journal = Journal(path)
    (job,) = journal.record(KEY, CALL, ANGLES, [[(0, 0, 3)]])
    _, job = journal.claim(job, Owner.of_this_process())
    journal.store(journal.sent(job, "id-1"), [BITS], 1.5, "ibm_manila")
    journal.record(JobKey("run", "layer", "step", 1), CALL, ANGLES, [[(0, 0, 3)]])
    journal.begin_task("evaluate")
    return journal


def everything(journal: Journal) -> Any:
    jobs = journal.jobs()
    found = [journal.find(JobKey("run", "layer", "step", call)) for call in range(3)]
    results: Any = journal.results(jobs[0])
    return jobs, found, results[0].tolist(), journal.open_tasks()


def test_what_is_written_is_read_by_others(tmp_path: Path) -> None:
    first = filled(tmp_path / "deep" / "jobs.sqlite")
    other = Journal(first.path)
    assert everything(other) == everything(first)
    done, recorded = other.jobs()
    assert (done.state, done.job_id, done.used) == ("done", "id-1", 1.5)
    assert (recorded.state, recorded.job_id) == ("recorded", None)
    assert done.tag != recorded.tag
    results: Any = other.results(done)
    assert np.array_equal(results[0], BITS)
    assert [path.name for path in first.path.parent.iterdir()] == ["jobs.sqlite"]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 5))),
    st.booleans(),
)
def test_results_come_back_as_they_were(
    shapes: list[tuple[int, ...]], estimates: bool
) -> None:
    rng = np.random.default_rng(0)
    if estimates:
        numbers = [Estimates(*rng.normal(size=(2, *shape[:2]))) for shape in shapes]
        for one, other in zip(
            numbers, unpack_results(pack_results(numbers)), strict=True
        ):
            assert isinstance(other, Estimates)
            assert np.array_equal(one.values, other.values)
            assert np.array_equal(one.errors, other.errors)
        return
    bits = [rng.integers(0, 2, shape, dtype=np.uint8) for shape in shapes]
    back: Any = unpack_results(pack_results(bits))
    assert [one.shape for one in back] == shapes
    assert all(np.array_equal(a, b) for a, b in zip(bits, back, strict=True))


def test_packed_arrays_hold_no_objects() -> None:
    objects: Any = np.array([{}], dtype=object)
    with pytest.raises(ValueError, match="pickle"):
        pack([objects])
    with pytest.raises(JournalError, match="expected packed arrays"):
        unpack_results(b"something else")


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


def test_changed_results_are_refused(tmp_path: Path) -> None:
    journal = filled(tmp_path / "jobs.sqlite")
    with sqlite3.connect(journal.path) as changed:
        changed.execute("UPDATE arrays SET data = x'00' WHERE name LIKE 'results%'")
    changed.close()
    done = journal.jobs()[0]
    with pytest.raises(JournalError, match="a line is not what was written"):
        journal.results(done)


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


def test_tasks_are_gone_on_with_until_they_end(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "jobs.sqlite")
    first = journal.begin_task("evaluate a")
    assert journal.begin_task("evaluate a") == first
    assert journal.begin_task("evaluate b") != first
    journal.end_task(first)
    assert journal.begin_task("evaluate a") != first
    assert sorted(journal.open_tasks().values()) == ["evaluate a", "evaluate b"]


def test_owners_live_as_long_as_their_process(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = Owner.of_this_process()
    assert owner == Owner.from_text(owner.text)
    assert owner != Owner.of_this_process()
    assert owner.is_alive(since=0)
    reborn = Owner(owner.place, owner.pid, owner.started - 100, owner.sender)
    assert not reborn.is_alive(since=0)
    absent = Owner(owner.place, 2**22 + 1, owner.started, owner.sender)
    assert not absent.is_alive(since=0)
    far = Owner("elsewhere", owner.pid, owner.started, owner.sender)
    monkeypatch.setattr("qml_qdl.hardware.jobs.journal.time.time", lambda: 10_000.0)
    assert far.is_alive(since=10_000 - LEASE + 1)
    assert not far.is_alive(since=10_000 - LEASE)
    assert not far.is_of_this_process()


def test_a_clock_that_is_set_changes_no_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times of creation follow the clock on Linux; the second process started later."""
    owner = Owner.of_this_process()
    create_time = psutil.Process.create_time
    monkeypatch.setattr(
        psutil.Process, "create_time", lambda self: create_time(self) + 60.0
    )
    assert owner.is_alive(since=0)


def test_only_a_free_job_can_be_claimed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "jobs.sqlite")
    (job,) = journal.record(KEY, CALL, ANGLES, [[(0, 0, 3)]])
    mine, other = Owner.of_this_process(), Owner.of_this_process()
    before, claimed = journal.claim(job, mine)
    assert before.owner is None
    assert (claimed.state, claimed.owner) == ("recorded", mine.text)
    assert journal.claim(job, other)[1].owner == mine.text
    journal.release(job, other)  # not the owner's to give up
    assert not journal.sending(job, other)
    assert journal.claim(job, other)[1].owner == mine.text
    assert journal.sending(job, mine)
    journal.release(job, mine)
    before, taken = journal.claim(job, other)
    assert (before.state, taken.state, taken.owner) == ("sending",) * 2 + (other.text,)
    assert not journal.refused(job, mine, "late")
    journal.sent(taken, "id-1")
    journal.release(taken, other)  # too late: it has its id
    assert journal.jobs()[0].state == "sent"


def test_nothing_is_put_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "jobs.sqlite")
    (job,) = journal.record(KEY, CALL, ANGLES, [[(0, 0, 3)]])
    mine = Owner.of_this_process()
    journal.claim(job, mine)
    journal.sending(job, mine)
    sent = journal.sent(job, "id-1")
    assert journal.sent(job, "id-2").job_id == "id-1"
    journal.store(sent, [BITS], 1.5, "ibm_manila")
    journal.sent(job, "id-1")
    journal.ended(sent, "failed", "late", 9.0)
    journal.resend(sent)
    (done,) = journal.jobs()
    assert (done.state, done.used, done.reason) == ("done", 1.5, None)
    assert journal.machines() == {done.number: "ibm_manila"}


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


def test_keys_count_calls_of_each_step() -> None:
    keys = JobKeys("run", "conv")
    keys.begin(step="train-0")
    first = [keys.next() for _ in range(2)]
    keys.begin(step="train-1")
    assert keys.next() == JobKey("run", "conv", "train-1", 0)
    keys.begin(step="train-0")
    assert [key.call for key in [*first, keys.next()]] == [0, 1, 2]
    assert str(first[1]) == "run, conv, train-0, call 1"


def test_a_key_given_back_comes_again() -> None:
    keys = JobKeys("run", "conv")
    first, second = keys.next(), keys.next()
    keys.give_back(first)  # not the last one
    assert keys.upcoming.call == 2
    keys.give_back(second)
    assert keys.next() == second


def test_without_a_run_no_key_comes_again() -> None:
    assert JobKeys().next() != JobKeys().next()
    same = [JobKeys("one-run-of-this-test").next() for _ in range(2)]
    assert [key.layer for key in same] == ["device-0", "device-1"]


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_the_umask_says_who_may_read_it(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        Journal(tmp_path / "new" / "jobs.sqlite")
    finally:
        os.umask(before)
    (file,) = (tmp_path / "new").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~umask
