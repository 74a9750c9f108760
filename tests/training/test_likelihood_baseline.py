"""What has an exact likelihood beside generators, in reports."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch

from qml_qdl.data import Dataset, bit_index, load
from qml_qdl.training import DataOptions, Fit, RunOptions, Spec, Task, TrainingOptions
from qml_qdl.training.likelihood_baseline import fit_likelihood
from qml_qdl.training.report import make_report

RANDOM = np.random.default_rng(0)
LABELS = np.arange(60) % 2
TABLE = Dataset(RANDOM.normal(size=(60, 2)), LABELS, "ab", name="table")
BITS = Dataset(RANDOM.integers(0, 2, (60, 3)), LABELS, "ab")
NOTHING = Fit(1, 0, 0.0, {}, 1, 1.0, [])
IMAGES = Dataset(RANDOM.random((60, 1, 2, 2)), LABELS, "ab")


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
        ("style_gan", TABLE, "normalising flow"),
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
        ("patch_gan", IMAGES, {}),
        ("flow", TABLE, {}),
        ("autoregressive", BITS, {}),
        ("dressed", TABLE, {}),
        ("style_gan", TABLE, {"twin": False}),
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
        TABLE, inputs=np.column_stack([TABLE.inputs, np.ones(60, np.float32)])
    )
    (line,) = fit_likelihood(task("style_gan", constant), tmp_path, progress=False)
    assert line.measures == {}
    assert line.note.startswith("left out: column 3: a density needs values")

    made = task("style_gan", TABLE)
    monkeypatch.setitem(sys.modules, "zuko.flows", None)
    (line,) = fit_likelihood(made, tmp_path, progress=False)
    assert line.note.startswith("left out: zuko: this package is not installed")
    report = make_report("data", made.recipe, made.split, {"model": [NOTHING]}, [line])
    assert "normalising flow" not in [each.name for each in report.lines]
    assert report.footnotes[-1].startswith("normalising flow: left out: zuko")
    assert "pip install 'qml-qdl[flow]'" in report.markdown()
