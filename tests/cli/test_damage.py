"""Runs whose files are damaged: told in one line, and the advice in it works."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import zipfile
from pathlib import Path

import pytest
import torch

from qml_qdl.cli import main

QUICK = [
    "train", "--data", "iris", "--epochs", "3", "--batch-size", "16", "--seeds", "1",
    "--accelerator", "cpu", "--layers", "1", "--no-twin", "--quiet", "--learning-rate",
    "0.05", "--limit", "80", "--name", "r",
]  # fmt: skip
FIT = Path("runs/r/quantum-seed0")

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("without_pictures")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert main([*QUICK, "--runs-dir", str(folder / "runs")]) == 0
    assert main(["evaluate", "r", "--runs-dir", str(folder / "runs")]) == 0
    return folder


@pytest.fixture
def place(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the run, in the present folder."""
    shutil.copytree(whole / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def flip(path: Path) -> None:
    """Changes one bit of the weights, in the largest tensor of a checkpoint."""
    with zipfile.ZipFile(path) as archive:
        tensors = [each for each in archive.infolist() if "/data/" in each.filename]
        largest = max(tensors, key=lambda each: each.file_size)
        data = archive.read(largest)
    content = bytearray(path.read_bytes())
    content[content.index(data) + len(data) // 2] ^= 4
    path.write_bytes(bytes(content))


def numbers(folder: Path = FIT) -> dict[str, object]:
    last = torch.load(folder / "last.ckpt", weights_only=True)
    best = torch.load(folder / "best.ckpt", weights_only=True)
    result = json.loads((folder / "result.json").read_text())
    return {
        "last": {k: v.tolist() for k, v in last["state_dict"].items()},
        "best": {k: v.tolist() for k, v in best["state_dict"].items()},
        "metrics": (folder / "metrics.csv").read_text(),
        "result": {k: v for k, v in result.items() if k not in ("seconds", "seal")},
    }


def resume() -> int:
    return main(["train", "--resume", "r", "--quiet"])


def follow(line: str) -> None:
    """Does what a line says: deletes files, if it says so, and resumes."""
    assert "delete" in line
    named = re.findall(r"[^\s,:;]+\.(?:ckpt|json)", line.split("expected")[0])
    assert named
    for name in named:
        Path(name).unlink()
    assert resume() == 0


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_a_damaged_last_checkpoint_falls_back_to_the_one_before(
    place: Path, whole: Path, capsys: Capture, damage: str
) -> None:
    (FIT / "result.json").unlink()
    last = FIT / "last.ckpt"
    if damage == "flipped":
        flip(last)
    else:
        size = last.stat().st_size // 2 if damage == "cut" else 0
        last.write_bytes(last.read_bytes()[:size])
    assert resume() == 0
    err = capsys.readouterr().err
    assert err == (
        f"qml-qdl train: {last} is damaged and was renamed damaged.ckpt; the training "
        "goes on from previous.ckpt\n"
    )
    assert numbers() == numbers(whole / FIT)
    assert resume() == 0
    assert capsys.readouterr().err == ""


def test_both_damaged(place: Path, whole: Path, capsys: Capture) -> None:
    (FIT / "result.json").unlink()
    flip(FIT / "last.ckpt")
    flip(FIT / "previous.ckpt")
    assert resume() == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "delete them to begin this training anew" in err
    follow(err)
    assert numbers() == numbers(whole / FIT)


def test_only_the_one_before_is_left(place: Path, whole: Path) -> None:
    """As after a kill between two renamings."""
    (FIT / "result.json").unlink()
    (FIT / "last.ckpt").unlink()
    assert resume() == 0
    assert numbers() == numbers(whole / FIT)


@pytest.mark.parametrize("lost", [flip, Path.unlink])
def test_best_weights_have_a_copy(
    place: Path, whole: Path, capsys: Capture, lost: object
) -> None:
    assert main(["evaluate", "r"]) == 0
    first = re.sub(r", \d+\.\d s", "", capsys.readouterr().out)
    lost(FIT / "best.ckpt")  # type: ignore[operator]
    assert main(["evaluate", "r"]) == 0
    out, err = capsys.readouterr()
    assert re.sub(r", \d+\.\d s", "", out) == first
    assert err == (
        f"qml-qdl evaluate: {FIT / 'best.ckpt'} is missing or damaged and was made "
        "again from a copy\n"
    )
    assert main(["evaluate", "r"]) == 0
    assert capsys.readouterr().err == ""
    assert numbers() == numbers(whole / FIT)


def test_best_and_last_damaged(place: Path, whole: Path, capsys: Capture) -> None:
    flip(FIT / "best.ckpt")
    flip(FIT / "last.ckpt")
    assert main(["evaluate", "r"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "best.ckpt" in err
    follow(err)
    assert main(["evaluate", "r"]) == 0
    assert numbers() == numbers(whole / FIT)


@pytest.mark.parametrize("finished", [True, False])
def test_best_weights_damaged_in_a_run_of_an_earlier_version(
    place: Path, whole: Path, capsys: Capture, finished: bool
) -> None:
    for name in ("last.ckpt", "previous.ckpt"):
        content = torch.load(FIT / name, weights_only=True)
        del content["callbacks"]["Recorder"]["best"]
        torch.save(content, FIT / name)
    if not finished:
        (FIT / "result.json").unlink()
    flip(FIT / "best.ckpt")
    for command in (["evaluate", "r"], ["train", "--resume", "r", "--quiet"]):
        if finished or command[0] == "train":
            capsys.readouterr()
            assert main(command) == 2
            err = capsys.readouterr().err
            assert err.count("\n") == 1
    follow(err)
    assert "there is no copy: the training begins anew" in capsys.readouterr().err
    assert numbers() == numbers(whole / FIT)
    assert main(["evaluate", "r"]) == 0


def test_a_checkpoint_of_an_earlier_version_goes_on(place: Path, whole: Path) -> None:
    (FIT / "result.json").unlink()
    (FIT / "last.ckpt").unlink()
    content = torch.load(FIT / "previous.ckpt", weights_only=True)
    best = content["callbacks"]["Recorder"].pop("best")
    torch.save(content, FIT / "previous.ckpt")
    torch.save({"state_dict": best}, FIT / "best.ckpt")
    assert resume() == 0
    assert numbers() == numbers(whole / FIT)


def test_weights_alone_are_no_checkpoint_to_go_on_from(
    place: Path, capsys: Capture
) -> None:
    (FIT / "result.json").unlink()
    shutil.copy(FIT / "best.ckpt", FIT / "last.ckpt")
    assert resume() == 2
    err = capsys.readouterr().err
    assert "expected a whole checkpoint, got weights alone" in err
    follow(err)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("result.json", "digit"),
        ("config.json", "digit"),
        ("evaluations.json", "digit"),
        ("result.json", "cut"),
        ("config.json", "garbled"),
    ],
)
def test_a_damaged_file_of_the_run(
    place: Path, whole: Path, capsys: Capture, name: str, damage: str
) -> None:
    path = FIT / name if name == "result.json" else FIT.parent / name
    text = path.read_text()
    if damage == "digit":
        old = re.search(r'"(?:best_epoch|layers|rows)": (\d+)', text)
        assert old is not None
        digit = str((int(old[1][-1]) + 1) % 10)
        text = text[: old.end() - 1] + digit + text[old.end() :]
    path.write_text(text[:-30] if damage == "cut" else text)
    if damage == "garbled":
        path.write_bytes(b"\xff\x00" * 40)
    capsys.readouterr()
    assert main(["evaluate", "r"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert f"{path}: the file is damaged" in err
    if name == "config.json":
        assert "begin another run" in err
        return
    follow(err.replace(": the file", ": expected"))
    assert main(["evaluate", "r"]) == 0
    assert numbers() == numbers(whole / FIT)


def test_a_run_that_was_killed_while_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "r"
    folder.mkdir(parents=True)
    (folder / f".config.json.{'0a' * 16}").write_text('{"for')
    assert main(QUICK) == 0
    assert not list(folder.rglob(".*"))
    capsys.readouterr()
    assert main(QUICK) == 2
    assert f"name: {Path('runs/r')} exists already" in capsys.readouterr().err


def test_remains_of_killed_processes_are_removed(place: Path) -> None:
    for name in (FIT / "last.ckpt", FIT / "metrics.csv", FIT.parent / "report.json"):
        name.with_name(f".{name.name}.{'0a' * 16}").write_bytes(b"half")
    (FIT / ".mine").write_text("stays")
    assert resume() == 0
    assert [path.name for path in place.rglob(".*")] == [".mine"]


def test_a_damaged_last_checkpoint_of_a_generative_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    words = "train --model rbm --data bars-and-stripes --limit 60 --epochs 2 --seeds 1"
    words += " --accelerator cpu --name r --quiet"
    assert main(shlex.split(words)) == 0
    fit = tmp_path / "runs" / "r" / "classical-seed0"
    before = numbers(fit)
    flip(fit / "last.ckpt")
    capsys.readouterr()
    assert resume() == 0
    assert "last.ckpt is damaged and was renamed" in capsys.readouterr().err
    assert numbers(fit) == before
    flip(fit / "best.ckpt")
    assert main(["sample", "r", "-n", "4"]) == 0
    assert "best.ckpt is missing or damaged" in capsys.readouterr().err
