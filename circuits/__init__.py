"""Circuits: encodings S(x), processings W(θ), their algebra and readouts."""

from qml_qdl.circuits.amplitude import AmplitudeEncoding
from qml_qdl.circuits.circuit import Block, Circuit
from qml_qdl.circuits.encoding import (
    AngleEncoding,
    BasisEncoding,
    Encoding,
    HamiltonianEncoding,
    IQPEncoding,
    ZZFeatureMap,
)
from qml_qdl.circuits.errors import QdlError
from qml_qdl.circuits.readout import (
    Expectation,
    Probabilities,
    Readout,
    Samples,
    State,
    z_words,
)
