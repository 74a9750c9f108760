"""Flags of `qml-qdl train`: what the library declares, and nothing else."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from qml_qdl import training
from qml_qdl.cli import main
from qml_qdl.cli.evaluate import evaluate
from qml_qdl.cli.sample import sample
from qml_qdl.cli.train import train_command
from qml_qdl.training import RunOptions

Capture = pytest.CaptureFixture[str]

train, _ = train_command(())


def parameters(command: Any) -> dict[str, inspect.Parameter]:
    found = dict(inspect.signature(command).parameters)
    found.pop("context", None)
    return found


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


@pytest.mark.parametrize("command", [train, evaluate, sample])
def test_help_names_every_option(
    command: Any, capsys: Capture, monkeypatch: pytest.MonkeyPatch
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


def test_a_models_help_tells_its_own_options(here: Path, capsys: Capture) -> None:
    assert main(["train", "--model", "own_module.Net", "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "--width" in out
    assert "Wires of the circuit." in out
    assert main(["train", "--model", "vae", "--help"]) == 0
    out = capsys.readouterr().out
    assert "--latent" in out
    assert "--channels" not in out


def test_shell_completion_knows_the_options() -> None:
    program = Path(sys.executable).with_name("qml-qdl")
    done = subprocess.run(
        [program],
        env={
            **os.environ,
            "_QML_QDL_COMPLETE": "complete_bash",
            "COMP_WORDS": "qml-qdl train --ep",
            "COMP_CWORD": "2",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "--epochs" in done.stdout


def test_columns_are_named_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--drop", "id", "--drop", "when", "--missing", "mean", "--header", "no"]
    assert main(["train", "--print-config", "--data", "a.csv", *words]) == 0
    config = yaml.safe_load(capsys.readouterr().out)
    assert config["drop"] == ["id", "when"]
    assert (config["missing"], config["header"]) == ("mean", "no")
    assert config["categorical"] == []
    assert main(["train", "--missing", "zero"]) == 2
    assert "'most_frequent'" in capsys.readouterr().err
