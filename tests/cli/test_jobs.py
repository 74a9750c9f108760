from __future__ import annotations

import builtins
import itertools
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qml_qdl.cli import main
from qml_qdl.hardware.jobs.journal import Journal
from tests.hardware.jobs.service import Fate, FolderClient, Killed, mortal, without_sync
from tests.hardware.jobs.tapes import TapeClient, install_tapes
from tests.hardware.qiskit.service import FakeClient, replace_ibm

pytestmark = pytest.mark.usefixtures("without_pictures", "fast_disk")
fast_disk = pytest.fixture(without_sync)

Capture = pytest.CaptureFixture[str]

of_every_vendor = pytest.mark.parametrize(
    "client", [FakeClient, TapeClient], indirect=True
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    words = ["--data", "iris", "--epochs", "1", "--seeds", "1", "--layers", "1"]
    words += ["--accelerator", "cpu", "--no-twin", "--quiet", "--name", "iris"]
    assert main(["train", *words, "--runs-dir", str(folder)]) == 0
    return folder


@pytest.fixture
def client(
    request: pytest.FixtureRequest,
    runs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> FolderClient:
    """The service of all machines: IBM's unless another vendor's is asked for."""
    for name in ("jobs.sqlite", "evaluations.json"):
        (runs / "iris" / name).unlink(missing_ok=True)
    client: FolderClient = getattr(request, "param", FakeClient)(tmp_path / "service")
    if isinstance(client, FakeClient):
        replace_ibm(monkeypatch, client)
    else:
        install_tapes(monkeypatch, client)
    monkeypatch.setenv("MACHINE", client.name)
    monkeypatch.chdir(runs.parent)
    monkeypatch.setenv("QML_QDL_JOURNAL", str(tmp_path / "user.sqlite"))
    monkeypatch.setenv("COLUMNS", "200")
    return client


def evaluate(runs: Path, *words: str) -> int:
    target = ["--target", os.environ["MACHINE"], "--shots", "8", "--limit", "9"]
    return main(["evaluate", "iris", "--runs-dir", str(runs), *target, *words])


def jobs(runs: Path, command: str, *words: str) -> int:
    return main(["jobs", command, "iris", *words, "--runs-dir", str(runs)])


def test_waiting_finishes_a_mitigated_evaluation(
    runs: Path, client: FolderClient, capsys: Capture
) -> None:
    assert evaluate(runs, "--mitigation", "zne", "--detach") == 0
    assert jobs(runs, "wait") == 0
    sent = len(client.jobs())
    assert evaluate(runs, "--mitigation", "zne") == 0
    out = capsys.readouterr().out
    assert "nothing was sent" in out
    assert ", mitigated: zne: " in out
    assert len(client.jobs()) == sent


@of_every_vendor
def test_sent_listed_shown_and_finished(
    runs: Path, client: FolderClient, capsys: Capture
) -> None:
    assert evaluate(runs, "--batch-size", "5", "--detach") == 0
    out, err = capsys.readouterr()
    assert out.startswith("sent 2 jobs: job-1, job-2; to finish the evaluation when")
    assert out.rstrip().endswith(f"qml-qdl jobs wait {runs / 'iris'}")
    assert jobs(runs, "list") == 0
    out, _ = capsys.readouterr()
    assert "evaluation-1, quantum, rows-1, call 0" in out
    assert out.count("sent") == 2
    client.queue = 5
    assert jobs(runs, "show", "job-1", "2") == 0
    out, _ = capsys.readouterr()
    assert "now          queued, 4 in the queue" in out
    assert f"machine      {client.name}" in out
    assert "rows         4 of 8 shots (sample)" in out
    client.queue = 0
    assert jobs(runs, "wait") == 0
    out, err = capsys.readouterr()
    done = f"job-1: done\njob-2: done\nquantum, seed 0, on {client.name}, 8 shots: "
    assert done in out
    assert "of 9 test rows" in out
    assert "the jobs took 5.0 QPU seconds" in out
    assert err == ""
    assert len(client.jobs()) == 2
    (entry,) = json.loads((runs / "iris" / "evaluations.json").read_text())[
        "evaluations"
    ]
    assert entry["target"] == client.name
    assert jobs(runs, "wait") == 0  # nothing is left to do
    assert capsys.readouterr().out == ""
    assert jobs(runs, "list") == 0
    assert capsys.readouterr().out.count("done") == 2


def test_a_finished_evaluation_is_found_and_not_paid_again(
    runs: Path, client: FolderClient, capsys: Capture
) -> None:
    assert evaluate(runs) == 0
    line = capsys.readouterr().out.splitlines()[0]
    for words in ([], ["--detach"], ["--max-qpu-seconds", "1"]):
        assert evaluate(runs, *words) == 0
        out, err = capsys.readouterr()
        found, same, *_ = out.splitlines()
        assert re.fullmatch(
            r"found the evaluation of 2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d on "
            f"{client.name}; nothing was sent, --again makes a new one",
            found,
        )
        assert same == line
        assert err == ""
    assert len(client.jobs()) == 1
    assert evaluate(runs, "--again") == 0
    assert "found" not in capsys.readouterr().out
    assert len(client.jobs()) == 2
    assert evaluate(runs, "--again", "--detach") == 0
    assert "sent 1 job: job-3" in capsys.readouterr().out
    assert jobs(runs, "wait") == 0
    assert "found" not in capsys.readouterr().out
    assert evaluate(runs) == 0
    assert len(client.jobs()) == 3


def killed_at(
    runs: Path, client: FolderClient, number: int, command: Callable[[], int]
) -> bool:
    """Stops a command at the n-th thing it does to journal, service, files or terminal.

    Returns:
        Whether it got so far.
    """
    fate = client.fate = Fate(number)

    def passing(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            fate.point(f"before {name}")
            result = function(*args, **options)
            fate.point(f"after {name}")
            return result

        return call

    with pytest.MonkeyPatch.context() as patch, mortal(fate):
        patch.setattr(os, "replace", passing("replacing a file", os.replace))
        patch.setattr(builtins, "print", passing("printing", print))
        try:
            assert command() == 0
        except Killed:
            return True
        finally:
            client.fate = Fate()
    return False


@pytest.mark.parametrize(
    ("client", "detached", "stride"),
    [
        (FakeClient, False, 6),
        (TapeClient, True, 5),
        *(
            pytest.param(client, detached, 1, marks=pytest.mark.slow)
            for client in (FakeClient, TapeClient)
            for detached in (False, True)
        ),
    ],
    indirect=["client"],
)
def test_killed_at_any_point_it_is_paid_once(
    runs: Path,
    client: FolderClient,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    detached: bool,
    stride: int,
) -> None:
    # Looking for a job that may have been made takes no time here.
    for module in ("submission", "waiting"):
        monkeypatch.setattr(f"qml_qdl.hardware.jobs.{module}.Pace", client.time.pace)

    def command() -> int:
        return jobs(runs, "wait") if detached else evaluate(runs)

    for number in itertools.count(stride - 1, stride):
        for path in (runs / "iris").glob("*.sqlite"):
            path.unlink()
        (runs / "iris" / "evaluations.json").unlink(missing_ok=True)
        client.folder = client.folder.with_name(f"service{number}")
        if detached:
            assert evaluate(runs, "--detach") == 0
        killed = killed_at(runs, client, number, command)
        client.time.now += 100.0
        with mortal(client.fate):
            if command() != 0:
                # Killed in the moment before it was sent, of which nobody can know.
                assert "is unclear" in capsys.readouterr().err
                assert not client.jobs()
                assert jobs(runs, "wait", "--resend") == 0
            assert evaluate(runs) == 0
        assert capsys.readouterr().out.count(" of 9 test rows") >= 1
        assert len(client.jobs()) == 1
        path = runs / "iris" / "evaluations.json"
        assert len(json.loads(path.read_text())["evaluations"]) == 1
        assert not list((runs / "iris").rglob(".*.*"))
        if not killed:
            break
    assert number > (8 if detached else 12)


@of_every_vendor
def test_a_cancelled_job_is_sent_anew_if_that_is_asked_for(
    runs: Path, client: FolderClient, capsys: Capture
) -> None:
    assert evaluate(runs, "--detach") == 0
    client.queue = 9
    assert jobs(runs, "cancel", "1") == 0
    assert capsys.readouterr().out.endswith("job-1: cancelled\n")
    assert jobs(runs, "cancel", "1") == 2
    assert "this one is cancelled" in capsys.readouterr().err
    assert jobs(runs, "show", "1") == 0
    assert "reason       cancelled by user" in capsys.readouterr().out
    client.queue = 0
    assert jobs(runs, "wait") == 2
    err = capsys.readouterr().err
    assert "evaluation-1: job job-1 is cancelled; to send it anew" in err
    assert len(client.jobs()) == 1
    assert jobs(runs, "wait", "--resend") == 0
    assert len(client.jobs()) == 2
    assert jobs(runs, "wait") == 0  # nothing is left to do


def test_an_evaluation_that_was_refused_is_not_waited_for(
    runs: Path, client: FolderClient, capsys: Capture
) -> None:
    words = ["--target", client.name, "--limit", "9", "--runs-dir", str(runs)]
    assert main(["evaluate", "iris", *words]) == 2  # without shots
    assert "shots" in capsys.readouterr().err
    assert jobs(runs, "wait") == 2
    assert "nothing was sent from here" in capsys.readouterr().err


@of_every_vendor
def test_a_job_whose_reply_was_lost_is_found_and_cancelled(
    runs: Path, client: FolderClient, capsys: Capture
) -> None:
    client.fate = Fate(name="after POST")
    with pytest.raises(Killed):
        evaluate(runs)
    client.fate = Fate()
    client.queue = 9
    (job,) = Journal(runs / "iris" / "jobs.sqlite").jobs()
    assert (job.state, job.job_id) == ("sending", None)
    client.lag = 1.0  # not listed yet
    assert jobs(runs, "cancel", "1") == 2
    assert "this one is sending" in capsys.readouterr().err
    client.lag = 0.0
    assert jobs(runs, "show", "1") == 0
    out = capsys.readouterr().out
    assert "job-1 (number 1)" in out
    assert "now          queued" in out
    assert jobs(runs, "cancel", "job-1") == 0
    assert capsys.readouterr().out == "job-1: cancelled\n"
    assert len(client.jobs()) == 1


@of_every_vendor
def test_a_failed_job_ends_with_2_and_one_line(
    runs: Path, client: FolderClient, capsys: Capture
) -> None:
    client.end = "failed"
    assert evaluate(runs) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"qml-qdl evaluate: job job-1 on {client.name} failed: code ")


def test_a_budget_names_what_would_pass(
    runs: Path, client: FolderClient, capsys: Capture
) -> None:
    assert evaluate(runs, "--max-qpu-seconds", "2.02") == 2
    err = capsys.readouterr().err
    assert "--limit 7 would pass" in err
    assert "--max-qpu-seconds 3" in err
    assert evaluate(runs, "--max-qpu-seconds", "2.02", "--limit", "7") == 0
    assert evaluate(runs, "--max-qpu-seconds", "3") == 0
    assert len(client.jobs()) == 2


def test_a_refused_evaluation_leaves_nothing_to_finish(
    runs: Path, client: FolderClient, capsys: Capture
) -> None:
    assert evaluate(runs, "--max-qpu-seconds", "1") == 2
    assert evaluate(runs, "--detach") == 0
    capsys.readouterr()
    assert jobs(runs, "wait") == 0
    out, err = capsys.readouterr()
    assert out.count("of 9 test rows") == 1
    assert err == ""


def test_ctrl_c_tells_that_the_job_runs_on(
    runs: Path, client: FolderClient, capsys: Capture
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    client.on_status = interrupt
    assert evaluate(runs) == 130
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"interrupted; on {client.name} job-1 runs on, and the same run" in err
    client.on_status = None
    assert evaluate(runs) == 0
    assert len(client.jobs()) == 1


def test_the_account_reaches_the_service(runs: Path, client: FolderClient) -> None:
    assert evaluate(runs, "--account", "work") == 0
    assert client.account == "work"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["list", "no"], "run: expected the folder of a run, got 'no'"),
        (["list"], "expected a journal of jobs, got"),
        (["show", "runs/iris", "1"], "which is not there; nothing was sent"),
        (["show", "iris"], "Missing argument 'JOB...'"),
        (["fly"], "No such command 'fly'"),
    ],
)
def test_bad_arguments_end_with_2_and_one_line(
    words: list[str],
    message: str,
    runs: Path,
    client: FolderClient,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "runs/iris" in words:
        words = [word.replace("runs/iris", str(runs / "iris")) for word in words]
    assert main(["jobs", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("qml-qdl jobs: ")
    assert message in err


def test_a_job_that_is_not_there(
    runs: Path, client: FolderClient, capsys: Capture
) -> None:
    assert evaluate(runs) == 0
    assert jobs(runs, "show", "job-7") == 2
    assert "expected the number or id of a job in" in capsys.readouterr().err


def test_the_users_own_journal(
    client: FolderClient, capsys: Capture, tmp_path: Path
) -> None:
    path = tmp_path / "user.sqlite"
    Journal(path)
    assert main(["jobs", "list"]) == 0
    assert main(["jobs", "list", str(path)]) == 0
    assert capsys.readouterr().out.count("user.sqlite") == 2


def test_a_damaged_journal_is_told_in_one_line(
    runs: Path, client: FolderClient, capsys: Capture
) -> None:
    (runs / "iris" / "jobs.sqlite").write_bytes(b"damaged")
    assert jobs(runs, "list") == 2
    assert evaluate(runs) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 2
    assert err.count("which is damaged or something else; restore it") == 2
    assert not client.jobs()
    assert (runs / "iris" / "jobs.sqlite").read_bytes() == b"damaged"


def test_only_machines_can_be_detached_from(
    runs: Path, client: FolderClient, capsys: Capture
) -> None:
    assert evaluate(runs, "--target", "aer", "--detach") == 2
    assert "detach: only jobs of a machine" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["aer", "aer:fake_manila"])
def test_local_targets_have_no_journal(
    runs: Path, client: FolderClient, capsys: Capture, target: str
) -> None:
    assert evaluate(runs, "--target", target) == 0
    assert f"on {target}, 8 shots" in capsys.readouterr().out
    assert not (runs / "iris" / "jobs.sqlite").exists()


@pytest.mark.parametrize("command", ["list", "show", "cancel", "wait"])
def test_help(command: str, capsys: Capture) -> None:
    assert main(["jobs", command, "--help"]) == 0
    assert f"Example: qml-qdl jobs {command}" in capsys.readouterr().out
