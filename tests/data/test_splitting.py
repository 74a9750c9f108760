from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from qml_qdl.circuits.errors import ArgumentError, DataError, QdlError
from qml_qdl.data import Dataset, load, split


def test_parts_are_disjoint_and_stratified() -> None:
    # Row numbers as inputs; a table would be standardised, pixels are left alone.
    count = 400
    pixels = (np.arange(count) / count).reshape(-1, 1, 1, 1)
    labels = np.repeat([0, 1, 1, 1], count // 4)
    parts = split(Dataset(pixels, labels, "ab"), validation_fraction=0.25)
    sizes = [len(p) for p in (parts.train, parts.validation, parts.test)]
    assert sizes == [210, 70, 120]
    together = np.concatenate(
        [p.inputs.ravel() for p in (parts.train, parts.validation, parts.test)]
    )
    assert sorted(together) == sorted(pixels.astype(np.float32).ravel())
    for part in (parts.train, parts.validation, parts.test):
        assert part.labels.mean() == pytest.approx(0.75, abs=0.02)


def test_the_scaling_is_fitted_on_the_training_part_alone() -> None:
    parts = split(load("wine"))
    np.testing.assert_allclose(parts.train.inputs.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(parts.train.inputs.std(axis=0), 1, rtol=1e-4)
    assert np.abs(parts.test.inputs.mean(axis=0)).max() > 0.02
    assert parts.mean is not None
    assert parts.deviation is not None
    raw = parts.test.inputs * parts.deviation + parts.mean
    assert np.isin(np.round(raw[:, 0], 2), np.round(load("wine").inputs[:, 0], 2)).all()


def test_a_constant_feature_becomes_zero() -> None:
    data = load("iris")
    inputs = np.column_stack([data.inputs, np.full(len(data), 7.0)])
    parts = split(Dataset(inputs, data.labels, data.class_names))
    assert (parts.test.inputs[:, -1] == 0).all()


def test_images_stay_as_they_are() -> None:
    parts = split(load("digits"))
    assert parts.mean is None
    assert parts.train.inputs.min() == 0
    assert parts.train.inputs.max() == 1


def test_digits_have_540_test_images_whatever_the_limit() -> None:
    whole, limited = split(load("digits")), split(load("digits"), limit=100)
    assert len(whole.test) == len(limited.test) == 540
    assert whole.test.fingerprint() == limited.test.fingerprint()
    assert len(limited.train) == 100
    assert np.bincount(limited.train.labels).min() == 10


def test_the_seed_alone_decides_who_goes_where() -> None:
    data = load("iris")
    first, again, other = split(data), split(data), split(data, seed=1)
    assert first.test.fingerprint() == again.test.fingerprint()
    assert first.test.fingerprint() != other.test.fingerprint()


@pytest.mark.parametrize("name", ["test_fraction", "validation_fraction"])
@pytest.mark.parametrize("value", [0, 1, -0.1, 1.5, float("nan")])
def test_fractions_are_shares(name: str, value: float) -> None:
    with pytest.raises(ArgumentError, match=f"{name}: expected a share between 0 and"):
        split(load("iris"), **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "labels",
    [pytest.param([0] * 20 + [1], id="a-single"), pytest.param([0, 0, 1, 1], id="few")],
)
def test_too_few_rows_of_a_class_are_refused(labels: list[int]) -> None:
    data = Dataset(np.zeros((len(labels), 2)), labels, "ab")
    with pytest.raises(DataError, match="expected enough rows of each class"):
        split(data)


def test_classes_without_rows_are_left_out_of_account() -> None:
    parts = split(load("digits").of_classes(["0"]))
    assert [len(p) for p in (parts.train, parts.validation, parts.test)] == [
        105,
        19,
        54,
    ]
    lonely = Dataset(np.zeros((21, 2)), [0] * 20 + [2], "abc")
    with pytest.raises(DataError, match="1 of class 'c'"):
        split(lonely)


def test_tables_may_stay_as_they_are() -> None:
    data = load("log_normal")
    parts = split(data, standardise=False)
    assert parts.mean is None
    assert set(np.unique(parts.train.inputs).tolist()) == set(range(8))
    assert len(parts.train) + len(parts.validation) + len(parts.test) == len(data)


def fitted(rows: int = 200, *, image: bool = False) -> Dataset:
    generator = np.random.default_rng(0)
    inputs = generator.random((rows, 1, 2, 2) if image else (rows, 3))
    return Dataset(inputs, 40 + 7 * generator.standard_normal(rows))


@pytest.mark.parametrize("limit", [None, 30])
@pytest.mark.parametrize("image", [False, True])
def test_numbers_are_scaled_by_the_training_part(
    image: bool, limit: int | None
) -> None:
    data = fitted(image=image)
    raw = split(data, standardise=False, limit=limit)
    parts = split(data, limit=limit)
    assert raw.label_mean is raw.label_deviation is None
    assert raw.train.labels.mean() == pytest.approx(40, abs=3)
    scaler = StandardScaler().fit(raw.train.labels[:, None].astype(np.float64))
    assert parts.label_mean == pytest.approx(scaler.mean_[0], rel=1e-12)
    assert parts.label_deviation == pytest.approx(scaler.scale_[0], rel=1e-12)
    assert type(parts.label_mean) is type(parts.label_deviation) is float
    for part, before in (
        (parts.train, raw.train),
        (parts.validation, raw.validation),
        (parts.test, raw.test),
    ):
        labels = scaler.transform(before.labels[:, None].astype(np.float64))[:, 0]
        np.testing.assert_allclose(part.labels, labels, rtol=1e-5, atol=1e-6)
        assert part.labels.dtype == np.float32
        if image:
            np.testing.assert_array_equal(part.inputs, before.inputs)
    assert (parts.mean is None) == image
    assert len(parts.train) == (limit or 119)


def test_rows_of_numbers_go_to_one_part_each() -> None:
    data = Dataset(np.zeros((400, 1)), np.arange(400) / 2)
    first, again, other = (
        split(data, standardise=False, seed=seed) for seed in (0, 0, 1)
    )
    parts = (first.train, first.validation, first.test)
    assert [len(part) for part in parts] == [238, 42, 120]
    together = np.concatenate([part.labels for part in parts])
    assert sorted(together) == sorted(data.labels)
    assert first.test.fingerprint() == again.test.fingerprint()
    assert first.test.fingerprint() != other.test.fingerprint()
    # At random, not cut off at an end.
    assert first.test.labels.mean() == pytest.approx(100, abs=20)


def test_a_constant_number_becomes_zero() -> None:
    parts = split(Dataset(np.arange(20.0)[:, None], np.full(20, 0.1)))
    assert parts.label_mean == np.float32(0.1)
    assert parts.label_deviation == 1
    assert (parts.test.labels == 0).all()


def test_classes_have_no_scale() -> None:
    parts = split(load("iris"))
    assert parts.label_mean is parts.label_deviation is None
    assert parts.train.labels.dtype == np.int64


@pytest.mark.parametrize("rows", [1, 2])
def test_too_few_numbers_are_refused(rows: int) -> None:
    message = r"enough rows for training, validation and test, got \d rows to cut; add"
    with pytest.raises(DataError, match=message):
        split(fitted(rows))


def test_three_numbers_are_enough() -> None:
    parts = split(fitted(3))
    assert [len(p) for p in (parts.train, parts.validation, parts.test)] == [1, 1, 1]


@pytest.mark.parametrize("seed", [2**40, 2**32 - 1, -1])
def test_a_seed_is_one_that_scikit_learn_takes(seed: int) -> None:
    with pytest.raises(ArgumentError, match="seed: expected at"):
        split(load("iris"), seed=seed)
    with pytest.raises(QdlError, match="seed: expected a whole number"):
        split(load("iris"), seed="0")  # type: ignore[arg-type]
    assert split(load("iris"), seed=2**32 - 2)


def test_rows_of_two_parts_are_counted() -> None:
    inputs = np.arange(40.0)[:, np.newaxis]
    labels = np.arange(40) % 2
    assert split(Dataset(inputs, labels, "ab")).shared_rows() == 0
    doubled = split(Dataset(np.tile(inputs[:20], (2, 1)), labels, "ab"))
    known = set(doubled.train.inputs.ravel())
    expected = sum(value in known for value in doubled.test.inputs.ravel())
    assert doubled.shared_rows() == expected > 0


def test_prices_are_hinted_to_be_numbers() -> None:
    prices = [str(1000 + k) for k in range(20)]
    data = Dataset(np.zeros((20, 1)), np.arange(20), prices)
    with pytest.raises(DataError, match="or fit labels as numbers with recipe='regr"):
        split(data)
