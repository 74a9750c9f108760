"""What scikit-learn refuses, told by errors of this library."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from qml_qdl.errors import ArgumentTypeError, DataError, QdlError
from qml_qdl.sklearn import QuantumTransformer, UnfittedError
from qml_qdl.sklearn.base import class_codes, dataset_of, repairs, seed_of, weights_of


def test_errors_are_both_kinds() -> None:
    assert issubclass(UnfittedError, QdlError)
    assert issubclass(UnfittedError, NotFittedError)
    with pytest.raises(DataError, match=r"^wrong$"), repairs():
        raise ValueError("wrong\nSee another estimator")
    with pytest.raises(ArgumentTypeError, match="give an array of numbers"), repairs():
        raise TypeError("sparse")
    with pytest.raises(DataError, match="mine"), repairs():
        raise DataError("mine")


def test_classes_are_weighted() -> None:
    x = np.arange(8.0).reshape(4, 2)
    labels = ["b", "a", "b", "b"]
    rows, classes, codes, weights = class_codes(
        QuantumTransformer(), x, labels, None, "balanced"
    )
    assert (classes.tolist(), codes.tolist()) == (["a", "b"], [1, 0, 1, 1])
    assert np.allclose(weights, [2 / 3, 2, 2 / 3, 2 / 3])
    assert np.array_equal(rows, x)
    assert class_codes(QuantumTransformer(), x, labels, None)[3] is None
    assert (
        dataset_of(QuantumTransformer(), x, codes, ("a", "b"), weights).weights
        is not None
    )


def test_weights_and_seeds() -> None:
    assert weights_of(None, np.ones((2, 1))) is None
    with pytest.raises(DataError, match=r"sample_weight\.shape == \(3,\)"):
        weights_of([1, 2, 3], np.ones((2, 1)))
    with pytest.raises(DataError, match=r"Negative .*; leave out rows"):
        weights_of([1, -2], np.ones((2, 1)))
    with pytest.raises(DataError, match=r"contains NaN; give each row a finite number"):
        weights_of([1, np.nan], np.ones((2, 1)))
    assert seed_of(3) == seed_of(np.random.RandomState(3))
