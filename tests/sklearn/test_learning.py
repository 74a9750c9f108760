"""Batches where nothing is said of them."""

from __future__ import annotations

import pytest

from qml_qdl.errors import ArgumentError
from qml_qdl.sklearn.learning import batch_rows, loss_of


def test_few_rows_are_one_batch() -> None:
    assert batch_rows("auto", 1023) == 1023
    assert batch_rows("auto", 1024) == 256
    assert batch_rows(7, 1024) == 7
    with pytest.raises(ArgumentError, match="'auto' or a number"):
        batch_rows("all", 3)
    with pytest.raises(ArgumentError, match="batch_size"):
        batch_rows(0, 3)


def test_the_loss_is_that_of_the_last_epoch() -> None:
    assert loss_of([{"epoch": 0, "train_nll": 2}, {"epoch": 1, "train_nll": 1}]) == 1
