"""Which machine "ibm:least_busy" is: one for a process and an account."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import qiskit_ibm_runtime

from qml_qdl.circuits.errors import ServiceError, TargetError
from qml_qdl.hardware import forget_least_busy, make_device
from qml_qdl.hardware.qiskit.ibm import machines
from qml_qdl.hardware.qiskit.ibm.account import open_service
from qml_qdl.hardware.qiskit.ibm.machines import find_machine, service_backend
from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.server import CRN, PREFIX
from tests.hardware.qiskit.loopback.setting import QUICK, TRIES, isolate, use

NAME = "ibm:least_busy"
SECRET = "PLANTED-TOKEN-0123456789"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackServer]:
    """A service with two machines; Quito is free."""
    isolate(monkeypatch, tmp_path)
    with LoopbackServer(["manila", "quito"]) as server:
        use(monkeypatch, server)
        busy(server, manila=5, quito=0)
        yield server


def busy(server: LoopbackServer, **queues: int) -> None:
    for name, length in queues.items():
        server.machines[f"ibm_{name}"].queue_length = length


def chosen(account: str | None = None) -> str:
    return str(service_backend(NAME, account, QUICK).name)


def test_devices_made_one_after_the_other_run_on_one_machine(
    server: LoopbackServer,
) -> None:
    first: Any = make_device(NAME, [0, 1])
    busy(server, manila=0, quito=9)
    second: Any = make_device(NAME, [0, 1, 2])
    names = [device.executor.client.backend.name for device in (first, second)]
    assert names == ["ibm_quito", "ibm_quito"]
    forget_least_busy()
    third: Any = make_device(NAME, [0, 1])
    assert third.executor.client.backend.name == "ibm_manila"
    assert first.executor.client.backend.name == "ibm_quito"


def test_each_account_has_its_own_choice(
    server: LoopbackServer, caplog: pytest.LogCaptureFixture
) -> None:
    qiskit_ibm_runtime.QiskitRuntimeService.save_account(
        token=SECRET, instance=CRN, url=server.address + PREFIX, name="lab"
    )
    with caplog.at_level(logging.DEBUG, logger="qml_qdl"):
        assert chosen() == "ibm_quito"
        busy(server, manila=0, quito=9)
        assert chosen("lab") == "ibm_manila"
        assert (chosen(), chosen("lab")) == ("ibm_quito", "ibm_manila")
        del server.machines["ibm_manila"]
        with pytest.raises(TargetError) as caught:
            chosen("lab")
    shown = f"{machines._chosen!r} {caplog.text} {caught.value} {caught.value!r}"
    assert SECRET not in shown


def test_a_renewed_key_of_an_account_is_another_account(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chosen() == "ibm_quito"
    busy(server, manila=0, quito=9)
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "another-token-not-a-secret")
    assert chosen() == "ibm_manila"


def test_a_choice_that_is_gone_is_not_replaced_silently(server: LoopbackServer) -> None:
    assert chosen() == "ibm_quito"
    del server.machines["ibm_quito"]
    with pytest.raises(
        TargetError,
        match="target: IBM has no machine 'ibm_quito', which 'ibm:least_busy' has been "
        r"so far, for this account; there are: ibm_manila; to choose anew call "
        r"qml_qdl\.hardware\.forget_least_busy\(\)",
    ):
        chosen()
    forget_least_busy()
    assert chosen() == "ibm_manila"


def test_what_could_not_be_asked_is_not_remembered(server: LoopbackServer) -> None:
    server.fault("GET /backends/ibm_quito/properties", status=500, times=TRIES)
    with pytest.raises(ServiceError):
        chosen()
    busy(server, manila=0, quito=9)
    assert chosen() == "ibm_manila"


def test_threads_wait_for_one_choice(server: LoopbackServer) -> None:
    asked, go = threading.Event(), threading.Event()

    def change() -> None:
        busy(server, manila=0, quito=9)
        asked.set()
        go.wait(30.0)

    names: list[str] = []

    def choose(service: Any) -> None:
        names.append(find_machine(service, None, NAME, None).name)

    first = threading.Thread(target=choose, args=(open_service(None, QUICK),))
    server.fault("GET /backends", action=change, passes=True)
    first.start()
    assert asked.wait(30.0)
    # Who asks now would be told of another machine, while the first still waits.
    second = threading.Thread(target=choose, args=(open_service(None, QUICK),))
    second.start()
    second.join(0.3)
    go.set()
    for thread in (first, second):
        thread.join(30.0)
    assert names == ["ibm_quito", "ibm_quito"]
