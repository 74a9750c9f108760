from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qml_qdl.circuits.errors import JournalError
from qml_qdl.hardware.jobs.journal import (
    LEASE,
    Journal,
    Owner,
    pack,
    pack_results,
    unpack_results,
)
from qml_qdl.hardware.tapes.executor import Estimates
from tests.hardware.jobs.filled import ANGLES, BITS, CALL, KEY, everything, filled
from tests.hardware.jobs.service import without_sync

pytestmark = pytest.mark.usefixtures("fast_disk")
fast_disk = pytest.fixture(without_sync)


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


def test_changed_results_are_refused(tmp_path: Path) -> None:
    journal = filled(tmp_path / "jobs.sqlite")
    with sqlite3.connect(journal.path) as changed:
        changed.execute("UPDATE arrays SET data = x'00' WHERE name LIKE 'results%'")
    changed.close()
    done = journal.jobs()[0]
    with pytest.raises(JournalError, match="a line is not what was written"):
        journal.results(done)


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
