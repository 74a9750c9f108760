"""Where circuits run: every target is a PennyLane device."""

from qml_qdl.hardware.targets import Target, available_targets, make_device

__all__ = ["Target", "available_targets", "make_device"]
