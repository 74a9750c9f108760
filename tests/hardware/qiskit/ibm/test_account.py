"""Accounts, credentials that show up nowhere, and versions of IBM's client."""

from __future__ import annotations

import pytest
import qiskit_ibm_runtime

from qml_qdl.circuits.errors import (
    AccountError,
)
from qml_qdl.hardware.qiskit.ibm.client import IBMClient
from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.server import CRN, PREFIX
from tests.hardware.qiskit.loopback.setting import QUICK


@pytest.fixture
def client(loopback: LoopbackServer) -> IBMClient:
    return IBMClient("ibm:ibm_manila", retry=QUICK)


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
    client = IBMClient("ibm:ibm_manila", account="lab", retry=QUICK)
    assert client.account == "lab"
    assert client._service.active_account()["token"] == SECRET
    with pytest.raises(AccountError, match="no account 'home'; saved here: lab; save"):
        IBMClient("ibm:ibm_manila", account="home", retry=QUICK)


def test_without_any_account_the_repair_is_named(
    loopback: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QISKIT_IBM_TOKEN")
    with pytest.raises(AccountError, match=r"saved here: none; save a working API key"):
        IBMClient("ibm:ibm_manila", retry=QUICK)
