"""Where circuits run: every target is a PennyLane device."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from qml_qdl.hardware.targets import Target, available_targets, make_device

if TYPE_CHECKING:
    from qml_qdl.hardware.qiskit.conversion.exchange import from_qiskit, to_qiskit

__all__ = ["Target", "available_targets", "from_qiskit", "make_device", "to_qiskit"]


def __getattr__(name: str) -> Any:
    """Loads Qiskit when it is first used (PEP 562)."""
    if name not in ("from_qiskit", "to_qiskit"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    exchange = importlib.import_module("qml_qdl.hardware.qiskit.conversion.exchange")
    return getattr(exchange, name)


def __dir__() -> list[str]:
    return __all__
