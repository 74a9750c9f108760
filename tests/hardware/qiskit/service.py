"""A service for Qiskit's circuits that lives in a folder, in place of IBM's."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import pytest
from attrs import define
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.providers.fake_provider import GenericBackendV2

from qml_qdl.hardware.jobs.client import JobRequest, Results
from qml_qdl.hardware.qiskit.ibm.cost import IBMMachine
from qml_qdl.hardware.qiskit.ibm.primitives import terms
from qml_qdl.hardware.qiskit.transpilation import TranspilationCache
from qml_qdl.hardware.tapes.executor import Estimates, Pub
from tests.hardware.jobs.service import (
    FakeTime,
    Fate,
    FolderClient,
    Killed,
    mortal,
    without_sync,
)

__all__ = [
    "FakeClient", "FakeTime", "Fate", "Killed", "mortal", "replace_ibm", "without_sync"
]  # fmt: skip


@final
@define
class FakeClient(FolderClient):
    """Transpiles as for IBM's machines; outcomes depend on the job's number only."""

    name_: str = "ibm:fake"

    @property
    def machine(self) -> IBMMachine:
        if self.machine_ is None:
            isa = TranspilationCache(GenericBackendV2(5, seed=1), folder=None)
            self.machine_ = IBMMachine(isa, self.limits_)
        machine: IBMMachine = self.machine_
        return machine

    def terms(self, observable: Any) -> Any:
        return terms(observable)

    @staticmethod
    def pub(digest: str = "a", rows: int = 3) -> Pub:
        theta = ParameterVector("theta", 2)
        circuit = QuantumCircuit(2, 2)
        circuit.rx(theta[0], 0)
        circuit.ry(theta[1], 1)
        circuit.cx(0, 1)
        circuit.measure([0, 1], [0, 1])
        return Pub(circuit, np.arange(2.0 * rows).reshape(rows, 2), digest)

    def measured(self, job: dict[str, Any], request: JobRequest) -> Results:
        rng = np.random.default_rng(int(job["id"].removeprefix("job-")))
        if request.kind == "estimate":
            return [
                Estimates(*rng.normal(size=(2, pub.rows, len(pub.observables))))
                for pub in request.pubs
            ]
        return [
            rng.integers(
                0, 2, (pub.rows, request.shots, pub.circuit.num_clbits), dtype=np.uint8
            )
            for pub in request.pubs
        ]


def replace_ibm(monkeypatch: pytest.MonkeyPatch, client: FakeClient) -> None:
    """Has every target "ibm:…" reach the client's service."""

    def make(name: str, account: str | None = None, **options: Any) -> FakeClient:
        client.name_, client.account_ = name, account
        return client

    monkeypatch.setattr("qml_qdl.hardware.qiskit.ibm.client.IBMClient", make)
