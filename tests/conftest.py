"""Stops with one clear line when the package is not installed."""

from __future__ import annotations

import importlib.util

import pytest

if importlib.util.find_spec("qml_qdl.circuits") is None:
    pytest.exit(
        "qml_qdl.circuits cannot be imported: install the package first "
        "(make test does, or: pip install -c constraints.txt -e '.[dev]')",
        returncode=2,
    )
