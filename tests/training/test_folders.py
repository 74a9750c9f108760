"""Folders of runs: no two runs share one, and nothing is made where none is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from qml_qdl.errors import ArgumentError, RunError
from qml_qdl.training.folders import find_folder, new_folder


def test_runs_of_the_same_second_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qml_qdl.training.folders.time.strftime", lambda _: "now")
    names = []
    for _ in range(3):
        folder, made = new_folder(tmp_path, None, "quench")
        assert made
        (folder / "kept").touch()
        names.append(folder.name)
    assert names == ["quench-now", "quench-now-2", "quench-now-3"]


@pytest.mark.parametrize("name", ["", " ", "a/b", "..", ".", "/tmp"])
def test_names_are_plain(name: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="name: expected a plain folder name"):
        new_folder(tmp_path / "r", name, "quench")
    assert not (tmp_path / "r").exists()


def test_an_empty_folder_that_was_there_is_taken(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert new_folder(tmp_path, "mine", "quench") == (tmp_path / "mine", False)
    (tmp_path / "mine" / "kept").touch()
    with pytest.raises(RunError, match="mine exists already; resume it, or choose"):
        new_folder(tmp_path, "mine", "quench")


def test_a_folder_is_found_by_its_path_before_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    named = tmp_path / "runs" / "mine"
    remains = named / "quantum-seed0" / f".best.ckpt.{'0' * 32}"
    remains.parent.mkdir(parents=True)
    remains.touch()
    assert find_folder("mine", "runs") == Path("runs/mine")
    assert not remains.exists()  # of a process that was killed
    (tmp_path / "mine").mkdir()
    assert find_folder("mine", "runs") == Path("mine")
    with pytest.raises(RunError, match="got 'none', which is neither there nor in r"):
        find_folder("none", "runs")
