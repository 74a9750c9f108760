"""Every example in a docstring runs, found by import name."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import qml_qdl

PACKAGES = [qml_qdl, qml_qdl.circuits, qml_qdl.hardware]
MODULES = sorted(
    {package.__name__ for package in PACKAGES}
    | {
        found.name
        for package in PACKAGES
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    }
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, _ = doctest.testmod(module, optionflags=flags)
    assert failed == 0
