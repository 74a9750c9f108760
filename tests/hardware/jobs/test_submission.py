from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

from qml_qdl.circuits.errors import (
    Detached,
    JobError,
    JobTimeoutError,
    JournalError,
    SubmissionRefused,
    SubmissionUnclear,
)
from qml_qdl.hardware.jobs.client import JobRequest
from qml_qdl.hardware.jobs.journal import Journal, Owner
from qml_qdl.hardware.jobs.records import ExecutionRecord, JobKey, Piece
from qml_qdl.hardware.jobs.submission import Submission, Submitter
from qml_qdl.nn import resend_jobs
from tests.hardware.jobs.service import (
    FakeTime,
    Fate,
    FolderClient,
    Killed,
    mortal,
    without_sync,
)
from tests.hardware.jobs.tapes import TapeClient
from tests.hardware.qiskit.service import FakeClient

pytestmark = pytest.mark.usefixtures("fast_disk")
fast_disk = pytest.fixture(without_sync)

KEY = JobKey("run", "conv", "train-0", 0)
ONE = [[(0, 0, 3), (1, 0, 2)]]
TWO = [[(0, 0, 3), (1, 0, 1)], [(1, 1, 2)]]


class World:
    """A service and a journal that outlive "processes"."""

    def __init__(self, kind: type[FolderClient], folder: Path, **options: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.time = FakeTime()
        self.client = kind(folder / "service", time=self.time, **options)
        self.path = folder / "jobs.sqlite"

    def process(self, fate: Fate | None = None, **pace: Any) -> Submitter:
        self.client.fate = Fate() if fate is None else fate
        return Submitter(self.client, Journal(self.path), self.time.pace(**pace))

    def submission(
        self,
        parts: Sequence[Sequence[Piece]] = ONE,
        key: JobKey = KEY,
        shots: int = 10,
        pubs: Sequence[tuple[str, int]] = (("a", 3), ("b", 2)),
        account: str | None = None,
    ) -> Submission:
        made = tuple(self.client.pub(*each) for each in pubs)
        request = JobRequest("sample", made, shots, {"twirling": False}, 60)
        content, name = self.client.content(request), self.client.name
        call = ExecutionRecord(content, "sample", name, account, 5, shots, 2.0)
        return Submission(key, call, request, parts, lambda: request)

    def states(self) -> list[str]:
        return [job.state for job in Journal(self.path).jobs()]


class Worlds(Protocol):
    def __call__(self, folder: Path, **options: Any) -> World: ...


@pytest.fixture(params=[FakeClient, TapeClient])
def worlds(request: pytest.FixtureRequest) -> Worlds:
    """Makes worlds of one vendor."""
    return partial(World, request.param)


@pytest.fixture
def world(worlds: Worlds, tmp_path: Path) -> World:
    return worlds(tmp_path)


def same(one: list[Any], other: list[Any]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_job_is_made_once_and_its_results_are_kept(world: World) -> None:
    first = world.process().run(world.submission())
    assert [result.shape for result in first] == [(3, 10, 2), (2, 10, 2)]
    again = world.process(Fate(name="before GET status")).run(world.submission())
    assert same(first, again)
    assert len(world.client.jobs()) == 1


def test_another_call_of_equal_content_is_another_job(world: World) -> None:
    sender = world.process()
    first = sender.run(world.submission())
    second = sender.run(world.submission(key=JobKey("run", "conv", "train-0", 1)))
    assert not same(first, second)
    assert len(world.client.jobs()) == 2
    assert (sender.counters.jobs, sender.counters.rows) == (2, 10)
    assert sender.counters.qpu_seconds == 5.0


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"shots": 11}, id="shots"),
        pytest.param({"pubs": [("c", 3), ("b", 2)]}, id="circuit"),
        pytest.param(
            {"parts": [[(0, 0, 3), (1, 0, 3)]], "pubs": [("a", 3)] * 2}, id="rows"
        ),
    ],
)
def test_another_content_under_a_used_key_stops(
    world: World, other: dict[str, Any]
) -> None:
    world.process().run(world.submission())
    with pytest.raises(JournalError, match=r"run, conv, train-0, call 0 was recorded"):
        world.process().run(world.submission(**other))
    assert len(world.client.jobs()) == 1


def test_angles_may_differ_in_their_last_digits_only(world: World) -> None:
    first = world.process().run(world.submission())
    moved = world.submission()
    angles = [pub.angles for pub in moved.request.pubs]
    for each in angles:
        each += 1e-7  # as float32 on another computer
    assert same(first, world.process().run(moved))
    angles[1][0] += 1e-4
    with pytest.raises(JournalError, match="begin another run"):
        world.process().run(moved)


def test_another_account_is_refused(world: World) -> None:
    world.process().run(world.submission())
    with pytest.raises(JournalError, match=r"account: .* 'default', got 'work'"):
        world.process().run(world.submission(account="work"))


def test_chunks_go_in_a_batch_and_come_back_in_order(world: World) -> None:
    first = world.process().run(world.submission(TWO))
    jobs = world.client.jobs()
    assert [job["rows"] for job in jobs] == [4, 1]
    assert {job["batch"] for job in jobs} == {"batch-1"}
    assert world.client.batches == ["open", "closed batch-1"]
    assert [job["limit"] for job in jobs] == [48, 12]
    # Division is as it was recorded, even if the limits were changed meanwhile.
    assert same(first, world.process().run(world.submission(ONE)))
    assert len(world.client.jobs()) == 2


def finish(world: World, parts: Sequence[Sequence[Piece]] = ONE) -> list[Any]:
    """Runs again; only what surely was not made has to be sent anew by hand."""
    with mortal(Fate()):
        try:
            return world.process().run(world.submission(parts))
        except SubmissionUnclear:
            assert len(world.client.jobs()) < len(parts)
            assert resend_jobs(world.path) == 1
        return world.process().run(world.submission(parts))


@pytest.mark.parametrize("parts", [ONE, TWO], ids=["one job", "two jobs"])
def test_killed_anywhere_then_run_again_pays_once(
    worlds: Worlds, tmp_path: Path, parts: Any
) -> None:
    counted = Fate()
    whole = worlds(tmp_path / "whole", queue=1)
    with mortal(counted):
        whole.process(counted).run(whole.submission(parts))
    assert "before POST" in counted.points
    for at in range(len(counted.points)):
        folder = tmp_path / f"{at}"
        world = worlds(folder, queue=1, lag=90.0)
        fate = Fate(at)
        with mortal(fate), pytest.raises(Killed):
            world.process(fate).run(world.submission(parts))
        results = finish(world, parts)
        jobs = world.client.jobs()
        assert len(jobs) == len(parts), counted.points[: at + 1]
        assert sum(job["rows"] for job in jobs) == 5
        assert [len(result) for result in results] == [3, 2]
        assert world.states().count("done") == len(parts)


@pytest.mark.parametrize(
    "pairs",
    [
        # Each point of both processes once: 7 and 18 have no common divisor.
        pytest.param([(at, 7 * at % 18) for at in range(18)], id="each once"),
        pytest.param(
            list(itertools.product(range(18), range(0, 18, 3))),
            id="many pairs",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_killed_twice_anywhere_pays_once(
    worlds: Worlds, tmp_path: Path, pairs: list[tuple[int, int]]
) -> None:
    """The second process is killed anywhere too, also while it looks for the job."""
    for number, (first, second) in enumerate(pairs):
        folder = tmp_path / f"{number}"
        world = worlds(folder, lag=90.0)
        for at in (first, second):
            fate = Fate(at)
            with mortal(fate):
                try:
                    world.process(fate).run(world.submission())
                except (Killed, SubmissionUnclear):
                    continue
        finish(world)
        assert len(world.client.jobs()) == 1, (first, second)


@pytest.mark.parametrize("lag", [0.0, 20.0, 45.0, 90.0, 119.0])
@pytest.mark.parametrize(
    "faults",
    [
        ["reply lost"],
        ["busy"],
        ["busy but made"],
        ["busy", "busy"],
        ["busy", "busy but made"],
        ["busy", "reply lost"],
    ],
    ids=", ".join,
)
def test_whatever_is_answered_and_however_late_it_is_listed_it_is_made_once(
    worlds: Worlds, tmp_path: Path, faults: list[str], lag: float
) -> None:
    world = worlds(tmp_path, faults=list(faults), lag=lag)
    world.process().run(world.submission())
    assert len(world.client.jobs()) == 1
    assert world.states() == ["done"]


@pytest.mark.parametrize("lag", [0.0, 45.0, 90.0])
def test_refused_though_it_was_made_is_found_by_the_next_run(
    worlds: Worlds, tmp_path: Path, lag: float
) -> None:
    world = worlds(tmp_path, faults=["refused but made"], lag=lag)
    with pytest.raises(SubmissionRefused, match="no such instance"):
        world.process().run(world.submission())
    world.process().run(world.submission())
    assert len(world.client.jobs()) == 1


def test_listed_too_late_is_unclear_and_found_by_a_later_run(
    worlds: Worlds, tmp_path: Path
) -> None:
    world = worlds(tmp_path, faults=["reply lost"], lag=1000.0)
    for _ in range(2):
        with pytest.raises(SubmissionUnclear, match="is not sent again by itself"):
            world.process().run(world.submission())
    assert world.states() == ["unclear"]
    world.time.now += 1000.0
    world.process().run(world.submission())
    assert len(world.client.jobs()) == 1
    assert world.states() == ["done"]


def test_unclear_is_sent_anew_only_if_that_is_said(
    worlds: Worlds, tmp_path: Path
) -> None:
    world = worlds(tmp_path, faults=["unclear"])
    for _ in range(3):
        with pytest.raises(SubmissionUnclear, match="perhaps paid twice"):
            world.process().run(world.submission())
    assert not world.client.jobs()
    assert resend_jobs(world.path) == 1
    assert resend_jobs(world.path) == 0
    world.process().run(world.submission())
    assert len(world.client.jobs()) == 1
    assert world.states() == ["unclear", "done"]


def test_a_refused_job_is_looked_for_and_sent_when_run_again(
    worlds: Worlds, tmp_path: Path
) -> None:
    world = worlds(tmp_path, faults=["refused"])
    with pytest.raises(SubmissionRefused, match="no such instance"):
        world.process().run(world.submission())
    (job,) = Journal(world.path).jobs()
    assert (job.state, job.reason) == ("recorded", "the service: no such instance")
    world.process().run(world.submission())
    assert len(world.client.jobs()) == 1


def test_busy_for_ever_stops(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds(tmp_path, faults=["busy"] * 4)
    with pytest.raises(SubmissionRefused, match="too many requests"):
        world.process().run(world.submission())
    assert world.states() == ["recorded"]
    world.process().run(world.submission())
    assert len(world.client.jobs()) == 1


def test_who_was_taken_for_dead_while_preparing_sends_nothing(world: World) -> None:
    """Another process has taken the job over, and sent it."""
    other = world.process()

    class Late(Fate):
        def point(self, name: str) -> None:
            if name == "before POST":
                world.client.fate = Fate()
                with mortal(Fate()):
                    other.run(world.submission())

    results = world.process(Late()).run(world.submission())
    assert len(world.client.jobs()) == 1
    assert same(results, other.run(world.submission()))


def test_who_was_taken_for_dead_while_sending_changes_nothing_later(
    world: World,
) -> None:
    other = world.process()

    class Late(Fate):
        def point(self, name: str) -> None:
            if name == "after POST":
                world.client.fate = Fate()
                with mortal(Fate()):
                    other.run(world.submission())
                assert world.states() == ["done"]

    results = world.process(Late()).run(world.submission())
    assert world.states() == ["done"]
    assert len(world.client.jobs()) == 1
    assert same(results, other.run(world.submission()))


def test_a_done_job_that_was_put_back_is_healed(world: World) -> None:
    """As earlier versions left it after a late writer."""
    results = world.process().run(world.submission())
    journal = Journal(world.path)
    (job,) = journal.jobs()
    with journal._file.writing() as lines:
        lines.update("jobs", job.number, state="sent")
    assert same(results, world.process().run(world.submission()))
    assert world.states() == ["done"]


def test_a_failed_job_tells_why_and_the_same_run_sends_it_anew(
    worlds: Worlds, tmp_path: Path
) -> None:
    world = worlds(tmp_path, end="failed")
    with pytest.raises(JobError, match=r"job-1 on \S+ failed: code 6000: a qubit"):
        world.process().run(world.submission(TWO))
    world.client.end = "done"
    world.process().run(world.submission(TWO))
    # The second of two had not failed, and was not sent twice.
    assert len(world.client.jobs()) == 3
    assert world.states() == ["failed", "done", "done"]


def test_a_cancelled_job(world: World) -> None:
    world.client.queue = 1
    world.client.on_status = lambda: world.client.cancel("job-1")
    with pytest.raises(
        JobError, match="was cancelled: cancelled by user; the same run"
    ):
        world.process().run(world.submission())
    assert world.states() == ["cancelled"]


def test_detached_then_waited_for_by_another_process(world: World) -> None:
    with pytest.raises(Detached, match=r"sent to \S+ as job-1, job-2"):
        world.process().run(world.submission(TWO), detach=True)
    with pytest.raises(Detached):
        world.process().run(world.submission(TWO), detach=True)
    results = world.process().run(world.submission(TWO))
    assert same(results, world.process().run(world.submission(TWO), detach=True))
    assert len(world.client.jobs()) == 2


def test_polling_slows_down(world: World) -> None:
    world.client.queue = 15
    times: list[float] = []
    world.client.on_status = lambda: times.append(world.time.now)
    world.process().run(world.submission())
    pauses = np.diff(times)
    assert pauses[0] == 1.0
    assert pauses[-1] == 30.0
    assert np.all(np.diff(pauses) >= 0)


def test_a_deadline_leaves_the_job_where_it_is(world: World) -> None:
    world.client.queue = 10**6
    with pytest.raises(JobTimeoutError, match="still queued after 100 s; it runs on"):
        world.process(deadline=100.0).run(world.submission())
    assert world.time.now == 100.0
    world.client.queue = 0
    world.process().run(world.submission())
    assert len(world.client.jobs()) == 1


def test_ctrl_c_while_waiting_says_how_to_go_on(world: World) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    world.client.on_status = interrupt
    with pytest.raises(KeyboardInterrupt) as caught:
        world.process().run(world.submission())
    (note,) = caught.value.__notes__
    assert "job-1 runs on, and the same run takes it up again" in note
    assert f"qml-qdl jobs list {world.path}" in note
    world.client.on_status = None
    world.process().run(world.submission())
    assert len(world.client.jobs()) == 1


def test_ctrl_c_while_sending_leaves_it_to_be_looked_for(world: World) -> None:
    sender = world.process()

    class Interrupted(Fate):
        def point(self, name: str) -> None:
            if name == "after POST":
                raise KeyboardInterrupt

    world.client.fate = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        sender.run(world.submission())
    assert world.states() == ["sending"]
    world.process().run(world.submission())
    assert len(world.client.jobs()) == 1


def test_a_live_sender_is_waited_for(world: World) -> None:
    """Another process is sending: this one sends nothing, and waits for the id."""
    sender = world.process(deadline=50.0)
    (job,) = sender.journal.record(
        KEY,
        world.submission().call,
        [pub.angles for pub in world.submission().request.pubs],
        ONE,
    )
    other = Owner.of_this_process()
    sender.journal.claim(job, other)
    with pytest.raises(JobTimeoutError, match="another process has been sending"):
        sender.run(world.submission())
    assert not world.client.jobs()
    sender.journal.release(job, other)
    sender.run(world.submission())
    assert len(world.client.jobs()) == 1
