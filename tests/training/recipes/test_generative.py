"""A generative run from options to report, pictures and samples."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import numpy as np
import pytest
import torch
from rich.console import Console

from qml_qdl.circuits.errors import ArgumentError, RunError
from qml_qdl.data import load, split
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
    default_training,
    estimate,
    evaluate,
    sample,
    train,
)
from qml_qdl.training.report import Line


def options(kind: str, source: str, epochs: int = 1) -> RunOptions:
    training = attrs.evolve(default_training(kind), epochs=epochs, accelerator="cpu")
    return RunOptions(
        data=DataOptions(source=source),
        model=Spec(kind),
        training=training,
        seeds=1,
    )


def pictures(run: Run) -> dict[str, int]:
    return {path.stem: path.stat().st_size for path in run.folder.glob("*.png")}


def test_a_run_leaves_report_and_pictures(zeros: tuple[Run, Report]) -> None:
    run, report = zeros
    assert [line.name for line in report.lines] == [
        "patch generator",
        "classical twin",
        "training rows (floor)",
        "PCA-8 Gaussian",
        "Gaussian pixels",
        "mean of the rows",
    ]
    quantum, twin, floor = report.lines[:3]
    assert len(quantum.measures["Fréchet"]) == len(twin.measures["Fréchet"]) == 2
    assert len(floor.measures["Fréchet"]) == 1
    assert quantum.parameters == 24
    assert abs(twin.parameters or 0) >= 24
    text = (run.folder / "report.md").read_text()
    assert "# digits, class 0: 105 rows to train, 19 to validate, 54 to test" in text
    assert "; 2 seeds" in text
    assert "| patch generator |" in text
    assert " ± " in text
    content = json.loads((run.folder / "report.json").read_text())
    kept = content["lines"][0]["measures"]["recall"]
    assert kept["mean"] == pytest.approx(np.mean(kept["values"]))
    sizes = pictures(run)
    assert set(sizes) >= {
        "circuit",
        "curves",
        "histograms",
        "latent-walk",
        "samples-over-time",
    }
    assert min(sizes.values()) > 5000


def test_carrying_on_trains_nothing_again(
    zeros: tuple[Run, Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qml_qdl.training.experiment.plot", lambda *given: None)
    run, report = zeros
    told: list[str] = []
    again = carry_on(Run.open(run.folder), tell=told.append)
    assert isinstance(again, Report)
    assert again.lines == report.lines
    assert not [line for line in told if "training …" in line]
    assert all("Fréchet" in line for line in told)


def test_the_numbers_of_the_report_are_those_of_the_samples(
    zeros: tuple[Run, Report],
) -> None:
    run, report = zeros
    sampled = sample(run, 1000, training_seed=1)
    for name, value in sampled.measures.items():
        assert report.lines[0].measures[name][1] == pytest.approx(value)


def test_runs_are_used_as_what_they_are(
    zeros: tuple[Run, Report], tmp_path: Path
) -> None:
    run, _ = zeros
    with pytest.raises(
        RunError, match="'patch_gan', which generates samples; see qml-qdl"
    ):
        evaluate(run)
    with pytest.raises(RunError, match="expected the run of a classifier"):
        estimate(run, target="aer:fake_torino", shots=100)
    table = begin(RunOptions(data=DataOptions(source="iris")), runs_dir=tmp_path)
    with pytest.raises(RunError, match="of a classifier; see qml-qdl evaluate"):
        sample(table)
    unfinished = begin(run.options, runs_dir=tmp_path, name="new")
    with pytest.raises(RunError, match=r"no quantum training of .* resume it first"):
        sample(unfinished)
    with pytest.raises(RunError, match=r"seed 1 of .* has not finished"):
        sample(unfinished, training_seed=1)


@pytest.mark.slow
def test_a_machine_without_circuits_has_no_twin(tmp_path: Path) -> None:
    run, report = train(options("rbm", "bars_and_stripes"), runs_dir=tmp_path, name="r")
    assert isinstance(report, Report)
    assert run.kinds == ("classical",)
    assert [line.name for line in report.lines][:2] == [
        "RBM",
        "autoregressive network",
    ]
    sizes = pictures(run)
    assert set(sizes) == {
        "curves",
        "histograms",
        "receptive-fields",
        "samples-over-time",
    }
    assert min(sizes.values()) > 5000
    sampled = sample(run, 32)
    assert set(sampled.samples.unique().tolist()) <= {0, 1}
    assert set(sampled.measures) == {"total variation", "JS", "MMD", "valid"}
    sample(run, 200)
    assert (run.folder / "samples.png").stat().st_size < 200_000
    with pytest.raises(ArgumentError, match="the classical model runs on torch only"):
        sample(run, target="aer")


def test_a_vae_stands_beside_the_plain_one_and_the_mean_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qml_qdl.training.experiment.plot", lambda *given: None)
    asked = attrs.evolve(
        options("vae", "digits"),
        data=DataOptions(source="digits", labels=("0",)),
        seeds=2,
    )
    run, report = train(asked, runs_dir=tmp_path, name="run")
    assert isinstance(report, Report)
    lines = {line.name: line for line in report.lines}
    assert list(lines)[:3] == ["VAE, quantum decoder", "classical twin", "plain VAE"]
    # 64 pixels, 32 hidden units on each side, five latent variables.
    assert lines["plain VAE"].parameters == 64 * 32 + 32 + 330 + 6 * 32 + 33 * 64
    assert len(lines["plain VAE"].measures["−ELBO"]) == 2
    sampled = sample(run, 4, kind="plain")
    assert sampled.samples.shape == (4, 1, 8, 8)

    digits = load("digits")
    zeros = split(digits.take(np.flatnonzero(digits.labels == 0)))
    mean = zeros.train.inputs.mean(0).clip(0.001, 0.999)
    test = zeros.test.inputs
    nats = -(test * np.log(mean) + (1 - test) * np.log(1 - mean)).sum((1, 2, 3)).mean()
    blind = lines["mean of the rows"].measures
    assert blind["−ELBO"] == blind["reconstruction"] == pytest.approx((nats,), rel=1e-5)
    assert blind["KL term"] == (0,)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "source", "shown"),
    [
        ("conv_gan", "digits", {"latent-walk", "samples-over-time"}),
        ("style_gan", "two_moons", set()),
        ("distribution_gan", "log_normal", set()),
        ("born_machine", "bars_and_stripes", {"samples-over-time"}),
        ("vae", "digits", {"latent-walk", "samples-over-time"}),
        ("vae", "iris", set()),
        ("rbm", "digits", {"receptive-fields", "samples-over-time"}),
        ("autoregressive", "digits", {"samples-over-time"}),
        ("flow", "iris", set()),
    ],
)
def test_every_kind_runs_from_end_to_end(
    kind: str, source: str, shown: set[str], tmp_path: Path
) -> None:
    run, report = train(options(kind, source), runs_dir=tmp_path, name="run")
    assert isinstance(report, Report)
    first = report.lines[0]
    assert set(first.measures) == set(report.measures)
    if kind not in ("rbm", "autoregressive", "flow"):
        twin = report.lines[1]
        assert twin.name == "classical twin"
        assert set(twin.measures) == set(report.measures)
        assert twin.parameters is not None
        assert first.parameters is not None
        assert 0.4 < twin.parameters / first.parameters < 2.5
        shown = shown | {"circuit"}
    sizes = pictures(run)
    assert set(sizes) == shown | {"curves", "histograms"}
    assert min(sizes.values()) > 5000
    sampled = sample(run, 16)
    assert sampled.samples.isfinite().all()
    assert isinstance(run.read_fit(run.kinds[0], 0), Fit)


@pytest.mark.slow
def test_zeros_come_close_to_the_data(tmp_path: Path) -> None:
    zeros = RunOptions(
        data=DataOptions(labels=("0",)),
        model=Spec("patch_gan"),
        seeds=1,
        twin=False,
    )
    _, report = train(zeros, runs_dir=tmp_path)
    assert isinstance(report, Report)
    assert report.lines[0].summary("Fréchet").mean < 1.4
    assert report.lines[-1].name == "mean of the rows"
    assert (
        report.lines[0].summary("Fréchet").mean
        < report.lines[-1].summary("Fréchet").mean
    )


def test_lines_of_measures() -> None:
    line = Line("model", {"KL": (1.0, 2.0), "valid": (0.5,)}, 12, 3.21)
    wide = Report("data", ("KL", "valid", "MMD"), (), upright=True)
    assert wide.cells(line) == (
        "model",
        "1.5000 ± 0.7071",
        "50.0%",
        "–",
        "12",
        "3.2",
    )
    report = Report("data", ("KL", "valid"), (line,) * 7, upright=True)
    console = Console(width=80)
    with console.capture() as shown:
        console.print(report.table())
    assert "…" not in shown.get()
    assert shown.get().count("50.0%") == 7
    endless = Line("x", {"KL": (float("inf"), float("inf"))}, None, None)
    one = Report("data", ("KL",), (), upright=True)
    assert one.cells(endless) == ("x", "inf", "–", "–")


@pytest.mark.parametrize("kind", ["patch_gan", "vae"])
def test_walks_are_as_precise_as_the_model(kind: str) -> None:
    asked = RunOptions(model=Spec(kind), training=TrainingOptions(precision="64-true"))
    task = Task.of(asked, load("digits").of_classes(["0"]))
    walks = task.recipe.walks(task.build("quantum", 0))  # type: ignore[attr-defined]
    assert {each.dtype for each in walks.values()} == {torch.float64}
    assert all(len(each) == 9 for each in walks.values())
