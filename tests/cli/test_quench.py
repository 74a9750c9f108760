"""`qml-qdl quench` as it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from qml_qdl.cli import main

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("without_pictures")

WORDS = ("quench", "transverse_ising", "--size", "4", "--from", "h=1", "--to", "h=0.5")
SHORT = ("--time", "0.1", "--descent-steps", "60", "--quiet")


def test_a_quench_and_the_same_again(tmp_path: Path, capsys: Capture) -> None:
    folder = ["--runs-dir", str(tmp_path)]
    assert main([*WORDS, *SHORT, *folder, "--name", "mine"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "transverse_ising, 4 sites: h=1 → h=0.5" in out
    assert "initial state: E = -5.226" in out
    assert "energy off by at most" in out
    assert "⟨x⟩ off by at most" in out
    assert f"Everything is in {tmp_path / 'mine'}" in out
    assert main(["quench", "--resume", "mine", "--quiet", *folder]) == 0
    assert "initial state: E = -5.226" in capsys.readouterr().out
    assert main(["quench", "--resume", "mine", "--time", "2", *folder]) == 2
    assert "time cannot change in a quench that is resumed" in capsys.readouterr().err


def test_from_a_run(tmp_path: Path, capsys: Capture) -> None:
    folder = ["--runs-dir", str(tmp_path)]
    words = [
        *("train", "--model", "nqs", "--data", "transverse_ising", "--quiet"),
        *("--data.size", "4"),
        *("--epochs", "3", "--seeds", "1", "--no-twin", "--name", "ring", *folder),
        *("--recipe.sampler", "full"),
    ]
    assert main(words) == 0
    capsys.readouterr()
    words = ["quench", "--from", "ring", "--to", "h=0.5", *SHORT, *folder]
    assert main(words) == 0
    out, _ = capsys.readouterr()
    assert "transverse_ising, 4 sites" in out
    assert "⟨x⟩ off by at most" in out
    assert main([*words, "--size", "6"]) == 2
    assert "size: a run has its own Hamiltonian" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--time", "-1"), "time: expected a number above 0"),
        (("--tolerance", "0"), "tolerance: expected a number above 0"),
        (("--to", "half"), "expected NAME=VALUE, such as h=0.5, got 'half'"),
        (("--to", "g=1"), "g: transverse_ising has no such argument"),
        (("--from", "no-run"), "hamiltonian: expected either a name or the run"),
        (("--method", "rk4", "--tolerance", "1e-3"), "'rk4' does not know its error"),
        (
            ("--method", "rk4", "--step-size", "0.9", "--time", "1"),
            "step 1, at time 0: a",
        ),
        (("--samples", "0"), "'--samples'"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(
    tmp_path: Path, capsys: Capture, words: tuple[str, ...], told: str
) -> None:
    short = ("--descent-steps", "2", "--quiet", "--runs-dir", str(tmp_path))
    assert main([*WORDS, *short, *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("qml-qdl quench: ")
    assert told in err
    assert len(err.splitlines()) == 1
