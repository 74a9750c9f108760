"""Keys of executions, and what is recorded of jobs."""

from __future__ import annotations

import pytest
from attrs import evolve

from qml_qdl.hardware.jobs.records import (
    RECORDED,
    SENT,
    ExecutionRecord,
    Job,
    JobKey,
    JobKeys,
)


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


def test_a_step_is_gone_on_with_in_another_layer() -> None:
    keys = JobKeys("run", "conv", step="train-0")
    keys.next()
    keys.begin(layer="dense")
    assert keys.next() == JobKey("run", "dense", "train-0", 0)


def job(state: str, reason: str | None = None) -> Job:
    call = ExecutionRecord(
        "c" * 64, "sample", "ibm:fake", None, rows=8, shots=10, seconds=4.0
    )
    key = JobKey("run", "layer", "", 0)
    pieces = ((0, 0, 2), (1, 3, 7))
    return Job(
        1, 1, key, call, 0, 0, pieces, "tag", state, None, reason, None, None, 0.0
    )


def test_a_jobs_share_is_that_of_its_rows() -> None:
    assert job(SENT).rows == 2 + 4
    assert job(SENT).seconds == pytest.approx(4.0 * 6 / 8)
    nothing = evolve(job(SENT), pieces=(), call=evolve(job(SENT).call, rows=0))
    assert (nothing.rows, nothing.seconds) == (0, 0)


def test_a_reason_tells_a_refused_job_from_one_that_was_never_sent() -> None:
    new, refused, sent = job(RECORDED), job(RECORDED, "no such plan"), job(SENT)
    assert [j.is_unsent for j in (new, refused, sent)] == [True, False, False]
    assert [j.was_refused for j in (new, refused, sent)] == [False, True, False]


def test_a_key_is_written_without_what_is_empty() -> None:
    assert str(JobKey("run", "layer", "", 3)) == "run, layer, call 3"
