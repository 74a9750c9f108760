"""Credentials show up in no message, traceback or log, as a whole or in part."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable

import pytest

from qml_qdl.circuits.errors import (
    AccountError,
    JobError,
    QdlError,
)
from qml_qdl.hardware.qiskit.ibm.client import IBMClient
from qml_qdl.hardware.qiskit.ibm.secrets import blanked
from tests.hardware.qiskit.loopback import Ending, LoopbackServer
from tests.hardware.qiskit.loopback.setting import QUICK, quick
from tests.hardware.qiskit.requests_for_tests import renew, sample_request

NAME, ONCE = "ibm:ibm_manila", quick(most=1)
SECRET = "PLANTED-TOKEN-0123456789-abcdefg"


def whole_text(error: BaseException) -> str:
    """All that an error may show: its traceback, and the errors before it."""
    text = "".join(traceback.format_exception(error))
    seen: list[BaseException | None] = [error]
    while (last := seen[-1]) is not None:
        text += repr(last)
        seen.append(last.__cause__ or last.__context__)
    return text


CALLS: dict[str, tuple[str, Callable[[IBMClient, str], object]]] = {
    "submit": (
        "POST /jobs",
        lambda client, _: client.submit(sample_request(client.backend, "000"), "tag"),
    ),
    "submit-before": (
        "GET /instances/usage",
        lambda client, _: client.submit(sample_request(client.backend, "000"), "tag"),
    ),
    "find": ("GET /jobs", lambda client, _: client.find("tag")),
    "status": ("GET /jobs/.*", lambda client, job: client.status(job)),
    "results": (
        "GET /jobs/.*/results",
        lambda client, job: client.results(job, sample_request(client.backend, "000")),
    ),
    "cancel": ("POST /jobs/.*/cancel", lambda client, job: client.cancel(job)),
    "remaining": ("GET /instances/usage", lambda client, _: client.remaining_seconds()),
    "batch": ("POST /sessions", lambda client, _: client.open_batch()),
    "machine": (
        "GET /backends/.*/configuration",
        lambda client, _: IBMClient("ibm:ibm_manila", retry=QUICK).backend,
    ),
    "sign-in": (
        "POST /v3/resources/search",
        lambda client, _: IBMClient("ibm:ibm_manila", retry=QUICK),
    ),
    "token": (
        "POST /identity/token",
        lambda client, _: IBMClient("ibm:ibm_manila", retry=QUICK),
    ),
    "renewal": ("POST /identity/token", lambda client, _: renew(client).find("tag")),
}


@pytest.mark.parametrize(
    ("name", "status"),
    [*((name, 401) for name in CALLS), ("status", 503), ("token", 503)],
)
def test_a_token_shows_up_nowhere_even_if_ibm_repeats_it(
    loopback: LoopbackServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    status: int,
) -> None:
    monkeypatch.setenv("QISKIT_IBM_TOKEN", SECRET)
    request, action = CALLS[name]
    with caplog.at_level(logging.DEBUG, logger="qml_qdl"):
        client = IBMClient("ibm:ibm_manila", retry=quick(most=2))
        job_id = client.submit(sample_request(client.backend, "000"), "before")
        said = f"your key {SECRET} is wrong; Authorization: Bearer {SECRET}"
        body = json.dumps({"errors": [{"code": 1, "message": said}]})
        loopback.fault(request, times=99, status=status, body=body)
        with pytest.raises(QdlError) as caught:
            action(client, job_id)
    text = whole_text(caught.value)
    assert SECRET not in text
    assert SECRET not in caplog.text
    assert SECRET not in repr(client)
    if status == 401:
        assert isinstance(caught.value, AccountError)
        assert "save a working API key" in str(caught.value)


def test_the_reason_of_a_failed_job_shows_no_token(
    loopback: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QISKIT_IBM_TOKEN", SECRET)
    client = IBMClient("ibm:ibm_manila", retry=QUICK)
    loopback.end_next(Ending("Failed", f"the key {SECRET} has no time left"))
    job_id = client.submit(sample_request(client.backend, "000"), "tag")
    reason = client.status(job_id).reason
    assert reason is not None
    assert "the key *** has no time left" in reason
    with pytest.raises(JobError) as caught:
        client.results(job_id, sample_request(client.backend, "000"))
    assert SECRET not in whole_text(caught.value)


@pytest.mark.parametrize(
    ("part", "status"),
    [(SECRET, 200), (SECRET[:26], 401), (SECRET[4:12], 400), (SECRET[-8:], 500)],
)
def test_parts_of_a_token_show_up_nowhere(
    loopback: LoopbackServer, monkeypatch: pytest.MonkeyPatch, part: str, status: int
) -> None:
    monkeypatch.setenv("QISKIT_IBM_TOKEN", SECRET)
    client = IBMClient(NAME, retry=ONCE)
    job = client.submit(sample_request(client.backend, "000"), "tag")
    said = {"errors": [{"code": 1, "message": f"the key {part}... is wrong"}]}
    body = json.dumps({"state": part} if status == 200 else said)
    loopback.fault("GET /jobs/[^/]*", times=9, status=status, body=body)
    with pytest.raises(QdlError) as caught:
        IBMClient(NAME, retry=ONCE).status(job)
    assert part not in str(caught.value)
    loopback.faults.clear()
    loopback.fault("POST /identity/token", times=9, status=400, body=json.dumps(said))
    with pytest.raises(QdlError) as caught:
        IBMClient(NAME, retry=ONCE)
    assert part not in str(caught.value)


@pytest.mark.parametrize("length", [8, 9, 20, len(SECRET)])
def test_every_longer_part_is_blanked(length: int) -> None:
    for start in range(len(SECRET) - length + 1):
        part = SECRET[start : start + length]
        assert blanked(f"a {part} b", ["unrelated-key", SECRET]) == "a *** b"
    assert blanked(SECRET[:7], [SECRET]) == SECRET[:7]


def test_short_words_of_a_token_are_no_secret() -> None:
    assert blanked("the TOKEN is wrong", [SECRET]) == "the TOKEN is wrong"
    assert blanked(f"x{SECRET}y{SECRET[:9]}", [SECRET]) == "x***y***"
    assert blanked("abc abcd", ["abcd", ""]) == "abc ***"
