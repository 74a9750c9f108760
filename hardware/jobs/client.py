"""Job clients: the interface of a vendor's service and of its machine."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from importlib.metadata import entry_points
from typing import Any, Literal, TypeAlias, final

from attrs import evolve, field, frozen

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.jobs.cost import Cost, Limits, RowCost, divide
from qml_qdl.hardware.jobs.records import Piece
from qml_qdl.hardware.tapes.executor import Estimates, Pub
from qml_qdl.hardware.tapes.outcomes import Bits

JobKind: TypeAlias = Literal["sample", "estimate"]
Results: TypeAlias = list[Bits] | list[Estimates]

SERVICES = "qml_qdl.job_clients"
"""The entry points by which clients are found: the service's name, and the class."""

_LEAST_SECONDS = 10  # a job takes some seconds even for a single row


class JobState(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@frozen
class JobStatus:
    """What a service tells of a job.

    Args:
        state: Where it is.
        position: Its place in the queue; None where the service does not say.
        reason: Why it failed or was cancelled, in the service's words.
        seconds: QPU seconds it used; None while not known.
        seconds_left: The service's estimate of when it is done; None if there is none.
        machine: The machine it runs on; None where the service does not say.
    """

    state: JobState
    position: int | None = None
    reason: str | None = None
    seconds: float | None = None
    seconds_left: float | None = None
    machine: str | None = None


@frozen(eq=False)
class JobRequest:
    """What one job, or several that belong together, shall do.

    Args:
        kind: "sample" samples outcomes, "estimate" estimates observables.
        pubs: Circuits and rows; in a machine's own gates once it has prepared them.
        shots: Shots of every row (and basis).
        options: Further options by name, such as `resilience_level`: numbers, words,
            lists and dictionaries of such.
        max_execution_time: QPU seconds after which the service shall stop the job; 0
            before a machine has prepared the request.
    """

    kind: JobKind
    pubs: tuple[Pub, ...]
    shots: int
    options: Mapping[str, Any] = field(factory=dict)
    max_execution_time: int = 0

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return sum(pub.rows for pub in self.pubs)

    def part(self, pieces: Sequence[Piece]) -> JobRequest:
        """The part of it that one job does.

        Args:
            pieces: The job's rows.

        Returns:
            A request of these rows, with its share of the time.
        """
        pubs = tuple(
            evolve(self.pubs[pub], angles=self.pubs[pub].angles[start:stop])
            for pub, start, stop in pieces
        )
        part = evolve(self, pubs=pubs)
        share = -(-part.rows * self.max_execution_time // self.rows)
        least = min(_LEAST_SECONDS, self.max_execution_time)
        return evolve(part, max_execution_time=max(share, least))


class Machine(ABC):
    """What a machine makes of requests, and what they take of it.

    ---- to be implemented: `prepare`, `row_costs`, `cost`; the others where the
    machine has such ----
    """

    @property
    def transpilations(self) -> int:
        """How many circuits were brought into the machine's gates so far."""
        return 0

    @property
    def calibrated(self) -> datetime | None:
        """When the machine was calibrated last; None where it is not known."""
        return None

    @abstractmethod
    def prepare(self, request: JobRequest, max_qpu_seconds: float) -> JobRequest:
        """Brings a request into the machine's own gates.

        Args:
            request: What was asked for.
            max_qpu_seconds: QPU seconds after which the service shall stop.

        Returns:
            The same pubs, in order and with all their rows, as the service runs them.

        Raises:
            TargetError: The machine cannot run a circuit.
        """

    def limits(self, request: JobRequest) -> Limits:
        """What one job has room for, beside what the service adds of itself.

        Args:
            request: What `prepare` returned.
        """
        return Limits()

    @abstractmethod
    def row_costs(self, request: JobRequest) -> list[RowCost]:
        """What one row of each pub takes of a job.

        Args:
            request: What `prepare` returned.
        """

    @abstractmethod
    def cost(self, request: JobRequest, jobs: int = 1) -> Cost:
        """What a request costs.

        Args:
            request: What `prepare` returned.
            jobs: In how many jobs.
        """

    @final
    def price(self, request: JobRequest) -> tuple[list[list[Piece]], Cost]:
        """How a request is divided among jobs, and what they cost.

        Args:
            request: What `prepare` returned.

        Returns:
            The rows of each job, and the cost of all of them.

        Raises:
            TargetError: A single row is too large for a job.
        """
        rows = [pub.rows for pub in request.pubs]
        parts = divide(rows, self.row_costs(request), self.limits(request))
        return parts, self.cost(request, len(parts))


class JobClient(ABC):
    """A service that runs jobs, reached over some account.

    Every method either returns or raises an error of this library after its own
    retries; none waits for a job.

    A vendor's class is found by the entry point of its service's name in the group
    "qml_qdl.job_clients", and called with a machine's name and an account's.

    ---- to be implemented: all but `terms` and the batches, where the service has no
    estimator and none ----
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The machine as the user named it, after the service: "ibm:least_busy"."""

    @property
    @abstractmethod
    def account(self) -> str | None:
        """The name of the account; None for the default one. Never a credential."""

    @property
    @abstractmethod
    def machine(self) -> Machine:
        """The machine, looked up when it is first asked for.

        Raises:
            TargetError: The service has no such machine (any more).
        """

    def terms(self, observable: Any) -> Any:
        """What tells an observable from others, as JSON has it.

        Args:
            observable: One of a pub's.

        Returns:
            Lists, numbers and words; the same in every process.

        Raises:
            TargetError: The service has no estimator.
        """
        raise TargetError(
            f"route: {self.name} has no estimator of its own, got an observable for "
            "it; use route='sampler'"
        )

    @final
    def content(self, request: JobRequest) -> str:
        """What tells a request from others, but for its angles.

        How circuits are transpiled, and how long the job may take, is not part of it:
        calibrations change over night.

        Args:
            request: The request, before a machine prepares it.

        Returns:
            A hexadecimal SHA-256, the same in every process.
        """
        pubs = [
            [_sha256([pub.digest, list(map(self.terms, pub.observables))]), pub.rows]
            for pub in request.pubs
        ]
        described = {
            "kind": request.kind,
            "backend": self.name,
            "shots": request.shots,
            "options": dict(request.options),
            "pubs": pubs,
        }
        return _sha256(described, sort_keys=True, separators=(",", ":"))

    @abstractmethod
    def submit(
        self,
        request: JobRequest,
        tag: str,
        batch: str | None = None,
        sending: Callable[[], None] = lambda: None,
    ) -> str:
        """Makes a job.

        Args:
            request: What it shall do.
            tag: The tag under which `find` finds it.
            batch: What `open_batch` returned, for one of several jobs.
            sending: Called when all is prepared, each time before the service may
                begin to make the job; what it raises goes through, and nothing is sent.

        Returns:
            The job's id.

        Raises:
            SubmissionRefused: The service says that no job was made.
            SubmissionUnclear: Perhaps one was made.
            AccountError: The service does not let us in; it made no job.
        """

    @abstractmethod
    def find(self, tag: str) -> str | None:
        """Looks for a job by its tag.

        Args:
            tag: What `submit` was given.

        Returns:
            The job's id, the oldest of several; None if the service lists none.

        Raises:
            ServiceError: The service does not answer.
        """

    @abstractmethod
    def status(self, job_id: str) -> JobStatus:
        """Asks how a job is.

        Args:
            job_id: The job.

        Raises:
            JobError: The service knows no such job.
            ServiceError: The service does not answer.
        """

    @abstractmethod
    def results(self, job_id: str, request: JobRequest) -> Results:
        """Fetches the results of a job that is done.

        Args:
            job_id: The job.
            request: What it was asked to do.

        Returns:
            `Bits` or `Estimates` for each pub.

        Raises:
            JobError: There are none, or they are not what was asked for.
            ServiceError: The service does not answer.
        """

    @abstractmethod
    def cancel(self, job_id: str) -> None:
        """Cancels a job; does nothing to one that has ended.

        Args:
            job_id: The job.

        Raises:
            JobError: The service knows no such job.
            ServiceError: The service does not answer.
        """

    @abstractmethod
    def remaining_seconds(self) -> float | None:
        """QPU seconds left to the account; None where the service does not say."""

    def open_batch(self) -> str | None:
        """Begins a group of jobs that the service runs close together.

        Returns:
            Its id, or None where the service has no such groups.
        """
        return None

    def close_batch(self, batch: str) -> None:  # noqa: B027 - nothing by default
        """Takes no more jobs into a group; those in it run on.

        Args:
            batch: What `open_batch` returned.
        """


def has_client(name: str) -> bool:
    """Whether a name is that of a machine to which jobs are sent.

    Args:
        name: A machine as a user names it, such as "ibm:least_busy".

    Example:
        >>> has_client("ibm:least_busy"), has_client("aer:fake_torino")
        (True, False)
    """
    service, colon, _ = name.partition(":")
    return bool(colon) and service in entry_points(group=SERVICES).names


def open_client(name: str, account: str | None = None) -> JobClient:
    """Reaches the service of a machine, which its name begins with.

    Args:
        name: The machine as the user named it, such as "ibm:least_busy".
        account: The name of the account; None for the default one.

    Returns:
        The service's client.

    Raises:
        TargetError: No client of such a service is installed.
    """
    services = entry_points(group=SERVICES)
    if not has_client(name):
        known = ", ".join(f"'{service}:...'" for service in sorted(services.names))
        raise TargetError(
            f"target: expected the machine of a service whose client is installed, "
            f"{known}, got {name!r}; install the package that it was sent with"
        )
    client: JobClient = services[name.partition(":")[0]].load()(name, account)
    return client


def _sha256(described: Any, **options: Any) -> str:
    return hashlib.sha256(json.dumps(described, **options).encode()).hexdigest()
