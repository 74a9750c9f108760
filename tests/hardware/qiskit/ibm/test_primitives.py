"""Requests as IBM's programs take them, and their results."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np
import pytest
import qiskit_ibm_runtime
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Clbit, Qubit
from qiskit_ibm_runtime.quantum_program.params_converters import (
    QUANTUM_PROGRAM_PARAMS_CONVERTERS,
)

from qml_qdl.circuits.errors import (
    ArgumentError,
    JobError,
    TargetError,
)
from qml_qdl.hardware.jobs.client import JobRequest
from qml_qdl.hardware.qiskit.ibm import primitives
from qml_qdl.hardware.qiskit.ibm.client import IBMClient
from qml_qdl.hardware.tapes.executor import Estimates, Pub
from qml_qdl.hardware.tapes.outcomes import Bits
from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.setting import QUICK
from tests.hardware.qiskit.requests_for_tests import (
    estimate_request,
    sample_request,
)

ANGLES = np.array([[0.3, 1.1, 2.0], [2.5, 0.7, 0.4], [1.6, 1.2, 3.0]])


def sampled(client: IBMClient, request: JobRequest) -> list[Bits]:
    """Outcomes of a job for the request."""
    results = client.results(client.submit(request, "tag"), request)
    return [each for each in results if not isinstance(each, Estimates)]


@pytest.fixture
def client(loopback: LoopbackServer) -> IBMClient:
    return IBMClient("ibm:ibm_manila", retry=QUICK)


def isa_of_two(circuit: QuantumCircuit, backend: Any) -> QuantumCircuit:
    return transpile(circuit, backend, initial_layout=[4, 0])


@pytest.mark.parametrize("options", [{}, {"twirling": True}])
@pytest.mark.parametrize("shots", [100, 1234])
def test_shots_are_exact(
    client: IBMClient, shots: int, options: dict[str, Any]
) -> None:
    request = sample_request(client.backend, "011", shots=shots, **options)
    (bits,) = sampled(client, request)
    assert bits.shape == (1, shots, 3)
    assert np.all(bits == [0, 1, 1])


def test_dynamical_decoupling_fills_idle_time(
    client: IBMClient, loopback: LoopbackServer
) -> None:
    waiting = QuantumCircuit(2, 2)
    waiting.h(0)
    for _ in range(6):
        waiting.cx(0, 1)
        waiting.barrier()
        waiting.sx(1)
        waiting.barrier()
    waiting.measure([0, 1], [0, 1])
    pub = Pub(isa_of_two(waiting, client.backend), np.zeros((1, 0)), "waiting")
    counts = []
    for sequence in (False, "XY4"):
        options = {"dynamical_decoupling": sequence}
        client.submit(JobRequest("sample", (pub,), 10, options, 60), "tag")
        params = list(loopback.jobs.values())[-1].body["params"]
        converter = QUANTUM_PROGRAM_PARAMS_CONVERTERS["v2.0"]
        program, _ = converter.decoder(converter.model.model_validate(params))
        counts.append(program.items[0].circuit.count_ops().get("delay", 0))
    assert counts[0] == 0
    assert counts[1] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resilience_level": 3}, "resilience_level: expected 0, 1 or 2, got 3"),
        ({"dynamical_decoupling": "YY"}, "dynamical_decoupling: .* got 'YY'"),
        ({"twirling": "gates"}, "twirling: expected True, False or None"),
        ({"resilience": 1}, "unknown option 'resilience'; known are"),
    ],
)
def test_options_that_cannot_be_used_are_refused_before_anything_is_sent(
    client: IBMClient, loopback: LoopbackServer, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        client.submit(estimate_request(client.backend, ANGLES, **options), "tag")
    assert loopback.count("POST /jobs") == 0


def test_bits_outside_registers_are_refused(client: IBMClient) -> None:
    loose = QuantumCircuit([Qubit() for _ in range(5)], [Clbit()])
    loose.measure(0, 0)
    request = JobRequest("sample", (Pub(loose, np.zeros((1, 0)), "x"),), 5, {}, 60)
    with pytest.raises(TargetError, match="must lie in registers"):
        client.submit(request, "tag")


def test_results_of_another_request_are_refused(client: IBMClient) -> None:
    request = sample_request(client.backend, "000", "111")
    job_id = client.submit(request, "tag")
    fewer = sample_request(client.backend, "000")
    with pytest.raises(JobError, match=r"expected results \(1, 50, 3\).*\(2, 50, 3\)"):
        client.results(job_id, fewer)
    estimates = estimate_request(client.backend, ANGLES)
    with pytest.raises(JobError, match="not those of this request"):
        client.results(job_id, estimates)


def test_primitives_are_known_by_what_they_can_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full = importlib.import_module("qiskit_ibm_runtime.executor_sampler").Sampler
    assert primitives.primitive_class("sample") is full
    # The module of its own is gone, and the root's name has become the same class.
    monkeypatch.setitem(sys.modules, "qiskit_ibm_runtime.executor_sampler", None)
    monkeypatch.setattr(qiskit_ibm_runtime, "Sampler", full)
    assert primitives.primitive_class("sample") is full
    # It is gone, and the root's is still the one that IBM takes out.
    monkeypatch.setattr(
        qiskit_ibm_runtime,
        "Sampler",
        importlib.import_module("qiskit_ibm_runtime.sampler").SamplerV2,
    )
    with pytest.raises(TargetError, match="has no Sampler that this library knows"):
        primitives.primitive_class("sample")
