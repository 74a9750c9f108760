"""Models: networks with quantum layers, each with its classical twin."""

from qml_qdl.models.dressed import DressedClassifier
from qml_qdl.models.equivariant import EquivariantClassifier
from qml_qdl.models.point_cloud import PointCloudClassifier
from qml_qdl.models.qcnn import QCNNClassifier
from qml_qdl.models.quanvolution import QuanvolutionClassifier
from qml_qdl.models.spin import SpinClassifier

__all__ = [
    "DressedClassifier",
    "EquivariantClassifier",
    "PointCloudClassifier",
    "QCNNClassifier",
    "QuanvolutionClassifier",
    "SpinClassifier",
]
