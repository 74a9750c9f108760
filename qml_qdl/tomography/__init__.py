"""Tomography: what measurements tell of a state."""

from qml_qdl.tomography.clifford_shadows import CliffordBases, CliffordShadow
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
from qml_qdl.tomography.povm import (
    POVMEstimator,
    SymbolModel,
    SymbolRNN,
    SymbolTransformer,
    classical_fidelity,
    povm_probabilities,
)
from qml_qdl.tomography.processes import (
    Process,
    ProcessMeasurements,
    ProcessReconstruction,
    measure_process,
    process_tomography,
)
from qml_qdl.tomography.rivals import Comparison, Rival, compare, named_rivals
from qml_qdl.tomography.shadows import (
    PauliShadow,
    Shadow,
    ShadowEstimate,
    ShadowInfidelity,
)

__all__ = [
    "CliffordBases",
    "CliffordShadow",
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
    "POVMEstimator",
    "PauliShadow",
    "Process",
    "ProcessMeasurements",
    "ProcessReconstruction",
    "Reconstruction",
    "Rival",
    "Shadow",
    "ShadowEstimate",
    "ShadowInfidelity",
    "Spread",
    "SymbolModel",
    "SymbolRNN",
    "SymbolTransformer",
    "bootstrap",
    "classical_fidelity",
    "compare",
    "exact_state",
    "log_likelihood",
    "make_estimator",
    "measure",
    "measure_process",
    "named_rivals",
    "pauli_bases",
    "povm_probabilities",
    "process_tomography",
    "random_bases",
]
