"""PennyLane's own tests of devices.

Fewer tests are skipped than on default.qubit, whose 52 (60 with shots) are all that a
device of its capabilities skips: 17 that compare with default.qubit run here, and the
10 by backpropagation with autograd and torch do not, as on qdl.simulator.
"""

from __future__ import annotations

import pytest

from qml_qdl.testing import DeviceContract


@pytest.mark.slow  # the simulator's runs in the fast suite
class TestDevice(DeviceContract):
    instances = ("qdl.qiskit",)
    options = ("--device-kwargs", "backend=aer")
