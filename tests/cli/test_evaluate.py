"""`qml-qdl evaluate`: a trained run on its test rows, there or elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from qml_qdl.cli import main

pytestmark = pytest.mark.usefixtures("without_pictures")
QUICK = ["--data", "iris", "--epochs", "2", "--seeds", "1", "--accelerator", "cpu"]


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
