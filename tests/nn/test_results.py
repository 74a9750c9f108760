"""Tensors on their way into a circuit and out of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.nn.results import (
    Rows,
    as_declared,
    as_tensor,
    like,
    neutral_rows,
    with_nan,
    without_nan,
)


def test_leading_dimensions_become_rows_and_come_back() -> None:
    x = torch.arange(24.0).reshape(2, 3, 4)
    rows = Rows.of([x, x[..., :1].half()])
    assert (rows.count, rows.leading) == (6, (2, 3))
    assert rows.inputs[0][4].tolist() == x[1, 1].tolist()
    assert rows.inputs[1].dtype == torch.float32  # complex numbers have no halves
    result = rows.inputs[0] ** 2
    restored = rows.restored(result.double(), x)
    torch.testing.assert_close(restored, x**2)


def test_a_row_alone_and_no_input_at_all() -> None:
    x = torch.ones(4)
    for rows in (Rows.of([x]), Rows.of([])):
        assert rows.count is None
        assert not rows.are_none
        assert rows.restored(torch.ones(2), x).shape == (2,)


def test_no_rows_run_one_that_is_thrown_away() -> None:
    x = torch.zeros(0, 3, 2, requires_grad=True)
    rows = Rows.of([x])
    assert rows.are_none
    assert rows.count == 1
    assert rows.inputs[0].tolist() == neutral_rows(x, 1).tolist() == [[1, 0]]
    result = rows.restored(rows.inputs[0].sum(1, keepdim=True), x)
    assert result.shape == (0, 3, 1)
    result.sum().backward()
    assert x.grad is not None
    assert x.grad.shape == x.shape


def test_what_is_not_finite_is_taken_out_and_put_back() -> None:
    x = torch.tensor([[1.0, 2], [torch.nan, 1], [3, torch.inf]])
    clean, weights, lost = without_nan([x], {"w": torch.ones(2)})
    assert lost.tolist() == [False, True, True]
    assert clean[0].tolist() == [[1, 2], [1, 0], [1, 0]]
    assert weights["w"].tolist() == [1, 1]
    values = with_nan(torch.zeros(3, 2, 2), lost)
    assert values.isnan().all((1, 2)).tolist() == [False, True, True]
    with pytest.raises(ArgumentError, match=r"NaN or infinity in rows \[1, 2\] or"):
        with_nan(torch.zeros(3, 2, dtype=torch.int64), lost)


def test_a_weight_that_is_not_finite_spoils_every_row() -> None:
    x = torch.ones(2, 1)
    _, weights, lost = without_nan([x], {"w": torch.tensor([torch.nan, 1.0])})
    assert lost.tolist() == [True, True]
    assert weights["w"].tolist() == [0, 1]
    assert not with_nan(torch.ones(2, 1), lost).isfinite().any()


@pytest.mark.parametrize(
    ("given", "to", "expected"),
    [
        (torch.float64, torch.float32, torch.float32),
        (torch.float64, torch.float16, torch.float16),
        (torch.complex128, torch.float32, torch.complex64),
        (torch.complex64, torch.float64, torch.complex128),
        (torch.int64, torch.float32, torch.int64),
    ],
    ids=str,
)
def test_results_follow_the_type_of_the_inputs(
    given: torch.dtype, to: torch.dtype, expected: torch.dtype
) -> None:
    assert like(torch.ones(2, dtype=given), torch.ones(1, dtype=to)).dtype == expected


def test_results_are_laid_side_by_side() -> None:
    numbers, tables = torch.arange(3.0), torch.arange(12.0).reshape(3, 2, 2)
    found = as_tensor([numbers, (tables,)], rows=3)
    torch.testing.assert_close(
        found, torch.cat([numbers[:, None], tables.reshape(3, 4)], 1)
    )
    assert as_tensor((numbers, numbers[0]), rows=None).shape == (4,)
    assert as_tensor(tables, rows=3) is tables


@pytest.mark.parametrize(
    ("result", "error", "text"),
    [
        ({"00": 3}, ArgumentTypeError, "returned dict; a layer needs measurements"),
        ("text", ArgumentTypeError, "one of the QNode's results is a str"),
        ([torch.ones(3), {"0": 1}], ArgumentTypeError, "results is a dict"),
        (torch.ones(4), ShapeError, r"for 3 rows the QNode returned the shape \(4,\)"),
    ],
)
def test_what_is_no_batch_of_numbers(result: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        as_tensor(result, rows=3)


def test_readouts_have_the_shape_they_declare() -> None:
    assert as_declared(torch.ones(3, 4), 3, (2, 2)).shape == (3, 2, 2)
    assert as_declared(torch.ones(4), None, (2, 2)).shape == (2, 2)
    # What no gate tells apart comes once for all rows.
    once = as_declared((torch.tensor(1.0), torch.tensor(2.0)), 3, (2,))
    assert once.tolist() == [[1, 2]] * 3
    with pytest.raises(ShapeError, match=r"declares \(5,\) for one row.*shape \(4,\)"):
        as_declared(torch.ones(3, 4), 3, (5,))
