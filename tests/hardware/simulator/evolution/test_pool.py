"""Memory is lent again as soon as nobody holds it, and not before."""

from __future__ import annotations

import gc

import pytest
import torch

from qml_qdl.hardware.simulator.evolution.pool import Pool

LIKE = torch.zeros(Pool.LEAST + 3, dtype=torch.complex64)  # a size of its own


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pool, "_kept", [])


def take(pool: Pool) -> torch.Tensor:
    piece = pool.take(LIKE)
    assert piece is not None
    return piece


def test_what_is_given_back_is_taken_again() -> None:
    pool = Pool()
    one = take(pool)
    assert take(pool) is not one
    pool.give(one)
    assert take(pool) is one


def test_memory_comes_back_with_the_last_view() -> None:
    piece = take(Pool())
    address = piece.data_ptr()
    view = piece.reshape(1, -1)[:, 5:].real
    del piece
    gc.collect()
    assert take(Pool()).data_ptr() != address
    del view
    gc.collect()
    assert take(Pool()).data_ptr() == address


def test_memory_serves_every_type_of_the_same_size() -> None:
    one = take(Pool())
    address = one.data_ptr()
    del one
    other = Pool().take(torch.zeros(2, LIKE.numel()))
    assert other is not None
    assert other.data_ptr() == address
    assert other.shape == (2, LIKE.numel())
    assert other.dtype == torch.float32


def test_no_more_is_kept_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pool, "MOST_CHECKPOINTS", 3 * LIKE.nbytes)
    pieces = [take(Pool()) for _ in range(5)]
    assert not Pool._kept
    del pieces
    gc.collect()
    assert [piece.nbytes for piece in Pool._kept] == [LIKE.nbytes] * 3


def test_small_states_and_those_without_memory_are_not_lent() -> None:
    assert Pool().take(torch.zeros(Pool.LEAST - 1)) is None
    piece = Pool().take(LIKE.to("meta"))
    assert piece is not None
    assert piece.device.type == "meta"
