"""Purity: circuits that are run once on symbols, and then known for good."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import attrs

from qml_qdl.circuits.circuit import Block, Circuit
from qml_qdl.circuits.readouts import Readout

PARTS = (Block, Circuit, Readout)
"""What a circuit is made of."""

_PLAIN = (str, int, float, bool, type(None))


def is_pure(part: Any) -> bool:
    """Whether every call queues the same gates, their angles expressions in x and θ.

    All that this library defines is pure. Another class may sample random numbers,
    count its calls or look at something that changes, and is not, unless its own body
    says `pure = True`. The promise is not inherited, since a subclass may do anything.

    Args:
        part: A circuit, a block or a readout.

    Returns:
        Whether it is pure, and all that its fields hold.
    """
    kind = type(part)
    if "pure" in vars(kind):
        promised = bool(part.pure)
    else:
        promised = _package(kind.__module__) == _package(__name__)
    return promised and all(is_pure(inner) for inner in _inner(part))


def exact_key(part: Any) -> Hashable | None:
    """Equal for circuits that queue the very same gates in every call.

    Stricter than ==, by which 1 is True and operators are equal that nearly are. Not
    for circuits with a class from elsewhere, which may look at what changes.

    Args:
        part: A circuit, a block, a readout, or what one of their fields holds.

    Returns:
        The key; None where anything in it is neither of this library nor a plain value,
        as arrays and operators are not.

    Example:
        >>> import pennylane as qml
        >>> from qml_qdl.circuits import AngleEncoding, Expectation
        >>> exact_key(AngleEncoding(2)) == exact_key(AngleEncoding(2))
        True
        >>> exact_key(Expectation([qml.Z(0)])) is None
        True
    """
    kind = type(part)
    if kind in _PLAIN:
        return kind, repr(part)
    if kind is tuple:
        inner = part
    elif isinstance(part, PARTS) and attrs.has(kind):
        if _package(kind.__module__) != _package(__name__):
            return None
        inner = [getattr(part, attribute.name) for attribute in attrs.fields(kind)]
    else:
        return None
    keys = tuple(map(exact_key, inner))
    return None if None in keys else (kind, keys)


def _package(module: str) -> str:
    return module.partition(".")[0]


def _inner(part: Any) -> Iterator[Any]:
    """The blocks and readouts in the fields of an attrs value."""
    for attribute in attrs.fields(type(part)) if attrs.has(type(part)) else ():
        value = getattr(part, attribute.name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, PARTS):
                yield item
