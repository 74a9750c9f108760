"""What was sent is paid once and found again, by the command line, whatever happens."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qml_qdl.cli import main
from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.setting import isolate, use
from tests.hardware.qiskit.service import without_sync

pytestmark = pytest.mark.usefixtures("without_pictures", "fast_disk")
fast_disk = pytest.fixture(without_sync)

Capture = pytest.CaptureFixture[str]
POST = "POST /jobs"
SCALE = 200.0
"""So many times faster than in life time passes where a job is looked for."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    words = ["--data", "iris", "--epochs", "1", "--seeds", "1", "--layers", "1"]
    words += ["--accelerator", "cpu", "--no-twin", "--quiet", "--name", "iris"]
    assert main(["train", *words, "--runs-dir", str(folder)]) == 0
    return folder


@pytest.fixture
def place(
    runs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[LoopbackServer]:
    """IBM's service in small, as the environment's account; nothing was sent yet."""
    for name in ("jobs.sqlite", "evaluations.json"):
        (runs / "iris" / name).unlink(missing_ok=True)
    isolate(monkeypatch, tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(
        "qml_qdl.hardware.jobs.waiting.LISTING", 120.0 / SCALE, raising=False
    )
    with LoopbackServer(["manila", "quito"], seed=7) as server:
        use(monkeypatch, server)
        yield server


def evaluate(runs: Path, *words: str, target: str = "ibm:ibm_manila") -> int:
    asked = ["--target", target, "--shots", "8", "--limit", "9"]
    return main(["evaluate", "iris", "--runs-dir", str(runs), *asked, *words])


def jobs(runs: Path, command: str, *words: str) -> int:
    return main(["jobs", command, "iris", *words, "--runs-dir", str(runs)])


def retire(server: LoopbackServer) -> None:
    """The machine is no longer listed, and nothing tells of it any more."""
    del server.machines["ibm_manila"]


def hide(server: LoopbackServer) -> None:
    """Nothing tells of any machine."""
    server.fault("GET /backends.*", status=404, times=10**6)


GONE: dict[str, Callable[[LoopbackServer], None]] = {
    "retired": retire,
    "no machine is told of": hide,
}


def requests_for_machines(server: LoopbackServer) -> list[str]:
    return [each.path for each in server.requests if "/backends/" in each.path]


@pytest.mark.parametrize("gone", GONE.values(), ids=GONE)
def test_what_was_sent_is_collected_without_its_machine(
    runs: Path,
    place: LoopbackServer,
    capsys: Capture,
    gone: Callable[[LoopbackServer], None],
) -> None:
    assert evaluate(runs, "--batch-size", "5", "--detach") == 0
    gone(place)
    place.requests.clear()
    assert jobs(runs, "show", "1", "2") == 0
    assert capsys.readouterr().out.count("now          done") == 2
    assert jobs(runs, "wait") == 0
    out, err = capsys.readouterr()
    assert "of 9 test rows" in out
    assert err == ""
    assert requests_for_machines(place) == []
    assert (len(place.jobs), place.rows_paid) == (2, 9)


@pytest.mark.parametrize("gone", GONE.values(), ids=GONE)
def test_the_same_evaluation_goes_on_without_its_machine(
    runs: Path,
    place: LoopbackServer,
    capsys: Capture,
    gone: Callable[[LoopbackServer], None],
) -> None:
    assert evaluate(runs, "--batch-size", "5", "--detach") == 0
    capsys.readouterr()
    gone(place)
    assert evaluate(runs, "--batch-size", "5") == 0
    out, err = capsys.readouterr()
    assert "of 9 test rows" in out
    assert err == ""
    assert (len(place.jobs), place.rows_paid) == (2, 9)


def test_nothing_is_sent_that_nobody_could_find_again(
    runs: Path,
    place: LoopbackServer,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An installation without the entry points of clients, as of an earlier version."""
    assert evaluate(runs) == 0
    capsys.readouterr()
    monkeypatch.setattr("qml_qdl.training.remote.has_client", lambda name: False)
    assert evaluate(runs) == 2
    assert "not installed under the name of its service" in capsys.readouterr().err
    assert (len(place.jobs), place.rows_paid) == (1, 9)


def test_a_job_is_cancelled_without_its_machine(
    runs: Path, place: LoopbackServer, capsys: Capture
) -> None:
    place.queue_delay = 60.0
    assert evaluate(runs, "--detach") == 0
    retire(place)
    assert jobs(runs, "cancel", "1") == 0
    assert capsys.readouterr().out.endswith(": cancelled\n")
    assert place.rows_paid == 0


def test_what_is_left_to_send_needs_the_machine_and_says_what_is_kept(
    runs: Path, place: LoopbackServer, capsys: Capture
) -> None:
    words = ("--batch-size", "5")
    place.fault(POST, skip=1, status=400)
    assert evaluate(runs, *words) == 2
    assert (len(place.jobs), place.rows_paid) == (1, 5)
    machine = place.machines.pop("ibm_manila")
    capsys.readouterr()
    assert evaluate(runs, *words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "IBM has no machine 'ibm_manila'" in err
    assert "what was sent before is kept: 1 job of this run, 5 rows" in err
    place.machines["ibm_manila"] = machine
    assert evaluate(runs, *words) == 0
    assert (len(place.jobs), place.rows_paid) == (2, 9)


def test_a_machine_that_never_was_is_told_before_anything_is_sent(
    runs: Path, place: LoopbackServer, capsys: Capture
) -> None:
    assert evaluate(runs, target="ibm:ibm_nowhere") == 2
    err = capsys.readouterr().err
    assert "IBM has no machine 'ibm_nowhere' for this account; there are: " in err
    assert err.count("\n") == 1
    assert jobs(runs, "wait") == 0  # nothing is left to do
    assert capsys.readouterr() == ("", "")


LOST: dict[str, dict[str, Any]] = {
    "reply lost": {"truncate": True},
    "cut": {"handled": True},
    **{f"{status}": {"status": status, "handled": True} for status in (500, 502, 504)},
    "425": {"status": 425, "handled": True},
    "429": {"status": 429, "handled": True},
    "401": {"status": 401, "handled": True},
    "400": {"status": 400, "handled": True},
    "no JSON": {"status": 200, "handled": True, "body": "<html>"},
    "no id": {"status": 200, "handled": True, "body": '{"id": null}'},
}


FAST = {("reply lost", 45), ("reply lost", 90), ("401", 45), ("429", 90), ("502", 0)}


@pytest.mark.parametrize(
    ("lost", "delay"),
    [
        pytest.param(
            LOST[name],
            delay,
            id=f"{name}, listed after {delay} s",
            marks=() if (name, delay) in FAST else pytest.mark.slow,
        )
        for name in LOST
        for delay in (0, 20, 45, 90)
    ],
)
def test_a_job_that_is_listed_late_is_paid_once(
    runs: Path,
    place: LoopbackServer,
    capsys: Capture,
    lost: dict[str, Any],
    delay: float,
) -> None:
    place.listing_delay = delay / SCALE
    place.fault(POST, **lost)
    if evaluate(runs) != 0:  # refused at once: the next run looks for it
        err = capsys.readouterr().err
        assert "no job was made" in err or "save a working API key" in err
        assert evaluate(runs) == 0
    assert "of 9 test rows" in capsys.readouterr().out
    assert (len(place.jobs), place.rows_paid) == (1, 9)
    assert place.count(POST) == 1


@pytest.mark.slow
def test_a_reply_lost_and_listed_after_45_seconds_of_real_time(
    runs: Path, place: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qml_qdl.hardware.jobs.waiting.LISTING", 120.0)
    place.listing_delay = 45.0
    place.fault(POST, truncate=True)
    assert evaluate(runs) == 0
    assert (len(place.jobs), place.rows_paid) == (1, 9)


def test_one_that_is_listed_too_late_is_unclear_and_found_later(
    runs: Path, place: LoopbackServer, capsys: Capture
) -> None:
    place.listing_delay = 1000.0
    place.fault(POST, truncate=True)
    assert evaluate(runs) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "whether a job was made on ibm:ibm_manila is unclear" in err
    assert "--resend" in err
    assert jobs(runs, "list") == 0
    assert "unclear" in capsys.readouterr().out
    assert jobs(runs, "wait") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "evaluation-1: whether job number 1 was made is unclear; to send it" in err
    assert evaluate(runs) == 2
    place.listing_delay = 0.0
    assert jobs(runs, "wait") == 0
    assert "of 9 test rows" in capsys.readouterr().out
    assert (len(place.jobs), place.rows_paid, place.count(POST)) == (1, 9, 1)


@pytest.mark.parametrize("status", [502, 503])
def test_one_that_was_never_made_is_sent_anew_only_if_that_is_said(
    runs: Path, place: LoopbackServer, capsys: Capture, status: int
) -> None:
    place.fault(POST, status=status)
    assert evaluate(runs) == 2
    assert evaluate(runs) == 2
    assert jobs(runs, "wait") == 2
    assert place.count(POST) == 1
    assert jobs(runs, "wait", "--resend") == 0
    assert "of 9 test rows" in capsys.readouterr().out
    assert (len(place.jobs), place.rows_paid, place.count(POST)) == (1, 9, 2)
    assert jobs(runs, "wait", "--resend") == 0  # nothing is left to do
    assert len(place.jobs) == 1


def test_a_refused_evaluation_is_sent_by_nobody_but_itself(
    runs: Path, place: LoopbackServer, capsys: Capture
) -> None:
    place.fault(POST, status=400)
    assert evaluate(runs) == 2
    capsys.readouterr()
    assert jobs(runs, "wait") == 2
    err = capsys.readouterr().err
    assert "evaluation-1: job number 1 was refused (IBM: cannot send the job: " in err
    assert "add --resend" in err
    assert not place.jobs
    assert evaluate(runs) == 0
    assert (len(place.jobs), place.rows_paid) == (1, 9)
    assert jobs(runs, "wait") == 0


def test_a_busy_service_is_sent_it_again(runs: Path, place: LoopbackServer) -> None:
    place.fault(POST, status=429, times=2, headers={"Retry-After": "0"})
    assert evaluate(runs) == 0
    assert (len(place.jobs), place.rows_paid, place.count(POST)) == (1, 9, 3)
    looked = [each for each in place.requests if each.method == "GET"]
    assert [each.path for each in looked].count("/jobs") >= 2


def test_the_machine_of_each_result_is_kept(
    runs: Path, place: LoopbackServer, capsys: Capture
) -> None:
    """ "ibm:least_busy" is another machine after a while, in another process."""
    words = ("--batch-size", "5")
    place.machines["ibm_quito"].queue_length = 5
    place.fault(POST, skip=1, status=400)
    assert evaluate(runs, *words, target="ibm:least_busy") == 2
    place.machines["ibm_quito"].queue_length = 0
    place.machines["ibm_manila"].queue_length = 9
    from qml_qdl.hardware import forget_least_busy

    forget_least_busy()
    capsys.readouterr()
    assert evaluate(runs, *words, target="ibm:least_busy") == 0
    out = capsys.readouterr().out
    assert re.search(r"on ibm_manila \(5 rows\) and ibm_quito \(4 rows\)", out)
    content = json.loads((runs / "iris" / "evaluations.json").read_text())
    (entry,) = content["evaluations"]
    assert entry["machines"] == {"ibm_manila": 5, "ibm_quito": 4}
    assert jobs(runs, "show", "1", "2") == 0
    shown = capsys.readouterr().out
    machines = re.findall(r"^machine +(.*)$", shown, re.MULTILINE)
    assert machines == ["ibm_manila (ibm:least_busy)", "ibm_quito (ibm:least_busy)"]
    assert jobs(runs, "list") == 0
    listed = capsys.readouterr().out
    assert "ibm_manila" in listed
    assert "ibm_quito" in listed
