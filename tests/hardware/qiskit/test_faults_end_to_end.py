"""Programs on the loopback service, broken in every way: what is made, and paid.

However often the way to the service fails or the program is killed, the same program
run again ends with the right results, as many jobs as it has calls, and every row paid
once.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, field, frozen

from qml_qdl.circuits.errors import (
    AccountError,
    JobError,
    QdlError,
    ServiceError,
    SubmissionRefused,
    SubmissionUnclear,
)
from qml_qdl.hardware.jobs.cost import Limits
from qml_qdl.hardware.qiskit.ibm.cost import IBMMachine
from qml_qdl.nn import resend_jobs
from tests.hardware.qiskit.loopback import Ending, Fault, LoopbackServer
from tests.hardware.qiskit.processes import kill, start
from tests.hardware.qiskit.program_for_tests import (
    CALLS,
    ROWS,
    UNCLEAR,
    are_right,
    main,
    run_program,
)

POST = "POST /jobs"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


@frozen
class Case:
    """Faults, and what comes of a program that meets them.

    Args:
        faults: What goes wrong.
        posts: How often a job is sent, all in all.
        error: What ends the first run; None if it goes through. One that ends unclear
            is sent anew by hand after the next, which sends nothing.
        options: Of the server.
    """

    faults: list[Fault]
    posts: int = len(CALLS)
    error: type[QdlError] | None = None
    options: dict[str, Any] = field(factory=dict)


MATRIX = {
    "none": Case([]),
    "503": Case([Fault(POST, status=503)], posts=3, error=SubmissionUnclear),
    "502 after the job was made": Case([Fault(POST, status=502, handled=True)]),
    "504 after the job was made": Case([Fault(POST, status=504, handled=True)]),
    "504 after both jobs were made": Case(
        [Fault(POST, status=504, handled=True, times=2)]
    ),
    "504 after the job was made, listed late": Case(
        [Fault(POST, status=504, handled=True)], options={"listing_delay": 0.2}
    ),
    "504 before the job was made": Case(
        [Fault(POST, status=504)], posts=3, error=SubmissionUnclear
    ),
    "429": Case([Fault(POST, status=429)], posts=3),
    "429 after the job was made": Case([Fault(POST, status=429, handled=True)]),
    "425 after the job was made": Case([Fault(POST, status=425, handled=True)]),
    "429 with Retry-After": Case(
        [Fault(POST, status=429, headers={"Retry-After": "1"})], posts=3
    ),
    "cut before": Case([Fault(POST)], posts=3, error=SubmissionUnclear),
    "cut after": Case([Fault(POST, handled=True)]),
    "reply lost": Case([Fault(POST, truncate=True)]),
    "reply lost twice": Case([Fault(POST, truncate=True, times=2)]),
    "reply lost, look-up cut": Case(
        [Fault(POST, truncate=True), Fault("GET /jobs", times=2)]
    ),
    "reply lost, look-up fails": Case(
        [Fault(POST, truncate=True), Fault("GET /jobs", times=4)], error=ServiceError
    ),
    "questions cut": Case([Fault("GET /jobs/.*", times=3)]),
    "results cut": Case([Fault("GET /jobs/.*/results", times=3, truncate=True)]),
    "results fail": Case(
        [Fault("GET /jobs/.*/results", times=4, status=500)], error=ServiceError
    ),
    "401 at a submission": Case([Fault(POST, status=401)], posts=3, error=AccountError),
    "401 after the job was made": Case(
        [Fault(POST, status=401, handled=True)], error=AccountError
    ),
    "400 after the job was made": Case(
        [Fault(POST, status=400, handled=True)], error=SubmissionRefused
    ),
    "401 at a question": Case([Fault("GET /jobs/.*", status=401)], error=AccountError),
    "stalled at a submission": Case([Fault(POST, handled=True, stall=0.3)], posts=2),
    "stalled before a submission": Case(
        [Fault(POST, stall=0.3)], posts=3, error=SubmissionUnclear
    ),
}


@pytest.mark.parametrize("case", MATRIX.values(), ids=MATRIX)
def test_every_job_is_made_once_and_every_row_is_paid_once(
    loopback: LoopbackServer, journal: Path, case: Case
) -> None:
    for name, value in case.options.items():
        setattr(loopback, name, value)
    loopback.faults.add(*case.faults)
    if case.error is not None:
        with pytest.raises(case.error):
            run_program(journal)
    if case.error is SubmissionUnclear:
        with pytest.raises(SubmissionUnclear):
            run_program(journal)
        assert loopback.count(POST) == 1
        assert resend_jobs(journal) == 1
    assert are_right(run_program(journal))
    assert len(loopback.jobs) == len(CALLS)
    assert loopback.rows_paid == ROWS
    assert loopback.count(POST) == case.posts


def test_what_is_done_is_neither_sent_nor_fetched_again(
    loopback: LoopbackServer, journal: Path
) -> None:
    assert are_right(run_program(journal))
    before = len(loopback.requests)
    assert are_right(run_program(journal))
    later = loopback.requests[before:]
    assert not [each for each in later if each.path.startswith("/jobs")]


def test_a_failed_job_says_why_and_is_sent_anew_by_the_next_run(
    loopback: LoopbackServer, journal: Path
) -> None:
    loopback.end_next(Ending("Failed", "Qubit 3 is on strike", 8001))
    with pytest.raises(JobError, match=r"failed: .*Qubit 3 is on strike"):
        run_program(journal)
    assert len(loopback.jobs) == 1
    assert are_right(run_program(journal))
    assert len(loopback.jobs) == len(CALLS) + 1
    assert loopback.rows_paid == ROWS + len(CALLS[0])


def test_a_cancelled_job_is_sent_anew_and_was_not_paid(
    loopback: LoopbackServer, journal: Path
) -> None:
    def cancel() -> None:
        next(iter(loopback.jobs.values())).cancel()
        loopback.queue_delay = 0.0

    loopback.queue_delay = 60.0
    loopback.fault("GET /jobs/.*", action=cancel, passes=True)
    with pytest.raises(JobError, match="was cancelled"):
        run_program(journal)
    assert loopback.rows_paid == 0
    assert are_right(run_program(journal))
    assert len(loopback.jobs) == len(CALLS) + 1
    assert loopback.rows_paid == ROWS


PHASES = {
    "before anything is recorded": Fault("GET /backends/.*/properties"),
    "recorded, before the POST": Fault("GET /instances/usage"),
    "in the POST, before it is handled": Fault(POST),
    "in the POST, after it is handled": Fault(POST, handled=True),
    "while it is queued": Fault("GET /jobs/.*", handled=True),
    "while it is queued, later": Fault("GET /jobs/.*", handled=True, skip=4),
    "while the results are read": Fault("GET /jobs/.*/results", handled=True),
    "in the second call's POST": Fault(POST, handled=True, skip=1),
    "while the second results are read": Fault(
        "GET /jobs/.*/results", handled=True, skip=1
    ),
}


@pytest.mark.parametrize("fault", PHASES.values(), ids=PHASES)
def test_a_killed_program_goes_on_where_it_was(
    loopback: LoopbackServer, journal: Path, fault: Fault
) -> None:
    loopback.queue_delay = 0.3
    started = threading.Event()
    killed = threading.Event()

    def strike() -> None:
        started.wait(60.0)
        kill(process)
        killed.set()

    loopback.faults.add(evolve(fault, action=strike))
    process = start(main, journal, dict(os.environ))
    started.set()
    assert killed.wait(120.0)  # only one thread may wait for a process
    assert process.exitcode == -9
    again = start(main, journal, dict(os.environ))
    again.join(120.0)
    if fault == PHASES["in the POST, before it is handled"]:
        assert again.exitcode == UNCLEAR  # nobody can know that there is no job
        assert loopback.jobs == {}
        assert resend_jobs(journal) == 1
        again = start(main, journal, dict(os.environ))
        again.join(120.0)
    assert again.exitcode == 0
    assert len(loopback.jobs) == len(CALLS)
    assert loopback.rows_paid == ROWS


def test_a_program_that_ends_within_a_batch_sends_only_what_is_absent(
    loopback: LoopbackServer, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One row in each job: the first call is three jobs in a batch, the second two.
    limits = Limits(executions=20)
    monkeypatch.setattr(IBMMachine, "limits", lambda self, request: limits)
    loopback.fault(POST, handled=True, skip=1, status=504)
    loopback.fault("GET /jobs", times=4)
    with pytest.raises(ServiceError):
        run_program(journal)
    assert len(loopback.jobs) == 2
    assert are_right(run_program(journal))
    assert len(loopback.jobs) == ROWS
    assert loopback.rows_paid == ROWS
    assert {session["mode"] for session in loopback.sessions.values()} == {"batch"}


def test_two_programs_on_one_journal_send_everything_once(
    loopback: LoopbackServer, journal: Path
) -> None:
    loopback.queue_delay = 0.3
    loopback.fault(POST, stall=0.5, passes=True, times=2)
    programs = [start(main, journal, dict(os.environ)) for _ in range(2)]
    for program in programs:
        program.join(120.0)
    assert [program.exitcode for program in programs] == [0, 0]
    assert len(loopback.jobs) == len(CALLS)
    assert loopback.rows_paid == ROWS


def test_no_token_is_written_anywhere(
    loopback: LoopbackServer,
    journal: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    secret = "PLANTED-TOKEN-0123456789"
    monkeypatch.setenv("QISKIT_IBM_TOKEN", secret)
    said = {"errors": [{"code": 1, "message": f"the key {secret} is wrong"}]}
    loopback.fault(POST, status=400, body=json.dumps(said))
    with (
        caplog.at_level(logging.DEBUG, logger="qml_qdl"),
        pytest.raises(SubmissionRefused, match=r"the key \*\*\* is wrong"),
    ):
        run_program(journal)
    assert are_right(run_program(journal))
    assert secret not in caplog.text
    written = [path for path in journal.parent.rglob("*") if path.is_file()]
    assert journal in written
    assert not [path for path in written if secret.encode() in path.read_bytes()]
