"""Signals end a command after a checkpoint, in one line that says how to go on."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.core import TyperGroup

from qml_qdl import training
from qml_qdl.cli import main
from qml_qdl.data import load, split
from qml_qdl.training import Classification
from tests.hardware.qiskit.service import FakeClient, replace_ibm

QUICK = [
    "train", "--data", "iris", "--epochs", "2", "--batch-size", "16", "--seeds", "1",
    "--accelerator", "cpu", "--layers", "1", "--no-twin", "--quiet", "--learning-rate",
    "0.05", "--limit", "80",
]  # fmt: skip
GAN = [
    "train", "--model", "patch_gan", "--data", "digits", "--label", "0", "--layers",
    "1", "--epochs", "2", "--batch-size", "64", "--seeds", "1", "--accelerator", "cpu",
    "--no-twin", "--quiet", "--name",
]  # fmt: skip
SIGNALS = {
    signal.SIGINT: ("interrupted", 130),
    signal.SIGTERM: ("terminated", 143),
    signal.SIGHUP: ("hung up", 129),
}

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("without_pictures")


@pytest.fixture(autouse=True)
def _heeded() -> Iterator[None]:
    """Handlers as in a terminal: shells start background jobs with some ignored."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    mine = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    after = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        signal.signal(number, handler)
    assert after == mine


@pytest.fixture
def at_step(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has something done in the n-th step of the optimiser, once."""
    step = torch.optim.Adam.step

    def plan(count: int, act: Callable[[], object]) -> None:
        seen = 0

        def counted(self: Any, closure: Any = None) -> Any:
            nonlocal seen
            seen += 1
            if seen == count:
                act()
            return step(self, closure)

        monkeypatch.setattr(torch.optim.Adam, "step", counted)

    return plan


def state(folder: Path) -> dict[str, Any]:
    """All that must not depend on an interruption."""
    last = torch.load(folder / "last.ckpt", weights_only=True)
    best = torch.load(folder / "best.ckpt", weights_only=True)
    result = json.loads((folder / "result.json").read_text())
    return {
        "last": {k: v.tolist() for k, v in last["state_dict"].items()},
        "best": {k: v.tolist() for k, v in best["state_dict"].items()},
        "moments": repr(last["optimizer_states"]),
        "metrics": (folder / "metrics.csv").read_text(),
        "result": {k: v for k, v in result.items() if k not in ("seconds", "seal")},
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert main([*QUICK, "--name", "whole", "--runs-dir", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_a_training_ends_its_step_and_goes_on_exactly(
    number: signal.Signals,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    at_step: Callable[..., None],
) -> None:
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context():
        at_step(2, lambda: signal.raise_signal(number))
        word, code = SIGNALS[number]
        assert main([*QUICK, "--name", "cut"]) == code
    out, err = capsys.readouterr()
    line = f"qml-qdl train: {word}; continue with: qml-qdl train --resume runs/cut\n"
    assert (out, err) == ("", line)
    folder = tmp_path / "runs" / "cut" / "quantum-seed0"
    # Nothing of the step is lost.
    assert torch.load(folder / "last.ckpt", weights_only=True)["global_step"] == 2
    assert not (folder / "best.ckpt").exists()
    assert main([*line.split(": qml-qdl ")[1].split(), "--quiet"]) == 0
    assert state(folder) == state(whole / "whole" / "quantum-seed0")
    assert not list(folder.rglob(".*"))


def test_a_signal_during_the_validation_waits_for_the_epochs_end(
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    validate = Classification.validation_step
    sent: list[int] = []

    def validation_step(self: Any, *given: Any) -> Any:
        if not sent:
            sent.append(1)
            signal.raise_signal(signal.SIGTERM)
        return validate(self, *given)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Classification, "validation_step", validation_step)
    assert main([*QUICK, "--name", "cut"]) == 143
    assert "terminated; continue with: qml-qdl train" in capsys.readouterr().err
    folder = tmp_path / "runs" / "cut" / "quantum-seed0"
    content = torch.load(folder / "last.ckpt", weights_only=True)
    assert content["epoch"] == 0
    assert (folder / "metrics.csv").read_text().count("\n") == 2
    assert main(["train", "--resume", "cut", "--quiet"]) == 0
    assert state(folder) == state(whole / "whole" / "quantum-seed0")


def test_a_second_signal_ends_at_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    at_step: Callable[..., None],
) -> None:
    passed: list[int] = []

    def twice() -> None:
        signal.raise_signal(signal.SIGTERM)
        passed.append(1)
        signal.raise_signal(signal.SIGTERM)
        passed.append(2)

    monkeypatch.chdir(tmp_path)
    at_step(2, twice)
    assert main([*QUICK, "--name", "cut"]) == 143
    assert passed == [1]
    assert "terminated; continue with: qml-qdl train" in capsys.readouterr().err
    assert not (tmp_path / "runs/cut/quantum-seed0/last.ckpt").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_generative_training_too(
    number: signal.Signals,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    at_step: Callable[..., None],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*GAN, "whole"]) == 0
    with monkeypatch.context():
        at_step(3, lambda: signal.raise_signal(number))
        assert main([*GAN, "cut"]) == SIGNALS[number][1]
    folder = tmp_path / "runs" / "cut" / "quantum-seed0"
    assert (folder / "last.ckpt").exists()
    assert main(["train", "--resume", "cut", "--quiet"]) == 0
    assert state(folder) == state(tmp_path / "runs" / "whole" / "quantum-seed0")


def test_signals_that_are_ignored_stay_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_step: Callable[..., None]
) -> None:
    monkeypatch.chdir(tmp_path)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        at_step(2, lambda: signal.raise_signal(signal.SIGHUP))
        assert main([*QUICK, "--name", "whole"]) == 0
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def test_in_a_thread_no_handler_can_be_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    codes: list[int] = []
    words = [*QUICK, "--name", "whole"]
    thread = threading.Thread(target=lambda: codes.append(main(words)))
    thread.start()
    thread.join()
    assert codes == [0]
    assert capsys.readouterr().err == ""


def test_the_handlers_of_a_program_act_after_the_checkpoint(
    tmp_path: Path, at_step: Callable[..., None]
) -> None:
    """A program of one's own, whose handler lets the training go on."""
    last = tmp_path / "last.ckpt"
    seen: list[bool] = []
    signal.signal(signal.SIGTERM, lambda number, frame: seen.append(last.exists()))
    try:
        at_step(2, lambda: signal.raise_signal(signal.SIGTERM))
        options = training.TrainingOptions(epochs=2, batch_size=16, accelerator="cpu")
        result = training.fit(
            torch.nn.Linear(4, 3), split(load("iris")), options, folder=tmp_path
        )
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert seen == [True]
    assert result.epochs == 2


@pytest.mark.parametrize(
    ("words", "function", "number"),
    [
        (["evaluate", "whole", "--limit", "9"], "evaluate", signal.SIGINT),
        (["evaluate", "whole", "--limit", "9"], "evaluate", signal.SIGTERM),
        (["evaluate", "whole", "--limit", "9"], "evaluate", signal.SIGHUP),
        (["sample", "whole", "-n", "4"], "sample", signal.SIGTERM),
        (
            ["estimate", "whole", "--target", "aer:fake_manila"],
            "estimate",
            signal.SIGINT,
        ),
        (["train", "--name", "it's"], "begin", signal.SIGHUP),
    ],
)
def test_other_commands_say_how_to_go_on(
    words: list[str],
    function: str,
    number: signal.Signals,
    whole: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    def killed(*given: object, **options: object) -> None:
        signal.raise_signal(number)

    monkeypatch.setattr(training, function, killed)
    given = [*words, "--runs-dir", str(whole)]
    word, code = SIGNALS[number]
    assert main(given) == code
    again = " ".join(given).replace("it's", "'it'\"'\"'s'")
    assert capsys.readouterr() == (
        "",
        f"qml-qdl {words[0]}: {word}; continue with: qml-qdl {again}\n",
    )


def test_a_signal_while_the_arguments_are_read(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    parse = TyperGroup.parse_args

    def parse_args(self: Any, ctx: Any, args: list[str]) -> Any:
        signal.raise_signal(signal.SIGTERM)
        return parse(self, ctx, args)

    monkeypatch.setattr(TyperGroup, "parse_args", parse_args)
    assert main(["jobs", "list"]) == 143
    line = "qml-qdl jobs: terminated; continue with: qml-qdl jobs list\n"
    assert capsys.readouterr() == ("", line)


def test_waiting_for_jobs_can_be_ended_and_gone_on_with(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    client = FakeClient(tmp_path / "service")
    replace_ibm(monkeypatch, client)
    place = ["--runs-dir", str(whole)]
    words = ["evaluate", "whole", "--target", "ibm:fake", "--shots", "8", *place]
    assert main([*words, "--detach"]) == 0
    capsys.readouterr()
    client.on_status = lambda: signal.raise_signal(signal.SIGTERM)
    for given in (words, ["jobs", "wait", "whole", *place]):
        assert main(given) == 143
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith(f"qml-qdl {given[0]}: terminated; ")
        assert err.endswith(f"continue with: qml-qdl {' '.join(given)}\n")
        assert ("job-1 runs on" in err) == (given is words)
    client.on_status = None
    assert main(["jobs", "wait", "whole", *place]) == 0
    assert "quantum, seed 0, on ibm:fake, 8 shots" in capsys.readouterr().out
    assert len(client.jobs()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "kills"), [("classifier", 12), ("patch_gan", 5), ("rbm", 5)]
)
def test_killed_at_random_moments_it_ends_as_if_it_had_not_been(
    kind: str, kills: int, tmp_path: Path
) -> None:
    script = Path(__file__).with_name("train_and_kill.py")
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            str(script),
            str(tmp_path),
            kind,
            str(kills),
            "0",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    struck = [int(number) for number in re.findall(r"\d+", done.stdout)]
    assert sum(struck) >= kills
    assert min(struck) > 0
