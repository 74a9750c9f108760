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
        TargetStatus(
            name="ibm:x",
            usable=None,
            note="IBM was not asked",
            traits=Traits(state_vector=True),
        ),
    )

    def survey(**options: object) -> tuple[TargetStatus, ...]:
        asked.append(options)
        return found

    monkeypatch.setattr("qml_qdl.hardware.survey.survey_targets", survey)
    monkeypatch.setattr(
        "qml_qdl.hardware.survey.stored_machines", lambda: ("fake_a", "fake_b")
    )
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["targets", "--online", "--account", "lab"]) == 0
    assert asked == [{"online": True, "account": "lab"}]
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split("│")[1:-1] for line in lines if "│" in line]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["one", "exact, shots", "no", "yes", "spsa"],
        ["ibm:x", "shots", "yes", "yes", ""],
    ]
    assert lines[-5:] == [
        "Not asked:",
        "  ibm:x: IBM was not asked",
        "Not usable here:",
        "  two, three: pip install two",
        "Stored machines, aer:fake_NAME: a, b",
    ]
