"""IBM's machines as a service that runs jobs."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, final

from qiskit_ibm_runtime import Batch, RuntimeJobV2, Session
from qiskit_ibm_runtime.exceptions import RuntimeInvalidStateError, RuntimeJobNotFound

from qml_qdl.circuits.errors import (
    AccountError,
    JobError,
    QdlError,
    ServiceError,
    SubmissionRefused,
    SubmissionUnclear,
    TargetError,
)
from qml_qdl.hardware.jobs.client import (
    JobClient,
    JobRequest,
    JobState,
    JobStatus,
    Results,
)
from qml_qdl.hardware.qiskit.ibm import primitives
from qml_qdl.hardware.qiskit.ibm.account import (
    call,
    call_error,
    is_open_plan,
    open_service,
    scrubbed,
)
from qml_qdl.hardware.qiskit.ibm.cost import IBMMachine
from qml_qdl.hardware.qiskit.ibm.machines import find_machine
from qml_qdl.hardware.qiskit.ibm.transport import NOT_TAKEN, RetryPolicy
from qml_qdl.hardware.qiskit.transpilation import TranspilationCache

logger = logging.getLogger(__name__)

STATES = {
    "INITIALIZING": JobState.QUEUED,
    "QUEUED": JobState.QUEUED,
    "RUNNING": JobState.RUNNING,
    "DONE": JobState.DONE,
    "ERROR": JobState.FAILED,
    "CANCELLED": JobState.CANCELLED,
}


@final
class IBMClient(JobClient):
    """One machine of IBM's, reached over an account that Qiskit saved.

    A single job runs in job mode, several in a batch. A session is opened only if it is
    asked for: it is paid by the clock on the wall, and the Open plan has none.

    The machine is looked up when it is first needed. Jobs that were sent are known by
    their ids, and need none: it may be gone.

    Args:
        name: The machine, as "ibm:ibm_torino", or "ibm:least_busy" for the one with the
            shortest queue, chosen once for all clients of the account in this process
            (`forget_least_busy`).
        account: The name of an account that Qiskit saved; None for the one in Qiskit's
            environment variables, or else the default one.
        session: Whether all jobs run in one session, which `close`, or the end of the
            program, ends.
        min_num_qubits: How many qubits "ibm:least_busy" must have.
        retry: How often, and how long, IBM is asked again when it does not answer.
        isa: Makes what transpiles circuits for the machine.

    Raises:
        AccountError: There is no such account, or IBM does not let it in.
        ServiceError: IBM cannot be reached.
        TargetError: There is no session on this plan.
    """

    def __init__(
        self,
        name: str,
        account: str | None = None,
        *,
        session: bool = False,
        min_num_qubits: int | None = None,
        retry: RetryPolicy | None = None,
        isa: Callable[[Any], TranspilationCache] = TranspilationCache,
    ) -> None:
        self._name = name
        self._account = account
        self._service = open_service(account, retry or RetryPolicy())
        self._min_num_qubits = min_num_qubits
        self._finding = threading.Lock()
        self._backend: Any = None
        self._make_isa = isa
        self._machine: IBMMachine | None = None
        self._jobs: dict[str, RuntimeJobV2] = {}
        self._batches: dict[str, Session] = {}
        self._in_session = session
        self._session: str | None = None
        if session and self._call("ask for the plan", self._has_open_plan):
            raise TargetError(
                "session: IBM's Open plan runs no sessions; leave session=True out: "
                "one job then runs by itself and several as a batch"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the session, if there is one; its jobs run on."""
        if self._session is not None:
            identity, self._session = self._session, None
            atexit.unregister(self.close)
            self._close_group(identity)

    @property
    def name(self) -> str:
        """The machine as the user named it."""
        return self._name

    @property
    def account(self) -> str | None:
        """The name of the account."""
        return self._account

    @property
    def machine(self) -> IBMMachine:
        """What transpiles for the machine, and tells what jobs cost on it.

        Raises:
            AccountError: IBM does not let us in.
            ServiceError: IBM does not answer.
            TargetError: There is no such machine.
        """
        if self._machine is None:
            self._machine = IBMMachine(self._make_isa(self.backend))
        return self._machine

    def terms(self, observable: Any) -> list[tuple[str, float, float]]:
        """An observable's Pauli words; see `JobClient.terms`."""
        return primitives.terms(observable)

    @property
    def backend(self) -> Any:
        """IBM's object of the machine.

        Raises:
            AccountError: IBM does not let us in.
            ServiceError: IBM does not answer.
            TargetError: There is no such machine.
        """
        with self._finding:
            if self._backend is None:
                self._backend = find_machine(
                    self._service, self._account, self._name, self._min_num_qubits
                )
            return self._backend

    def submit(
        self,
        request: JobRequest,
        tag: str,
        batch: str | None = None,
        sending: Callable[[], None] = lambda: None,
    ) -> str:
        """Makes a job, posted once; see `JobClient.submit`."""
        mode = self._mode(batch)
        self._service.check()
        wire = self._service.adapter.begin_call()
        wire.before_post = sending
        ours = False
        try:
            return primitives.run(request, tag, mode)
        except QdlError as error:
            ours, said = True, error
        except Exception as error:  # Only the wire knows whether a job was made.
            said = call_error(self._service, self._account, "send the job", error)
        if wire.refusal is not None:
            raise wire.refusal
        if ours and wire.wrong is None and not wire.posted:
            raise said
        failure = wire.failure
        logger.debug("no job id for tag %s: %s", tag, type(said).__name__)
        unclear = wire.posted and (failure is None or failure.transient)
        if isinstance(said, AccountError) and not wire.accepted:
            raise said
        if unclear or wire.accepted:
            raise SubmissionUnclear(f"{said}; whether the job was made is not known")
        wait = None
        if failure is not None and failure.status in NOT_TAKEN:
            wait = failure.retry_after or 0.0
        raise SubmissionRefused(f"{said}; no job was made", wait)

    def find(self, tag: str) -> str | None:
        """Looks for a job by its tag; see `JobClient.find`."""
        found: str | None = self._call(
            "look for a job by its tag", lambda: self._service.find_job(tag)
        )
        return found

    def status(self, job_id: str) -> JobStatus:
        """Asks how a job is; see `JobClient.status`."""
        job = self._job(job_id)
        what = f"ask for job {job_id}"
        word = self._call(what, job.status)
        state = STATES.get(word)
        if state is None:
            raise ServiceError(f"IBM: job {job_id} is in an unknown state, {word!r}")
        machine = self._service.machines.get(job_id)
        if state is JobState.RUNNING:
            return JobStatus(state, machine=machine)
        metrics = self._call(what, job.metrics)
        if state is JobState.QUEUED:
            return JobStatus(
                state,
                position=metrics.get("position_in_queue"),
                seconds_left=_seconds_until(metrics.get("estimated_completion_time")),
                machine=machine,
            )
        reason = None if state is JobState.DONE else self._reason(job)
        seconds = _seconds_used(metrics)
        return JobStatus(state, reason=reason, seconds=seconds, machine=machine)

    def results(self, job_id: str, request: JobRequest) -> Results:
        """Fetches the results of a job that is done; see `JobClient.results`."""
        job = self._job(job_id)
        what = f"fetch the results of job {job_id}"
        word = self._call(what, job.status)
        if STATES.get(word) is not JobState.DONE:
            reason = self._reason(job)
            because = f": {reason}" if reason else ""
            raise JobError(f"job {job_id}: it has no results, it is {word}{because}")
        result = self._call(what, job.result)
        if result is None:
            raise JobError(f"job {job_id}: IBM keeps no results of it any more")
        return primitives.decode(result, request, job_id)

    def cancel(self, job_id: str) -> None:
        """Cancels a job; see `JobClient.cancel`."""
        job = self._job(job_id)

        def cancel() -> None:
            try:
                job.cancel()
            except RuntimeInvalidStateError:
                # It has ended already.
                logger.debug("job %s has ended and is not cancelled", job_id)

        self._call(f"cancel job {job_id}", cancel)
        # IBM's object would remember "cancelled" even of a job that ended otherwise.
        self._jobs.pop(job_id, None)

    def remaining_seconds(self) -> float | None:
        """QPU seconds left to the account; see `JobClient.remaining_seconds`."""
        usage = self._call("ask for the usage", self._service.usage)
        left = usage.get("usage_remaining_seconds")
        return None if left is None else float(left)

    def open_batch(self) -> str | None:
        """Begins a batch, or joins the session; see `JobClient.open_batch`."""
        if self._in_session:
            return self._session_id()
        return self._open_group(Batch, "open a batch")

    def close_batch(self, batch: str) -> None:
        """Takes no more jobs into a batch; see `JobClient.close_batch`."""
        if batch != self._session:
            self._close_group(batch)

    def _mode(self, batch: str | None) -> Any:
        """The backend, or the group in which a job runs."""
        group = self._session_id() if self._in_session else batch
        if group is None:
            return self.backend
        if group not in self._batches:
            self._batches[group] = self._call(
                "go on with a batch", lambda: Batch.from_id(group, self._service)
            )
        return self._batches[group]

    def _session_id(self) -> str:
        if self._session is None:
            self._session = self._open_group(Session, "open a session")
            # A session that nobody ends is paid until IBM ends it.
            atexit.register(self.close)
        return self._session

    def _open_group(self, group_class: type[Session], what: str) -> str:
        backend = self.backend
        group = self._call(what, lambda: group_class(backend=backend))
        identity = str(group.session_id)
        self._batches[identity] = group
        return identity

    def _close_group(self, identity: str) -> None:
        group = self._batches.pop(identity, None)
        if group is None:
            group = self._call(
                "find a batch", lambda: Batch.from_id(identity, self._service)
            )
        self._call("close a batch", group.close)

    def _job(self, job_id: str) -> RuntimeJobV2:
        """IBM's object of a job, whatever process submitted it."""
        if job_id not in self._jobs:

            def fetch() -> RuntimeJobV2 | None:
                try:
                    return self._service.job(job_id)
                except RuntimeJobNotFound:
                    return None

            job = self._call(f"ask for job {job_id}", fetch)
            if job is None:
                raise JobError(
                    f"job {job_id}: IBM knows no such job of this account; was it sent "
                    "with another one?"
                )
            self._jobs[job_id] = job
        return self._jobs[job_id]

    def _reason(self, job: RuntimeJobV2) -> str | None:
        """Why a job did not end well, in IBM's words."""
        said = self._call("ask for the reason", job.error_message)
        # Of a cancelled job IBM's client gives the reason to nobody.
        reason = getattr(job, "_reason", None) or said
        return None if reason is None else scrubbed(str(reason), self._service)

    def _has_open_plan(self) -> bool:
        return is_open_plan(self._service)

    def _call(self, what: str, function: Any) -> Any:
        return call(self._service, self._account, what, function)


def _seconds_until(moment: str | None) -> float | None:
    if moment is None:
        return None
    then = datetime.fromisoformat(moment)
    then = then if then.tzinfo is not None else then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())


def _seconds_used(metrics: dict[str, Any]) -> float | None:
    usage = metrics.get("usage") or {}
    seconds = usage.get("qpu_charge_time_seconds")
    if usage.get("status") == "pending" or seconds is None:
        return None
    return float(seconds)
