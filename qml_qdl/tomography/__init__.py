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
    "POVMEstimator",
    "PauliShadow",
    "Process",
    "ProcessMeasurements",
    "ProcessReconstruction",
    "Reconstruction",
    "Shadow",
    "ShadowEstimate",
    "ShadowInfidelity",
    "Spread",
    "SymbolModel",
    "SymbolRNN",
    "SymbolTransformer",
    "bootstrap",
    "classical_fidelity",
    "log_likelihood",
    "measure",
    "measure_process",
    "misread",
    "pauli_bases",
    "povm_probabilities",
    "process_tomography",
    "random_bases",
]
