"""PennyLane's own tests of devices.

Beside what default.qubit skips, 10 tests are skipped without shots: those of gradients
by backpropagation with autograd and torch. The suite asks whether a device has that
method before it chooses an interface, and qdl.simulator has it on torch only;
test_device.py has the same on torch. 17 others, which compare with default.qubit, run
here and not there.
"""

from __future__ import annotations

from qml_qdl.testing import DeviceContract


class TestDevice(DeviceContract):
    instances = ("qdl.simulator",)
