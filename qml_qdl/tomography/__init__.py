"""Tomography: what measurements tell of a state."""

from qml_qdl.tomography.density_matrix import DensityMatrix
from qml_qdl.tomography.estimator import (
    Estimator,
    Reconstruction,
    Spread,
    bootstrap,
    log_likelihood,
)
from qml_qdl.tomography.experiment import Experiment, read_state
from qml_qdl.tomography.measurements import (
    Measurements,
    Origin,
    misread,
    pauli_bases,
    random_bases,
)
from qml_qdl.tomography.neural import (
    Folds,
    NeuralDensity,
    NeuralTomography,
    ShotLikelihood,
    neural_density,
)

__all__ = [
    "DensityMatrix",
    "Estimator",
    "Experiment",
    "Folds",
    "Measurements",
    "NeuralDensity",
    "NeuralTomography",
    "Origin",
    "Reconstruction",
    "ShotLikelihood",
    "Spread",
    "bootstrap",
    "log_likelihood",
    "misread",
    "neural_density",
    "pauli_bases",
    "random_bases",
    "read_state",
]
