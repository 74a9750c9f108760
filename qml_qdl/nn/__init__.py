"""Quantum circuits as torch modules."""

from qml_qdl.nn.conv import QuantumConv2d
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.target import set_target

__all__ = ["QuantumConv2d", "QuantumLayer", "set_target"]
