"""What is run, what is found again, and what is forgotten."""

from __future__ import annotations

import pickle

import torch
from torch import Tensor

from qml_qdl.kernels.row_cache import RowCache

ROWS = torch.tensor([[0.0, 1.0], [2.0, 3.0], [0.0, 1.0], [-0.0, 1.0]])


class Squares:
    """Squares rows, and knows how many it was given."""

    def __init__(self) -> None:
        self.run: list[int] = []

    def __call__(self, rows: Tensor) -> Tensor:
        self.run.append(len(rows))
        return rows.square()


def test_each_row_runs_once() -> None:
    cache, squares = RowCache(), Squares()

    def results(rows: Tensor, weights: list[Tensor] | None = None) -> None:
        found = cache(rows, squares, "it", weights or [], 10_000)
        assert torch.equal(found, rows.square())

    results(ROWS)
    results(ROWS[:0])
    results(torch.cat([ROWS + 5, ROWS]).flip(0))
    assert squares.run == [2, 2]
    results(ROWS.double())
    results(ROWS.double(), [torch.ones(1)])
    results(ROWS.double(), [torch.ones(1)])
    results(ROWS.double(), [torch.zeros(1)])
    assert squares.run == [2, 2, 2, 2, 2]


def test_another_owner_begins_anew() -> None:
    cache, squares = RowCache(), Squares()
    for owner in (object(), object()):
        for _ in range(2):
            cache(ROWS, squares, owner, [], 10_000)
    assert squares.run == [2, 2]


def test_no_more_bytes_than_allowed_and_empty_copies() -> None:
    cache, squares = RowCache(), Squares()
    for _ in range(2):
        cache(ROWS, squares, "it", [], 16)
    assert squares.run == [2, 2 - 0] or squares.run == [2]
    twin = pickle.loads(pickle.dumps(cache))
    twin(ROWS, squares, "it", [], 10_000)
    assert squares.run[-1] == 2
    big = torch.rand(10, 2)
    run = len(squares.run)
    for _ in range(2):
        assert torch.equal(cache(big, squares, "it", [], 16), big.square())
    assert len(squares.run) == run + 2
