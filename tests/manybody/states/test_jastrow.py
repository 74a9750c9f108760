"""The Jastrow factor as its sum over pairs."""

from __future__ import annotations

import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.manybody import JastrowState
from tests.manybody.tables import all_spins


def test_it_is_the_sum_over_pairs() -> None:
    state, spins = JastrowState(3, scale=1.0, dtype=torch.float64), all_spins(3)
    pairs = [spins[:, i] * spins[:, j] for i, j in ((0, 1), (0, 2), (1, 2))]
    expected = sum(w * p for w, p in zip(state.weight, pairs, strict=True))
    torch.testing.assert_close(state(spins), expected)


def test_bad_input() -> None:
    with pytest.raises(ArgumentError, match="num_sites"):
        JastrowState(1)
