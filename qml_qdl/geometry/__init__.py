"""Fields on planes, spheres, meshes and lattices, and layers that turn with them."""

from qml_qdl.geometry.ring_classifier import (
    RingClassifier,
    RingProducts,
    RotationError,
    ring_circuit,
)
from qml_qdl.geometry.rings import ImageRings

__all__ = [
    "ImageRings",
    "RingClassifier",
    "RingProducts",
    "RotationError",
    "ring_circuit",
]
