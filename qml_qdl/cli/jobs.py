"""`qml-qdl jobs`: what was sent to machines, from any process."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qml_qdl.cli.evaluate import tell
from qml_qdl.cli.options import MaxQpuSecondsOption, RunsDirOption

if TYPE_CHECKING:
    from qml_qdl.hardware.jobs.client import JobClient
    from qml_qdl.hardware.jobs.journal import Journal
    from qml_qdl.hardware.jobs.records import Job
    from qml_qdl.hardware.jobs.waiting import Pace

jobs_app = typer.Typer(
    help="List, show, cancel or wait for jobs that were sent to machines.",
    rich_markup_mode="rich",
)

PlaceOption = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        help="A run, by name or folder, or the file of a journal.",
        show_default="the user's own journal, or QML_QDL_JOURNAL",
    ),
]
RunOrJournalOption = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run, by name or folder, or the file of a journal.",
        show_default=False,
    ),
]
WantedOption = Annotated[
    list[str],
    typer.Argument(metavar="JOB...", help="Jobs, by number or id.", show_default=False),
]
DeadlineOption = Annotated[
    float | None,
    typer.Option(help="Seconds to wait at most.", min=0, show_default="for ever"),
]


def _open(place: str | None, runs_dir: Path) -> Journal:
    from qml_qdl.training import Run

    path = place
    if place is not None and not Path(place).is_file():
        path = str(Run.open(place, runs_dir=runs_dir).journal)
    from qml_qdl.hardware.jobs.journal import Journal

    return Journal(path, create=False)


@jobs_app.command("list", epilog="Example: qml-qdl jobs list my-run")
def list_jobs(
    place: PlaceOption = None, runs_dir: RunsDirOption = Path("runs")
) -> None:
    """List the jobs of a run, as its journal has them."""
    from rich.console import Console
    from rich.table import Table

    journal = _open(place, runs_dir)
    machines = journal.machines()
    print(journal.path)
    table = Table()
    for name in ("number", "rows", "shots", "QPU s"):
        table.add_column(name, justify="right")
    for name in ("state", "id", "machine", "what"):
        table.add_column(name, overflow="fold")
    for job in journal.jobs():
        used = f"~{job.seconds:.0f}" if job.used is None else f"{job.used:.1f}"
        table.add_row(
            str(job.number),
            f"{job.rows:,}",
            f"{job.call.shots:,}",
            used,
            job.state,
            job.job_id or "–",
            _machine(job, machines.get(job.number)),
            str(job.key),
        )
    Console().print(table)


@jobs_app.command("show", epilog="Example: qml-qdl jobs show my-run 3")
def show(
    place: RunOrJournalOption,
    jobs: WantedOption,
    runs_dir: RunsDirOption = Path("runs"),
) -> None:
    """Show jobs, and ask the service how they are now."""
    journal = _open(place, runs_dir)
    machines = journal.machines()
    for job in _chosen(journal, jobs):
        if journal.is_unclear(job):
            job = _looked_up(journal, job)
        machine = machines.get(job.number)
        status = None
        if job.state == "sent":
            status = _client(job).status(str(job.job_id))
            machine = status.machine
        lines = {
            "job": f"{job.job_id or 'no id yet'} (number {job.number})",
            "machine": _machine(job, machine),
            "account": job.call.account or "default",
            "what": str(job.key),
            "state": job.state,
            "rows": f"{job.rows:,} of {job.call.shots:,} shots ({job.call.kind})",
            "QPU seconds": f"about {job.seconds:.1f}"
            if job.used is None
            else f"{job.used:.1f}",
            "attempt": str(job.attempt + 1),
            "tag": job.tag,
            "changed": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(job.changed)),
        }
        if job.reason:
            lines["reason"] = job.reason
        if status is not None:
            place_in_queue = (
                "" if status.position is None else f", {status.position} in the queue"
            )
            lines["now"] = f"{status.state}{place_in_queue}"
        for name, value in lines.items():
            print(f"{name:<12} {value}")


@jobs_app.command("cancel", epilog="Example: qml-qdl jobs cancel my-run 3")
def cancel(
    place: RunOrJournalOption,
    jobs: WantedOption,
    runs_dir: RunsDirOption = Path("runs"),
) -> None:
    """Cancel jobs at the service; the same run would send them anew."""
    from qml_qdl.circuits.errors import JobError

    journal = _open(place, runs_dir)
    for job in _chosen(journal, jobs):
        if journal.is_unclear(job):
            job = _looked_up(journal, job)
        if job.state != "sent":
            raise JobError(
                f"job {job.job_id or job.number}: only a job that was sent and has not "
                f"ended can be cancelled, this one is {job.state}"
            )
        client = _client(job)
        client.cancel(str(job.job_id))
        status = client.status(str(job.job_id))
        if status.state == "cancelled":
            reason = status.reason or "cancelled by qml-qdl jobs cancel"
            journal.ended(job, "cancelled", reason, status.seconds)
        print(f"{job.job_id}: {status.state}")


@jobs_app.command("wait", epilog="Example: qml-qdl jobs wait my-run")
def wait(
    place: RunOrJournalOption,
    deadline: DeadlineOption = None,
    max_qpu_seconds: MaxQpuSecondsOption = None,
    resend: Annotated[
        bool,
        typer.Option(
            "--resend",
            help="Send jobs anew that failed, were cancelled or are unclear, and pay.",
        ),
    ] = False,
    runs_dir: RunsDirOption = Path("runs"),
) -> None:
    """Wait for the jobs of a run, and finish evaluations that were detached.

    What an evaluation reaches is printed and added to evaluations.json, as if it had
    not been detached. An evaluation of which a job failed or was cancelled is left as
    it is, unless --resend is given. So is one of which a job is unclear: it was sent,
    no reply came, and it is not listed under its tag; if it was made after all,
    --resend pays for it twice. Jobs of one's own programs are waited for only: the
    program finds their results, or sends them anew, when it runs again.
    """
    import qml_qdl.training as training
    from qml_qdl.circuits.errors import QdlError
    from qml_qdl.hardware.jobs.waiting import Pace
    from qml_qdl.training.versions import upgraded_words

    journal = _open(place, runs_dir)
    pace = Pace(deadline=deadline)
    clients: dict[Any, JobClient] = {}

    def client_of(job: Job) -> JobClient:
        purse = (job.call.backend, job.call.account)
        if purse not in clients:
            clients[purse] = _client(job)
        return clients[purse]

    lost = {}
    for job in journal.last_attempts():
        reason = _without_results(journal, job, client_of, pace, resend)
        if reason is not None:
            lost[job.key.run] = reason
    if Path(place).is_file():
        for name, reason in lost.items():
            _complain(f"{name}: {reason}")
        if lost:
            raise typer.Exit(2)
        return
    run = training.Run.open(place, runs_dir=runs_dir)
    failed = False
    for number, words in journal.open_tasks().items():
        asked = upgraded_words(json.loads(words)["evaluate"])
        reason = lost.get(f"evaluation-{number}")
        if reason is not None and not resend:
            failed = True
            _complain(
                f"evaluation-{number}: {reason}; to send it anew, and pay for it, add "
                "--resend"
            )
            continue
        try:
            budget = max_qpu_seconds
            tell(training.evaluate(run, **asked, max_qpu_seconds=budget, task=number))
        except QdlError as error:  # the other evaluations are finished all the same
            failed = True
            _complain("; ".join([str(error), *getattr(error, "__notes__", ())]))
    if failed:
        raise typer.Exit(2)


def _without_results(
    journal: Journal,
    job: Job,
    client_of: Callable[[Job], JobClient],
    pace: Pace,
    resend: bool,
) -> str | None:
    """Waits for a job, and says why it will have no results, if so."""
    from qml_qdl.hardware.jobs.waiting import look_up
    from qml_qdl.hardware.jobs.waiting import wait as wait_for

    if journal.is_unclear(job) or job.was_refused:
        seconds = min(pace.left(job.changed), pace.deadline or math.inf)
        found = look_up(client_of(job), job.tag, pace, seconds)
        if found is not None:
            job = journal.sent(job, found)
        elif resend:
            journal.resend(job)
            return None
        elif job.was_refused:
            return f"job number {job.number} was refused ({job.reason})"
        else:
            return f"whether job number {job.number} was made is unclear"
    if job.state == "sent":
        client, job_id = client_of(job), str(job.job_id)
        status = wait_for(client, job_id, pace, job.seconds)
        print(f"{job_id}: {status.state}")
        if status.state in ("failed", "cancelled"):
            reason = status.reason or ""
            job = journal.ended(job, status.state, reason, status.seconds)
    if job.state in ("failed", "cancelled"):
        return f"job {job.job_id} is {job.state}"
    return None


def _complain(message: str) -> None:
    print(f"qml-qdl jobs wait: {' '.join(message.split())}", file=sys.stderr)


def _machine(job: Job, machine: str | None) -> str:
    """The machine as the user named it, and which it was where it is known."""
    asked = job.call.backend
    known = machine is not None and asked.partition(":")[2] != machine
    return f"{machine} ({asked})" if known else asked


def _chosen(journal: Journal, words: list[str]) -> list[Job]:
    from qml_qdl.circuits.errors import ArgumentError

    known = journal.jobs()
    names = {str(job.number): job for job in known}
    names |= {job.job_id: job for job in known if job.job_id is not None}
    for word in words:
        if word not in names:
            raise ArgumentError(
                f"job: expected the number or id of a job in {journal.path}, got "
                f"{word!r}; see qml-qdl jobs list"
            )
    return [names[word] for word in words]


def _looked_up(journal: Journal, job: Job) -> Job:
    """A job that may have been made, if the service lists it."""
    found = _client(job).find(job.tag)
    return job if found is None else journal.sent(job, found)


def _client(job: Job) -> JobClient:
    from qml_qdl.hardware.jobs.client import open_client

    return open_client(job.call.backend, job.call.account)
