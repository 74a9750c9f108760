"""Where circuits run: every target is a PennyLane device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qml_qdl.circuits.packages import lazy_names

if TYPE_CHECKING:
    from qml_qdl.hardware.mitigation import Mitigation
    from qml_qdl.hardware.options import TargetOptions
    from qml_qdl.hardware.qiskit.conversion.from_qiskit import from_qasm, from_qiskit
    from qml_qdl.hardware.qiskit.conversion.to_qiskit import to_qiskit
    from qml_qdl.hardware.qiskit.ibm.machines import forget_least_busy
    from qml_qdl.hardware.survey import TargetStatus, survey_targets
    from qml_qdl.hardware.targets import Target, available_targets, make_device
else:  # and here each when it is first used
    __getattr__, __dir__ = lazy_names(__name__)

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
