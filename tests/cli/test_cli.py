from __future__ import annotations

import errno
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qml_qdl import training
from qml_qdl.cli import main
from qml_qdl.cli.evaluate import evaluate
from qml_qdl.cli.sample import sample
from qml_qdl.cli.train import train_command
from qml_qdl.training import (
    DataOptions,
    Run,
    RunOptions,
    Spec,
    TrainingOptions,
)
from tests.hardware.qiskit.service import FakeClient, replace_ibm

QUICK = ["--data", "iris", "--epochs", "2", "--seeds", "1", "--accelerator", "cpu"]


train, _ = train_command(())


def parameters(command: Any) -> dict[str, inspect.Parameter]:
    found = dict(inspect.signature(command).parameters)
    found.pop("context", None)
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    assert main(["train", *QUICK, "--runs-dir", str(folder), "--name", "iris"]) == 0
    return folder


def test_a_run_from_start_to_evaluation(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--resume", "iris", "--runs-dir", str(runs)]) == 0
    out, err = capsys.readouterr()
    assert "classical twin" in out
    assert f"Everything is in {runs / 'iris'}" in out.replace("\n", "")
    assert err == ""
    arguments = ["iris", "--runs-dir", str(runs), "--limit", "9"]
    assert main(["evaluate", *arguments]) == 0
    assert "where it was trained: " in capsys.readouterr().out
    more = ["--target", "lightning.qubit", "--shots", "100", "--seed", "0"]
    assert main(["evaluate", *arguments, *more]) == 0
    out, err = capsys.readouterr()
    assert "quantum, seed 0, on lightning.qubit, 100 shots: " in out
    assert "of 9 test rows" in out
    assert err == ""


def test_quiet_prints_the_report_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", *QUICK, "--quiet", "--no-twin", "--runs-dir", str(tmp_path)]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert out.startswith("iris: 89 rows to train")
    assert "twin" not in out
    assert err == ""


def test_every_option_reaches_the_run(tmp_path: Path) -> None:
    given = {
        "data": "bars-and-stripes",
        "label": "blank",
        "limit": "40",
        "test-fraction": "0.4",
        "validation-fraction": "0.2",
        "split-seed": "3",
        "model": "quanvolution",
        "channels": "3",
        "kernel-size": "1",
        "stride": "2",
        "layers": "1",
        "target": "default.qubit",
        "epochs": "1",
        "batch-size": "20",
        "learning-rate": "0.1",
        "optimizer": "sgd",
        "patience": "5",
        "accelerator": "cpu",
        "checkpoint-every": "2",
        "seeds": "1",
        "seed": "4",
        "data-home": str(tmp_path),
        "runs-dir": str(tmp_path),
        "name": "all",
    }
    words = [word for name, value in given.items() for word in (f"--{name}", value)]
    words += ["--label", "full"]
    assert main(["train", *words, "--no-twin", "--quiet"]) == 0
    left_out = {"label_column", "resume", "no_twin", "quiet", "config", "print_config"}
    # See test_train.py.
    left_out |= {"recipe", "scheduler", "loss", "gradient_clip", "precision"}
    left_out |= {"callbacks", "logger"}
    left_out |= {"hidden", "latent", "quantum_part"}
    assert {n.replace("-", "_") for n in given} == set(parameters(train)) - left_out
    expected = RunOptions(
        data=DataOptions(
            source=Spec("bars_and_stripes"),
            labels=("blank", "full"),
            data_home=str(tmp_path),
            limit=40,
            test_fraction=0.4,
            validation_fraction=0.2,
            split_seed=3,
        ),
        model=Spec(
            "quanvolution",
            channels=3,
            kernel_size=1,
            stride=2,
            layers=1,
            target="default.qubit",
        ),
        training=TrainingOptions(
            epochs=1,
            batch_size=20,
            learning_rate=0.1,
            optimizer="sgd",
            patience=5,
            accelerator="cpu",
            checkpoint_every=2,
        ),
        seeds=1,
        first_seed=4,
        twin=False,
    )
    assert Run.open("all", runs_dir=tmp_path).options == expected


def test_options_of_generative_models_reach_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[RunOptions] = []

    def begin(options: RunOptions, **others: object) -> None:
        seen.append(options)
        raise OSError("enough")

    monkeypatch.setattr(training, "begin", begin)
    words = "--model vae --hidden 9 --latent 3 --quantum-part encoder --label 4"
    assert main(["train", *words.split()]) == 1
    assert seen[0].model == Spec("vae", hidden=9, latent=3, quantum_part="encoder")
    assert seen[0].training == training.default_training("vae")
    assert seen[0].data.labels == ("4",)


def test_defaults_are_those_of_the_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[RunOptions] = []

    def begin(options: RunOptions, **others: object) -> None:
        seen.append(options)
        raise OSError("enough")

    monkeypatch.setattr(training, "begin", begin)
    assert main(["train"]) == 1
    assert seen == [RunOptions()]


def test_a_csv_file_with_its_label_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{'ab'[k % 2]},{k % 2 + 0.01 * k},{k}" for k in range(40)]
    (tmp_path / "mine.csv").write_text("\n".join(["kind,x,y", *lines]))
    monkeypatch.chdir(tmp_path)
    words = ["--data", "mine.csv", "--label-column", "kind", "--name", "r"]
    assert main(["train", *QUICK, *words, "--no-twin", "--quiet"]) == 0
    assert Run.open("r").options.data.source == Spec(str(tmp_path / "mine.csv"))


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


@pytest.mark.parametrize("command", [train, evaluate, sample])
def test_help_names_every_option(
    command: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main([command.__name__, "--help"]) == 0
    text = capsys.readouterr().out
    for name in parameters(command):
        if name != "run":
            assert f"--{name.replace('_', '-')} " in text
    # Each option tells its default, save the flags and those that need none.
    flags = {"again", "detach", "no_twin", "print_config", "quiet", "resume", "run"}
    assert text.count("[default: ") == len(set(parameters(command)) - flags)
    assert "Example: qml-qdl" in text


def test_help_and_version_are_quick_and_load_nothing_heavy() -> None:
    code = (
        "import sys, time; start = time.perf_counter();"
        "from qml_qdl.cli import main;"
        "codes = main(['--help']), main(['train', '--help']), main(['--version']);"
        "heavy = {'torch', 'pennylane', 'lightning', 'sklearn', 'matplotlib'};"
        "print(codes, sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "(0, 0, 0) []"
    assert "evaluate" in done.stdout
    assert "qml-qdl 0." in done.stdout


def test_ctrl_c_tells_how_to_continue(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    carry_on = training.carry_on
    monkeypatch.setattr(training, "carry_on", interrupted)
    assert main(["train", *QUICK, "--name", "cut"]) == 130
    line = (
        "qml-qdl train: interrupted; continue with: qml-qdl train --resume runs/cut\n"
    )
    assert capsys.readouterr().err == line
    monkeypatch.setattr(training, "carry_on", carry_on)
    assert main(line.split(": qml-qdl ")[1].split()) == 0


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


def test_a_gpu_that_is_not_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("CUDAAccelerator", "MPSAccelerator"):
        monkeypatch.setattr(f"qml_qdl.training.loop.{name}.is_available", lambda: False)
    words = ["train", "--accelerator", "gpu", "--runs-dir", str(tmp_path / "runs")]
    assert main(words) == 2
    err = capsys.readouterr().err
    assert err == (
        "qml-qdl train: accelerator: expected a GPU that torch finds, got 'gpu' and "
        "none; use 'auto' or 'cpu'\n"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["quantum-seed0", "tensorboard"])
def test_a_folder_that_cannot_be_written_ends_with_1_and_one_line(
    place: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["train", *QUICK, "--no-twin", "--quiet", "--runs-dir", str(tmp_path)]
    assert main([*words, "--name", "r"]) == 0
    seed = tmp_path / "r" / "quantum-seed0"
    (seed / "result.json").unlink()
    before = {path.name: path.read_bytes() for path in seed.iterdir() if path.is_file()}
    access = os.access

    def refused(path: str | Path, mode: int) -> bool:
        return Path(path).name != place and access(path, mode)

    capsys.readouterr()
    monkeypatch.setattr(os, "access", refused)  # root may write anywhere
    assert main(["train", "--resume", str(tmp_path / "r"), "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert f"Permission denied: '{seed}" in err
    assert f"; continue with: qml-qdl train --resume {tmp_path / 'r'}" in err
    assert before == {
        path.name: path.read_bytes() for path in seed.iterdir() if path.is_file()
    }


def test_a_machine_is_not_trained_on(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    client = FakeClient(tmp_path / "service")
    replace_ibm(monkeypatch, client)
    words = ["train", *QUICK, "--runs-dir", str(tmp_path / "runs")]
    assert main([*words, "--target", "ibm:fake"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "exact results, which the machine 'ibm:fake' has not; train on 'auto'" in err
    assert not (tmp_path / "runs").exists()
    assert not client.jobs()


def test_a_full_disk_ends_with_1_and_tells_how_to_continue(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("qml_qdl.training.checkpoints.os.fsync", full)
    assert main(["train", *QUICK]) == 1
    assert "No space left on device" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("qml_qdl.training.checkpoints.torch.save", full)
    assert main(["train", *QUICK, "--name", "full"]) == 1
    err = capsys.readouterr().err
    assert "No space left on device; continue with: qml-qdl train --resume" in err
    assert err.count("\n") == 1
    monkeypatch.undo()
    resumed = ["train", "--resume", str(tmp_path / "runs" / "full"), "--quiet"]
    assert main(resumed) == 0


def test_a_bug_is_not_dressed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(training, "begin", broken)
    with pytest.raises(ZeroDivisionError):
        main(["train"])


def test_the_installed_program_runs(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("qml-qdl")
    words = ["--quiet", "--no-twin", "--runs-dir", str(tmp_path), "--name", "p"]
    done = subprocess.run(
        [program, "train", *QUICK, *words], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = json.loads((tmp_path / "p" / "report.json").read_text())["lines"]
    assert lines[0]["name"] == "quantum"
