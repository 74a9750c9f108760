"""Counting outcomes, whatever the number of wires and how bits lie in memory."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from qml_qdl.hardware.tapes.outcomes import Histogram, Shots, counted


@pytest.mark.parametrize("wires", [0, 1, 2, 3, 4, 5, 7, 8, 9])
@pytest.mark.parametrize("order", ["C", "F"])
def test_outcomes_are_counted(wires: int, order: Any) -> None:
    rng = np.random.default_rng(wires)
    whole = np.asarray(rng.integers(0, 2, (3, 50, wires), dtype=np.uint8), order=order)
    for bits in (whole, whole[:, 10:20], whole[1:, ::2, ::-1]):
        found = counted(bits)
        outcomes = np.array(list(product([0, 1], repeat=wires)), dtype=np.uint8)
        equal = (bits[:, :, None, :] == outcomes).all(axis=3)
        np.testing.assert_allclose(found, equal.mean(axis=1))


def test_every_outcome_of_eight_wires_has_its_place() -> None:
    bits = np.array(list(product([0, 1], repeat=8)), dtype=np.uint8)[:, None]
    np.testing.assert_array_equal(counted(bits), np.eye(256))


def test_histogram_and_shots_agree() -> None:
    bits = np.random.default_rng(0).integers(0, 2, (2, 30, 4), dtype=np.uint8)
    wires = (3, 0, 2, 1)
    histogram, shots = Histogram(counted(bits), wires), Shots(bits, wires)
    for some in ((), (0,), (1, 3), (2, 0, 1), wires):
        np.testing.assert_allclose(histogram.parity(some), shots.parity(some))
        if some:
            np.testing.assert_allclose(histogram.marginal(some), shots.marginal(some))
