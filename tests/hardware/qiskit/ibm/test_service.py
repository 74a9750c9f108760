"""IBM's client, made to send as we do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import qiskit_ibm_runtime

from qml_qdl.circuits.errors import (
    SubmissionRefused,
    TargetError,
)
from qml_qdl.hardware.qiskit.ibm import transport
from qml_qdl.hardware.qiskit.ibm.client import IBMClient
from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.server import CRN
from tests.hardware.qiskit.loopback.setting import QUICK
from tests.hardware.qiskit.requests_for_tests import renew, sample_request


@pytest.fixture
def client(loopback: LoopbackServer) -> IBMClient:
    return IBMClient("ibm:ibm_manila", retry=QUICK)


def test_every_session_of_the_client_sends_as_we_do(client: IBMClient) -> None:
    # Fails when IBM's client makes its sessions in another way: see transport.
    service = client._service
    service.check()
    assert service._active_api_client._session.get_adapter("https://ibm.com/").retry
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
        IBMClient("ibm:ibm_manila", retry=QUICK)
    assert loopback.requests == []


def test_other_services_of_the_program_stay_as_they_are(client: IBMClient) -> None:
    service = qiskit_ibm_runtime.QiskitRuntimeService()
    session = service._active_api_client._session
    adapter = session.get_adapter(session.base_url)
    assert not isinstance(adapter, transport.RetryAdapter)


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
