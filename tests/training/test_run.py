from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from qml_qdl.circuits.errors import ArgumentError, RunError
from qml_qdl.data import load
from qml_qdl.training import DataOptions, Fit, Run, RunOptions, begin
from qml_qdl.training.json_files import read_json, write_json
from qml_qdl.training.run import PREPROCESSING


@pytest.fixture
def run(tmp_path: Path) -> Run:
    options = RunOptions(data=DataOptions(source="iris"), seeds=2)
    return Run.create(options, load("iris"), runs_dir=tmp_path, name="mine")


def fitted(accuracy: float) -> Fit:
    history = [{"epoch": 0, "val_accuracy": 0.1}, {"epoch": 1, "val_accuracy": 0.8}]
    measures = {"accuracy": 0.5}
    return Fit(2, 1, accuracy, measures, 12, 1.5, history, np.array([0, 1, 2]))


def test_a_run_is_found_by_name_and_by_folder(run: Run, tmp_path: Path) -> None:
    assert Run.open("mine", runs_dir=tmp_path) == run
    assert Run.open(run.folder) == run
    config = json.loads((run.folder / "config.json").read_text())
    assert config["options"]["data"] == "iris"
    assert set(config["versions"]) == {"qml-qdl", "pennylane", "torch", "lightning"}


def test_runs_without_a_name_are_named_after_data_and_time(tmp_path: Path) -> None:
    run = Run.create(RunOptions(), load("digits"), runs_dir=tmp_path)
    assert run.folder.name.startswith("digits-2")


def test_an_existing_run_is_never_overwritten(run: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="mine exists already; resume it, or choose"):
        Run.create(RunOptions(), load("iris"), runs_dir=tmp_path, name="mine")


@pytest.mark.parametrize("name", ["", " ", "a/b", "..", ".", "/tmp"])
def test_names_are_plain(name: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="name: expected a plain folder name"):
        Run.create(RunOptions(), load("iris"), runs_dir=tmp_path / "r", name=name)
    assert not (tmp_path / "r").exists()


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="expected the folder of a run, got 'none'"):
        Run.open("none", runs_dir=tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match="is this the folder of a run"):
        Run.open("empty", runs_dir=tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "the file is damaged", id="empty"),
        pytest.param("{", "the file is damaged", id="cut"),
        pytest.param("[]", "no JSON object", id="list"),
        pytest.param("{}", "expected format 2, got None", id="no-format"),
        pytest.param('{"format": 3}', "use the version of qml-qdl", id="newer"),
        pytest.param('{"format": 1}', "an entry 'options'", id="no-options"),
        pytest.param('{"format": 1, "options": 3}', "options: expected", id="number"),
        pytest.param("\udcff", "the file is damaged", id="bytes"),
    ],
)
def test_a_damaged_config_is_noticed(run: Run, text: str, message: str) -> None:
    path = run.folder / "config.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(RunError, match=message):
        Run.open(run.folder)


def test_every_value_of_the_config_is_checked(run: Run) -> None:
    path = run.folder / "config.json"
    config = json.loads(path.read_text())
    config["options"]["epochs"] = -1
    path.write_text(json.dumps(config))
    with pytest.raises(RunError, match=r"config\.json: .*epochs: expected at least 1"):
        Run.open(run.folder)


def test_results_survive(run: Run) -> None:
    assert run.read_fit("quantum", 0) is None
    run.write_fit("quantum", 0, fitted(0.8))
    back = run.read_fit("quantum", 0)
    assert back is not None
    assert back.predictions.tolist() == [0, 1, 2]
    assert (back.validation_accuracy, back.seconds) == (0.8, 1.5)


@pytest.mark.parametrize("files", [0, 1])
def test_a_full_disk_leaves_no_half_made_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    sync, synced = os.fsync, 0

    def full(handle: int) -> None:
        nonlocal synced
        synced += 1
        if synced > 2 * files:  # the file, and its folder
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            Run.create(RunOptions(), load("iris"), runs_dir=tmp_path, name="r")
    assert not list(tmp_path.iterdir())
    Run.create(RunOptions(), load("iris"), runs_dir=tmp_path, name="r")


def test_a_damaged_result_is_noticed(run: Run) -> None:
    run.write_fit("twin", 1, fitted(0.8))
    path = run.fit_folder("twin", 1) / "result.json"
    path.write_text(path.read_text()[:40])
    with pytest.raises(RunError, match=r"result\.json: the file is damaged"):
        run.read_fit("twin", 1)
    path.write_text('{"epochs": 3}')
    with pytest.raises(RunError, match="expected the entries"):
        run.read_fit("twin", 1)


def test_the_best_seed_is_chosen_by_validation(run: Run) -> None:
    with pytest.raises(RunError, match=r"no quantum training of .* has finished"):
        run.best_seed()
    for seed, accuracy in enumerate((0.8, 0.9)):
        run.write_fit("quantum", seed, fitted(accuracy))
    assert run.best_seed() == 1


def test_data_that_changed_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("x,y\n1,a\n2,b\n")
    options = RunOptions(data=DataOptions(source=str(path)))
    run = Run.create(options, load(path), runs_dir=tmp_path, name="r")
    assert len(run.load_data()) == 2
    path.write_text("x,y\n1,a\n3,b\n")
    with pytest.raises(RunError, match="the data have changed since the run r began"):
        run.load_data()


def test_a_file_that_may_not_be_read_is_not_called_damaged(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Path, **options: object) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "read_text", refused)
    with pytest.raises(RunError, match=r"config\.json: the file cannot be read .*Perm"):
        Run.open(run.folder)


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_a_name_that_is_no_text_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArgumentError, match="name: expected"):
        Run.create(RunOptions(), load("iris"), runs_dir=tmp_path, name=name)
    with pytest.raises(ArgumentError, match="runs_dir: expected text"):
        Run.create(RunOptions(), load("iris"), runs_dir=name, name="x")
    assert not list(tmp_path.iterdir())


def test_a_run_goes_on_with_what_was_fitted_when_it_began(tmp_path: Path) -> None:
    run = begin(RunOptions(data=DataOptions(source="iris")), runs_dir=tmp_path)
    assert run.shared_rows == Run.open(run.folder).shared_rows == 0
    train = run.task().split.train
    path = run.folder / PREPROCESSING
    content = read_json(path, "")
    content["mean"] = [1 + each for each in content["mean"]]
    write_json(path, content, sealed=True)
    moved = Run.open(run.folder).task().split.train
    assert (moved.inputs < train.inputs).all()
    path.unlink()
    again = Run.open(run.folder).task().split.train
    assert again.fingerprint() == train.fingerprint()
