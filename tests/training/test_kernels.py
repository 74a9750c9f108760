"""Kernels side by side: equal budgets, the same rows, nothing seen of the test."""

from __future__ import annotations

import pytest

from qml_qdl.circuits.errors import ArgumentError, DataError
from qml_qdl.data import load
from qml_qdl.training.kernels import CANDIDATES, SCALINGS, KernelStudy


def test_equal_budgets() -> None:
    for candidate in CANDIDATES.values():
        assert len(candidate.settings) == len(SCALINGS)


def test_two_seeds_of_many_features() -> None:
    told: list[str] = []
    study = KernelStudy(load("wine"), limit=30, tell=told.append)
    with pytest.raises(ArgumentError, match="nothing was compared yet"):
        study.tables()
    study.run([0, 1])
    (title, rows), (_, grams) = study.tables()
    assert title.startswith("30 rows to train, 8 features, 2 seeds; 32 settings")
    header = [*rows[0], *grams[0]]
    table = {
        row[0]: dict(zip(header, [*row, *gram], strict=True))
        for row, gram in zip(rows[1:], grams[1:], strict=True)
    }
    assert list(table) == list(CANDIDATES)
    assert table["RBF"]["− RBF"] == "–"
    assert table["RBF"]["machine rows"] == "–"
    assert table["fidelity, ZZ"]["machine rows"] == "435"
    assert table["projected, ZZ"]["machine rows"] == "30"
    for name, found in study.findings.items():
        assert all(0.5 < each.accuracy <= 1 for each in found), name
        assert all(each.report.rows == 30 for each in found)
    assert told[0] == "seed 0: RBF"
    assert told[-1] == ""


def test_what_cannot_be_compared() -> None:
    with pytest.raises(DataError, match="dataset: expected two classes or more"):
        KernelStudy(load("diabetes"))
    with pytest.raises(ArgumentError, match="seeds: expected one or more, got none"):
        KernelStudy(load("wine")).run([])
