"""New rows through a run's own preprocessing and weights."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from qml_qdl.circuits.errors import ArgumentError, DataError, RunError, TargetError
from qml_qdl.data import load
from qml_qdl.training import (
    DataOptions,
    Report,
    Run,
    RunOptions,
    Spec,
    TrainingOptions,
    evaluate,
    predict_rows,
    train,
)
from qml_qdl.training.run import PREPROCESSING
from tests.data.frames import frames_of, table

FRAME = table()
TEST = frames_of(FRAME)["test"]


def trained_on(folder: Path, data: DataOptions, **options: Any) -> Run:
    training = TrainingOptions(epochs=1, accelerator="cpu")
    asked = RunOptions(data=data, training=training, seeds=1, **options)
    return train(asked, runs_dir=folder / "runs", name="run")[0]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on numbers, words and empty cells, whose file is not there any more."""
    folder = tmp_path_factory.mktemp("mixed")
    FRAME.assign(id=range(len(FRAME)))[["id", *FRAME]].to_csv(
        folder / "mine.csv", sep=";", decimal=",", index=False
    )
    data = DataOptions(source=str(folder / "mine.csv"), drop="id", missing="median")
    run = trained_on(folder, data, model=Spec("dressed", layers=1))
    (folder / "mine.csv").rename(folder / "moved.csv")
    return run


@pytest.fixture
def copy(mixed: Run, tmp_path: Path) -> Run:
    shutil.copytree(mixed.folder, tmp_path / "copy")
    return Run.open(tmp_path / "copy")


def told(run: Run, kind: str) -> Any:
    fit = run.read_fit(kind, 0)
    assert fit is not None
    return fit.predictions


@pytest.mark.parametrize("kind", ["quantum", "twin"])
def test_the_test_rows_are_predicted_as_at_the_end_of_training(
    mixed: Run, kind: str
) -> None:
    found = predict_rows(mixed, TEST.drop(columns="label"), kind=kind)
    names = np.array(["a", "b"], dtype=object)
    assert found.values.tolist() == names[told(mixed, kind)].tolist()
    chances: Any = found.probabilities
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    assert (names[chances.argmax(axis=1)] == found.values).all()
    assert (len(found), found.kind, found.seed) == (len(TEST), kind, 0)


def test_a_file_is_read_as_in_training(mixed: Run, tmp_path: Path) -> None:
    expected = predict_rows(mixed, TEST)
    # In another order, with other columns, with and without labels.
    mixed_up = TEST.assign(more=1.5)[["more", "colour", "size", "label", "count"]]
    mixed_up.to_csv(tmp_path / "new.csv", index=False)
    found: Any = predict_rows(mixed, tmp_path / "new.csv", out=tmp_path / "out.csv")
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    written = pd.read_csv(tmp_path / "out.csv")
    assert list(written) == ["prediction", "probability of a", "probability of b"]
    assert written["prediction"].tolist() == found.values.tolist()
    np.testing.assert_allclose(
        written.to_numpy()[:, 1:].astype(float), found.probabilities
    )


def test_rows_do_not_depend_on_each_other(mixed: Run) -> None:
    together = predict_rows(mixed, TEST, kind="twin")
    alone: Any = predict_rows(mixed, TEST.iloc[:1], kind="twin", batch_size=1)
    np.testing.assert_allclose(
        alone.probabilities, np.asarray(together.probabilities)[:1], rtol=1e-5
    )


def test_new_words_are_told(mixed: Run, caplog: pytest.LogCaptureFixture) -> None:
    rows = TEST.assign(colour="violet")
    with caplog.at_level(logging.WARNING):
        predict_rows(mixed, rows)
    assert "column 'colour': 'violet' not in the training part" in caplog.text


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (TEST.drop(columns="size"), DataError, "got none called 'size'; the columns"),
        (TEST.assign(size="big"), DataError, "column 'size': expected a number as in"),
        (np.zeros((2, 3)), DataError, "the run has columns of words, got numbers"),
        ("nowhere.csv", DataError, r"nowhere\.csv: expected a file"),
        (TEST.iloc[:0], DataError, "expected rows and columns"),
    ],
    ids=["column", "word", "array", "file", "none"],
)
def test_rows_unlike_those_of_training(
    mixed: Run, rows: Any, error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        predict_rows(mixed, rows)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"target": "ibm:fake"}, TargetError, "on simulators, got the machine 'ibm:"),
        ({"kind": "twin", "shots": 5}, ArgumentError, "the twin model runs on torch"),
        ({"out": "a.npz"}, ArgumentError, r"ends with \.csv, got 'a\.npz'"),
        ({"seed": 7}, ArgumentError, "seed: expected one of 0"),
        ({"kind": "plain"}, ArgumentError, "kind: expected one of 'quantum'"),
    ],
)
def test_options_that_do_not_fit(
    mixed: Run, options: dict[str, Any], error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        predict_rows(mixed, TEST, **options)


def test_the_file_of_the_rows_is_never_written_over(mixed: Run, tmp_path: Path) -> None:
    TEST.to_csv(tmp_path / "new.csv", index=False)
    os.symlink(tmp_path / "new.csv", tmp_path / "link.csv")
    with pytest.raises(ArgumentError, match="another file than that of the rows"):
        predict_rows(mixed, tmp_path / "new.csv", out=tmp_path / "link.csv")


def test_a_full_disk_leaves_the_file_that_was_there(
    mixed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.csv"
    predict_rows(mixed, TEST, out=out)
    before = out.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        predict_rows(mixed, TEST.iloc[:3], out=out)
    assert out.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["out.csv"]


def test_shots_repeat_with_their_seed(mixed: Run) -> None:
    one, same, other = (
        predict_rows(mixed, TEST, shots=20, sample_seed=seed).probabilities
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert (np.asarray(one) != np.asarray(other)).any()


def test_a_damaged_preprocessing_is_told(copy: Run) -> None:
    path = copy.folder / PREPROCESSING
    text = path.read_text()
    path.write_text(text.replace("colour", "color"))
    with pytest.raises(RunError, match=r"preprocessing\.json: the file is damaged"):
        predict_rows(copy, TEST)
    path.write_text('{"columns": []}')
    with pytest.raises(RunError, match="the file is damaged"):
        predict_rows(copy, TEST)


def test_a_run_of_an_earlier_version_needs_its_data(copy: Run) -> None:
    expected = predict_rows(copy, TEST)
    (copy.folder / PREPROCESSING).unlink()
    with pytest.raises(DataError, match=r"mine\.csv: expected a file, got none"):
        predict_rows(copy, TEST)
    source = Path(copy.options.data.source.class_path)
    (source.parent / "moved.csv").rename(source)
    try:
        found = predict_rows(copy, TEST)
        assert evaluate(copy).agreement == 1
    finally:
        source.rename(source.parent / "moved.csv")
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)


def test_numbers_are_in_the_unit_of_the_data(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"x": generator.normal(size=60)})
    frame["price"] = (1000 + 200 * frame["x"]).round().astype(int)
    frame.to_csv(tmp_path / "mine.csv", index=False)
    data = DataOptions(source=str(tmp_path / "mine.csv"), label_column="price")
    # A model of one's own, by its import path.
    run = trained_on(
        tmp_path, data, model=Spec("torch.nn.Linear"), recipe=Spec("regression")
    )
    split = run.task().split
    fitted: Any = split.preprocessing
    raw = split.test.inputs * fitted.deviation + fitted.mean
    pd.DataFrame(raw, columns=["x"]).to_csv(tmp_path / "new.csv", index=False)
    found = predict_rows(run, tmp_path / "new.csv")
    assert found.probabilities is None
    np.testing.assert_allclose(
        found.values, fitted.labels_of(told(run, "classical")), rtol=1e-5
    )
    found.write(tmp_path / "out.csv")
    assert list(pd.read_csv(tmp_path / "out.csv")) == ["prediction"]


def test_plain_numbers_have_no_names(trained: tuple[Run, Report, list[str]]) -> None:
    run, iris = trained[0], load("iris")
    found = predict_rows(run, iris.inputs[:5])
    frame = pd.DataFrame(iris.inputs[:5], columns=list("abcd"))
    np.testing.assert_array_equal(
        predict_rows(run, frame).probabilities, found.probabilities
    )
    assert set(found.values) <= set(iris.class_names)
    with pytest.raises(DataError, match=r"shape \(4,\) as in training, got \(3,\)"):
        predict_rows(run, iris.inputs[:5, :3])


def test_images_of_a_folder_and_arrays(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (24, 4, 4), dtype=np.uint8)
    for number, each in enumerate(pixels):
        path = tmp_path / "photos" / "ab"[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(each).save(path)
    run = trained_on(
        tmp_path,
        DataOptions(source=str(tmp_path / "photos")),
        model=Spec("quanvolution", channels=1, layers=1),
        twin=False,
    )
    order = [*range(0, 24, 2), *range(1, 24, 2)]
    found = predict_rows(run, tmp_path / "photos")
    assert found.files is not None
    assert [Path(file).stem for file in found.files] == [f"{k:02}" for k in order]
    np.savez(tmp_path / "new.npz", x=pixels[order])
    for rows in (tmp_path / "new.npz", pixels[order]):
        other = predict_rows(run, rows)
        np.testing.assert_array_equal(other.probabilities, found.probabilities)
    one = predict_rows(run, found.files[0], out=tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv")["file"].tolist() == [found.files[0]]
    assert one.values[0] == found.values[0]
    with pytest.raises(DataError, match=r"rows of shape \(1, 4, 4\) as in training"):
        predict_rows(run, np.zeros((2, 16)))


def test_a_generative_run_predicts_nothing(zeros: tuple[Run, Report]) -> None:
    with pytest.raises(RunError, match="see qml-qdl sample"):
        predict_rows(zeros[0], np.zeros((2, 8, 8)))
