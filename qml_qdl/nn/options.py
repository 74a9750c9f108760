"""What layers take beside circuits: shots, and options that wait for their targets."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal, TypeAlias

from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import check_count

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
        ArgumentError: It is below 1, or more than any backend counts.
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
    check_count("shots", int(shots))
    return int(shots)


def check_floating(name: str, value: Any) -> None:
    """Checks that an input is a tensor of floating-point numbers.

    Args:
        name: The argument's name, for the message.
        value: What came.

    Raises:
        ArgumentTypeError: It is something else.
    """
    if not (isinstance(value, Tensor) and value.is_floating_point()):
        kind, repair = type(value).__name__, "make one with torch.tensor"
        if isinstance(value, Tensor):
            kind, repair = str(value.dtype), "convert it with .float()"
            repair = "take .real or .abs() of it" if value.is_complex() else repair
        raise ArgumentTypeError(
            f"{name}: expected a floating tensor, got {kind}; {repair}"
        )
