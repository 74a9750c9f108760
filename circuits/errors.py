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


class MissingEntryError(ArgumentError, KeyError):
    """A mapping lacks an entry that is needed, or has none of that name."""

    __str__ = Exception.__str__  # that of KeyError shows quotes and escapes


class MissingAttributeError(ArgumentError, ArgumentTypeError, AttributeError):
    """An object has no such attribute, because of what it was made of.

    `hasattr` says so, and `inspect.getmembers` leaves it out.
    """


class ShapeError(QdlError, ValueError):
    """The shape of inputs or weights does not fit the circuit."""


class TargetError(QdlError, ValueError):
    """A target is unknown, or cannot run what is asked of it."""


class DataError(QdlError, ValueError):
    """A data set cannot be read, or holds values that cannot be learnt from."""


class RunError(QdlError, RuntimeError):
    """A run folder is missing, damaged or does not fit what is asked of it."""


class MissingPackageError(QdlError, ModuleNotFoundError):
    """A package is needed that is not installed; the message says how to install it."""


class SerializationError(QdlError, TypeError):
    """An object cannot be saved whole."""


class MemoryBoundError(QdlError, MemoryError):
    """A circuit needs more memory than it may use."""


class DoubleBackwardError(QdlError, RuntimeError):
    """A gradient of a gradient was asked of too many wires."""


class ServiceError(QdlError, ConnectionError):
    """A service cannot be reached, or does not answer as it should."""


class AccountError(QdlError, PermissionError):
    """A service knows no such account, or does not let it in."""


class SubmissionRefused(QdlError, RuntimeError):  # noqa: N818 - what happened
    """A service refused a job: it says that none was made.

    Args:
        message: Why.
        wait: Seconds after which the service may take it; None where waiting does not
            help.
    """

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class SubmissionUnclear(QdlError, RuntimeError):  # noqa: N818 - what happened
    """A job was sent, and whether the service made it is not known.

    It is never sent again by itself, but looked for by every later run.
    """


class JobError(QdlError, RuntimeError):
    """A job failed, was cancelled, or cannot be taken up again."""


class JobTimeoutError(QdlError, TimeoutError):
    """A job has not finished in time; it stays where it is."""


class BudgetError(QdlError, ValueError):
    """A job would cost more than it may.

    Args:
        message: What it would cost, and what would pass.
        share: Which part of its rows, 0 … 1, could be paid.
    """

    def __init__(self, message: str, share: float = 0.0) -> None:
        super().__init__(message)
        self.share = share


class JournalError(QdlError, RuntimeError):
    """The journal of jobs is damaged, too new, or says otherwise."""


class JournalWriteError(JournalError, OSError):
    """The journal cannot be written, because the disk is full say."""


class Detached(QdlError, RuntimeError):  # noqa: N818 - nothing is wrong
    """Jobs were sent and nobody waits for them here.

    Args:
        message: Which jobs, and where.
        job_ids: Their names at the service.
    """

    def __init__(self, message: str, job_ids: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.job_ids = job_ids
