"""The contract of clients on IBM's, against the loopback service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from qml_qdl.hardware.jobs.client import JobRequest
from qml_qdl.hardware.qiskit.ibm.client import IBMClient
from qml_qdl.hardware.tapes.executor import Pub
from qml_qdl.testing import JobClientContract, JobService
from qml_qdl.testing.job_clients import Fault
from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.server import TOKEN
from tests.hardware.qiskit.loopback.setting import QUICK, isolate, use
from tests.hardware.qiskit.requests_for_tests import flips, ry_circuit


class LoopbackService(JobService):
    secrets = (TOKEN,)

    def __init__(self, server: LoopbackServer) -> None:
        self._server = server

    def client(self) -> IBMClient:
        return IBMClient("ibm:ibm_manila", retry=QUICK)

    def request(self) -> JobRequest:
        rows = ("100", "010", "001")
        return JobRequest("sample", (Pub(ry_circuit(), flips(*rows), "ry"),), 20)

    def made(self) -> int:
        return len(self._server.jobs)

    def fail(self, fault: Fault) -> None:
        options: dict[Fault, dict[str, Any]] = {
            "refused": {"status": 400},
            "lost": {"handled": True},
            "cut": {},
        }
        self._server.fault("POST /jobs", **options[fault])

    def hold(self) -> None:
        self._server.queue_delay = 1e6


@contextmanager
def loopback(folder: Path) -> Iterator[JobService]:
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, folder)
        with LoopbackServer(["manila"], seed=7) as server:
            use(patch, server)
            yield LoopbackService(server)


class TestIBM(JobClientContract):
    instances = (loopback,)
