"""Fields on planes, spheres, meshes and lattices, and layers that turn with them."""

from qml_qdl.geometry.clebsch_gordan import (
    ClebschGordanProduct,
    SphereNetwork,
    bispectrum,
)
from qml_qdl.geometry.sphere import SphereClassifier, sphere_circuit
from qml_qdl.geometry.spherical_layers import (
    DegreeLinear,
    DegreeNorm,
    SphericalTransform,
)

__all__ = [
    "ClebschGordanProduct",
    "DegreeLinear",
    "DegreeNorm",
    "SphereClassifier",
    "SphereNetwork",
    "SphericalTransform",
    "bispectrum",
    "sphere_circuit",
]
