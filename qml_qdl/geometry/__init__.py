"""Fields on planes, spheres, meshes and lattices, and layers that turn with them."""

from qml_qdl.geometry.field_types import FieldType
from qml_qdl.geometry.mesh import FieldLinear, MeshConv
from qml_qdl.geometry.mesh_segmenter import MeshNetwork, MeshSegmenter
from qml_qdl.geometry.plots import plot_field
from qml_qdl.geometry.quantum_mesh import QuantumMeshConv

__all__ = [
    "FieldLinear",
    "FieldType",
    "MeshConv",
    "MeshNetwork",
    "MeshSegmenter",
    "QuantumMeshConv",
    "plot_field",
]
