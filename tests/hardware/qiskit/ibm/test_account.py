"""Accounts, credentials that show up nowhere, and versions of IBM's client."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import qiskit_ibm_runtime

from qml_qdl.circuits.errors import (
    AccountError,
    JobError,
    QdlError,
    SubmissionRefused,
    TargetError,
)
from qml_qdl.hardware.qiskit.ibm import transport
from qml_qdl.hardware.qiskit.ibm.client import IBMClient
from tests.hardware.qiskit.loopback import Ending, LoopbackServer
from tests.hardware.qiskit.loopback.server import CRN, PREFIX
from tests.hardware.qiskit.loopback.setting import QUICK, quick
from tests.hardware.qiskit.requests_for_tests import sample_request


@pytest.fixture
def client(loopback: LoopbackServer) -> IBMClient:
    return IBMClient("ibm:ibm_manila", patience=QUICK)


def test_every_session_of_the_client_sends_as_we_do(client: IBMClient) -> None:
    # Fails when IBM's client makes its sessions in another way: see transport.
    service = client._service
    service.check()
    assert service._active_api_client._session.get_adapter("https://ibm.com/").patience
    other = service._create_new_cloud_api_client(CRN)
    service._api_clients["other"] = other
    service.check()
    service._api_clients["other"] = SimpleNamespace(
        _session=qiskit_ibm_runtime.api.session.RetrySession("http://127.0.0.1")
    )
    with pytest.raises(TargetError, match="so a job could be sent twice"):
        client.submit(sample_request(client.backend, "000"), "tag")


def test_an_unknown_version_of_the_client_is_refused(
    loopback: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("qiskit_ibm_runtime.api.client.RetrySession._initialize_retry")
    with pytest.raises(TargetError, match=r"install 'qiskit-ibm-runtime<0\.52'"):
        IBMClient("ibm:ibm_manila", patience=QUICK)
    assert loopback.requests == []


def test_other_services_of_the_program_stay_as_they_are(client: IBMClient) -> None:
    service = qiskit_ibm_runtime.QiskitRuntimeService()
    session = service._active_api_client._session
    adapter = session.get_adapter(session.base_url)
    assert not isinstance(adapter, transport.PatientAdapter)


SECRET = "PLANTED-TOKEN-0123456789"


def save_account(server: LoopbackServer, name: str) -> None:
    qiskit_ibm_runtime.QiskitRuntimeService.save_account(
        token=SECRET, instance=CRN, url=server.address + PREFIX, name=name
    )


def test_a_saved_account_is_used_by_name(
    loopback: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_account(loopback, "lab")
    monkeypatch.delenv("QISKIT_IBM_TOKEN")
    client = IBMClient("ibm:ibm_manila", account="lab", patience=QUICK)
    assert client.account == "lab"
    assert client._service.active_account()["token"] == SECRET
    with pytest.raises(AccountError, match="no account 'home'; saved here: lab; save"):
        IBMClient("ibm:ibm_manila", account="home", patience=QUICK)


def test_without_any_account_the_repair_is_named(
    loopback: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QISKIT_IBM_TOKEN")
    with pytest.raises(AccountError, match=r"saved here: none; save a working API key"):
        IBMClient("ibm:ibm_manila", patience=QUICK)


def whole_text(error: BaseException) -> str:
    """All that an error may show: its traceback, and the errors before it."""
    text = "".join(traceback.format_exception(error))
    seen: list[BaseException | None] = [error]
    while (last := seen[-1]) is not None:
        text += repr(last)
        seen.append(last.__cause__ or last.__context__)
    return text


def renew(client: IBMClient) -> IBMClient:
    """An hour later: the access token has to be renewed."""
    for api in (client._service._active_api_client,):
        manager = api._session.auth._own.tm
        manager.expire_time = manager.refresh_time = 0
    return client


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
        lambda client, _: IBMClient("ibm:ibm_manila", patience=QUICK).backend,
    ),
    "sign-in": (
        "POST /v3/resources/search",
        lambda client, _: IBMClient("ibm:ibm_manila", patience=QUICK),
    ),
    "token": (
        "POST /identity/token",
        lambda client, _: IBMClient("ibm:ibm_manila", patience=QUICK),
    ),
    "renewal": ("POST /identity/token", lambda client, _: renew(client).find("tag")),
}


@pytest.mark.parametrize("status", [401, 503])
@pytest.mark.parametrize("name", CALLS)
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
        client = IBMClient("ibm:ibm_manila", patience=quick(most=2))
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
    client = IBMClient("ibm:ibm_manila", patience=QUICK)
    loopback.end_next(Ending("Failed", f"the key {SECRET} has no time left"))
    job_id = client.submit(sample_request(client.backend, "000"), "tag")
    reason = client.status(job_id).reason
    assert reason is not None
    assert "the key *** has no time left" in reason
    with pytest.raises(JobError) as caught:
        client.results(job_id, sample_request(client.backend, "000"))
    assert SECRET not in whole_text(caught.value)


def test_an_access_token_is_renewed_with_patience(
    client: IBMClient, loopback: LoopbackServer
) -> None:
    job_id = client.submit(sample_request(client.backend, "000"), "tag")
    loopback.fault("POST /identity/token", status=503, times=2)
    assert renew(client).find("tag") == job_id
    loopback.fault("POST /identity/token", times=99)
    with pytest.raises(SubmissionRefused, match=r"signs in.*no job was made"):
        renew(client).submit(sample_request(client.backend, "000"), "other")
    assert len(loopback.jobs) == 1
