"""The program `qml-qdl`: what it is called with, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from qml_qdl import training
from qml_qdl.cli import main
from qml_qdl.cli.app import _EXAMPLES
from qml_qdl.data import load
from qml_qdl.training import DataOptions, Run, RunOptions


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with a run that was not trained yet."""
    asked = RunOptions(data=DataOptions(source="iris"))
    Run.create(asked, load("iris"), runs_dir=tmp_path, name="iris")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "qml-qdl: Missing command", id="nothing"),
        pytest.param(["fly"], "qml-qdl: No such command 'fly'", id="command"),
        pytest.param(
            ["train", "--no"], "qml-qdl train: No such option: --no", id="option"
        ),
        pytest.param(
            ["train", "--epochs", "x"],
            "qml-qdl train: Invalid value for '--epochs'",
            id="word",
        ),
        pytest.param(["train", "--epochs", "0"], "'--epochs'", id="range"),
        pytest.param(
            ["train", "--learning-rate", "-1"],
            "learning_rate: expected a number above 0",
            id="rate",
        ),
        pytest.param(
            ["train", "--optimizer", "rms"], "did you mean 'RMSprop'?", id="choice"
        ),
        pytest.param(
            ["train", "--data", "no"],
            "source: expected one of the data sets digits",
            id="data",
        ),
        pytest.param(
            ["train", "--data", "digit"], "did you mean 'digits'?", id="near-data"
        ),
        pytest.param(
            ["train", "--data", "no.csv"], "no.csv: expected a file", id="file"
        ),
        pytest.param(
            ["train", "--model", "rbm", "--label", "0", "--limit", "1"],
            "4 rows or more in each part, got 1 to train, ",
            id="few-rows",
        ),
        pytest.param(["train", "--target", "no.such"], "no.such", id="target"),
        pytest.param(
            ["train", "--model", "dressed"], "'dressed' reads tables", id="model"
        ),
        pytest.param(
            ["train", "--test-fraction", "2"],
            "test_fraction: expected a number",
            id="fraction",
        ),
        pytest.param(
            ["train", "--name", "a/b"], "name: expected a plain folder name", id="name"
        ),
        pytest.param(
            ["train", "--resume", "no"],
            "expected the folder of a run, got 'no'",
            id="resume",
        ),
        pytest.param(
            ["train", "--resume", "no", "--epochs", "20"],
            "--epochs cannot change in a run",
            id="resume-more",
        ),
        pytest.param(
            ["train", "extra"],
            "qml-qdl train: Got unexpected extra argument",
            id="extra",
        ),
        pytest.param(
            ["evaluate"], "qml-qdl evaluate: Missing argument 'RUN'", id="no-run"
        ),
        pytest.param(
            ["evaluate", "no"],
            "qml-qdl evaluate: run: expected the folder",
            id="no-such-run",
        ),
        pytest.param(["evaluate", "no", "--shots", "-1"], "'--shots'", id="shots"),
    ],
)
def test_bad_arguments_end_with_2_and_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert err.startswith("qml-qdl")
    assert message in err
    assert not list(tmp_path.iterdir())


HELPS = [[name, "--help"] for name in _EXAMPLES]
HELPS += [["jobs", name, "--help"] for name in ("list", "show", "cancel", "wait")]
QUICK = [["--version"], *HELPS, ["--help"], ["fly"], ["train", "--fly"]]


WRONG = [
    ["evaluate", "none"],
    ["predict", "none", "rows.csv"],
    ["sample", "none"],
    ["estimate", "none", "--target", "ibm:ibm_torino"],
    ["train", "--model", "none"],
    ["train", "--data", "none.csv"],
    ["train", "--config", "none.yaml"],
    ["train", "--resume", "none"],
    ["train", "--epochs", "0"],
    ["jobs", "list", "none"],
    ["kernels", "none"],
    ["quench", "none"],
    ["quench", "--from", "none"],
    ["quench", "--resume", "none"],
    ["tomography", "none.npz"],
    ["vqe", "none"],
    ["vqe", "none.xyz"],
]
"""What is refused before any circuit could be wanted."""


def test_what_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    code = f"""
import sys
from qml_qdl.cli import main
for words in {WRONG}:
    assert main(words) == 2, words
    for heavy in ("torch", "pennylane", "lightning", "sklearn"):
        assert heavy not in sys.modules, (words, heavy)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == len(WRONG)


def test_help_loads_nothing_heavy() -> None:
    # All in one process, the whole program's help last: it loads every command.
    code = f"""
import sys
from qml_qdl.cli import main
codes = [main(words) for words in {QUICK[:-3]}]
for heavy in ("torch", "pennylane", "lightning", "sklearn", "matplotlib", "scipy",
              "pandas", "qiskit", "pydantic", "qml_qdl.circuits.circuit",
              "qml_qdl.hardware"):
    assert heavy not in sys.modules, heavy
codes += [main(words) for words in {QUICK[-3:]}]
for heavy in ("torch", "pennylane", "lightning", "sklearn", "matplotlib"):
    assert heavy not in sys.modules, heavy
print(codes)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str([0] * (len(QUICK) - 2) + [2, 2])
    assert "evaluate" in done.stdout
    assert "qml-qdl 0." in done.stdout
    for example in filter(None, _EXAMPLES.values()):
        assert example.split()[1] in done.stdout


@pytest.mark.parametrize(
    ("arguments", "function"),
    [
        (["train"], "begin"),
        (["evaluate", "iris"], "evaluate"),
        (["sample", "iris"], "sample"),
        (["estimate", "iris", "--target", "aer:fake_manila"], "estimate"),
    ],
)
def test_ctrl_c_and_what_runs_on_are_told_in_one_line(
    arguments: list[str],
    function: str,
    runs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*args: object, **kwargs: object) -> None:
        error = KeyboardInterrupt()
        error.add_note("job-1 runs on")
        raise error

    monkeypatch.setattr(training, function, interrupted)
    assert main([*arguments, "--runs-dir", str(runs)]) == 130
    line = f"qml-qdl {arguments[0]}: interrupted; job-1 runs on\n"
    assert capsys.readouterr() == ("", line)


def test_a_bug_is_not_dressed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(training, "begin", broken)
    with pytest.raises(ZeroDivisionError):
        main(["train"])


def installed(*words: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("qml-qdl")
    return subprocess.run(
        [program, *words], capture_output=True, text=True, check=False
    )


def test_the_installed_program_runs() -> None:
    done = installed("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("qml-qdl 0.")
    done = installed("fly")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("qml-qdl: No such command 'fly'")


@pytest.mark.slow
def test_the_installed_program_trains(tmp_path: Path) -> None:
    words = ["--data", "iris", "--epochs", "2", "--seeds", "1", "--accelerator", "cpu"]
    words += ["--quiet", "--no-twin", "--runs-dir", str(tmp_path), "--name", "p"]
    done = installed("train", *words)
    assert (done.returncode, done.stderr) == (0, "")
    lines = json.loads((tmp_path / "p" / "report.json").read_text())["lines"]
    assert lines[0]["name"] == "quantum"


@pytest.mark.parametrize("word", ["a\0b", "a\udc80b"])
@pytest.mark.parametrize(
    "given",
    [
        ["train", "--name"],
        ["train", "--runs-dir"],
        ["train", "--data"],
        ["train", "--config"],
        ["evaluate"],
        ["sample", "run", "--out"],
        ["jobs", "list", "--journal"],
    ],
)
def test_words_that_no_terminal_types_are_refused(
    word: str, given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*given, word]) == 2
    error = capsys.readouterr().err
    assert "expected text without NUL and lone surrogates; type it anew" in error
    assert repr(word) in error
