"""Jobs: what is asked of a service, and what it tells of it."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Literal, TypeAlias

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qml_qdl.hardware.tapes.executor import Estimates
from qml_qdl.hardware.tapes.outcomes import Bits

Kind: TypeAlias = Literal["sample", "estimate"]
Results: TypeAlias = list[Bits] | list[Estimates]


@frozen
class Limits:
    """What a service takes in one job; the defaults are IBM's.

    Args:
        executions: Rows times shots, all pubs together.
        instructions: Instructions on any one qubit, all rows together.
    """

    executions: int = 10_000_000
    instructions: int = 26_800_000


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
class JobPub:
    """A circuit in a machine's own gates, with its rows of angles.

    Args:
        circuit: The circuit on the machine's qubits (ISA). Its parameters, sorted as
            `circuit.parameters` sorts them, are the columns of `angles`.
        angles: Numbers of the parameters, (rows, parameters).
        digest: Content of circuit and observables before they were transpiled,
            hexadecimal.
        observables: What is estimated, on the machine's qubits.
    """

    circuit: QuantumCircuit
    angles: NDArray[np.float64]
    digest: str
    observables: tuple[SparsePauliOp, ...] = field(default=())

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.angles)

    def taken(self, start: int, stop: int) -> JobPub:
        """The same circuit with the rows from `start` until before `stop`."""
        return evolve(self, angles=self.angles[start:stop])


@frozen(eq=False)
class JobRequest:
    """What one job shall do.

    Args:
        kind: "sample" draws outcomes, "estimate" estimates observables.
        pubs: Circuits and rows.
        shots: Shots of every row (and basis).
        options: Further options by name, such as `resilience_level`: numbers, words,
            lists and dictionaries of such.
        max_execution_time: QPU seconds after which the service shall stop the job.
    """

    kind: Kind
    pubs: tuple[JobPub, ...]
    shots: int
    options: Mapping[str, Any]
    max_execution_time: int

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return sum(pub.rows for pub in self.pubs)

    def content(self, backend: str) -> str:
        """What tells this request from others, but for its angles.

        How the circuits were transpiled, and how long the job may take, is not part of
        it: calibrations change over night.

        Args:
            backend: The machine as the user named it.

        Returns:
            A hexadecimal SHA-256, the same in every process.
        """
        described = {
            "kind": self.kind,
            "backend": backend,
            "shots": self.shots,
            "options": dict(self.options),
            "pubs": [[pub.digest, pub.rows] for pub in self.pubs],
        }
        text = json.dumps(described, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


class JobClient(ABC):
    """A service that runs jobs, reached over some account.

    Every method either returns or raises an error of this library after its own
    retries; none waits for a job.

    ---- to be implemented: all but the batches, where the service has none ----
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The machine as the user named it, such as "ibm:least_busy"."""

    @property
    @abstractmethod
    def account(self) -> str | None:
        """The name of the account; None for the default one. Never a credential."""

    @property
    @abstractmethod
    def backend(self) -> Any:
        """The machine, a Qiskit `BackendV2`."""

    @property
    def limits(self) -> Limits:
        """What the service takes in one job."""
        return Limits()

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
