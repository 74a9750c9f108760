"""Waiting: with growing pauses, within a deadline, until a job has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import define, field

from qml_qdl.circuits.errors import JobTimeoutError
from qml_qdl.hardware.jobs import waiting
from qml_qdl.hardware.jobs.client import JobState, JobStatus
from qml_qdl.hardware.jobs.waiting import Pace, Tries, look_up, wait


@define
class Clock:
    """Time that passes only while somebody sleeps."""

    now: float = 100.0
    slept: list[float] = field(factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def pace(self, **options: Any) -> Pace:
        return Pace(clock=lambda: self.now, sleep=self.sleep, **options)


def test_pauses_grow_up_to_the_longest() -> None:
    clock = Clock()
    tries = Tries(clock.pace(first=1.0, growth=2.0, longest=5.0), None)
    assert all(tries.again() for _ in range(5))
    assert clock.slept == [1, 2, 4, 5, 5]
    assert tries.count == 6
    assert tries.seconds == sum(clock.slept)


def test_half_of_a_pause_is_random() -> None:
    clock = Clock()
    numbers = iter([0.0, 0.5])
    tries = Tries(clock.pace(first=4.0, growth=1.0, jitter=lambda: next(numbers)), None)
    tries.again()
    tries.again()
    assert clock.slept == [2, 3]


def test_a_service_may_ask_for_longer_pauses_within_the_deadline() -> None:
    clock = Clock()
    tries = Tries(clock.pace(first=1.0), seconds=10.0)
    assert tries.again(retry_after=6.0)
    assert clock.slept == [6]
    assert not tries.again(retry_after=6.0)  # which would be after the deadline
    assert clock.slept == [6]  # it says so at once


def test_the_last_try_is_at_the_deadline() -> None:
    clock = Clock()
    rounds = list(clock.pace(first=3.0, growth=2.0).rounds(7.0))
    assert rounds == [0, 3, 7]
    assert clock.slept == [3, 4]


def test_there_may_be_a_most() -> None:
    clock = Clock()
    assert list(clock.pace(first=1.0, growth=1.0, most=3).rounds()) == [0, 1, 2]


def test_new_jobs_are_listed_with_some_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "time", SimpleNamespace(time=lambda: 1000.0))
    pace = Pace(grace=60.0)
    assert [pace.left(since) for since in (1000.0, 980.0, 900.0)] == [60, 40, 0]
    assert pace.left(1100.0) == 60  # the clock was set back


class Service:
    """Answers one after the other, the last one for ever."""

    name = "vendor:machine"

    def __init__(self, answers: Sequence[Any]) -> None:
        self._answers: Iterator[Any] = iter(answers)
        self.asked = 0

    def _next(self, _: str) -> Any:
        self.asked += 1
        self._last = next(self._answers, getattr(self, "_last", None))
        return self._last

    find = status = _next


def test_a_tag_is_looked_for_until_it_is_listed() -> None:
    clock = Clock()
    service: Any = Service([None, None, "id-7"])
    assert look_up(service, "tag", clock.pace(first=1.0), 100.0) == "id-7"
    assert service.asked == 3
    never: Any = Service([None])
    assert look_up(never, "tag", clock.pace(first=1.0), -5.0) is None
    assert never.asked == 1  # at least once


@pytest.mark.parametrize("end", [JobState.DONE, JobState.FAILED, JobState.CANCELLED])
def test_a_job_is_waited_for_until_it_has_ended(end: JobState) -> None:
    clock = Clock()
    states = [JobState.QUEUED, JobState.RUNNING, end]
    service: Any = Service([JobStatus(state) for state in states])
    assert wait(service, "id-1", clock.pace(), 5.0).state == end
    assert service.asked == 3
    assert len(clock.slept) == 2


def test_nobody_waits_beyond_the_deadline() -> None:
    clock = Clock()
    service: Any = Service([JobStatus(JobState.QUEUED, position=3)])
    text = "job id-1 on vendor:machine is still queued after 20 s; it runs on, and the"
    with pytest.raises(JobTimeoutError, match=text):
        wait(service, "id-1", clock.pace(deadline=20.0), 5.0)
    assert sum(clock.slept) == 20


def test_a_terminal_is_shown_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Status:
        def __init__(self, *_: Any, **__: Any) -> None: ...
        def __enter__(self) -> Any:
            return SimpleNamespace(update=shown.append)

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr("sys.stderr", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("rich.status.Status", Status)
    queued = JobStatus(JobState.QUEUED, position=3, seconds_left=90.0)
    service: Any = Service([queued, JobStatus(JobState.DONE)])
    wait(service, "id-1", Clock().pace(), 5.0)
    assert shown == [
        "vendor:machine id-1: queued, 3 in the queue, 0 s so far, done in about 90 s, "
        "about 5 QPU s"
    ]
