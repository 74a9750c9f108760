from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from qml_qdl.circuits.errors import BudgetError, TargetError
from qml_qdl.hardware.jobs.client import JobRequest
from qml_qdl.hardware.jobs.cost import (
    Allowance,
    Cost,
    Limits,
    RowCost,
    affordable,
    check_budget,
    divide,
)
from tests.hardware.jobs.tapes import TapeClient

MONTH = Allowance("the free plan", 600.0)


def sampled(rows: int, shots: int) -> JobRequest:
    return JobRequest("sample", (TapeClient.pub("a", rows),), shots, {}, 60)


def cost_of(request: JobRequest) -> Cost:
    machine = TapeClient(Path()).machine
    return evolve(machine.cost(request), allowance=MONTH)


def test_costs_add_up() -> None:
    cost = cost_of(sampled(392, 1024))
    assert (cost + cost).executions == 2 * cost.executions
    assert (cost + cost).fixed_seconds == 4.0
    assert (Cost() + cost).allowance == MONTH
    assert evolve(cost, seconds=150.0).share == 0.25
    assert evolve(cost, allowance=None).share is None


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


def test_where_not_one_row_can_be_paid_none_is_named() -> None:
    cost = cost_of(sampled(3, 1_000_000))
    with pytest.raises(BudgetError, match="but 1 are allowed; or allow them") as caught:
        check_budget(cost, 1)
    assert caught.value.share == 0


def test_parts_share_the_time() -> None:
    request = sampled(10, 5)
    part = evolve(request, max_execution_time=100).part([(0, 2, 7)])
    assert (part.rows, part.max_execution_time) == (5, 50)
    assert np.array_equal(part.pubs[0].angles, request.pubs[0].angles[2:7])
    # A job takes some seconds even for one row.
    small = evolve(request, max_execution_time=20).part([(0, 0, 1)])
    assert small.max_execution_time == 10


def test_a_refusal_names_what_would_pass() -> None:
    cost = cost_of(sampled(540 * 16, 1024))
    with pytest.raises(BudgetError) as caught:
        check_budget(cost, 60)
    message = str(caught.value)
    assert "8,847,360 executions (8,640 rows) would take about 3,099 QPU" in message
    assert "516% of the free plan's 10 minutes" in message
    rows = affordable(cost, 60)
    assert f"at most {rows:,} rows at once (limit=… or batch_size=…)" in message
    check_budget(cost_of(sampled(rows, 1024)), 60)
    with pytest.raises(BudgetError):
        check_budget(cost_of(sampled(rows + 1, 1024)), 60)
    enough = math.ceil(cost.seconds)
    assert message.endswith(f"allow them: max_qpu_seconds={enough}")
    check_budget(cost, enough)
    assert caught.value.share == pytest.approx(rows / 8640)
