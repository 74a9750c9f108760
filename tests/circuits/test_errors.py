"""Errors are the library's and the builtin's, and survive the way between processes."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from qml_qdl.circuits import errors
from qml_qdl.circuits.errors import (
    BudgetError,
    Detached,
    QdlError,
    SubmissionRefused,
)

CLASSES = [
    kind
    for kind in vars(errors).values()
    if inspect.isclass(kind) and kind is not QdlError
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_each_is_ours_and_a_builtin(kind: type[QdlError]) -> None:
    assert issubclass(kind, QdlError)
    builtins = [base for base in kind.__mro__ if base.__module__ == "builtins"]
    assert builtins[0] is not Exception  # `except ValueError` catches it, say
    assert kind.__doc__


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_each_is_pickled_and_copied(kind: type[QdlError]) -> None:
    error = kind("what came")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is kind
        assert str(twin) == str(error) == "what came"


def test_what_they_carry_comes_along() -> None:
    """Workers of a data loader, and spawned processes, hand errors on by pickling."""
    for error, carried in (
        (SubmissionRefused("no", wait=3.0), {"wait": 3.0}),
        (BudgetError("no", share=0.25), {"share": 0.25}),
        (Detached("no", job_ids=("a", "b")), {"job_ids": ("a", "b")}),
    ):
        assert vars(error) == vars(pickle.loads(pickle.dumps(error))) == carried
