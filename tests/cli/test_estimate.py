from __future__ import annotations

from pathlib import Path

import pytest

from qml_qdl.cli import main
from qml_qdl.data import load
from qml_qdl.training import DataOptions, Run, RunOptions, Spec
from tests.hardware.qiskit.service import FakeClient, replace_ibm

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A run that is not trained yet: what it will cost can be asked before."""
    options = RunOptions(
        data=DataOptions(source="digits"), model=Spec("auto", stride=2)
    )
    Run.create(options, load("digits"), runs_dir=tmp_path, name="digits")
    return tmp_path


def test_the_costs_of_a_run(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    client = FakeClient(tmp_path / "service")
    replace_ibm(monkeypatch, client)
    monkeypatch.setenv("COLUMNS", "200")
    words = ["--target", "ibm:fake", "--shots", "16", "--runs-dir", str(runs)]
    assert main(["estimate", "digits", *words, "--limit", "20"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "digits on ibm:fake, 16 shots" in out
    rows = [
        [cell.strip() for cell in line.strip("│ ").split("│")]
        for line in out.splitlines()
        if line.startswith("│")
    ]
    assert [row[0] for row in rows] == [
        "jobs",
        "circuits",
        "of them calibrations",
        "executions",
        "two-qubit depth",
        "QPU seconds",
        "of the Open plan",
    ]
    # 16 patches of each of 20 digits are 16 rows.
    evaluation = [row[1] for row in rows]
    assert evaluation[:4] == ["1", "1", "0", f"{20 * 16 * 16:,}"]
    assert int(evaluation[4]) > 0
    assert evaluation[5:] == ["4", "1%"]
    for text in (
        "evaluating 20 test rows",
        "64 rows, parameter shift",
        "64 rows, SPSA",
    ):
        assert text in out
    words += ["--mitigation", "readout", "--limit", "20"]
    assert main(["estimate", "digits", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    (counted,) = (line for line in lines if "of them calibrations" in line)
    assert counted.strip("│ ").split("│")[1].strip() != "0"
    assert not client.jobs()
    assert not (runs / "digits" / "jobs.sqlite").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["digits"], "Missing option '--target'"),
        (
            ["digits", "--target", "aer:fake_manila", "--mitigation", "zn"],
            "'--mitigation'",
        ),
        (["digits", "--target", "aer"], "what jobs cost can be told for a machine"),
        (["digits", "--target", "auto"], "what jobs cost can be told for a machine"),
        (["no", "--target", "ibm:fake"], "run: expected the folder of a run"),
        (["digits", "--target", "ibm:fake", "--shots", "0"], "'--shots'"),
    ],
)
def test_bad_arguments_end_with_2_and_one_line(
    words: list[str], message: str, runs: Path, capsys: Capture
) -> None:
    assert main(["estimate", *words, "--runs-dir", str(runs)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("qml-qdl estimate: ")
    assert message in err
