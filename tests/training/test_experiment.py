from __future__ import annotations

from pathlib import Path

import attrs
import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, DataError, RunError, TargetError
from qml_qdl.training import (
    DataOptions,
    Report,
    Run,
    RunOptions,
    Spec,
    TrainingOptions,
    begin,
    carry_on,
    evaluate,
    train,
)
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
