"""What the client does when the service, or the way to it, fails.

For every fault: how often the request was sent, how many jobs were made, and what the
caller is told.
"""

from __future__ import annotations

import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import numpy as np
import pytest
import requests
import urllib3
from attrs import evolve, frozen
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError

from qml_qdl.circuits.errors import (
    AccountError,
    QdlError,
    ServiceError,
    SubmissionRefused,
    SubmissionUnclear,
)
from qml_qdl.hardware.jobs.client import JobState
from qml_qdl.hardware.qiskit.ibm.client import IBMClient
from qml_qdl.hardware.qiskit.ibm.transport import PACE, RetryAdapter, RetryPolicy
from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.setting import QUICK, quick
from tests.hardware.qiskit.requests_for_tests import sample_request

POST = "POST /jobs"


@frozen
class Case:
    """A fault of a submission, and what is to come of it."""

    fault: dict[str, Any]
    posts: int
    jobs: int
    error: type[QdlError] | None
    message: str = ""


def fault(request: str = POST, **options: Any) -> dict[str, Any]:
    return {"request": request, **options}


SUBMISSIONS = {
    "503 twice": Case(fault(status=503, times=2), 1, 0, SubmissionUnclear, "503"),
    "504 after the job was made": Case(
        fault(status=504, handled=True), 1, 1, SubmissionUnclear, "not known"
    ),
    "504 before the job was made": Case(
        fault(status=504), 1, 0, SubmissionUnclear, "not known"
    ),
    "connection cut before": Case(
        fault(), 1, 0, SubmissionUnclear, "the connection was cut"
    ),
    "connection cut after": Case(
        fault(handled=True), 1, 1, SubmissionUnclear, "the connection was cut"
    ),
    "reply lost in the middle": Case(
        fault(truncate=True), 1, 1, SubmissionUnclear, "the connection was cut"
    ),
    "reply is no JSON": Case(
        fault(handled=True, status=200, body="<html>"), 1, 1, SubmissionUnclear, "JSON"
    ),
    "502 after the job was made": Case(
        fault(status=502, handled=True), 1, 1, SubmissionUnclear, "not known"
    ),
    # Whoever sends it again has to look for it first.
    "429 once": Case(fault(status=429), 1, 0, SubmissionRefused, "429 after one try"),
    "425 once": Case(fault(status=425), 1, 0, SubmissionRefused, "425 after one try"),
    "made, the reply names no job": Case(
        fault(handled=True, status=200, body='{"backend": "ibm_manila"}'),
        1,
        1,
        SubmissionUnclear,
        "not known",
    ),
    "401": Case(fault(status=401, times=99), 1, 0, AccountError, "save a working API"),
    "400": Case(
        fault(status=400, times=99), 1, 0, SubmissionRefused, "400.*fault on demand"
    ),
    "usage 503 once": Case(fault("GET /instances/usage", status=503), 1, 1, None),
    "usage 503 always": Case(
        fault("GET /instances/usage", status=503, times=99),
        0,
        0,
        SubmissionRefused,
        "503 after 4 tries.*no job was made",
    ),
    "usage cut twice": Case(fault("GET /instances/usage", times=2), 1, 1, None),
    "status cut always": Case(
        fault("GET /backends/.*/status", times=99), 0, 0, SubmissionRefused, "was cut"
    ),
}


@pytest.fixture
def client(loopback: LoopbackServer) -> IBMClient:
    return IBMClient("ibm:ibm_manila", retry=QUICK)


@pytest.mark.parametrize("case", SUBMISSIONS.values(), ids=SUBMISSIONS)
def test_a_job_is_posted_once_and_what_is_known_is_told(
    client: IBMClient, loopback: LoopbackServer, case: Case
) -> None:
    request = sample_request(client.backend, "100")
    loopback.fault(**case.fault)
    if case.error is None:
        job_id = client.submit(request, "tag")
        assert job_id in loopback.jobs
    else:
        with pytest.raises(case.error, match=case.message):
            client.submit(request, "tag")
    assert loopback.count(POST) == case.posts
    assert len(loopback.jobs) == case.jobs
    if case.error is SubmissionUnclear:
        # What was made can be found, and what was not is not.
        assert (client.find("tag") is not None) == bool(case.jobs)


def test_a_stalled_submission_ends_and_is_unclear(loopback: LoopbackServer) -> None:
    client = IBMClient("ibm:ibm_manila", retry=quick(submit_timeout=0.3))
    request = sample_request(client.backend, "100")
    loopback.fault(POST, handled=True, stall=30.0)
    began = time.monotonic()
    with pytest.raises(SubmissionUnclear, match="does not answer in time"):
        client.submit(request, "tag")
    assert time.monotonic() - began < 10.0
    assert (loopback.count(POST), len(loopback.jobs)) == (1, 1)


def test_a_stalled_server_does_not_hold_a_question_for_ever(
    loopback: LoopbackServer,
) -> None:
    retry = quick(most=2, read_timeout=0.3)
    client = IBMClient("ibm:ibm_manila", retry=retry)
    job_id = client.submit(sample_request(client.backend, "100"), "tag")
    loopback.fault("GET /jobs/.*", times=99, stall=30.0)
    began = time.monotonic()
    with pytest.raises(ServiceError, match=r"after 2 tries.*not answer in time"):
        client.status(job_id)
    assert time.monotonic() - began < 10.0


def test_a_server_that_stalls_at_the_start(loopback: LoopbackServer) -> None:
    # IBM's client asks for the machines without any time limit.
    loopback.fault("GET /backends", times=99, stall=30.0)
    began = time.monotonic()
    with pytest.raises(ServiceError, match="does not answer in time"):
        _ = IBMClient("ibm:ibm_manila", retry=quick(most=1, read_timeout=0.3)).backend
    assert time.monotonic() - began < 10.0


@pytest.mark.parametrize(
    "broken",
    [
        fault("GET /jobs/.*", times=3),
        fault("GET /jobs/.*", times=3, status=502),
        fault("GET /jobs/.*", times=3, status=429),
        fault("GET /jobs/.*/results", times=3, truncate=True),
        fault("GET /jobs/.*/results", times=3, status=500),
        fault("GET /jobs/.*/metrics", times=3),
    ],
)
def test_questions_are_asked_again(
    client: IBMClient, loopback: LoopbackServer, broken: dict[str, Any]
) -> None:
    request = sample_request(client.backend, "100")
    job_id = client.submit(request, "tag")
    loopback.fault(**broken)
    assert client.status(job_id).state is JobState.DONE
    (bits,) = client.results(job_id, request)
    assert isinstance(bits, np.ndarray)
    assert bits.shape == (1, 50, 3)
    assert (loopback.count(POST), loopback.rows_paid) == (1, 1)
    assert sum("fault" in each.outcome for each in loopback.requests) == 3


def test_cancelling_and_batches_are_tried_again(
    client: IBMClient, loopback: LoopbackServer
) -> None:
    loopback.queue_delay = 60.0
    job_id = client.submit(sample_request(client.backend, "100"), "tag")
    loopback.fault("POST /jobs/.*/cancel", status=503, times=2)
    client.cancel(job_id)
    assert client.status(job_id).state is JobState.CANCELLED
    assert loopback.rows_paid == 0
    loopback.fault("POST /sessions", status=503, times=2)
    assert client.open_batch() is not None


def test_a_question_gives_up_after_its_tries(
    client: IBMClient, loopback: LoopbackServer
) -> None:
    loopback.fault("GET /jobs", times=99, status=503)
    with pytest.raises(ServiceError, match=r"look for a job.*503 after 4 tries"):
        client.find("tag")
    assert loopback.count("GET /jobs") == 4


@pytest.mark.parametrize(
    ("request_of", "times"),
    [("POST /identity/token", 2), ("POST /v3/resources/search", 2), ("GET /.*", 2)],
)
def test_signing_in_is_tried_again(
    loopback: LoopbackServer, request_of: str, times: int
) -> None:
    loopback.fault(request_of, times=times, status=503)
    assert IBMClient("ibm:ibm_manila", retry=QUICK).backend.name == "ibm_manila"


def test_signing_in_gives_up(loopback: LoopbackServer) -> None:
    loopback.fault("POST /identity/token", times=99, status=503)
    with pytest.raises(ServiceError, match="signs in does not answer; try again"):
        IBMClient("ibm:ibm_manila", retry=QUICK)
    assert loopback.count("POST /identity/token") == 4


def test_a_wrong_key_is_not_tried_again(loopback: LoopbackServer) -> None:
    loopback.fault("POST /identity/token", times=99, status=400)
    with pytest.raises(AccountError, match=r"does not let the account.*save a working"):
        IBMClient("ibm:ibm_manila", retry=QUICK)
    assert loopback.count("POST /identity/token") == 1


def test_a_service_that_is_not_there(
    loopback: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = IBMClient("ibm:ibm_manila", retry=QUICK)
    request = sample_request(client.backend, "100")
    loopback.close()
    with pytest.raises(SubmissionRefused, match=r"cannot be reached.*no job was made"):
        client.submit(request, "tag")
    with pytest.raises(ServiceError, match="after 4 tries"):
        client.remaining_seconds()
    with pytest.raises(ServiceError, match="signs in does not answer"):
        IBMClient("ibm:ibm_manila", retry=QUICK)


class Clock:
    """Time that passes only where it is slept."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    def retry(self, **changes: Any) -> RetryPolicy:
        given = {"jitter": lambda: 1.0, **changes}
        return RetryPolicy(
            evolve(PACE, sleep=self.sleep, clock=lambda: self.now, **given)
        )


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ask(loopback: LoopbackServer, retry: RetryPolicy) -> requests.Response:
    with requests.Session() as session:
        session.mount("http://", RetryAdapter(retry))
        return session.get(f"{loopback.address}/loopback/summary")


def test_the_waits_double_up_to_the_longest(
    loopback: LoopbackServer, clock: Clock
) -> None:
    loopback.fault("GET .*", times=99, status=503)
    assert ask(loopback, clock.retry(longest=4.0)).status_code == 503
    assert clock.sleeps == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0]


def test_half_of_a_wait_is_random(loopback: LoopbackServer, clock: Clock) -> None:
    loopback.fault("GET .*", times=2, status=503)
    numbers = iter([0.0, 0.5])
    assert ask(loopback, clock.retry(jitter=lambda: next(numbers))).ok
    assert clock.sleeps == [0.25, 0.75]


def test_the_service_says_how_long_to_wait(
    loopback: LoopbackServer, clock: Clock
) -> None:
    loopback.fault("GET .*", status=429, headers={"Retry-After": "17"})
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    loopback.fault("GET .*", status=503, headers={"Retry-After": later}, skip=1)
    loopback.fault("GET .*", status=503, headers={"Retry-After": "soon"}, skip=2)
    assert ask(loopback, clock.retry()).ok
    assert clock.sleeps[0] == 17.0
    assert clock.sleeps[1] == pytest.approx(40.0, abs=5.0)
    assert clock.sleeps[2] == 2.0


def test_no_wait_passes_the_deadline(loopback: LoopbackServer, clock: Clock) -> None:
    loopback.fault("GET .*", times=99, status=429, headers={"Retry-After": "70"})
    assert ask(loopback, clock.retry(deadline=150.0)).status_code == 429
    assert clock.sleeps == [70.0, 70.0]


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (429, {"Retry-After": "9"}, 9.0),
        (425, {}, 0.0),
        (400, {"Retry-After": "9"}, None),
    ],
)
def test_a_refused_submission_says_how_long_to_wait(
    client: IBMClient,
    loopback: LoopbackServer,
    status: int,
    headers: dict[str, str],
    wait: float | None,
) -> None:
    loopback.fault(POST, status=status, headers=headers)
    with pytest.raises(SubmissionRefused) as caught:
        client.submit(sample_request(client.backend, "100"), "tag")
    assert caught.value.wait == wait


@pytest.mark.parametrize(
    ("cause", "tries"),
    [
        (ssl.SSLCertVerificationError(1, "self-signed certificate"), 3),
        (ssl.SSLError(1, "bad record mac"), 1),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), 1),
    ],
)
def test_only_an_untrusted_certificate_was_surely_no_submission(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, cause: OSError, tries: int
) -> None:
    """TLS may break after the service has read a job, too."""
    sent = []

    def send(*args: Any, **options: Any) -> Any:
        sent.append(args)
        pool = HTTPConnectionPool("127.0.0.1")
        raise requests.exceptions.SSLError(
            MaxRetryError(pool, "/jobs", urllib3.exceptions.SSLError(cause))
        )

    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", send)
    adapter = RetryAdapter(clock.retry(most=3))
    with requests.Session() as session:
        session.mount("http://", adapter)
        with pytest.raises(requests.exceptions.SSLError):
            session.post("http://127.0.0.1/jobs", data="{}")
    assert len(sent) == tries
    assert adapter.call.posted == (tries == 1)


def test_a_port_where_nobody_listens_was_surely_not_reached(clock: Clock) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/jobs"
    adapter = RetryAdapter(clock.retry(most=3))
    with requests.Session() as session:
        session.mount("http://", adapter)
        with pytest.raises(requests.ConnectionError):
            session.post(address, data="{}")
    assert not adapter.call.posted
    assert len(clock.sleeps) == 2
