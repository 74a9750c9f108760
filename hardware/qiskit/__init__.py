"""Qiskit backends, from Aer to an IBM machine: one job per step, never paid twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qml_qdl.circuits.packages import lazy_names

if TYPE_CHECKING:
    from qml_qdl.hardware.qiskit.device import QiskitDevice as QiskitDevice
else:  # and here each when it is first used
    __getattr__, __dir__ = lazy_names(__name__)
