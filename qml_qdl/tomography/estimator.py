"""Estimators: ways from measurements to a state, with error bars by the bootstrap."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import MOST_SEED, check_count, validate_call
from qml_qdl.hardware.seeds import Seeds
from qml_qdl.tomography.density_matrix import DensityMatrix
from qml_qdl.tomography.measurements import Measurements, misread


@frozen(eq=False)
class Reconstruction:
    """What an estimator made of measurements.

    Args:
        state: The state.
        chosen: What it chose from the data alone, by name, such as the strength of a
            hedge.
        converged: Whether it ended where the gradient vanishes.
        gap: How much more likely any state can be at most, as a difference of
            logarithms; None where the estimator does not know.
    """

    state: DensityMatrix
    chosen: Mapping[str, float] = field(factory=dict)
    converged: bool = True
    gap: float | None = None


class Estimator(ABC):
    """A way from measurements to a state; its fields are its options.

    Errors of reading that the measurements tell of are part of what is fitted, so that
    the state is that before reading.

    ---- to be implemented: `fit` ----
    """

    @abstractmethod
    def fit(self, data: Measurements) -> Reconstruction:
        """Finds a state.

        Args:
            data: The measurements.

        Returns:
            The state, and what was chosen on the way.

        Raises:
            DataError: Bases are missing.
            MemoryBoundError: There are too many wires.
        """


@validate_call
def log_likelihood(state: DensityMatrix, data: Measurements) -> float:
    """The logarithm of the probability of measurements, given a state.

    Args:
        state: The state before reading.
        data: Measurements of as many wires; with their errors of reading.

    Returns:
        Σ counts · log probability, at most 0; −∞ where something impossible occurred.

    Raises:
        ShapeError: The state has other wires.

    Example:
        >>> data = Measurements.from_counts({"Z": {"0": 3, "1": 1}}, order="first")
        >>> round(log_likelihood(DensityMatrix([3**0.5, 1]), data), 4)
        -2.2493
    """
    data.check_dense()
    total = 0.0
    codes = data.codes
    for place, basis in enumerate(data.bases):
        mine = data.of == place
        chances = misread(state.probabilities([basis])[0], data.confusion)[codes[mine]]
        with np.errstate(divide="ignore"):
            total += float(data.counts[mine] @ np.log(np.clip(chances, 0, None)))
    return total


@frozen(eq=False)
class Spread:
    """Values of the bootstrap.

    Args:
        values: (repeats, …) what each data set drawn anew gave.
    """

    values: NDArray[np.float64]

    @property
    def error(self) -> Any:
        """The standard error, the sample standard deviation of the values."""
        return self.values.std(axis=0, ddof=1)

    def interval(self, level: float = 0.68) -> tuple[Any, Any]:
        """Where the middle part of the values lies.

        Args:
            level: How much of them, between 0 and 1.

        Returns:
            The lower and the upper end.
        """
        if not 0 < level < 1:
            raise ArgumentError(f"level: expected a number from 0 to 1, got {level!r}")
        low, high = np.quantile(self.values, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high


@validate_call
def bootstrap(
    estimator: Estimator,
    data: Measurements,
    figure: Callable[[DensityMatrix], Any],
    repeats: int = 20,
    seed: int | None = None,
) -> Spread:
    """How sure a figure of a reconstruction is: shots drawn anew, fitted anew.

    Args:
        estimator: The estimator; what it chooses from the data is chosen anew.
        data: The measurements.
        figure: Gives a number, or several, of a state.
        repeats: How many data sets are drawn, at least 2.
        seed: Where random numbers begin; None for others each time.

    Returns:
        The values.

    Raises:
        ArgumentError: There are too few repeats.
    """
    check_count("repeats", repeats, 2)
    if seed is not None:
        check_count("seed", seed, 0, MOST_SEED)
    generator = Seeds(seed).next()
    found = []
    for _ in range(repeats):
        state = estimator.fit(data.resampled(generator)).state
        found.append(np.asarray(figure(state), dtype=np.float64))
        if not np.isfinite(found[-1]).all():
            raise ArgumentError("figure: expected finite numbers, got NaN or infinity")
    return Spread(np.stack(found))
