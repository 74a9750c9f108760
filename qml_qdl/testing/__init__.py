"""Contracts: tests that a readout of one's own can inherit.

All that this library relies on is written here once, as classes of tests for pytest:

    from qml_qdl.testing import ReadoutContract
    from mine import MyReadout

    class TestMine(ReadoutContract):
        instances = [MyReadout()]

| contract | `instances` are | what is promised |
|---|---|---|
| `ReadoutContract` | readouts | values, gradients and shots on every target |
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from qml_qdl.testing.readouts import ReadoutContract

__all__ = ["ReadoutContract"]

_MODULES = {"ReadoutContract": "readouts"}

# Before the first contract is loaded: then a failing `assert` shows its values.
pytest.register_assert_rewrite(
    *(found.name for found in pkgutil.iter_modules(__path__, f"{__name__}."))
)


def __getattr__(name: str) -> Any:
    """Loads a contract when it is first used (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
