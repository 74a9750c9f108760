from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from qml_qdl.circuits.errors import DataError
from qml_qdl.data import Dataset, ResumableLoader, Split, from_pandas, load, split
from qml_qdl.data.preprocessing import Preprocessing
from tests.data.frames import frames_of, table


@pytest.mark.parametrize("missing", ["mean", "median", "most_frequent"])
def test_it_is_that_of_scikit_learn(missing: Any) -> None:
    frame = table()
    parts = split(from_pandas(frame, missing=missing))
    rows = frames_of(frame)
    numbers = make_pipeline(SimpleImputer(strategy=missing), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    features = frame.drop(columns="label").replace({None: np.nan})
    columns = [
        (name, words if name == "colour" else numbers, [name]) for name in features
    ]
    theirs = ColumnTransformer(columns).fit(features.loc[rows["train"].index])
    for name, each in rows.items():
        ours = getattr(parts, name).inputs
        expected = theirs.transform(features.loc[each.index])
        np.testing.assert_allclose(ours, expected, atol=2e-6)
    names = [column.name for column in parts.train.columns]
    assert names == ["size", "count", "colour=blue", "colour=green", "colour=red"]
    assert not parts.train.is_raw


def test_nothing_is_learnt_from_rows_of_other_parts() -> None:
    frame = table()
    before = split(from_pandas(frame, missing="mean"))
    others = frames_of(frame)["test"].index
    frame.loc[others, "size"] = 1e6
    frame.loc[others, "count"] = None
    frame.loc[others, "colour"] = "a new one"
    after = split(from_pandas(frame, missing="mean"))
    assert after.train.fingerprint() == before.train.fingerprint()
    assert after.train.columns == before.train.columns
    assert after.test.inputs[:, 0].max() > 1e4
    # A word that the training part had not is none of its words.
    assert (after.test.inputs[:, 2:] == 0).all()
    # A gap becomes the training part's mean, which is 0 when standardised.
    np.testing.assert_allclose(after.test.inputs[:, 1], 0, atol=1e-6)


def test_words_that_other_rows_have_not_are_zeros() -> None:
    data = fitted(split(from_pandas(table(), missing="mean")))
    for word, expected in (("violet", [0, 0, 0]), ("red", [0, 0, 1])):
        rows = data.apply(from_pandas(table(8).assign(colour=word), missing="mean"))
        assert (rows.inputs[:, 2:] == expected).all()


def test_words_beside_numbers_without_gaps() -> None:
    whole = table().dropna()
    ours = split(from_pandas(whole)).train.inputs
    filled = split(from_pandas(whole, missing="mean")).train.inputs
    np.testing.assert_array_equal(ours, filled)


def test_words_and_gaps_are_not_scaled_without_standardisation() -> None:
    parts = split(from_pandas(table(), missing="most_frequent"), standardise=False)
    assert parts.mean is None
    assert set(np.unique(parts.train.inputs[:, 1])) <= {0, 1, 2, 3, 4}
    assert set(np.unique(parts.train.inputs[:, 2:])) == {0, 1}


def fitted(parts: Split) -> Preprocessing:
    assert parts.preprocessing is not None
    return parts.preprocessing


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(from_pandas(table(), missing="median"), id="mixed"),
        pytest.param(load("diabetes"), id="numbers"),
        pytest.param(load("iris"), id="classes"),
    ],
)
def test_it_goes_through_json(data: Dataset) -> None:
    parts = split(data)
    text = json.dumps(fitted(parts).as_config())
    again = Preprocessing.from_config(json.loads(text))
    other = split(data, preprocessing=again)
    for name in ("train", "validation", "test"):
        assert getattr(other, name).fingerprint() == getattr(parts, name).fingerprint()
    assert again.as_config() == fitted(parts).as_config()


def test_what_was_fitted_earlier_is_used() -> None:
    iris = load("iris")
    other = Dataset(iris.inputs * 2, iris.labels, iris.class_names)
    parts = split(iris, preprocessing=fitted(split(other)))
    assert parts.train.inputs.mean() < -1


def test_numbers_come_back_in_their_unit() -> None:
    parts = split(load("diabetes"))
    back = fitted(parts).labels_of(parts.test.labels)
    assert set(back.round(3)) <= set(load("diabetes").labels)


def test_a_column_without_a_value_in_training_is_refused() -> None:
    frame = table()
    frame["size"] = np.nan
    frame.loc[frames_of(frame)["test"].index[0], "size"] = 1.0
    with pytest.raises(DataError, match="'size': expected a value in the training"):
        split(from_pandas(frame, missing="mean"))


def test_rows_of_another_shape_are_refused() -> None:
    with pytest.raises(DataError, match=r"rows of shape \(4,\) as in training, got"):
        fitted(split(load("iris"))).apply(load("wine"))


def test_raw_rows_are_no_batches() -> None:
    with pytest.raises(DataError, match=r"qml_qdl\.data\.split makes numbers"):
        ResumableLoader(from_pandas(table(), missing="mean"))
