from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, DataError, RunError, TargetError
from qml_qdl.data import Dataset, bit_index, load
from qml_qdl.training import (
    DataOptions,
    Fit,
    Report,
    Run,
    RunOptions,
    Spec,
    Task,
    TrainingOptions,
    begin,
    carry_on,
    evaluate,
    train,
)
from qml_qdl.training.experiment import fit_likelihood
from qml_qdl.training.report import make_report
from tests.training.runs_for_tests import TABLE

IMAGES = RunOptions(
    data=DataOptions(source="digits", limit=64, test_fraction=0.1),
    model=Spec("auto", stride=2),
    training=TrainingOptions(epochs=1, accelerator="cpu"),
    seeds=1,
)


def test_a_run_leaves_everything_behind(
    trained: tuple[Run, Report, list[str]],
) -> None:
    run, report, told = trained
    for name in ("config.json", "config.yaml", "report.md", "report.json"):
        assert (run.folder / name).stat().st_size > 100
    for name in ("curves.png", "confusion.png", "circuit.png"):
        assert (run.folder / name).stat().st_size > 5000
    for kind in ("quantum", "twin"):
        for seed in (0, 1):
            names = {p.name for p in (run.folder / f"{kind}-seed{seed}").iterdir()}
            assert names == {
                "best.ckpt",
                "last.ckpt",
                "previous.ckpt",
                "metrics.csv",
                "result.json",
                "tensorboard",
            }
    assert [line.name for line in report.lines] == [
        "quantum",
        "classical twin",
        "logistic regression",
        "1-nearest neighbour",
        "majority class",
    ]
    assert (
        len(report.lines[0].measures["accuracy"])
        == len(report.lines[1].measures["accuracy"])
        == 2
    )
    assert "quantum, seed 0: training …" in told
    assert not torch.cuda.is_available() or run.options.training.accelerator == "cpu"


def test_carrying_on_a_finished_run_trains_nothing(
    trained: tuple[Run, Report, list[str]],
) -> None:
    run, report, _ = trained
    told: list[str] = []
    again = carry_on(Run.open(run.folder), tell=told.append)
    assert isinstance(again, Report)
    assert not [line for line in told if "training" in line]
    for one, two in zip(report.lines, again.lines, strict=True):
        assert (one.measures, one.parameters) == (two.measures, two.parameters)
    assert again.lines[0].seconds == report.lines[0].seconds


def test_an_interrupted_run_ends_with_the_same_report(
    trained: tuple[Run, Report, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, report, _ = trained
    step = torch.optim.Adam.step
    count = 0

    def interrupted(self: torch.optim.Adam, closure: object = None) -> object:
        nonlocal count
        count += 1
        if count == 9:
            raise KeyboardInterrupt
        return step(self, closure)

    monkeypatch.setattr(torch.optim.Adam, "step", interrupted)
    monkeypatch.setattr("qml_qdl.training.experiment.plot", lambda *given: None)
    run = begin(TABLE, runs_dir=tmp_path, name="cut")
    with pytest.raises(KeyboardInterrupt):
        carry_on(run)
    again = carry_on(Run.open("cut", runs_dir=tmp_path))
    assert isinstance(again, Report)
    assert [x.measures for x in again.lines] == [x.measures for x in report.lines]


def test_images_get_feature_maps(tmp_path: Path) -> None:
    options = attrs.evolve(IMAGES, twin=False)
    run, report = train(options, runs_dir=tmp_path)
    assert (run.folder / "feature-maps.png").stat().st_size > 5000
    assert report.lines[1].name == "logistic regression"
    result = evaluate(run, target="lightning.qubit", limit=12)
    assert result.rows == 12
    assert result.agreement == 1.0


def test_a_damaged_checkpoint_stops_the_run_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qml_qdl.training.experiment.plot", lambda *given: None)
    run, _ = train(attrs.evolve(IMAGES, twin=False), runs_dir=tmp_path)
    folder = run.fit_folder("quantum", 0)
    (folder / "result.json").unlink()
    (folder / "last.ckpt").write_bytes(b"damaged")
    with pytest.raises(RunError, match=r"last\.ckpt: .* delete it to begin"):
        carry_on(run)
    (folder / "last.ckpt").unlink()
    carry_on(run)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        pytest.param(
            RunOptions(model=Spec("dressed")),
            ArgumentError,
            "'dressed' reads tables, got 'digits' .* use 'quanvolution'",
            id="model-of-tables",
        ),
        pytest.param(
            RunOptions(data=DataOptions(source="iris"), model=Spec("quanvolution")),
            ArgumentError,
            "'quanvolution' reads images, got 'iris'",
            id="model-of-images",
        ),
        pytest.param(
            RunOptions(data=DataOptions(source="no")), DataError, "got 'no'", id="data"
        ),
        pytest.param(
            RunOptions(model=Spec("auto", target="no.such")),
            TargetError,
            "no.such",
            id="target",
        ),
        pytest.param(
            RunOptions(data=DataOptions(limit=5)),
            DataError,
            "at least one for each of 10 classes, got 5",
            id="limit",
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_a_folder_is_made(
    options: RunOptions, error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        begin(options, runs_dir=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


# ---- What has an exact likelihood beside generators. ----

RANDOM = np.random.default_rng(0)
LABELS = np.arange(60) % 2
ROWS = Dataset(RANDOM.normal(size=(60, 2)), LABELS, "ab", name="table")
BITS = Dataset(RANDOM.integers(0, 2, (60, 3)), LABELS, "ab")
NOTHING = Fit(1, 0, 0.0, {}, 1, 1.0, [])
PIXELS = Dataset(RANDOM.random((60, 1, 2, 2)), LABELS, "ab")


def task(kind: str, dataset: Dataset, **changes: Any) -> Task:
    training = TrainingOptions(epochs=1, batch_size=16, accelerator="cpu")
    options = RunOptions(
        data=DataOptions(validation_fraction=0.3),
        model=Spec(kind),
        training=training,
        first_seed=4,
        **changes,
    )
    return Task.of(options, dataset)


@pytest.mark.parametrize(
    ("kind", "dataset", "title"),
    [
        ("style_gan", ROWS, "normalising flow"),
        ("born_machine", BITS, "autoregressive network"),
        ("rbm", BITS, "autoregressive network"),
    ],
)
def test_it_is_measured_as_the_model_is_and_carried_on(
    kind: str,
    dataset: Dataset,
    title: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = task(kind, dataset)
    (line,) = fit_likelihood(made, tmp_path, progress=False)
    assert line.name == title
    assert set(line.measures) == set(made.recipe.measures(made.split))
    assert line.parameters is not None
    assert line.note == "trained once, with seed 4, for 1 epochs"
    monkeypatch.delattr(torch.optim.Adam, "step")  # since nothing is trained again
    (again,) = fit_likelihood(made, tmp_path, progress=False)
    assert attrs.evolve(again, seconds=line.seconds) == line
    report = make_report("data", made.recipe, made.split, {"model": [NOTHING]}, [line])
    assert report.footnotes[-1] == f"{title}: {line.note}"


def test_whole_numbers_are_read_as_their_bits(tmp_path: Path) -> None:
    numbers = load("log_normal").take(slice(0, 400))
    made = task("distribution_gan", numbers)
    parts = made.recipe.rival_split(made.split)  # type: ignore[attr-defined]
    back = bit_index(torch.tensor(parts.test.inputs))
    assert back.tolist() == made.split.test.inputs[:, 0].tolist()
    (line,) = fit_likelihood(made, tmp_path, progress=False)
    assert set(line.measures) == set(made.recipe.measures(made.split))


@pytest.mark.parametrize(
    ("kind", "dataset", "changes"),
    [
        ("patch_gan", PIXELS, {}),
        ("flow", ROWS, {}),
        ("autoregressive", BITS, {}),
        ("dressed", ROWS, {}),
        ("style_gan", ROWS, {"twin": False}),
    ],
)
def test_where_there_is_none(
    kind: str, dataset: Dataset, changes: dict[str, Any], tmp_path: Path
) -> None:
    made = task(kind, dataset, **changes)
    assert fit_likelihood(made, tmp_path, progress=False) == []
    assert not list(tmp_path.iterdir())


def test_a_report_says_why_it_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    constant = attrs.evolve(
        ROWS, inputs=np.column_stack([ROWS.inputs, np.ones(60, np.float32)])
    )
    (line,) = fit_likelihood(task("style_gan", constant), tmp_path, progress=False)
    assert line.measures == {}
    assert line.note.startswith("left out: column 3: a density needs values")

    made = task("style_gan", ROWS)
    monkeypatch.setitem(sys.modules, "zuko.flows", None)
    (line,) = fit_likelihood(made, tmp_path, progress=False)
    assert line.note.startswith("left out: zuko: this package is not installed")
    report = make_report("data", made.recipe, made.split, {"model": [NOTHING]}, [line])
    assert "normalising flow" not in [each.name for each in report.lines]
    assert report.footnotes[-1].startswith("normalising flow: left out: zuko")
    assert "pip install 'qml-qdl[flow]'" in report.markdown()
