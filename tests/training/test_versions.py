"""Runs of version 0.1 are read, resumed and evaluated: people paid for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qml_qdl.circuits.errors import RunError
from qml_qdl.data import load
from qml_qdl.training import (
    DataOptions,
    Run,
    RunOptions,
    Spec,
    TrainingOptions,
    carry_on,
    evaluate,
    train,
)
from qml_qdl.training.versions import upgraded_paths

OPTIONS: dict[str, Any] = {
    "data": {
        "source": "iris",
        "label_column": None,
        "data_home": None,
        "test_fraction": 0.3,
        "validation_fraction": 0.15,
        "split_seed": 0,
        "limit": None,
        "labels": [],
    },
    "model": {
        "kind": "auto",
        "channels": 4,
        "kernel_size": 2,
        "stride": 1,
        "layers": 2,
        "target": None,
        "hidden": None,
        "latent": None,
        "quantum_part": None,
    },
    "training": {
        "epochs": 1,
        "batch_size": 64,
        "learning_rate": 0.01,
        "optimizer": "sgd",
        "patience": None,
        "accelerator": "cpu",
        "checkpoint_every": None,
    },
    "seeds": 1,
    "first_seed": 2,
    "twin": True,
}


def write(folder: Path, options: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "format": 1,
        "options": options,
        "data_fingerprint": load("iris").fingerprint(),
        "created": "2026-01-31T12:00:00+0000",
        "versions": {},
    }
    (folder / "config.json").write_text(json.dumps(content))


@pytest.mark.usefixtures("without_pictures")
def test_a_finished_run_of_version_0_1(tmp_path: Path) -> None:
    training = TrainingOptions(epochs=1, optimizer="sgd", accelerator="cpu")
    options = RunOptions(
        data=DataOptions(source="iris"),
        model=Spec("dressed", layers=2),
        training=training,
        seeds=1,
        first_seed=2,
    )
    now, report = train(options, runs_dir=tmp_path, name="now")
    # As version 0.1 would have left it.
    write(now.folder, OPTIONS)
    for kind in ("quantum", "twin"):
        path = now.fit_folder(kind, 2) / "result.json"
        content = json.loads(path.read_text())
        del content["seal"]
        content["validation_accuracy"] = content.pop("merit")
        content["test_accuracy"] = content.pop("measures")["accuracy"]
        path.write_text(json.dumps(content))
    then = Run.open(now.folder)
    assert then.kinds == ("quantum", "twin")
    assert then.options.model == Spec("auto", layers=2)
    assert then.options.training == training
    told: list[str] = []
    again = carry_on(then, tell=told.append)
    assert not [line for line in told if "training …" in line]
    assert again.lines[0].measures == report.lines[0].measures
    first = evaluate(then)
    assert first.agreement == 1
    assert first.accuracy == report.lines[0].measures["accuracy"][0]
    # An evaluation that was written then stays.
    path = now.folder / "evaluations.json"
    entry = json.loads(path.read_text())["evaluations"][0]
    entry["accuracy"] = entry.pop("measures")["accuracy"]
    entry["trained_accuracy"] = entry.pop("trained")["accuracy"]
    path.write_text(json.dumps({"evaluations": [entry]}))
    evaluate(then)
    kept = json.loads(path.read_text())["evaluations"]
    assert [each["measures"] for each in kept] == [first.measures] * 2


def test_what_was_named_by_its_import_path_is_found_where_it_is_now(
    tmp_path: Path,
) -> None:
    asked = RunOptions(
        data=DataOptions(source="bars-and-stripes"),
        model=Spec("qml_qdl.models.RBM", hidden=3),
        training=TrainingOptions(
            epochs=1, loss=Spec("mine.Loss", inner=[{"class_path": "mine.Part"}])
        ),
    )
    run = Run.create(asked, load("bars-and-stripes"), runs_dir=tmp_path, name="rbm")
    path = run.folder / "config.json"
    text = path.read_text()
    assert text.count("qml_qdl.models.RBM") == 1
    config = json.loads(text.replace("qml_qdl.models.RBM", "qml_qdl.generative.RBM"))
    assert upgraded_paths(config["options"]) == json.loads(text)["options"]
    assert upgraded_paths("qml_qdl.generative.RBM") == "qml_qdl.models.RBM"


@pytest.mark.parametrize(
    ("kind", "twin", "kinds"),
    [
        ("rbm", True, ("classical",)),
        ("vae", True, ("quantum", "twin", "plain")),
        ("vae", False, ("quantum",)),
        ("patch_gan", True, ("quantum", "twin")),
    ],
)
def test_models_of_generative_runs(
    kind: str, twin: bool, kinds: tuple[str, ...], tmp_path: Path
) -> None:
    model = OPTIONS["model"] | {"kind": kind, "layers": None}
    write(tmp_path, OPTIONS | {"model": model, "twin": twin})
    run = Run.open(tmp_path)
    assert run.kinds == kinds
    assert run.options.model == Spec(kind)


def test_the_first_runs_had_fewer_options(tmp_path: Path) -> None:
    data = {key: each for key, each in OPTIONS["data"].items() if key != "labels"}
    later = ("hidden", "latent", "quantum_part")
    model = {key: each for key, each in OPTIONS["model"].items() if key not in later}
    write(tmp_path, OPTIONS | {"data": data, "model": model})
    assert Run.open(tmp_path).options.data == DataOptions(source="iris")


@pytest.mark.parametrize(
    "options",
    [
        None,
        OPTIONS | {"data": None},
        OPTIONS | {"model": OPTIONS["model"] | {"colour": "red"}},
        OPTIONS | {"model": OPTIONS["model"] | {"kind": 3}},
        OPTIONS | {"training": OPTIONS["training"] | {"epochs": 0}},
    ],
)
def test_damaged_options_are_refused(options: Any, tmp_path: Path) -> None:
    write(tmp_path, options)
    with pytest.raises(RunError, match=r"config\.json: the file is damaged"):
        Run.open(tmp_path)


def test_a_first_line_of_numbers_was_names_up_to_version_0_2(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("1,2\n" + "".join(f"{k / 7},{k % 2}\n" for k in range(40)))
    data = DataOptions(source=str(path), header="yes")
    run = Run.create(
        RunOptions(data=data), load(path, header="yes"), runs_dir=tmp_path, name="old"
    )
    assert run.options.data.header == "yes"
    config = json.loads((run.folder / "config.json").read_text())
    for name in ("header", "drop", "categorical", "missing"):
        del config["options"][name]
    del config["seal"]
    (run.folder / "config.json").write_text(json.dumps(config))
    assert len(Run.open(run.folder).load_data()) == 40
    # Now it would be a row.
    assert len(load(path)) == 41
