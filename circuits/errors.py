"""The errors of the library: one base class, each also derived from the builtin.

They live in the lowest room so that every room can raise them; users find them
as `qml_qdl.errors`.
"""

from __future__ import annotations


class QdlError(Exception):
    """Base class of every error that this library raises on purpose.

    Example:
        >>> from qml_qdl.circuits import AngleEncoding, QdlError
        >>> try:
        ...     AngleEncoding(0)
        ... except QdlError as error:
        ...     print(error)
        wires: expected at least one wire, got 0; pass a number of wires or their labels
    """


class ArgumentError(QdlError, ValueError):
    """An argument has the right type but a value that cannot be used."""


class ArgumentTypeError(QdlError, TypeError):
    """An argument has a type that cannot be used."""


class ShapeError(QdlError, ValueError):
    """The shape of inputs or weights does not fit the circuit."""


class TargetError(QdlError, ValueError):
    """A target is unknown, or cannot run what is asked of it."""


class DataError(QdlError, ValueError):
    """A data set cannot be read, or holds values that cannot be learnt from."""


class RunError(QdlError, RuntimeError):
    """A run folder is missing, damaged or does not fit what is asked of it."""


class SerializationError(QdlError, TypeError):
    """An object cannot be saved whole."""


class MemoryBoundError(QdlError, MemoryError):
    """A circuit needs more memory than it may use."""


class DoubleBackwardError(QdlError, RuntimeError):
    """A gradient of a gradient was asked of too many wires."""
