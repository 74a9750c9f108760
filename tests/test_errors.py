"""The name under which users import errors."""

from __future__ import annotations

import qml_qdl
from qml_qdl import errors
from qml_qdl.circuits import errors as raised


def test_every_error_can_be_imported() -> None:
    kinds = {
        name: kind
        for name, kind in vars(raised).items()
        if isinstance(kind, type) and issubclass(kind, raised.QdlError)
    }
    assert {name: getattr(errors, name) for name in errors.__all__} == kinds
    assert qml_qdl.errors is errors
