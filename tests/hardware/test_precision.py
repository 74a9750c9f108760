"""Numbers in quantum functions keep their digits and gradients."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch

from qml_qdl.hardware.precision import KeptNumbers

MAKERS: list[Callable[[], torch.Tensor]] = [
    lambda: torch.tensor(0.1),
    lambda: torch.tensor([[0.1, 2], [3, 4]]),
    lambda: torch.as_tensor(0.1),
    lambda: torch.asarray([0.1]),
    lambda: torch.full((2,), 0.1),
    lambda: torch.arange(0.0, 1.0, 0.25),
    lambda: torch.ones(2),
    lambda: torch.linspace(0, 1, 3),
    lambda: torch.where(torch.tensor([True, False]), 0.1, 2),
]


@pytest.mark.parametrize("make", MAKERS)
def test_numbers_become_double_where_inputs_are(
    make: Callable[[], torch.Tensor],
) -> None:
    with KeptNumbers(double=True):
        assert make().dtype == torch.float64
    with KeptNumbers(double=False):
        assert make().dtype == torch.float32
    assert make().dtype == torch.float32


@pytest.mark.parametrize(
    ("make", "dtype"),
    [
        (lambda: torch.tensor([1, 2]), torch.int64),
        (lambda: torch.tensor(True), torch.bool),
        (lambda: torch.tensor(0.1, dtype=torch.float16), torch.float16),
        (lambda: torch.ones(2, dtype=torch.int32), torch.int32),
        (lambda: torch.tensor(1j), torch.complex64),
    ],
)
def test_other_types_stay(make: Callable[[], Any], dtype: torch.dtype) -> None:
    with KeptNumbers(double=True):
        assert make().dtype == dtype


def test_copies_keep_their_gradient() -> None:
    x = torch.tensor(0.5, requires_grad=True)
    with KeptNumbers(double=False):
        alone, nested = torch.tensor(x), torch.tensor([[x, 2 * x], [0.0, 1]])
        kept = torch.as_tensor([x, 3 * x])
    assert alone is not x
    assert nested.shape == (2, 2)
    (gradient,) = torch.autograd.grad(alone + nested.sum() + kept.sum(), x)
    assert gradient == 1 + 3 + 4


def test_copies_take_the_type_that_is_asked_for() -> None:
    x = torch.tensor(0.5)
    with KeptNumbers(double=False):
        assert torch.tensor([x, x], dtype=torch.float64).dtype == torch.float64
        assert torch.tensor([x, x.double()]).dtype == torch.float64


def test_other_threads_keep_their_numbers() -> None:
    found = []
    with KeptNumbers(double=True):
        thread = threading.Thread(target=lambda: found.append(torch.tensor(0.1)))
        thread.start()
        thread.join()
    assert found[0].dtype == torch.float32
