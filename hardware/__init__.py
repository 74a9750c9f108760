"""Where circuits run: every target is a PennyLane device."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from qml_qdl.circuits.validation import validate_call
from qml_qdl.hardware.mitigation import Mitigation
from qml_qdl.hardware.options import TargetOptions
from qml_qdl.hardware.survey import TargetStatus, survey_targets
from qml_qdl.hardware.targets import Target, available_targets, make_device

if TYPE_CHECKING:
    from qml_qdl.hardware.qiskit.conversion.from_qiskit import from_qasm, from_qiskit
    from qml_qdl.hardware.qiskit.conversion.to_qiskit import to_qiskit
    from qml_qdl.hardware.qiskit.ibm.machines import forget_least_busy

__all__ = [
    "Mitigation",
    "Target",
    "TargetOptions",
    "TargetStatus",
    "available_targets",
    "forget_least_busy",
    "from_qasm",
    "from_qiskit",
    "make_device",
    "survey_targets",
    "to_qiskit",
]

_LAZY = {
    "forget_least_busy": "qml_qdl.hardware.qiskit.ibm.machines",
    "from_qasm": "qml_qdl.hardware.qiskit.conversion.from_qiskit",
    "from_qiskit": "qml_qdl.hardware.qiskit.conversion.from_qiskit",
    "to_qiskit": "qml_qdl.hardware.qiskit.conversion.to_qiskit",
}


def __getattr__(name: str) -> Any:
    """Loads Qiskit when it is first used (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_module(_LAZY[name]), name)


_module = validate_call(importlib.import_module)  # which says what is not installed


def __dir__() -> list[str]:
    return __all__
