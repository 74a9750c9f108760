"""Baselines of the reports: fitted to the training part, measured as networks are."""

from __future__ import annotations

import numpy as np
import pytest

from qml_qdl.data import Split, load, split
from qml_qdl.training import Classification


@pytest.fixture(scope="module")
def digits() -> Split:
    return split(load("digits"))


def test_baselines_on_digits(digits: Split) -> None:
    logistic, nearest, majority = Classification.baselines(digits)
    assert logistic.parameters == 650
    assert 0.94 < logistic.measures["accuracy"] < 0.99
    assert nearest.note == "stores 1068 rows"
    assert nearest.parameters is None
    assert nearest.measures["accuracy"] > 0.96
    most = np.bincount(digits.train.labels).argmax()
    assert majority.measures["accuracy"] == float(np.mean(digits.test.labels == most))
    assert majority.parameters == 0


def test_baselines_see_the_training_part_only(digits: Split) -> None:
    blind = Split(digits.train, digits.test, digits.test)
    scores = [
        baseline.measures["accuracy"] for baseline in Classification.baselines(digits)
    ]
    assert [
        baseline.measures["accuracy"] for baseline in Classification.baselines(blind)
    ] == scores


def test_a_baseline_that_did_not_converge_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("qml_qdl.training.baselines._ITERATIONS", 1)
    assert (
        Classification.baselines(split(load("iris")))[0].note
        == "not converged after 1 iterations"
    )
