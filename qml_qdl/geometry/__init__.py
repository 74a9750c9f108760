"""Fields on planes, spheres, meshes and lattices, and layers that turn with them."""

from qml_qdl.geometry.field_types import FieldType
from qml_qdl.geometry.nonlinearities import (
    DiskPool,
    FourierNonlinearity,
    GatedNonlinearity,
    NormBatchNorm,
    NormNonlinearity,
    NormPool,
)
from qml_qdl.geometry.steerable import SteerableConv2d
from qml_qdl.geometry.steerable_classifier import SteerableClassifier
from qml_qdl.geometry.turning import turning_error

__all__ = [
    "DiskPool",
    "FieldType",
    "FourierNonlinearity",
    "GatedNonlinearity",
    "NormBatchNorm",
    "NormNonlinearity",
    "NormPool",
    "SteerableClassifier",
    "SteerableConv2d",
    "turning_error",
]
