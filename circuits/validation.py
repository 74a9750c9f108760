"""Converters and checks of arguments, with messages that say how to repair them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from numbers import Integral, Real
from typing import TypeAlias

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError

WiresLike: TypeAlias = int | Iterable[Hashable]
"""A number of wires, meaning 0 … n−1, or the wire labels themselves."""

FeaturesLike: TypeAlias = slice | int | Iterable[int] | None
"""Which features of x are read: None for the whole x, a slice, or indices."""

OPEN_END = 2**62
"""Where a slice without an end stops until the number of features is known."""


def as_wires(wires: WiresLike) -> tuple[Hashable, ...]:
    """Turns a number of wires or their labels into a tuple of labels.

    Args:
        wires: A number n ≥ 1, meaning the labels 0 … n−1, or the labels.

    Returns:
        The labels, in the order given.

    Raises:
        ArgumentError: There is no wire, or a label occurs twice.
        ArgumentTypeError: It is neither a number nor a sequence of labels, or a label
            cannot be hashed.
    """
    if isinstance(wires, Integral) and not isinstance(wires, bool):
        count = int(wires)
        labels: tuple[Hashable, ...] = tuple(range(count))
    elif isinstance(wires, Iterable) and not isinstance(wires, str):
        labels = tuple(int(w) if isinstance(w, Integral) else w for w in wires)
        count = len(labels)
    else:
        raise ArgumentTypeError(
            f"wires: expected a number of wires or a sequence of labels, got {wires!r}"
        )
    if count < 1:
        raise ArgumentError(
            f"wires: expected at least one wire, got {wires!r}; pass a number of wires "
            "or their labels"
        )
    if not all(isinstance(label, Hashable) for label in labels):
        raise ArgumentTypeError(
            f"wires: expected labels that can be hashed, got {list(labels)}; use "
            "numbers or text"
        )
    if len(set(labels)) != len(labels):
        raise ArgumentError(
            f"wires: expected labels that differ, got {list(labels)}; wires overlap: "
            "name each wire once"
        )
    return labels


def as_many_wires(
    wires: WiresLike, current: Sequence[Hashable]
) -> tuple[Hashable, ...]:
    """Turns wires into labels that can stand in for others, one for one.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        current: The labels they stand in for.

    Returns:
        The new labels, in the order given.

    Raises:
        ArgumentError: There are more or fewer than before.
    """
    labels = as_wires(wires)
    if len(labels) != len(current):
        raise ArgumentError(
            f"wires: expected {len(current)} wires in place of {list(current)}, got "
            f"{list(labels)}"
        )
    return labels


def as_features(features: FeaturesLike) -> Sequence[int] | None:
    """Turns `features=` into what a value can hold: None or indices.

    Args:
        features: None for the whole x, a slice, one index or several.

    Returns:
        None, a tuple of indices, or, where a slice has no end, a range without one.

    Raises:
        ArgumentError: An index is negative, occurs twice, or there is none.
        ArgumentTypeError: It is none of the above.
    """
    if features is None:
        return None
    if isinstance(features, slice | range):
        start, stop, step = features.start or 0, features.stop, features.step or 1
        if start < 0 or step < 1 or (stop is not None and stop <= start):
            raise ArgumentError(
                f"features: expected a rising slice from 0 up that is not empty, got "
                f"{features}; count features from the start of x"
            )
        if stop is None or stop >= OPEN_END:
            return range(start, OPEN_END, step)
        return tuple(range(start, stop, step))
    indices = (features,) if isinstance(features, Integral) else features
    if isinstance(indices, str) or not isinstance(indices, Iterable):
        raise ArgumentTypeError(
            f"features: expected None, a slice or indices, got {features!r}"
        )
    given = tuple(indices)
    if not all(isinstance(item, Integral) for item in given):
        raise ArgumentTypeError(f"features: expected whole numbers, got {list(given)}")
    items = tuple(int(item) for item in given)
    if not items or min(items) < 0 or len(set(items)) != len(items):
        raise ArgumentError(
            f"features: expected one or more different indices from 0 up, got "
            f"{list(items)}; count features from the start of x, each once"
        )
    return items


def check_count(name: str, value: int, minimum: int = 1) -> None:
    """Checks that a number of layers, repeats or the like is a whole number.

    Args:
        name: The argument's name, for the message.
        value: What came.
        minimum: The least value allowed.

    Raises:
        ArgumentError: The number is below the minimum.
        ArgumentTypeError: It is no whole number.
    """
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ArgumentTypeError(f"{name}: expected a whole number, got {value!r}")
    if value < minimum:
        raise ArgumentError(
            f"{name}: expected at least {minimum}, got {value}; pass {name}={minimum} "
            "or more"
        )


def check_number(
    name: str, value: float, low: float = 0.0, high: float | None = None
) -> None:
    """Checks that a number is above another, and below a third.

    Args:
        name: The argument's name, for the message.
        value: What came.
        low: What it must be above.
        high: What it must be below; None allows infinity, too.

    Raises:
        ArgumentError: The number is not.
        ArgumentTypeError: It is no number.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ArgumentTypeError(f"{name}: expected a number, got {value!r}")
    if not low < value or (high is not None and not value < high):
        bounds = f"above {low:g}" + ("" if high is None else f" and below {high:g}")
        raise ArgumentError(f"{name}: expected a number {bounds}, got {value!r}")


def check_flag(name: str, value: bool) -> None:
    """Checks that a value is True or False.

    Args:
        name: The argument's name, for the message.
        value: What came.

    Raises:
        ArgumentTypeError: It is something else.
    """
    if not isinstance(value, bool):
        raise ArgumentTypeError(f"{name}: expected True or False, got {value!r}")


def check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    """Checks that a name is one of those known.

    Args:
        name: The argument's name, for the message.
        value: What came; True and False are not taken for 1 and 0.
        choices: What is known.

    Raises:
        ArgumentError: The value is not among the choices.
    """
    flag = isinstance(value, bool)
    known = [one for one in choices if isinstance(one, bool) == flag]
    if value not in known:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ArgumentError(f"{name}: expected one of {listed}, got {value!r}")
