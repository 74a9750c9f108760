"""Options that several commands share: the same names, limits and words in each."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from qml_qdl.cli import main, options
from qml_qdl.cli.estimate import estimate
from qml_qdl.cli.evaluate import evaluate
from qml_qdl.cli.predict import predict
from qml_qdl.cli.sample import sample

Capture = pytest.CaptureFixture[str]

SHARED = {name: kind for name, kind in vars(options).items() if name[0].isupper()}


@pytest.mark.parametrize(
    ("command", "shared"),
    [
        (
            evaluate,
            "Run RunsDir Target Shots TrainingSeed Limit BatchSize Classifier "
            "ResilienceLevel Mitigation Account MaxQpuSeconds",
        ),
        (
            predict,
            "Run RunsDir Target Shots TrainingSeed BatchSize Classifier Mitigation",
        ),
        (
            sample,
            "Run RunsDir Target Shots TrainingSeed Account MaxQpuSeconds",
        ),
        (
            estimate,
            "Run RunsDir Limit BatchSize ResilienceLevel Mitigation Account",
        ),
    ],
)
def test_an_option_is_declared_once(command: Callable[..., Any], shared: str) -> None:
    hints = get_type_hints(command, include_extras=True)
    mine = [hints[name] for name in inspect.signature(command).parameters]
    found = {name for name, kind in SHARED.items() if kind in mine}
    suffix = "Argument|Option"
    assert {re.sub(suffix, "", name) for name in found} == set(shared.split())


@pytest.mark.parametrize("command", ["evaluate", "sample", "estimate"])
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--shots", "-1"),
        ("--training-seed", "-1"),
        ("--limit", "0"),
        ("--batch-size", "0"),
        ("--resilience-level", "3"),
        ("--mitigation", "luck"),
        ("--max-qpu-seconds", "-0.1"),
    ],
)
def test_a_value_out_of_range_is_refused_wherever_there_is_the_option(
    command: str,
    option: str,
    value: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([command, "no-such-run", option, value]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    refused = f"qml-qdl {command}: Invalid value for '{option}'"
    assert err.startswith((refused, f"qml-qdl {command}: No such option: {option}"))
