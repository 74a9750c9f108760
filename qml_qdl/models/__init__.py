"""Models: networks with quantum layers, each with its classical twin."""

from qml_qdl.models.dressed import DressedClassifier
from qml_qdl.models.quanvolution import QuanvolutionClassifier

__all__ = ["DressedClassifier", "QuanvolutionClassifier"]
