"""Mean and spread over seeds: the one place that computes a ±, and prints it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from typing import SupportsFloat

from attrs import frozen


@frozen
class Summary:
    """What several seeds found, in two numbers.

    Args:
        mean: Mean of the values.
        deviation: Standard deviation of the sample (n − 1); None for a single value,
            which has no spread, and where a value is not finite.
    """

    mean: float
    deviation: float | None

    def text(
        self, places: int = 1, *, percent: bool = False, power: bool = False
    ) -> str:
        """The mean ± the deviation, or the mean alone where there is no deviation.

        Args:
            places: Digits after the point, ≥ 0.
            percent: Whether the values are shares from 0 to 1, to be shown in percent.
            power: Whether they are shown with a power of ten.

        Example:
            >>> Summary(0.971, 0.007).text(percent=True), Summary(0.0136, None).text(4)
            ('97.1% ± 0.7', '0.0136')
            >>> Summary(2.9e-4, 3e-5).text(power=True)
            '2.9e-04 ± 3.0e-05'
        """
        if power:
            few = f"{self.mean:.{places}e}"
            if self.deviation is None:
                return few
            return f"{few} ± {self.deviation:.{places}e}"
        scale, sign = (100, "%") if percent else (1, "")
        # Rounded first, so that what rounds to 0 has no sign.
        text = f"{round(scale * self.mean, places) + 0.0:.{places}f}{sign}"
        if self.deviation is None:
            return text
        return f"{text} ± {scale * self.deviation:.{places}f}"


def summarise(values: Iterable[SupportsFloat]) -> Summary:
    """Summarises the values of one measure over seeds.

    Args:
        values: One for each seed.

    Returns:
        Their mean and deviation.

    Raises:
        ArgumentError: There are no values.

    Example:
        >>> summarise([0.9, 0.92, 0.97]).text(percent=True)
        '93.0% ± 3.6'
        >>> summarise([1.09]).deviation is None
        True
    """
    numbers = [float(value) for value in values]
    if not numbers:
        # Here, since circuits/ loads PennyLane.
        from qml_qdl.circuits.errors import ArgumentError

        raise ArgumentError(
            "values: expected the value of at least one seed, got none; train one"
        )
    if not all(map(math.isfinite, numbers)):
        return Summary(sum(numbers) / len(numbers), None)
    spread = statistics.stdev(numbers) if len(numbers) > 1 else None
    return Summary(statistics.fmean(numbers), spread)
