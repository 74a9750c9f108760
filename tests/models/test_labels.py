"""Labels beside the inputs of a conditional model."""

from __future__ import annotations

import pytest
import torch

from qml_qdl.circuits.errors import DataError, ShapeError
from qml_qdl.models.labels import with_labels


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("whole", [torch.int64, torch.int32, torch.bool])
def test_labels_are_columns(dtype: torch.dtype, whole: torch.dtype) -> None:
    rows = torch.rand(3, 2, dtype=dtype)
    labels = torch.tensor([1, 0, 1]).to(whole)
    columns = torch.tensor([[0.0, 1, 0], [1, 0, 0], [0, 1, 0]], dtype=dtype)
    given = with_labels(rows, labels, 3)
    assert given.dtype == dtype
    assert torch.equal(given, torch.cat([rows, columns], 1))
    assert with_labels(rows, None, 0) is rows
    assert with_labels(rows[:0], labels[:0].long(), 3).shape == (0, 5)


@pytest.mark.parametrize(
    ("labels", "error", "text"),
    [
        (None, DataError, "labels: the model has 3 classes, got labels=None"),
        (torch.zeros(2), DataError, "expected whole numbers, got torch.float32"),
        (torch.tensor([0]), ShapeError, r"labels: expected \(2,\), got \(1,\)"),
        (torch.tensor([0, 3]), DataError, "labels: expected 0 to 2, got 0 to 3"),
        (torch.tensor([-1, 1]), DataError, "labels: expected 0 to 2, got -1 to 1"),
    ],
)
def test_bad_labels_are_refused(
    labels: torch.Tensor | None, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        with_labels(torch.zeros(2, 4), labels, 3)


def test_labels_without_classes_are_refused() -> None:
    with pytest.raises(DataError, match="labels: the model has no labels, got labels="):
        with_labels(torch.zeros(2, 4), torch.tensor([0, 1]), 0)
