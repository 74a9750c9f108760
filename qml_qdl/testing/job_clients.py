"""The contract of clients of a service that runs jobs."""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import pytest
from attrs import evolve

from qml_qdl.circuits.errors import JobError, SubmissionRefused, SubmissionUnclear
from qml_qdl.hardware.jobs.client import (
    JobClient,
    JobRequest,
    JobState,
    Machine,
    Results,
)
from qml_qdl.hardware.jobs.journal import Journal
from qml_qdl.hardware.jobs.records import ExecutionRecord, JobKey, Piece
from qml_qdl.hardware.jobs.submission import Submission, Submitter
from qml_qdl.hardware.jobs.waiting import Pace, look_up, wait
from qml_qdl.testing.contract import Contract

Fault: TypeAlias = Literal["refused", "lost", "cut"]
"""What becomes of a submission.

"refused": the service says that it made no job. "lost": it makes the job, and the reply
does not arrive. "cut": nothing is made, and no reply arrives.
"""


class JobService(ABC):
    """A stand-in for a vendor's service, which counts the jobs it makes.

    It runs on this computer and costs nothing; the client is the real one.

    ---- to be implemented: `client`, `request`, `made`, `fail`; the others where the
    defaults do not fit ----
    """

    secrets: Sequence[str] = ()
    """Credentials that the client is given, and that are to show up nowhere."""

    pace: Pace = Pace(first=0.01, longest=0.05, grace=0.3, deadline=60.0)
    """How the service is asked, and for how long new jobs are looked for."""

    @abstractmethod
    def client(self) -> JobClient:
        """A client as another process would make it."""

    @abstractmethod
    def request(self) -> JobRequest:
        """What a user asks for, before a machine has prepared it.

        Returns:
            A request to "sample" of three rows or more.
        """

    @abstractmethod
    def made(self) -> int:
        """How many jobs the service has made."""

    @abstractmethod
    def fail(self, fault: Fault) -> None:
        """Has the next submission go wrong.

        Args:
            fault: What becomes of it.
        """

    def hold(self) -> None:
        """Keeps all jobs in the queue from now on."""
        pytest.skip(f"{type(self).__name__} cannot hold jobs")


Make: TypeAlias = Callable[[Path], AbstractContextManager[JobService]]


class JobClientContract(Contract):
    """What every `JobClient` promises, and its `Machine`.

    `instances` are functions that take an empty folder and give a context manager of a
    `JobService`: `contextlib.contextmanager` makes such of a generator.
    """

    argument = "make"
    KEY: ClassVar[JobKey] = JobKey("run", "layer", "train-0", 0)

    @pytest.fixture
    def service(self, make: Make, tmp_path: Path) -> Iterator[JobService]:
        """The service of an instance, open for one test."""
        with make(tmp_path / "service") as service:
            yield service

    # ---- The machine. ----

    def test_names(self, service: JobService) -> None:
        """The machine is "service:machine", and an account has a name or is None."""
        client = service.client()
        assert all(client.name.partition(":")), (
            f"name: expected 'service:machine', got {client.name!r}"
        )
        assert client.account is None or isinstance(client.account, str)
        assert isinstance(client.machine, Machine)

    def test_preparing_keeps_pubs_and_rows(self, service: JobService) -> None:
        """In the machine's gates it is the same request, with a limit of time."""
        request = service.request()
        prepared = service.client().machine.prepare(request, 100.0)
        assert prepared.kind == request.kind
        assert prepared.shots == request.shots
        assert [pub.rows for pub in prepared.pubs] == [p.rows for p in request.pubs]
        assert 0 < prepared.max_execution_time <= 100, (
            "max_execution_time: expected a time within max_qpu_seconds=100, got "
            f"{prepared.max_execution_time}; the service stops a job by it"
        )
        assert service.made() == 0, "prepare: it made a job, which has to be paid"

    def test_the_cost_is_told_before_anything_is_sent(
        self, service: JobService
    ) -> None:
        """Every row is in one job, and jobs, rows and seconds are counted."""
        client, request = service.client(), service.request()
        parts, cost = client.machine.price(client.machine.prepare(request, 100.0))
        rows = sorted(
            (pub, row)
            for pieces in parts
            for pub, start, stop in pieces
            for row in range(start, stop)
        )
        every = [(i, r) for i, pub in enumerate(request.pubs) for r in range(pub.rows)]
        assert rows == every, f"price: each row belongs into one job, got {parts}"
        assert cost.jobs == len(parts)
        assert cost.rows >= request.rows
        assert cost.executions >= request.rows * request.shots
        assert cost.seconds > 0
        assert service.made() == 0, "price: it made a job, which has to be paid"

    def test_content_tells_requests_apart(self, service: JobService) -> None:
        """The same in another process and for other angles; not for other shots."""
        client, request = service.client(), service.request()
        content = client.content(request)
        assert service.client().content(service.request()) == content, (
            "content: differs between two clients; a pub's digest and `terms` have to "
            "be the same in every process"
        )
        assert client.content(_moved(request)) == content
        assert client.content(evolve(request, shots=request.shots + 1)) != content

    # ---- One job. ----

    def test_a_job_is_made_found_waited_for_and_fetched(
        self, service: JobService
    ) -> None:
        """Once, under its tag; results are of the request's shape."""
        client, request = service.client(), service.request()
        before: list[int] = []
        job_id = self._submit(service, client, lambda: before.append(service.made()))
        assert before, "submit: `sending` was not called before the job was made"
        assert set(before) == {0}, "submit: `sending` was called after a job was made"
        assert service.made() == 1, f"submit: made {service.made()} jobs"
        other = service.client()
        assert look_up(other, "tag", service.pace, service.pace.grace) == job_id
        assert other.find("another-tag") is None
        status = wait(other, job_id, service.pace, 1.0)
        assert status.state == JobState.DONE, f"status: {status}"
        assert status.seconds is None or status.seconds >= 0
        _check(other.results(job_id, request), request)
        assert service.made() == 1

    def test_what_sending_raises_goes_through(self, service: JobService) -> None:
        """Then nothing is sent: another process has taken the job over."""

        class Overtaken(Exception):  # noqa: N818 - not an error of the client
            pass

        def sending() -> None:
            raise Overtaken

        with pytest.raises(Overtaken):
            self._submit(service, service.client(), sending)
        assert service.made() == 0, "submit: sent although `sending` raised"

    def test_unknown_jobs_are_errors(self, service: JobService) -> None:
        """JobError, whatever is asked."""
        client, request = service.client(), service.request()
        with pytest.raises(JobError):
            client.status("no-such-job")
        with pytest.raises(JobError):
            client.results("no-such-job", request)
        with pytest.raises(JobError):
            client.cancel("no-such-job")

    def test_a_job_that_waits_is_cancelled(self, service: JobService) -> None:
        """And one that has ended stays as it is."""
        client = service.client()
        done = self._submit(service, client)
        assert wait(client, done, service.pace, 1.0).state == JobState.DONE
        client.cancel(done)
        assert client.status(done).state == JobState.DONE, "cancel: changed a done job"
        service.hold()
        held = self._submit(service, client, tag="held")
        client.cancel(held)
        assert client.status(held).state == JobState.CANCELLED

    # ---- Submissions through a journal. ----

    def test_run_again_nothing_is_sent_again(
        self, service: JobService, tmp_path: Path
    ) -> None:
        """Another process finds the results."""
        first = self._run(service, tmp_path)
        _check(first, service.request())
        again = self._run(service, tmp_path)
        assert all(map(np.array_equal, first, again))
        assert service.made() == 1, f"one call made {service.made()} jobs"

    def test_several_jobs_come_back_in_order(
        self, service: JobService, tmp_path: Path
    ) -> None:
        """Divided among two jobs, rows are where they were."""
        request = service.request()
        pieces = [(i, 0, pub.rows) for i, pub in enumerate(request.pubs)]
        last, _, rows = pieces.pop()
        parts = [[*pieces, (last, 0, rows - 1)], [(last, rows - 1, rows)]]
        _check(self._run(service, tmp_path, parts), request)
        assert service.made() == 2

    @pytest.mark.parametrize(
        ("fault", "error", "made"),
        [
            ("refused", SubmissionRefused, 0),
            ("lost", SubmissionUnclear, 1),
            ("cut", SubmissionUnclear, 0),
        ],
    )
    def test_a_fault_says_whether_a_job_was_made(
        self, service: JobService, fault: Fault, error: type[Exception], made: int
    ) -> None:
        """The client sends once, and claims to know only what it knows."""
        service.fail(fault)
        with pytest.raises(error):
            self._submit(service, service.client())
        assert service.made() == made, f"submit: made {service.made()} jobs"

    def test_a_lost_reply_is_found_by_its_tag(
        self, service: JobService, tmp_path: Path
    ) -> None:
        """The job that was made is the one whose results come."""
        service.fail("lost")
        _check(self._run(service, tmp_path), service.request())
        assert service.made() == 1, f"one call made {service.made()} jobs"

    def test_a_refused_job_is_sent_by_the_next_run(
        self, service: JobService, tmp_path: Path
    ) -> None:
        """Once."""
        service.fail("refused")
        with pytest.raises(SubmissionRefused):
            self._run(service, tmp_path)
        _check(self._run(service, tmp_path), service.request())
        assert service.made() == 1, f"one call made {service.made()} jobs"

    def test_what_is_unclear_is_never_sent_again_by_itself(
        self, service: JobService, tmp_path: Path
    ) -> None:
        """However often the execution runs."""
        service.fail("cut")
        for _ in range(2):
            with pytest.raises(SubmissionUnclear):
                self._run(service, tmp_path)
        assert service.made() == 0

    def test_no_credential_is_kept(self, service: JobService, tmp_path: Path) -> None:
        """Not in reprs, messages, or files."""
        client = service.client()
        texts = {
            "repr of the client": repr(client),
            "repr of the machine": repr(client.machine),
            "content": client.content(service.request()),
        }
        service.fail("refused")
        with pytest.raises(SubmissionRefused) as caught:
            self._run(service, tmp_path)
        texts["error"] = "".join(traceback.format_exception(caught.value))
        self._run(service, tmp_path)
        for path in tmp_path.glob("journal*"):
            texts[path.name] = path.read_bytes().decode(errors="replace")
        assert texts.keys() > {"journal.sqlite"}
        for secret in service.secrets:
            shown = [where for where, text in texts.items() if secret in text]
            assert not shown, f"a credential shows up in: {', '.join(shown)}"

    # ---- What they need. ----

    def _submit(
        self,
        service: JobService,
        client: JobClient,
        sending: Callable[[], None] = lambda: None,
        tag: str = "tag",
    ) -> str:
        prepared = client.machine.prepare(service.request(), 100.0)
        return client.submit(prepared, tag, None, sending)

    def _run(
        self,
        service: JobService,
        folder: Path,
        parts: Sequence[Sequence[Piece]] | None = None,
    ) -> list[Any]:
        """As a process of its own does it."""
        client, request = service.client(), service.request()
        prepared = client.machine.prepare(request, 100.0)
        priced, cost = client.machine.price(prepared)
        call = ExecutionRecord(
            content=client.content(request),
            kind=request.kind,
            backend=client.name,
            account=client.account,
            rows=request.rows,
            shots=request.shots,
            seconds=cost.seconds,
        )
        submission = Submission(
            self.KEY,
            call,
            request,
            priced if parts is None else parts,
            lambda: prepared,
        )
        journal = Journal(folder / "journal.sqlite")
        return Submitter(client, journal, service.pace).run(submission)


def _moved(request: JobRequest) -> JobRequest:
    pubs = tuple(evolve(pub, angles=pub.angles + 0.5) for pub in request.pubs)
    return evolve(request, pubs=pubs)


def _check(results: Results | list[Any], request: JobRequest) -> None:
    """Bits of every row and shot, for each pub."""
    assert len(results) == len(request.pubs)
    for bits, pub in zip(results, request.pubs, strict=True):
        assert isinstance(bits, np.ndarray)
        assert bits.shape[:2] == (pub.rows, request.shots), (
            f"results: expected (rows, shots, bits) = ({pub.rows}, {request.shots}, "
            f"…), got {bits.shape}"
        )
        assert bits.dtype == np.uint8
        assert bits.max() <= 1
