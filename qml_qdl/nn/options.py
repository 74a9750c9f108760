"""What layers take beside circuits: shots, and options that wait for their targets."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal, TypeAlias

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError

Shots: TypeAlias = int | Literal["keep"] | None
"""A number of shots, None for exact results, or "keep" for what was set before."""

LAYER_OPTIONS = (
    "spsa_directions",
    "fuse_gradient",
    "resilience_level",
    "mitigation",
    "account",
    "max_qpu_seconds",
    "seed",
)
"""The fields of `TargetOptions` that a layer has; the others are those of devices."""


def as_shots(shots: Any) -> Shots:
    """Checks a number of shots.

    Args:
        shots: A number, None or "keep".

    Returns:
        The same, a number as a plain one.

    Raises:
        ArgumentError: It is below 1.
        ArgumentTypeError: It is no whole number.
    """
    if shots is None or (isinstance(shots, str) and shots == "keep"):
        return "keep" if shots else None
    if isinstance(shots, bool) or not isinstance(shots, Integral):
        raise ArgumentTypeError(
            f"shots: expected a whole number, None or 'keep', got {shots!r}"
        )
    if int(shots) < 1:
        raise ArgumentError(
            f"shots: expected at least 1, or None for exact results, got {shots!r}"
        )
    return int(shots)
