"""Bit patterns that can be counted: bars and stripes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_count, validate_call

MOST_LINES = 10
"""Up to so many rows or columns all patterns are listed."""


@validate_call
def bars_and_stripes(height: int = 3, width: int | None = None) -> NDArray[np.float64]:
    """All images whose rows, or whose columns, are each wholly on or off.

    From MacKay, Information Theory, Inference, and Learning Algorithms (2003).

    Args:
        height: Rows, 1 … 10.
        width: Columns, 1 … 10; None for a square.

    Returns:
        Zeros and ones, (patterns, height · width), sorted; there are
        2^height + 2^width − 2 of them.

    Raises:
        ArgumentError: A number is out of its range.

    Example:
        >>> [len(bars_and_stripes(n)) for n in (2, 3, 4)]
        [6, 14, 30]
    """
    width = height if width is None else width
    for name, lines in (("height", height), ("width", width)):
        check_count(name, lines)
        if lines > MOST_LINES:
            raise ArgumentError(f"{name}: expected at most {MOST_LINES}, got {lines}")
    shape = (height, width)
    bars = [np.broadcast_to(_bits(k, height)[:, None], shape) for k in range(2**height)]
    stripes = [np.broadcast_to(_bits(k, width), shape) for k in range(2**width)]
    images = np.stack([*bars, *stripes]).reshape(-1, height * width)
    return np.unique(images, axis=0)


def _bits(number: int, length: int) -> NDArray[np.float64]:
    places = np.arange(length - 1, -1, -1)
    return ((number >> places) & 1).astype(np.float64)
