"""`qml-qdl targets`: the table that is printed."""

from __future__ import annotations

import pytest

from qml_qdl.cli import main
from qml_qdl.hardware import TargetStatus
from qml_qdl.hardware.device import Traits


def test_each_target_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []
    found = (
        TargetStatus(name="one", usable=True, traits=Traits(), gradients=("spsa",)),
        TargetStatus(name="two", usable=False, note="pip install two"),
        TargetStatus(name="three", usable=False, note="pip install two"),
        TargetStatus(name="ibm:x", usable=None, traits=Traits(state_vector=True)),
    )

    def survey(**options: object) -> tuple[TargetStatus, ...]:
        asked.append(options)
        return found

    monkeypatch.setattr("qml_qdl.hardware.survey.survey_targets", survey)
    monkeypatch.setattr(
        "qml_qdl.hardware.survey.stored_machines", lambda: ("fake_a", "fake_b")
    )
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["targets", "--online", "--account", "lab"]) == 0
    assert asked == [{"online": True, "account": "lab"}]
    said = capsys.readouterr().out
    lines = [line.split("│")[1:-1] for line in said.splitlines() if "│" in line]
    assert [[cell.strip() for cell in line] for line in lines] == [
        ["one", "yes", "exact, shots", "no", "yes", "spsa", ""],
        ["two", "no", "", "", "", "", "pip install two"],
        ["three", "no", "", "", "", "", "as above"],
        ["ibm:x", "?", "shots", "yes", "yes", "", ""],
    ]
    assert said.endswith("Stored machines, aer:fake_NAME: a, b\n")
