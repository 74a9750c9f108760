"""The command `kernels`: its table, and refusals in one line."""

from __future__ import annotations

import pytest

from qml_qdl.cli import main

Capture = pytest.CaptureFixture[str]


def test_a_table(capsys: Capture) -> None:
    words = ["kernels", "two_moons", "--limit", "20", "--seeds", "1", "--quiet"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "two_moons: 20 rows to train, 2 features" in out
    for name in ("RBF", "polynomial", "fidelity", "projected", "alignment"):
        assert name in out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["diabetes"], "dataset: expected two classes or more"),
        (["nothing"], "nothing"),
        (["wine", "--limit", "1"], "--limit"),
    ],
)
def test_refusals_in_one_line(words: list[str], text: str, capsys: Capture) -> None:
    assert main(["kernels", *words]) == 2
    _, err = capsys.readouterr()
    assert text in err
    assert len(err.strip().splitlines()) == 1
