"""The loopback server: threads of the standard library, state in memory."""

from __future__ import annotations

import json
import sys
import threading
import uuid
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from attrs import frozen

from tests.hardware.qiskit.loopback.faults import Fault, Faults
from tests.hardware.qiskit.loopback.jobs import Ending, Job
from tests.hardware.qiskit.loopback.machines import Machine, machine_name
from tests.hardware.qiskit.loopback.routes import answer

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/loopback:instance::"
"""The one instance that there is."""
PREFIX = "/experimental/api/v1"
"""Addresses with "experimental" are used by the client as they are."""
TOKEN = "loopback-token-not-a-secret"


@frozen
class Request:
    """One request as it came in, with what became of it."""

    method: str
    path: str
    outcome: str


class LoopbackServer:
    """The service; a context manager that serves while it is open.

    Args:
        machines: Names of IBM's snapshots, as "manila" or "fake_torino".
        noise: Whether results have the snapshot's noise.
        plan: "open" or "paid".
        queue_delay: Seconds that a job waits.
        run_delay: Seconds that a job runs.
        listing_delay: Seconds before a new job is found by its tag.
        allowance: QPU seconds of the instance; None for no limit.
        seed: Seed of all results; None for fresh ones.
        port: Port on 127.0.0.1; 0 takes a free one.

    Example:
        >>> with LoopbackServer(["manila"]) as server:
        ...     environment = server.environment()
    """

    def __init__(
        self,
        machines: Sequence[str] = ("manila",),
        *,
        noise: bool = False,
        plan: str = "open",
        queue_delay: float = 0.0,
        run_delay: float = 0.0,
        listing_delay: float = 0.0,
        allowance: float | None = 600.0,
        seed: int | None = None,
        port: int = 0,
    ) -> None:
        self.machines = {
            machine.name: machine
            for machine in (
                Machine(machine_name(name), noise=noise, seed=seed) for name in machines
            )
        }
        self.plan = plan
        self.queue_delay = queue_delay
        self.run_delay = run_delay
        self.listing_delay = listing_delay
        self.allowance = allowance
        self.jobs: dict[str, Job] = {}
        self.sessions: dict[str, dict[str, Any]] = {}
        self.requests: list[Request] = []
        self.errors: list[Exception] = []
        self.faults = Faults()
        self.closed = threading.Event()
        self.lock = threading.RLock()
        self._endings: list[Ending] = []
        self._http = _Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
        if self.errors:
            raise ExceptionGroup("errors of the loopback server", self.errors)

    def close(self) -> None:
        """Ends the service; requests that stall are cut."""
        self.closed.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """Where it listens, as http://127.0.0.1:PORT."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def environment(self, token: str = TOKEN) -> dict[str, str]:
        """Environment variables with which a plain `QiskitRuntimeService()` reaches it.

        Args:
            token: The API key to show; any is taken.
        """
        return {
            "QISKIT_IBM_TOKEN": token,
            "QISKIT_IBM_INSTANCE": CRN,
            "QISKIT_IBM_URL": self.address + PREFIX,
            "IAM_URL": self.address,
            "GLOBAL_SEARCH_URL": self.address,
            "GLOBAL_CATALOG_URL": self.address,
            "NO_PROXY": "127.0.0.1",
            # Or the client reads its own call stack, with sources, for every request.
            "USAGE_DATA_OPT_OUT": "True",
        }

    def fault(self, request: str, **options: Any) -> None:
        """Adds a fault; see `Fault`."""
        self.faults.add(Fault(request, **options))

    def end_next(self, ending: Ending) -> None:
        """How the next job will end."""
        self._endings.append(ending)

    @property
    def rows_paid(self) -> int:
        """Rows of all jobs that ran."""
        return sum(job.rows for job in self.jobs.values() if job.paid)

    @property
    def seconds_paid(self) -> float:
        """QPU seconds of all jobs that ran."""
        return sum(job.seconds for job in self.jobs.values() if job.paid)

    def count(self, request: str) -> int:
        """How many requests came in of the form "METHOD /path"."""
        return sum(f"{each.method} {each.path}" == request for each in self.requests)

    def create_job(self, body: dict[str, Any]) -> Job:
        """Makes a job of what was posted."""
        job = Job(
            # The order of the ids is the order of the jobs.
            job_id=f"{len(self.jobs):04d}{uuid.uuid4().hex[:12]}",
            machine=self.machines[body["backend"]],
            body=body,
            queue_delay=self.queue_delay,
            run_delay=self.run_delay,
            ending=self._endings.pop(0) if self._endings else None,
        )
        limit = body.get("cost")
        if job.ending is None and limit is not None and job.seconds > limit:
            job.ending = Ending("Cancelled", "Ran too long", 1305)
        self.jobs[job.job_id] = job
        return job


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # The listening queue of the standard library, 5, drops connections under load.
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], service: LoopbackServer) -> None:
        super().__init__(address, _Handler)
        self.service = service

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error here; all else ends the test."""
        error = sys.exception()
        if isinstance(error, Exception) and not isinstance(error, ConnectionError):
            self.service.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body leave in two writes; Nagle would hold the second for 40 ms.
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed; `LoopbackServer.requests` has it all."""

    def _serve(self) -> None:
        service = self.server.service
        url = urlsplit(self.path)
        path = url.path.removeprefix(PREFIX)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if service.closed.is_set():
            # A connection kept open outlives the server's socket.
            self._cut()
            return
        fault = service.faults.next(self.command, path)
        reply: tuple[int, Any] | None = None
        if fault is None or fault.handled or fault.passes or fault.edit:
            reply = answer(service, self.command, path, parse_qs(url.query), raw)
        outcome = str(reply[0]) if reply and fault is None else f"fault: {fault}"
        service.requests.append(Request(self.command, path, outcome))
        if fault is None:
            assert reply is not None
            self._send(reply[0], _text(reply[1]))
            return
        if fault.action is not None:
            fault.action()
        if fault.stall:
            service.closed.wait(fault.stall)
        if fault.edit is not None:
            assert reply is not None
            content = fault.edit(json.loads(_text(reply[1])))
            self._send(reply[0], json.dumps(content))
        elif fault.passes:
            assert reply is not None
            self._send(reply[0], _text(reply[1]))
        elif fault.status is not None:
            error = {"errors": [{"code": fault.status, "message": "fault on demand"}]}
            text = _text(error) if fault.body is None else fault.body
            self._send(fault.status, text, dict(fault.headers), fault.truncate)
        elif fault.truncate:
            reply = reply or answer(
                service, self.command, path, parse_qs(url.query), raw
            )
            self._send(reply[0], _text(reply[1]), cut=True)
        else:
            self._cut()

    def _send(
        self,
        status: int,
        text: str,
        headers: dict[str, str] | None = None,
        cut: bool = False,
    ) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self._cut()

    def _cut(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(2)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content)
