"""Options of layers beside circuits: shots, and what waits for other targets."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from numbers import Integral
from typing import Any, Literal, TypeAlias, TypedDict, TypeVar, cast

import torch
from torch import Tensor

from qml_qdl.circuits import Block, Circuit
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import check_count, did_you_mean
from qml_qdl.hardware.mitigation import Mitigation
from qml_qdl.hardware.targets import Target

Shots: TypeAlias = int | Literal["keep"] | None
"""A number of shots, None for exact results, or "keep" for what was set before."""


class TargetArguments(TypedDict, total=False):
    """What a layer tells its target, as `QuantumLayer` describes it."""

    spsa_directions: int | None
    fuse_gradient: bool | None
    resilience_level: int | None
    mitigation: Mitigation | str | None
    account: str | None
    max_qpu_seconds: float | None
    seed: int | None


class LayerOptions(TargetArguments, total=False):
    """What a layer of several circuits hands on to each of its quantum layers."""

    target: Target | None
    shots: Shots
    diff_method: str
    generator: torch.Generator | None


class FilterOptions(LayerOptions, total=False):
    """What all convolutions take beside the arguments of torch's."""

    circuit: Circuit | Block | Sequence[Circuit | Block] | None
    encoding: str
    layers: int
    per_channel: bool
    trainable: bool


LAYER_OPTIONS = tuple(TargetArguments.__annotations__)
"""The fields of `TargetOptions` that a layer has; the others are those of devices."""

Constructor = TypeVar("Constructor", bound=Callable[..., None])


def hands_on_to(owner: Any) -> Callable[[Constructor], Constructor]:
    """Makes a constructor one that takes the options of another one it calls.

    `inspect.signature` and `help` then show them with their defaults in place of
    `**options`, and any other name is refused.

    Args:
        owner: The class whose keyword-only arguments the options are.

    Returns:
        A decorator for `__init__`.

    Example:
        >>> class Outer:
        ...     def __init__(self, *, size: int = 1) -> None:
        ...         self.size = size
        >>> class Inner(Outer):
        ...     @hands_on_to(Outer)
        ...     def __init__(self, name: str, **options: int) -> None:
        ...         super().__init__(**options)
        >>> inspect.signature(Inner)
        <Signature (name: 'str', *, size: 'int' = 1) -> 'None'>
    """

    def expanded(init: Constructor) -> Constructor:
        signature = inspect.signature(init)
        own = list(signature.parameters.values())[:-1]
        names = {parameter.name for parameter in own}
        more = [
            parameter
            for parameter in inspect.signature(owner).parameters.values()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
            and parameter.name not in names
        ]
        known = signature.replace(parameters=[*own, *more])

        @wraps(init)
        def checked(self: Any, *arguments: Any, **options: Any) -> None:
            for name in options:
                if name not in known.parameters:
                    raise ArgumentTypeError(
                        f"{name}: {type(self).__name__} got an unexpected keyword "
                        f"argument {name!r}{did_you_mean(name, known.parameters)}"
                    )
            init(self, *arguments, **options)

        cast(Any, checked).__signature__ = known
        return cast(Constructor, checked)

    return expanded


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


def check_floating(name: str, value: Any, *, or_whole: bool = False) -> None:
    """Checks that an input is a tensor of floating-point numbers.

    Args:
        name: The argument's name, for the message.
        value: What came.
        or_whole: Whether whole numbers and truth values will do as well.

    Raises:
        ArgumentTypeError: It is something else.
    """
    will_do = isinstance(value, Tensor) and not value.is_complex()
    if not (will_do and (or_whole or value.is_floating_point())):
        kind, repair = type(value).__name__, "make one with torch.tensor"
        if isinstance(value, Tensor):
            kind, repair = str(value.dtype), "convert it with .float()"
            repair = "take .real or .abs() of it" if value.is_complex() else repair
        raise ArgumentTypeError(
            f"{name}: expected a floating tensor, got {kind}; {repair}"
        )
