from __future__ import annotations

import json
from pathlib import Path

import attrs
import numpy as np
import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, DataError, RunError, TargetError
from qml_qdl.data import load
from qml_qdl.training import (
    Classification,
    DataOptions,
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
from qml_qdl.training.supervised import wilson_interval

TABLE = RunOptions(
    data=DataOptions(source="iris"),
    training=TrainingOptions(epochs=3, learning_rate=0.05, accelerator="cpu"),
    seeds=2,
)
IMAGES = RunOptions(
    data=DataOptions(source="digits", limit=64, test_fraction=0.1),
    model=Spec("auto", stride=2),
    training=TrainingOptions(epochs=1, accelerator="cpu"),
    seeds=1,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Report, list[str]]:
    told: list[str] = []
    folder = tmp_path_factory.mktemp("runs")
    run, report = train(TABLE, runs_dir=folder, name="iris", tell=told.append)
    assert isinstance(report, Report)
    return run, report, told


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


def test_a_damaged_checkpoint_stops_the_run_and_nothing_else(tmp_path: Path) -> None:
    run, _ = train(attrs.evolve(IMAGES, twin=False), runs_dir=tmp_path)
    folder = run.fit_folder("quantum", 0)
    (folder / "result.json").unlink()
    (folder / "last.ckpt").write_bytes(b"damaged")
    with pytest.raises(RunError, match=r"last\.ckpt: .* delete it to begin"):
        carry_on(run)
    (folder / "last.ckpt").unlink()
    carry_on(run)


def test_twins_start_from_the_same_seed_and_are_as_large() -> None:
    for options, data in ((TABLE, load("iris")), (IMAGES, load("digits"))):
        models = [
            Task.of(options, data).build(kind, seed)
            for kind in ("quantum", "twin")
            for seed in (0, 0, 1)
        ]
        weights = [
            torch.cat([p.detach().ravel() for p in model.parameters()])
            for model in models
        ]
        for first, same, other in (weights[:3], weights[3:]):
            assert torch.equal(first, same)
            assert not torch.equal(first, other)
        assert len(weights[3]) == pytest.approx(len(weights[0]), rel=0.25)


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


def test_evaluating_repeats_what_training_reported(
    trained: tuple[Run, Report, list[str]],
) -> None:
    run, report, _ = trained
    for seed in (0, 1):
        result = evaluate(run, seed=seed)
        assert result.accuracy == report.lines[0].measures["accuracy"][seed]
        assert result.trained_accuracy == result.accuracy
        assert result.agreement == 1.0
        assert (result.rows, result.target) == (45, None)
        assert result.low is not None
        assert result.high is not None
        assert result.low < result.accuracy < result.high or result.accuracy == 1
    assert (
        evaluate(run, kind="twin", seed=1).accuracy
        == report.lines[1].measures["accuracy"][1]
    )
    assert evaluate(run).seed == run.best_seed()
    kept = json.loads((run.folder / "evaluations.json").read_text())["evaluations"]
    assert [entry["kind"] for entry in kept[:3]] == ["quantum", "quantum", "twin"]


def test_evaluating_with_shots_on_a_few_rows(
    trained: tuple[Run, Report, list[str]],
) -> None:
    result = evaluate(trained[0], target="lightning.qubit", shots=200, limit=9)
    assert (result.rows, result.shots, result.target) == (9, 200, "lightning.qubit")


def test_the_draw_seed_fixes_simulated_shots(
    trained: tuple[Run, Report, list[str]],
) -> None:
    def shares(draw_seed: int) -> list[float | None]:
        results = [
            evaluate(trained[0], target="default.qubit", shots=2, draw_seed=draw_seed)
            for _ in range(2)
        ]
        return [result.agreement for result in results]

    first = shares(0)
    assert first[0] == first[1]
    assert len({shares(seed)[0] for seed in range(4)}) > 1


def test_the_rows_drawn_depend_on_the_seed_alone(
    trained: tuple[Run, Report, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def predict(model: object, dataset: object, **options: object) -> object:
        seen.append(dataset.fingerprint())  # type: ignore[attr-defined]
        return np.zeros(len(dataset), dtype=np.int64)  # type: ignore[arg-type]

    monkeypatch.setattr(Classification, "predict", predict)
    for draw_seed in (0, 0, 1):
        evaluate(trained[0], limit=12, draw_seed=draw_seed)
    assert seen[0] == seen[1] != seen[2]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"target": "no.such"}, TargetError, "no.such"),
        ({"shots": 0}, ArgumentError, "shots: expected at least 1"),
        ({"limit": 2}, DataError, "at least one for each of 3 classes"),
        ({"limit": -1}, ArgumentError, "rows: expected at least 1"),
        ({"seed": 9}, ArgumentError, "seed: expected one of 0, 1, got 9"),
        ({"kind": "both"}, ArgumentError, "kind: expected one of"),
        ({"batch_size": 0}, ArgumentError, "batch_size: expected at least 1"),
        ({"kind": "twin", "shots": 10}, ArgumentError, "twin model runs on torch only"),
    ],
)
def test_evaluating_with_bad_arguments(
    trained: tuple[Run, Report, list[str]],
    arguments: dict[str, object],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        evaluate(trained[0], **arguments)  # type: ignore[arg-type]


def test_an_unfinished_run_cannot_be_evaluated(tmp_path: Path) -> None:
    run = begin(TABLE, runs_dir=tmp_path)
    with pytest.raises(RunError, match=r"no quantum training of .* resume it first"):
        evaluate(run)
    with pytest.raises(RunError, match=r"seed 1 of .* has not finished"):
        evaluate(run, seed=1)


@pytest.mark.parametrize(
    ("right", "rows", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634)],
)
def test_the_interval_is_wilsons(
    right: int, rows: int, low: float, high: float
) -> None:
    # Published values of the score interval.
    assert wilson_interval(right, rows) == pytest.approx((low, high), abs=1e-4)
