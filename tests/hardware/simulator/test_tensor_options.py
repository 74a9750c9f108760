"""From which numbers of rows and wires on a program is compiled in which way."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qml_qdl.hardware.simulator.tensor_options import (
    MANY_ROWS,
    MOST_WIRES_WHOLE,
    TensorOptions,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("rows", "wires", "few", "whole"),
    [
        (None, 4, True, False),
        (0, 4, True, False),
        (MANY_ROWS - 1, 2, True, False),
        (MANY_ROWS, 3, False, True),
        (MANY_ROWS, 4, False, False),  # a matrix of a run pays from 2ⁿ⁺¹ rows on
        (2**5, 4, False, True),
        (2**20, MOST_WIRES_WHOLE, False, True),
        (2**20, MOST_WIRES_WHOLE + 1, False, False),
    ],
)
def test_rows_and_wires_decide(
    rows: int | None, wires: int, few: bool, whole: bool
) -> None:
    options = TensorOptions.of(torch.float32, CPU, rows, wires)
    assert (options.few_rows, options.whole) == (few, whole)


@pytest.mark.parametrize(
    ("given", "real", "complex_"),
    [
        (torch.float32, torch.float32, torch.complex64),
        (torch.complex64, torch.float32, torch.complex64),
        (torch.float64, torch.float64, torch.complex128),
    ],
    ids=str,
)
def test_constants_have_the_precision_of_angles(
    given: torch.dtype, real: torch.dtype, complex_: torch.dtype
) -> None:
    options = TensorOptions.of(given, CPU, None, 2)
    assert options.dtype == complex_
    assert options.tensor(np.ones(2)).dtype == real
    assert options.tensor(1j * np.ones(2)).dtype == complex_
    assert options.tensor(np.arange(2)).dtype == torch.int64


def test_settings_are_keys() -> None:
    one, same, other = (TensorOptions.of(torch.float32, CPU, n, 2) for n in (20, 21, 2))
    assert len({one, same, other}) == 2
