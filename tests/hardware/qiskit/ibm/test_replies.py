"""Whatever a field of an answer holds, no error of another library gets through."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from qml_qdl.circuits.errors import JobError, QdlError, ServiceError, SubmissionUnclear
from qml_qdl.hardware.qiskit.ibm.client import IBMClient
from qml_qdl.hardware.qiskit.ibm.replies import check_reply
from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.machines import Machine
from tests.hardware.qiskit.loopback.setting import quick
from tests.hardware.qiskit.requests_for_tests import sample_request

ONCE = quick(most=1)
NAME = "ibm:ibm_manila"
DROP = object()
VALUES: list[Any] = [DROP, None, 7, "word", [], {}]
"""What a field is replaced by."""


def request(client: IBMClient) -> Any:
    return sample_request(client.backend, "000")


def fresh(client: IBMClient, job: str) -> None:
    again = IBMClient(NAME, retry=ONCE)
    assert again.backend.name == "ibm_manila"


def results(client: IBMClient, job: str) -> None:
    IBMClient(NAME, retry=ONCE).results(job, request(client))


def status(client: IBMClient, job: str) -> None:
    IBMClient(NAME, retry=ONCE).status(job)


ACTIONS: dict[str, Callable[[IBMClient, str], object]] = {
    "GET /jobs": lambda client, job: client.find("tag"),
    "GET /jobs/[^/]*": status,
    "GET /jobs/[^/]*/metrics": lambda client, job: client.status(job),
    "GET /jobs/[^/]*/results": results,
    "POST /jobs": lambda client, job: client.submit(request(client), "other"),
    "GET /instances/usage": lambda client, job: (
        client.remaining_seconds(),
        client.submit(request(client), "other"),
    ),
    "GET /backends/[^/]*/status": (
        lambda client, job: client.submit(request(client), "other")
    ),
    "POST /sessions": lambda client, job: client.open_batch(),
    "GET /backends": fresh,
    "POST /identity/token": fresh,
    "POST /v3/resources/search": fresh,
    "GET /loopback-plan": fresh,
    "GET /backends/[^/]*/configuration": fresh,
    "GET /backends/[^/]*/properties": fresh,
}
SHORT = {"GET /jobs", "GET /jobs/[^/]*/metrics", "POST /sessions"}
LONG = {"GET /backends/[^/]*/configuration", "GET /backends/[^/]*/properties"}


def places(content: Any, depth: int = 5) -> Iterator[tuple[Any, ...]]:
    """Every field, and of lists the first entry, as the way to it."""
    yield ()
    if depth and isinstance(content, dict):
        for name, value in content.items():
            yield from ((name, *rest) for rest in places(value, depth - 1))
    if depth and isinstance(content, list) and content:
        yield from ((0, *rest) for rest in places(content[0], depth - 1))


def changed(content: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return None if value is DROP else value
    whole = copy.deepcopy(content)
    inner = whole
    for key in place[:-1]:
        inner = inner[key]
    if value is DROP:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return whole


def true_reply(server: LoopbackServer, name: str, act: Callable[[], object]) -> Any:
    kept: list[Any] = []

    def keep(content: Any) -> Any:
        kept.append(content)
        return content

    server.faults.clear()
    server.fault(name, edit=keep)
    act()
    return kept[0]


@pytest.mark.filterwarnings("ignore")  # IBM's client warns of what it does not know
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in SHORT else pytest.mark.slow)
        for name in ACTIONS
    ],
)
def test_no_field_gives_an_error_of_another_library(
    loopback: LoopbackServer, name: str
) -> None:
    client = IBMClient(NAME, retry=ONCE)
    job = client.submit(request(client), "tag")
    act = ACTIONS[name]
    reply = true_reply(loopback, name, lambda: act(client, job))
    values = VALUES[:3] if name in LONG else VALUES
    for place in places(reply):
        for value in values:
            loopback.faults.clear()
            content = changed(reply, place, value)
            loopback.fault(name, times=99, edit=lambda _, new=content: new)
            try:
                act(client, job)
            except QdlError:
                continue
            except Exception as error:
                shown = "dropped" if value is DROP else repr(value)
                raise AssertionError(f"{name}: {place} {shown}: {error!r}") from error


NAMED: list[tuple[str, tuple[Any, ...], Any, str]] = [
    (
        "GET /jobs/[^/]*",
        ("state",),
        DROP,
        "field 'state' should be an object, got noth",
    ),
    ("GET /jobs/[^/]*", ("state", "status"), None, r"'state\.status' .* got null"),
    ("GET /jobs/[^/]*", ("program",), None, "field 'program' should be an object"),
    ("GET /jobs", ("jobs", 0, "id"), 7, r"field 'jobs\[0\]\.id' should be .* got 7"),
    ("GET /jobs", ("jobs",), {}, "field 'jobs' should be a list, got {}"),
    ("GET /jobs/[^/]*/metrics", ("usage",), [], "field 'usage' should be an object"),
    (
        "GET /jobs/[^/]*/metrics",
        ("usage", "qpu_charge_time_seconds"),
        "two",
        "'usage.qpu_charge_time_seconds' should be a number, got \"two\"",
    ),
    ("GET /jobs/[^/]*/metrics", (), [], "it should be an object, got \\[\\]"),
    ("GET /instances/usage", ("usage_consumed_seconds",), None, "should be a number"),
    ("GET /backends", ("devices", 0, "name"), None, r"'devices\[0\].name' should be"),
    ("GET /backends/[^/]*/configuration", (), {}, "'n_qubits' should be a whole num"),
    ("GET /backends/[^/]*/configuration", ("gates",), None, "'gates' should be a list"),
    ("GET /backends/[^/]*/properties", (), DROP, "it should be an object, got null"),
    (
        "GET /backends/[^/]*/properties",
        ("qubits", 0, 0, "value"),
        "much",
        r"'qubits\[0\]\[0\]\.value' should be a number",
    ),
    ("POST /sessions", ("id",), DROP, "field 'id' should be a text"),
]


@pytest.mark.parametrize(("name", "place", "value", "message"), NAMED)
def test_the_error_names_the_field(
    loopback: LoopbackServer,
    name: str,
    place: tuple[Any, ...],
    value: Any,
    message: str,
) -> None:
    client = IBMClient(NAME, retry=ONCE)
    job = client.submit(request(client), "tag")
    loopback.fault(name, times=99, edit=lambda content: changed(content, place, value))
    with pytest.raises(ServiceError, match=message) as caught:
        ACTIONS[name](client, job)
    assert "try again later, or update qml-qdl" in str(caught.value)


@pytest.mark.parametrize("value", [DROP, None, 7, ""])
def test_a_submission_whose_id_is_missing_is_unclear(
    loopback: LoopbackServer, value: Any
) -> None:
    client = IBMClient(NAME, retry=ONCE)
    loopback.fault("POST /jobs", edit=lambda content: changed(content, ("id",), value))
    with pytest.raises(SubmissionUnclear, match=r"'id' should be .*; whether the job"):
        client.submit(request(client), "tag")
    assert client.find("tag") in loopback.jobs


@pytest.mark.parametrize(
    "metrics", [{}, {"usage": None}, {"usage": {}}, {"usage": {"status": None}}]
)
def test_what_a_job_used_may_be_unknown(
    loopback: LoopbackServer, metrics: dict[str, Any]
) -> None:
    client = IBMClient(NAME, retry=ONCE)
    job = client.submit(request(client), "tag")
    loopback.fault("GET /jobs/[^/]*/metrics", edit=lambda _: metrics)
    found = client.status(job)
    assert (found.state, found.seconds) == ("done", None)


def test_a_machine_that_is_listed_is_not_said_to_be_none(
    loopback: LoopbackServer,
) -> None:
    """Fields that nobody checks can be such that IBM's client reads no machine."""
    loopback.fault(
        "GET /backends/[^/]*/configuration",
        times=9,
        edit=lambda content: content | {"u_channel_lo": 7},
    )
    with pytest.raises(ServiceError, match="ibm_manila is listed, but IBM's client"):
        _ = IBMClient(NAME, retry=ONCE).backend


@pytest.mark.parametrize("name", ["torino", "cairo", "sherbrooke", "boston"])
def test_what_machines_really_answer_is_right(name: str) -> None:
    machine = Machine(name)
    for kind in ("configuration", "properties", "status"):
        reply = json.loads(json.dumps(getattr(machine, kind)()))
        check_reply("GET", f"/api/v1/backends/{name}/{kind}", partial(copy.copy, reply))


def test_results_that_cannot_be_read_are_told(loopback: LoopbackServer) -> None:
    client = IBMClient(NAME, retry=ONCE)
    job = client.submit(request(client), "tag")
    loopback.fault("GET /jobs/[^/]*/results", edit=lambda _: {"data": 7})
    with pytest.raises((ServiceError, JobError), match=job):
        client.results(job, request(client))
