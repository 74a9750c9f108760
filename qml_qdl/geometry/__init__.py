"""Fields on planes, spheres, meshes and lattices, and layers that turn with them."""

from qml_qdl.geometry.clebsch_gordan import (
    ClebschGordanProduct,
    SphereNetwork,
    bispectrum,
)
from qml_qdl.geometry.field_types import FieldType
from qml_qdl.geometry.gauge import (
    GaugeRegressor,
    LinkCovariantNetwork,
    random_frames,
    random_links,
    transform_links,
    wilson_loops,
)
from qml_qdl.geometry.induced import InducedLinear
from qml_qdl.geometry.mesh import FieldLinear, MeshConv
from qml_qdl.geometry.mesh_segmenter import MeshNetwork, MeshSegmenter
from qml_qdl.geometry.nonlinearities import (
    DiskPool,
    FourierNonlinearity,
    GatedNonlinearity,
    NormBatchNorm,
    NormNonlinearity,
    NormPool,
)
from qml_qdl.geometry.plots import plot_field
from qml_qdl.geometry.quantum_mesh import QuantumMeshConv
from qml_qdl.geometry.ring_classifier import (
    RingClassifier,
    RingProducts,
    RotationError,
    ring_circuit,
)
from qml_qdl.geometry.rings import ImageRings
from qml_qdl.geometry.sphere import SphereClassifier, sphere_circuit
from qml_qdl.geometry.spherical_layers import (
    DegreeLinear,
    DegreeNorm,
    SphericalTransform,
)
from qml_qdl.geometry.steerable import SteerableConv2d
from qml_qdl.geometry.steerable_classifier import SteerableClassifier
from qml_qdl.geometry.turning import turning_error

__all__ = [
    "ClebschGordanProduct",
    "DegreeLinear",
    "DegreeNorm",
    "DiskPool",
    "FieldLinear",
    "FieldType",
    "FourierNonlinearity",
    "GatedNonlinearity",
    "GaugeRegressor",
    "ImageRings",
    "InducedLinear",
    "LinkCovariantNetwork",
    "MeshConv",
    "MeshNetwork",
    "MeshSegmenter",
    "NormBatchNorm",
    "NormNonlinearity",
    "NormPool",
    "QuantumMeshConv",
    "RingClassifier",
    "RingProducts",
    "RotationError",
    "SphereClassifier",
    "SphereNetwork",
    "SphericalTransform",
    "SteerableClassifier",
    "SteerableConv2d",
    "bispectrum",
    "plot_field",
    "random_frames",
    "random_links",
    "ring_circuit",
    "sphere_circuit",
    "transform_links",
    "turning_error",
    "wilson_loops",
]
