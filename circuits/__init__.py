"""Circuits: encodings S(x), processings W(θ), their algebra and readouts."""

from qml_qdl.circuits.amplitude import AmplitudeEncoding
from qml_qdl.circuits.circuit import Block, Circuit
from qml_qdl.circuits.composition import Shared, reupload, share
from qml_qdl.circuits.encoding import (
    AngleEncoding,
    BasisEncoding,
    Encoding,
    HamiltonianEncoding,
    IQPEncoding,
    ZZFeatureMap,
)
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    QdlError,
    ShapeError,
)
from qml_qdl.circuits.hardware_efficient import HardwareEfficient, IsingLayers
from qml_qdl.circuits.initializers import INITIALIZERS, initial_weights
from qml_qdl.circuits.processing import (
    BasicEntangler,
    Processing,
    RandomLayers,
    SimplifiedTwoDesign,
    StronglyEntangling,
)
from qml_qdl.circuits.readout import (
    Expectation,
    Probabilities,
    Readout,
    Samples,
    State,
    z_words,
)
from qml_qdl.circuits.sim_circuits import SimCircuit
from qml_qdl.circuits.tensor_network import MERA, MPS, TTN, TensorNetwork

__all__ = [
    "INITIALIZERS",
    "MERA",
    "MPS",
    "TTN",
    "AmplitudeEncoding",
    "AngleEncoding",
    "ArgumentError",
    "ArgumentTypeError",
    "BasicEntangler",
    "BasisEncoding",
    "Block",
    "Circuit",
    "Encoding",
    "Expectation",
    "HamiltonianEncoding",
    "HardwareEfficient",
    "IQPEncoding",
    "IsingLayers",
    "Probabilities",
    "Processing",
    "QdlError",
    "RandomLayers",
    "Readout",
    "Samples",
    "ShapeError",
    "Shared",
    "SimCircuit",
    "SimplifiedTwoDesign",
    "State",
    "StronglyEntangling",
    "TensorNetwork",
    "ZZFeatureMap",
    "initial_weights",
    "reupload",
    "share",
    "z_words",
]
