"""Fields on planes, spheres, meshes and lattices, and layers that turn with them."""

from qml_qdl.geometry.field_types import FieldType
from qml_qdl.geometry.nonlinearities import (
    FourierNonlinearity,
    GatedNonlinearity,
    InvariantPool,
    NormBatchNorm,
    NormNonlinearity,
)
from qml_qdl.geometry.steerable import SteerableConv2d
from qml_qdl.geometry.steerable_classifier import SteerableClassifier

__all__ = [
    "FieldType",
    "FourierNonlinearity",
    "GatedNonlinearity",
    "InvariantPool",
    "NormBatchNorm",
    "NormNonlinearity",
    "SteerableClassifier",
    "SteerableConv2d",
]
