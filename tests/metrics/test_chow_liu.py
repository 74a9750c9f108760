"""Mutual information of bits, and the tree of Chow and Liu."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from sklearn.metrics import mutual_info_score

from qml_qdl.circuits.errors import DataError, ShapeError
from qml_qdl.metrics import chow_liu_tree, mutual_information

DOUBLE = torch.float64


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def markov_chain(rows: int = 4000) -> torch.Tensor:
    """Bits in the order 2, 0, 3, 1, each mostly like the one before."""
    generator = seeded()
    order = [2, 0, 3, 1]
    bits = torch.empty(rows, 4, dtype=DOUBLE)
    bits[:, 2] = torch.randint(2, (rows,), generator=generator).double()
    for before, after in pairwise(order):
        flip = (torch.rand(rows, generator=generator) < 0.1).double()
        bits[:, after] = (bits[:, before] - flip).abs()
    return bits


def test_mutual_information_is_scikit_learns() -> None:
    bits = markov_chain(500)
    found = mutual_information(bits)
    for i in range(4):
        for j in range(4):
            expected = mutual_info_score(bits[:, i].numpy(), bits[:, j].numpy())
            assert found[i, j].item() == pytest.approx(expected, abs=1e-12)


def test_tree_of_a_markov_chain_is_the_chain() -> None:
    edges = {frozenset(pair) for pair in chow_liu_tree(markov_chain())}
    assert edges == {frozenset(pair) for pair in ((2, 0), (0, 3), (3, 1))}


def test_independent_bits_still_have_a_tree() -> None:
    bits = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    assert chow_liu_tree(bits) == ((0, 1),)
    with pytest.raises(DataError, match="zeros and ones, got 0"):
        chow_liu_tree(bits / 2)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64])
def test_trees_of_whole_numbers(dtype: torch.dtype) -> None:
    bits = torch.rand(40, 4, generator=torch.Generator().manual_seed(0)).round()
    assert torch.equal(mutual_information(bits.to(dtype)), mutual_information(bits))
    with pytest.raises(ShapeError, match=r"bits: expected the shape \(rows, n\)"):
        chow_liu_tree(torch.tensor(1.0))
