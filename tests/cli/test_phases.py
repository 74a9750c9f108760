"""The command `phases`: tables, folders, and refusals in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from qml_qdl.cli import main

Capture = pytest.CaptureFixture[str]


def run(folder: Path, *words: str) -> int:
    return main(["phases", *words, "--runs-dir", str(folder), "--name", "it"])


def test_two_sizes(tmp_path: Path, capsys: Capture) -> None:
    words = [
        "ising2d",
        "--size",
        "4",
        "--size",
        "6",
        "--points",
        "5",
        "--chains",
        "10",
        "--no-networks",
    ]
    assert run(tmp_path, *words, "--quiet") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "2D Ising, 4×4" in out
    assert "Binder crossing" in out
    folder = tmp_path / "it"
    assert {path.name for path in folder.iterdir()} == {"size-4", "size-6", "report.md"}
    assert (folder / "size-6" / "phases.png").stat().st_size > 1000
    assert "L → ∞" in (folder / "report.md").read_text()


def test_networks_and_progress(tmp_path: Path, capsys: Capture) -> None:
    words = [
        "ising2d",
        "--size",
        "4",
        "--points",
        "4",
        "--chains",
        "10",
        "--epochs",
        "1",
    ]
    assert run(tmp_path, *words) == 0
    out, _ = capsys.readouterr()
    assert "transformer" in out
    assert out.splitlines()[-1] == f"Everything is in {tmp_path / 'it'}"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("potts", "'potts' is not one of 'ising2d', 'cluster_ising'"),
        ("ising2d --states 9", "states: ising2d has no such option"),
        ("ising2d --target aer", "target: spins of ising2d are not prepared"),
        ("cluster_ising --size 17", "size: expected at most 16, got 17"),
        ("cluster_ising --snapshots 5", "an even number, for two bases"),
        ("cluster_ising --target aer:nix", "got 'aer:nix'"),
        ("ising2d --margin 2", "further off than the margin"),
        ("ising2d --chains 1", "'--chains'"),
    ],
)
def test_what_is_refused(
    words: str, text: str, tmp_path: Path, capsys: Capture
) -> None:
    assert run(tmp_path, *words.split(), "--quiet") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("qml-qdl phases: ")
    assert text in err
    assert err.count("\n") == 1
    assert not (tmp_path / "it").exists()
