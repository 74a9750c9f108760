"""What is a vendor's, and what every client and machine has of this library."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.jobs.client import (
    JobClient,
    JobRequest,
    Machine,
    has_client,
    open_client,
)
from qml_qdl.hardware.jobs.cost import Cost, Limits, RowCost
from qml_qdl.hardware.tapes.executor import Pub


def pub(rows: int, digest: str = "d", observables: tuple[Any, ...] = ()) -> Pub:
    angles = np.arange(2.0 * rows).reshape(rows, 2)
    return Pub(SimpleNamespace(), angles, digest, observables)


def request(*pubs: Pub, **options: Any) -> JobRequest:
    return JobRequest("sample", pubs, 100, **options)


def test_a_part_has_its_rows_and_its_share_of_the_time() -> None:
    whole = request(pub(4), pub(6), max_execution_time=100)
    part = whole.part([(0, 1, 3), (1, 0, 5)])
    assert [p.angles[:, 0].tolist() for p in part.pubs] == [[2, 4], [0, 2, 4, 6, 8]]
    assert part.rows == 7
    assert part.max_execution_time == 70
    # Even a single row takes some seconds, but never more than the whole.
    assert whole.part([(0, 0, 1)]).max_execution_time == 10
    short = request(pub(10), max_execution_time=4)
    assert short.part([(0, 0, 1)]).max_execution_time == 4


class Client(JobClient):
    name = "vendor:machine"
    account = None
    machine = None  # type: ignore[assignment]
    submit = find = status = results = cancel = None  # type: ignore[assignment]

    def __init__(self, name: str = "vendor:machine", _: str | None = None) -> None:
        self.name = name

    def remaining_seconds(self) -> None:
        return None


def test_content_is_all_but_the_angles() -> None:
    client = Client()
    one = request(pub(3), options={"a": 1, "b": 2})
    turned = request(
        Pub(SimpleNamespace(), -one.pubs[0].angles, "d"), options={"b": 2, "a": 1}
    )
    assert client.content(one) == client.content(turned)
    assert len(client.content(one)) == 64
    others = [
        request(pub(3, "e"), options={"a": 1, "b": 2}),
        request(pub(4), options={"a": 1, "b": 2}),
        request(pub(3), pub(1), options={"a": 1, "b": 2}),
        request(pub(3), options={"a": 1, "b": 3}),
        JobRequest("estimate", one.pubs, 100, one.options),
        JobRequest("sample", one.pubs, 101, one.options),
    ]
    contents = {client.content(other) for other in others}
    contents |= {client.content(one), Client("vendor:other").content(one)}
    assert len(contents) == len(others) + 2


def test_how_long_a_job_may_take_is_no_content() -> None:
    assert Client().content(request(pub(3))) == Client().content(
        request(pub(3), max_execution_time=60)
    )


def test_without_an_estimator_observables_are_refused() -> None:
    text = "vendor:machine has no estimator of its own, got an observable.*'sampler'"
    with pytest.raises(TargetError, match=text):
        Client().content(request(pub(3, observables=("ZZ",))))


class Rows(Machine):
    """Every row costs one second, and one job has room for four."""

    def prepare(self, request: JobRequest, max_qpu_seconds: float) -> JobRequest:
        return request

    def limits(self, request: JobRequest) -> Limits:
        return Limits(executions=4 * request.shots)

    def row_costs(self, request: JobRequest) -> list[RowCost]:
        return [RowCost(executions=request.shots) for _ in request.pubs]

    def cost(self, request: JobRequest, jobs: int = 1) -> Cost:
        return Cost(seconds=float(request.rows), jobs=jobs)


def test_a_price_is_that_of_all_jobs_together() -> None:
    machine = Rows()
    parts, cost = machine.price(request(pub(3), pub(6)))
    assert [sum(stop - start for _, start, stop in part) for part in parts] == [4, 4, 1]
    assert (cost.seconds, cost.jobs) == (9, 3)
    assert machine.transpilations == 0


class Point:
    """An installed package's entry point."""

    name = "vendor"

    def load(self) -> Any:
        return Client


class Points(dict[str, Any]):
    names = ("vendor",)


def test_a_client_is_found_by_what_stands_before_the_colon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = Points(vendor=Point())
    module = "qml_qdl.hardware.jobs.client.entry_points"
    monkeypatch.setattr(module, lambda group: points)
    assert has_client("vendor:any")
    assert not has_client("vendor")
    assert not has_client("other:any")
    assert open_client("vendor:any").name == "vendor:any"
    with pytest.raises(
        TargetError, match=r"'vendor:...', got 'other:any'; install the"
    ):
        open_client("other:any")
