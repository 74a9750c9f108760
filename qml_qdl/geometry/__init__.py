"""Fields on planes, spheres, meshes and lattices, and layers that turn with them."""

from qml_qdl.geometry.induced import InducedLinear

__all__ = ["InducedLinear"]
