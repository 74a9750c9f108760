"""Tomography: what measurements tell of a state."""

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
    pauli_bases,
    random_bases,
)
from qml_qdl.tomography.measuring import measure

__all__ = [
    "DensityMatrix",
    "Estimator",
    "Measurements",
    "Origin",
    "Reconstruction",
    "Spread",
    "bootstrap",
    "log_likelihood",
    "measure",
    "pauli_bases",
    "random_bases",
]
