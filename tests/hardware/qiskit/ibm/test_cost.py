from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp

from qml_qdl.hardware.jobs.client import JobRequest
from qml_qdl.hardware.jobs.cost import (
    Cost,
    Limits,
    RowCost,
    affordable,
    divide,
)
from qml_qdl.hardware.qiskit.ibm.cost import (
    LIMITS,
    IBMMachine,
    duration,
    num_settings,
    quantum_seconds,
    time_limit,
    twirled,
    two_qubit_depth,
)
from qml_qdl.hardware.qiskit.transpilation import TranspilationCache
from qml_qdl.hardware.tapes.executor import Pub
from tests.hardware.qiskit.service import FakeClient

BACKEND = GenericBackendV2(3, seed=1)
CONTENT = "23fc5833cb2de16076b6e059299063a9ea06690f8e68ab977407551b4c6a666a"


def cost_of(request: JobRequest, backend: GenericBackendV2, jobs: int = 1) -> Cost:
    return IBMMachine(TranspilationCache(backend, folder=None)).cost(request, jobs)


def row_costs(request: JobRequest) -> list[RowCost]:
    return IBMMachine(TranspilationCache(BACKEND, folder=None)).row_costs(request)


def room(request: JobRequest, limits: Limits) -> Limits:
    return IBMMachine(TranspilationCache(BACKEND, folder=None), limits).limits(request)


def measured(rows: int = 3, digest: str = "a") -> Pub:
    theta = ParameterVector("theta", 3)
    circuit = QuantumCircuit(2, 2)
    circuit.ry(theta[0], 0)
    circuit.ry(theta[1], 1)
    circuit.rz(theta[2], 1)  # measured at once: does not matter
    circuit.measure([0, 1], [0, 1])
    return Pub(circuit, np.arange(3.0 * rows).reshape(rows, 3), digest)


def observed(rows: int = 3) -> Pub:
    theta = ParameterVector("theta", 1)
    circuit = QuantumCircuit(2)
    circuit.ry(theta[0], 0)
    circuit.cx(0, 1)
    observables = (SparsePauliOp("ZI"), SparsePauliOp("XX"))
    return Pub(circuit, np.ones((rows, 1)), "o", observables)


def prepared(kind: Any, pub: Pub, layout: list[int] | None = None) -> JobRequest:
    isa = TranspilationCache(
        GenericBackendV2(5, seed=1), folder=None, initial_layout=layout
    )
    return IBMMachine(isa).prepare(JobRequest(kind, (pub,), 10), 60.0)


def test_angles_follow_the_parameters_that_are_left() -> None:
    pub = measured()
    (sent,) = prepared("sample", pub).pubs
    names = [parameter.name for parameter in sent.circuit.parameters]
    assert names == ["theta[0]", "theta[1]"]
    assert np.array_equal(sent.angles, pub.angles[:, :2])


def test_observables_follow_the_layout() -> None:
    request = prepared("estimate", observed(), [3, 1])
    labels = [one.paulis.to_labels() for one in request.pubs[0].observables]
    assert labels == [["IIIZI"], ["IXIXI"]]


def test_content_knows_circuits_and_observables_as_it_always_did(
    tmp_path: Path,
) -> None:
    """Journals of all versions know a request by this."""
    client = FakeClient(tmp_path)
    request = JobRequest("estimate", (observed(),), 10)
    assert client.content(request) == CONTENT
    fewer = evolve(observed(), observables=(SparsePauliOp("ZI"),))
    assert client.content(JobRequest("estimate", (fewer,), 10)) != CONTENT


def sampled(rows: int, shots: int) -> JobRequest:
    return JobRequest("sample", (FakeClient.pub("a", rows),), shots, {}, 60)


def test_ibms_formula_for_known_jobs() -> None:
    """540 digits of 16 patches at 1,024 shots; the 392 rows of a training step."""
    executions = 540 * 16 * 1024
    digits = quantum_seconds(executions)
    assert executions == pytest.approx(8.9e6, rel=0.01)
    assert digits == pytest.approx(3100, rel=0.01)
    assert digits / 600 > 5
    assert quantum_seconds(392 * 1024) == pytest.approx(142, abs=1)
    assert quantum_seconds(1000, jobs=3) - quantum_seconds(1000) == pytest.approx(4)


def test_the_cost_of_a_request() -> None:
    cost = cost_of(sampled(392, 1024), BACKEND)
    assert (cost.jobs, cost.circuits, cost.rows) == (1, 1, 392)
    assert cost.executions == 392 * 1024
    assert cost.seconds == pytest.approx(quantum_seconds(392 * 1024))
    assert cost.two_qubit_depth == 1
    assert (cost + cost).executions == 2 * cost.executions
    assert (cost + cost).two_qubit_depth == 1
    assert cost.share == pytest.approx(cost.seconds / 600.0)


def test_slower_machines_cost_more() -> None:
    slow = GenericBackendV2(3, seed=1)
    slow.default_rep_delay = 1e-3
    request = sampled(10, 1000)
    more = cost_of(request, slow).seconds - cost_of(request, BACKEND).seconds
    assert more == pytest.approx(10_000 * (1e-3 - 250e-6))


def test_the_time_of_a_circuit_is_that_of_its_longest_path() -> None:
    circuit = QuantumCircuit(3)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.x(0)
    target = BACKEND.target
    path = target["cx"][(0, 1)].duration + target["cx"][(1, 2)].duration
    assert duration(circuit, BACKEND) == pytest.approx(path)
    long = QuantumCircuit(2)
    for _ in range(5000):
        long.cx(0, 1)
    pub = Pub(long, np.zeros((1, 0)), "long")
    request = JobRequest("sample", (pub,), 1, {}, 60)
    expected = 2 + 250e-6 + 5000 * target["cx"][(0, 1)].duration
    assert cost_of(request, BACKEND).seconds == pytest.approx(expected)


@pytest.mark.parametrize(
    ("labels", "settings"),
    [
        (["ZZ", "ZI", "IZ"], 1),
        (["ZI", "XI"], 2),
        (["XX", "YY", "ZZ"], 3),
        (["II"], 1),
        (["XI", "IZ"], 1),
    ],
)
def test_words_that_go_together_are_measured_together(
    labels: list[str], settings: int
) -> None:
    observables = [SparsePauliOp(label) for label in labels]
    assert num_settings(observables) == settings
    circuit = QuantumCircuit(2)
    circuit.x(0)
    pub = Pub(circuit, np.zeros((7, 0)), "a", tuple(observables))
    for level, folds in ((0, 1), (1, 1), (2, 3)):
        request = JobRequest("estimate", (pub,), 10, {"resilience_level": level}, 60)
        (cost,) = row_costs(request)
        # Twirled gates take whole randomisations of 64 shots.
        shots = 64 if level else 10
        assert cost == RowCost(shots * settings * folds, settings * folds)


def test_two_qubit_depth_counts_no_other_gates() -> None:
    circuit = QuantumCircuit(3, 1)
    for qubits in ((0, 1), (1, 2)):
        circuit.h(qubits[0])
        circuit.cz(*qubits)
    circuit.cz(0, 1)
    circuit.measure(0, 0)
    assert two_qubit_depth(circuit) == 3


def estimated(rows: int, shots: int, **options: object) -> JobRequest:
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    observables = (SparsePauliOp("ZZ"), SparsePauliOp("XX"))
    pub = Pub(circuit, np.zeros((rows, 0)), "a", observables)
    return JobRequest("estimate", (pub,), shots, options, 60)


def test_the_calibration_of_ibms_estimator_is_counted() -> None:
    plain = cost_of(estimated(7, 1000, resilience_level=0), BACKEND)
    assert (plain.circuits, plain.calibrations) == (1, 0)
    assert plain.fixed_seconds == 2.0
    mitigated = cost_of(estimated(7, 1000, resilience_level=1), BACKEND, jobs=3)
    assert (mitigated.circuits, mitigated.calibrations) == (4, 3)
    assert mitigated.executions == (2 * 7 + 3) * 1024
    assert mitigated.fixed_seconds == pytest.approx(quantum_seconds(3 * 1024, 3))
    assert mitigated.seconds == pytest.approx(quantum_seconds(17 * 1024, 3))
    assert (plain + mitigated).calibrations == 3
    assert (plain + mitigated).fixed_seconds == 2.0 + mitigated.fixed_seconds


def test_rows_that_would_pass_leave_room_for_the_calibration() -> None:
    cost = cost_of(estimated(100, 5000, resilience_level=1), BACKEND)
    rows = affordable(cost, 60)
    for count, passes in ((rows, True), (rows + 1, False)):
        part = cost_of(estimated(count, 5000, resilience_level=1), BACKEND)
        assert (part.seconds <= 60) is passes
    limits = Limits(executions=20_000, instructions=7)
    left = room(estimated(1, 5000, resilience_level=1), limits)
    assert left == Limits(executions=20_000 - 5024, instructions=7)
    assert room(estimated(1, 5000), limits) == limits
    sample = JobRequest("sample", (), 5000, {"resilience_level": 1}, 60)
    assert room(sample, limits) == limits  # the level is the estimator's


@pytest.mark.parametrize("shots", [1, 64, 65, 1000, 2048, 2049, 5000, 100_000])
def test_shots_are_rounded_as_ibm_rounds_them(shots: int) -> None:
    module = importlib.import_module(
        "qiskit_ibm_runtime.executor.calculate_twirling_shots"
    )
    count, each = module.calculate_twirling_shots(shots, "auto", "auto")
    assert twirled(shots) == count * each


def test_the_service_is_told_when_to_stop() -> None:
    assert time_limit(59.2) == 60
    assert time_limit(0.1) == 1
    assert time_limit(1e9) == 10_800
    assert time_limit(float("inf")) == 10_800


def test_ibms_limits() -> None:
    assert Limits(executions=10_000_000, instructions=26_800_000) == LIMITS
    assert len(divide([9765], [RowCost(1024, 1)], LIMITS)) == 1
    assert len(divide([9766], [RowCost(1024, 1)], LIMITS)) == 2
