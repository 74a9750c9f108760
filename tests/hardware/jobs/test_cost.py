from __future__ import annotations

import importlib
import math

import numpy as np
import pytest
from attrs import evolve
from qiskit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp

from qml_qdl.circuits.errors import BudgetError, TargetError
from qml_qdl.hardware.jobs.client import JobPub, JobRequest, Limits
from qml_qdl.hardware.jobs.cost import (
    Cost,
    affordable,
    check_budget,
    cost_of,
    duration,
    num_settings,
    quantum_seconds,
    room,
    row_costs,
    time_limit,
    twirled,
    two_qubit_depth,
)
from qml_qdl.hardware.jobs.division import RowCost, divide, part_of
from tests.hardware.qiskit.service import measured_circuit

BACKEND = GenericBackendV2(3, seed=1)


def sampled(rows: int, shots: int) -> JobRequest:
    return JobRequest("sample", (measured_circuit("a", rows),), shots, {}, 60)


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
    assert Cost(seconds=150.0).open_plan_share == 0.25


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
    pub = JobPub(long, np.zeros((1, 0)), "long")
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
    pub = JobPub(circuit, np.zeros((7, 0)), "a", tuple(observables))
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


def test_a_refusal_names_what_would_pass() -> None:
    cost = cost_of(sampled(540 * 16, 1024), BACKEND)
    with pytest.raises(BudgetError) as caught:
        check_budget(cost, 60)
    message = str(caught.value)
    assert "8,847,360 executions (8,640 rows) would take about 3,099 QPU" in message
    assert "516% of the Open plan" in message
    rows = affordable(cost, 60)
    assert f"at most {rows:,} rows at once (--limit or --batch-size)" in message
    check_budget(cost_of(sampled(rows, 1024), BACKEND), 60)
    with pytest.raises(BudgetError):
        check_budget(cost_of(sampled(rows + 1, 1024), BACKEND), 60)
    enough = math.ceil(cost.seconds)
    assert f"(--max-qpu-seconds {enough})" in message
    check_budget(cost, enough)
    assert caught.value.share == pytest.approx(rows / 8640)


def estimated(rows: int, shots: int, **options: object) -> JobRequest:
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    observables = (SparsePauliOp("ZZ"), SparsePauliOp("XX"))
    pub = JobPub(circuit, np.zeros((rows, 0)), "a", observables)
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


def test_where_not_one_row_can_be_paid_none_is_named() -> None:
    cost = cost_of(sampled(3, 1_000_000), BACKEND)
    with pytest.raises(BudgetError, match="but 1 are allowed; or allow them") as caught:
        check_budget(cost, 1)
    assert caught.value.share == 0


def test_the_service_is_told_when_to_stop() -> None:
    assert time_limit(59.2) == 60
    assert time_limit(0.1) == 1
    assert time_limit(1e9) == 10_800
    assert time_limit(float("inf")) == 10_800


def test_division_keeps_order_and_limits() -> None:
    limits = Limits(executions=100, instructions=1000)
    costs = [RowCost(10, 1), RowCost(30, 400), RowCost(100, 1)]
    jobs = divide([4, 3, 1], costs, limits)
    assert jobs == [[(0, 0, 4), (1, 0, 2)], [(1, 2, 3)], [(2, 0, 1)]]


def test_a_row_too_large_for_any_job_is_refused() -> None:
    limits = Limits(executions=100, instructions=1000)
    with pytest.raises(TargetError, match="shots: one row takes 101 executions, but"):
        divide([1], [RowCost(101, 1)], limits)
    with pytest.raises(TargetError, match=r"circuit: one row has 1,001 instructions"):
        divide([1], [RowCost(1, 1001)], limits)


def test_ibms_limits() -> None:
    assert Limits() == Limits(executions=10_000_000, instructions=26_800_000)
    assert len(divide([9765], [RowCost(1024, 1)], Limits())) == 1
    assert len(divide([9766], [RowCost(1024, 1)], Limits())) == 2


def test_parts_share_the_time() -> None:
    request = sampled(10, 5)
    part = part_of(evolve(request, max_execution_time=100), [(0, 2, 7)])
    assert (part.rows, part.max_execution_time) == (5, 50)
    assert np.array_equal(part.pubs[0].angles, request.pubs[0].angles[2:7])
    # A job takes some seconds even for one row.
    small = part_of(evolve(request, max_execution_time=20), [(0, 0, 1)])
    assert small.max_execution_time == 10
