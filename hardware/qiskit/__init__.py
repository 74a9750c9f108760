"""Qiskit backends, from Aer to an IBM machine: one job per step, never paid twice."""

from __future__ import annotations

import importlib
from typing import Any

from qml_qdl.circuits.validation import validate_call


@validate_call
def __getattr__(name: str) -> Any:
    """Loads the device for PennyLane, and says what is not installed (PEP 562)."""
    if name != "QiskitDevice":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.device").QiskitDevice
