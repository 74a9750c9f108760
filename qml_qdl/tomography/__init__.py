"""Tomography: what measurements tell of a state."""

from qml_qdl.tomography.density_matrix import DensityMatrix
from qml_qdl.tomography.distributions import Histogram, LogLinear
from qml_qdl.tomography.estimator import (
    Estimator,
    Reconstruction,
    Spread,
    bootstrap,
    log_likelihood,
)
from qml_qdl.tomography.likelihood import (
    HedgedMaximumLikelihood,
    LinearInversion,
    MaximumLikelihood,
)
from qml_qdl.tomography.matrix_product import (
    MatrixProductDistribution,
    NonNegativeMPS,
)
from qml_qdl.tomography.measurements import (
    Measurements,
    Origin,
    pauli_bases,
    random_bases,
)
from qml_qdl.tomography.measuring import exact_state, measure
from qml_qdl.tomography.named_estimators import make_estimator
from qml_qdl.tomography.rivals import Comparison, Rival, compare, named_rivals

__all__ = [
    "Comparison",
    "DensityMatrix",
    "Estimator",
    "HedgedMaximumLikelihood",
    "Histogram",
    "LinearInversion",
    "LogLinear",
    "MatrixProductDistribution",
    "MaximumLikelihood",
    "Measurements",
    "NonNegativeMPS",
    "Origin",
    "Reconstruction",
    "Rival",
    "Spread",
    "bootstrap",
    "compare",
    "exact_state",
    "log_likelihood",
    "make_estimator",
    "measure",
    "named_rivals",
    "pauli_bases",
    "random_bases",
]
