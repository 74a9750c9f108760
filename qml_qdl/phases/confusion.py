"""Learning by confusion: a boundary without labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from scipy.signal import find_peaks, peak_prominences

from qml_qdl.circuits.errors import DataError
from qml_qdl.circuits.validation import check_type, validate_call
from qml_qdl.phases.learners import Learner, OnFeatures
from qml_qdl.phases.scan import Scan

Floats = NDArray[np.float64]


@frozen(eq=False)
class Confusion:
    """How well boundaries that were only supposed can be learnt.

    Args:
        coupling: Where the curve has its inner peak; NaN where it has none.
        guesses: The supposed boundaries, rising, (guesses,).
        accuracy: What was reached with each on the test rows, (guesses,).
    """

    coupling: float
    guesses: Floats = field(repr=False)
    accuracy: Floats = field(repr=False)


@validate_call
def learn_by_confusion(
    train: Scan,
    test: Scan,
    name: str | None = None,
    *,
    learner: Callable[..., Learner] = OnFeatures,
) -> Confusion:
    """Supposes a boundary between each two couplings, and learns each.

    At the ends nearly all rows have one label, which is easy to learn, and so is the
    true boundary; between, rows that are alike have different labels. So the accuracy
    on rows that were not learnt is like a W, and its inner peak is at the transition
    (van Nieuwenburg, Liu and Huber 2017, arXiv:1610.02048).

    Args:
        train: Rows to learn.
        test: Other rows, of other groups.
        name: Which coupling; None for the first.
        learner: Makes an untrained learner.

    Returns:
        The curve and its most prominent inner peak.

    Raises:
        DataError: There are fewer than four couplings.

    Example:
        >>> bits = (np.arange(8) > 3).repeat(40).reshape(8, 1, 20, 2)
        >>> scan = Scan(("h",), np.arange(8), ("ZZ",), bits, np.arange(8))
        >>> learn_by_confusion(scan, scan).coupling
        3.5
    """
    learnt, judged = train.along(name), test.along(name)
    values = np.unique(learnt)
    if len(values) < 4:
        raise DataError(
            f"train: expected four couplings or more, got {len(values)}; take more"
        )
    check_type("learner: its result", learner(), Learner)
    guesses = (values[1:] + values[:-1]) / 2
    accuracy = np.array(
        [
            learner().fit(train, learnt < guess).accuracy(test, judged < guess)
            for guess in guesses
        ]
    )
    # A plateau is one peak, in its middle.
    peaks = find_peaks(accuracy, plateau_size=1)[0]
    place = float("nan")
    if len(peaks):
        best = peaks[peak_prominences(accuracy, peaks)[0].argmax()]
        place = float(guesses[best])
    return Confusion(place, guesses, accuracy)
