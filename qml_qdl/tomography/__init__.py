"""Tomography: what measurements tell of a state."""

from qml_qdl.tomography.clifford_shadows import CliffordBases, CliffordShadow
from qml_qdl.tomography.density_matrix import DensityMatrix
from qml_qdl.tomography.estimator import (
    Estimator,
    Reconstruction,
    Spread,
    bootstrap,
    log_likelihood,
)
from qml_qdl.tomography.measurements import (
    Measurements,
    Origin,
    misread,
    pauli_bases,
    random_bases,
)
from qml_qdl.tomography.measuring import measure
from qml_qdl.tomography.shadows import (
    PauliShadow,
    Shadow,
    ShadowEstimate,
    ShadowInfidelity,
)

__all__ = [
    "CliffordBases",
    "CliffordShadow",
    "DensityMatrix",
    "Estimator",
    "Measurements",
    "Origin",
    "PauliShadow",
    "Reconstruction",
    "Shadow",
    "ShadowEstimate",
    "ShadowInfidelity",
    "Spread",
    "bootstrap",
    "log_likelihood",
    "measure",
    "misread",
    "pauli_bases",
    "random_bases",
]
