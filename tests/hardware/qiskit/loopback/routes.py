"""What the loopback service answers to each request."""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from tests.hardware.qiskit.loopback.server import LoopbackServer

Query: TypeAlias = dict[str, list[str]]
Answer: TypeAlias = tuple[int, Any]
Route: TypeAlias = Callable[["LoopbackServer", list[str], Query, Any], Answer]


def answer(
    service: LoopbackServer, method: str, path: str, query: Query, raw: bytes
) -> Answer:
    """Status and content of the answer to a request."""
    for request, route in ROUTES.items():
        match = re.fullmatch(request, f"{method} {path}")
        if match:
            body = _body(raw)
            with service.lock:
                return route(service, list(match.groups()), query, body)
    return error(404, 1000, f"There is no {method} {path}.")


def error(status: int, code: int, message: str) -> Answer:
    """An error in IBM's form."""
    return status, {"errors": [{"code": code, "message": message}], "trace": "t"}


def _body(raw: bytes) -> Any:
    text = raw.decode()
    if not text:
        return {}
    return json.loads(text) if text.startswith("{") else parse_qs(text)


def _web_token(now: int) -> str:
    """A JSON Web Token; the client reads it and cannot verify its signature."""
    parts = ({"alg": "HS256"}, {"iat": now, "exp": now + 3600, "iam_id": "loopback"})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts]
    return b".".join([*(part.rstrip(b"=") for part in encoded), b"none"]).decode()


def _token(service: LoopbackServer, _: list[str], query: Query, body: Any) -> Answer:
    now = int(time.time())
    return 200, {
        "access_token": _web_token(now),
        "refresh_token": "not_supported",
        "token_type": "Bearer",
        "expires_in": 3600,
        "expiration": now + 3600,
    }


def _search(service: LoopbackServer, _: list[str], query: Query, body: Any) -> Answer:
    from tests.hardware.qiskit.loopback.server import CRN

    item = {
        "crn": CRN,
        "service_plan_unique_id": "loopback-plan",
        "name": "loopback",
        "doc": {"extensions": {"backends": list(service.machines)}},
        "tags": [],
    }
    return 200, {"items": [item], "limit": 100}


def _catalog(service: LoopbackServer, _: list[str], query: Query, body: Any) -> Answer:
    is_open = service.plan == "open"
    return 200, {
        "id": "loopback-plan",
        "overview_ui": {"en": {"display_name": "Open" if is_open else "Pay-as-you-go"}},
        "metadata": {"pricing": {"type": "free" if is_open else "paygo"}},
    }


def _backends(service: LoopbackServer, _: list[str], query: Query, body: Any) -> Answer:
    return 200, {"devices": [each.listing() for each in service.machines.values()]}


def _backend(
    service: LoopbackServer, parts: list[str], query: Query, body: Any
) -> Answer:
    machine = service.machines.get(parts[0])
    if machine is None:
        return error(404, 1216, f"Backend {parts[0]} not found.")
    return 200, getattr(machine, parts[1])()


def _usage(service: LoopbackServer, _: list[str], query: Query, body: Any) -> Answer:
    usage: dict[str, Any] = {
        "instance_id": "instance",
        "plan_id": "loopback-plan",
        "usage_consumed_seconds": service.seconds_paid,
        "usage_limit_reached": False,
    }
    if service.allowance is not None:
        usage["usage_allocation_seconds"] = service.allowance
        usage["usage_limit_reached"] = service.seconds_paid >= service.allowance
    return 200, usage


def _create_job(
    service: LoopbackServer, _: list[str], query: Query, body: Any
) -> Answer:
    if body["program_id"] != "executor":
        return error(400, 1221, f"Program {body['program_id']} is not served here.")
    session = body.get("session_id")
    if session is not None and not service.sessions[session]["accepting_jobs"]:
        return error(400, 1217, "The session is closed.")
    job = service.create_job(body)
    return 200, {"id": job.job_id, "backend": job.machine.name}


def _list_jobs(
    service: LoopbackServer, _: list[str], query: Query, body: Any
) -> Answer:
    found = [
        job
        for job in service.jobs.values()
        if set(query.get("tags", [])) <= set(job.tags)
        and time.time() - job.created >= service.listing_delay
    ]
    if query.get("sort") != ["ASC"]:
        found.reverse()
    limit, offset = int(query.get("limit", ["20"])[0]), int(query.get("offset", [0])[0])
    page = found[offset : offset + limit]
    return 200, {
        "jobs": [job.view() for job in page],
        "count": len(found),
        "limit": limit,
        "offset": offset,
    }


def _get_job(
    service: LoopbackServer, parts: list[str], query: Query, body: Any
) -> Answer:
    job = service.jobs.get(parts[0])
    if job is None:
        return error(404, 1291, f"Job not found. Job ID: {parts[0]}")
    view = job.view()
    if query.get("exclude_params") != ["true"]:
        view["params"] = job.body["params"]
    return 200, view


def _results(
    service: LoopbackServer, parts: list[str], query: Query, body: Any
) -> Answer:
    job = service.jobs.get(parts[0])
    if job is None:
        return error(404, 1291, f"Job not found. Job ID: {parts[0]}")
    if job.status == "Failed":
        return 200, job.ending.reason if job.ending else ""
    if job.status != "Completed":
        return 204, ""
    return 200, job.results()


def _metrics(
    service: LoopbackServer, parts: list[str], query: Query, body: Any
) -> Answer:
    job = service.jobs.get(parts[0])
    if job is None:
        return error(404, 1291, f"Job not found. Job ID: {parts[0]}")
    waiting = [each for each in service.jobs.values() if each.status == "Queued"]
    position = waiting.index(job) + 1 if job in waiting else None
    return 200, job.metrics(position)


def _cancel(
    service: LoopbackServer, parts: list[str], query: Query, body: Any
) -> Answer:
    job = service.jobs.get(parts[0])
    if job is None:
        return error(404, 1291, f"Job not found. Job ID: {parts[0]}")
    if not job.cancel():
        return error(409, 1216, "The job has ended and cannot be cancelled.")
    return 204, ""


def _create_session(
    service: LoopbackServer, _: list[str], query: Query, body: Any
) -> Answer:
    if body["mode"] == "dedicated" and service.plan == "open":
        return error(
            400,
            1352,
            "You are not authorized to run a session when using the open plan.",
        )
    identity = uuid.uuid4().hex
    service.sessions[identity] = {
        "id": identity,
        "mode": body["mode"],
        "backend_name": body["backend"],
        "state": "open",
        "accepting_jobs": True,
    }
    return 200, service.sessions[identity]


def _session(
    service: LoopbackServer, parts: list[str], query: Query, body: Any
) -> Answer:
    session = service.sessions.get(parts[0])
    if session is None:
        return error(404, 1000, "Session not found.")
    return 200, session


def _close_session(
    service: LoopbackServer, parts: list[str], query: Query, body: Any
) -> Answer:
    service.sessions[parts[0]].update(accepting_jobs=False, state="closed")
    return 204, ""


def _summary(service: LoopbackServer, _: list[str], query: Query, body: Any) -> Answer:
    return 200, {
        "jobs": len(service.jobs),
        "rows_paid": service.rows_paid,
        "seconds_paid": service.seconds_paid,
        "requests": len(service.requests),
    }


ROUTES: dict[str, Route] = {
    "POST /identity/token": _token,
    "POST /v3/resources/search": _search,
    "GET /loopback-plan": _catalog,
    "GET /loopback/summary": _summary,
    "GET /backends": _backends,
    "GET /backends/([^/]+)/(configuration|properties|status)": _backend,
    "GET /instances/usage": _usage,
    "POST /jobs": _create_job,
    "GET /jobs": _list_jobs,
    "GET /jobs/([^/]+)": _get_job,
    "GET /jobs/([^/]+)/results": _results,
    "GET /jobs/([^/]+)/metrics": _metrics,
    "POST /jobs/([^/]+)/cancel": _cancel,
    "POST /sessions": _create_session,
    "GET /sessions/([^/]+)": _session,
    "PATCH /sessions/([^/]+)": _close_session,
    "DELETE /sessions/([^/]+)/close": _close_session,
}
"""Form of a request, and what answers it."""
