"""Learning by confusion, where the transition is known."""

from __future__ import annotations

import numpy as np
import pytest

from qml_qdl.circuits.errors import ArgumentTypeError, DataError
from qml_qdl.phases import Scan, ising_scan, learn_by_confusion


def test_the_inner_peak_is_at_the_step() -> None:
    """Rows of either phase that are alike: the curve is a W by its definition."""
    values = np.arange(9.0)
    bits = (values > 5).repeat(200).reshape(9, 1, 100, 2)
    scan = Scan(("g",), values, ("ZZ",), bits, np.arange(9))
    found = learn_by_confusion(scan, scan)
    assert found.coupling == 5.5
    # What is learnt of two kinds of rows is the majority of each.
    wrong = [min(abs(g - 5.5), g + 0.5, 8.5 - g) for g in found.guesses]
    assert found.accuracy == pytest.approx(1 - np.array(wrong) / 9)


def test_ising_spins() -> None:
    temperatures = np.linspace(1, 3.6, 14).tolist()
    scan = ising_scan(temperatures, 8, 10, 5, seed=6)
    train, test = scan.divide(0.6)
    assert abs(learn_by_confusion(train, test).coupling - 2.4) < 0.35


def test_what_is_refused() -> None:
    scan = ising_scan([1.0, 2.0, 3.0], 4, 2, 1)
    with pytest.raises(DataError, match="four couplings or more, got 3"):
        learn_by_confusion(scan, scan)
    more = ising_scan([1.0, 2.0, 3.0, 4.0], 4, 2, 1)
    with pytest.raises(ArgumentTypeError, match="learner: its result"):
        learn_by_confusion(more, more, learner=lambda: None)  # type: ignore[arg-type, return-value]
