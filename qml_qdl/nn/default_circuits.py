"""The circuits of a quantum convolution that was given none."""

from __future__ import annotations

import math

import pennylane as qml

from qml_qdl.circuits import (
    AmplitudeEncoding,
    AngleEncoding,
    ArccosEncoding,
    Circuit,
    Expectation,
    Rotations,
    StronglyEntangling,
    reupload,
    z_words,
)
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_choice, check_count

ENCODINGS = ("auto", "angle", "reupload", "amplitude", "linear")
"""How the pixels of a patch enter a kernel circuit, by name."""

MOST_ANGLE_PIXELS = 8
"""Up to here "auto" gives each pixel a wire; above, pixels are amplitudes."""

MOST_WIRES = 16
"""No patch is put on more wires."""


def kernel_circuits(
    num_pixels: int, outputs: int, encoding: str = "auto", layers: int = 2
) -> list[Circuit]:
    """The circuits of a quantum convolution that was given none.

    Args:
        num_pixels: Pixels that a circuit reads.
        outputs: How many outputs all circuits have together.
        encoding: One of `ENCODINGS`, as `QuantumConv` describes them.
        layers: Strongly entangling layers of each; not used by "linear".

    Returns:
        Circuits of one structure but for the last one's number of outputs.

    Raises:
        ArgumentError: The encoding is unknown, does not fit, or needs more than 16
            wires.

    Example:
        >>> [circuit.output_shape for circuit in kernel_circuits(2, 5)]
        [(3,), (2,)]
    """
    check_choice("encoding", encoding, ENCODINGS)
    check_count("layers", layers)
    if encoding == "auto":
        encoding = "angle" if num_pixels <= MOST_ANGLE_PIXELS else "amplitude"
    wires = num_pixels
    if encoding == "amplitude":
        if num_pixels == 1:
            raise ArgumentError(
                "encoding: 'amplitude' of a single pixel is constant, since amplitudes "
                "are normalised; use 'angle'"
            )
        wires = math.ceil(math.log2(num_pixels))
    if wires > MOST_WIRES:
        raise ArgumentError(
            f"kernel_size: a patch of {num_pixels} pixels needs {wires} wires, more "
            f"than {MOST_WIRES}; use a smaller kernel, fewer channels or "
            "encoding='amplitude'"
        )
    if encoding == "linear":
        return [_linear(wires)] * outputs
    angles = AngleEncoding(wires, scaling=math.pi)
    if encoding == "reupload":
        circuit = reupload(StronglyEntangling(wires), angles, layers)
    elif encoding == "angle":
        circuit = StronglyEntangling(wires, layers=layers) @ angles
    else:
        pixels = AmplitudeEncoding(wires, size=num_pixels)
        circuit = StronglyEntangling(wires, layers=layers) @ pixels
    most = 2**wires - 1
    sizes = [min(most, outputs - done) for done in range(0, outputs, most)]
    return [circuit.with_readout(Expectation(z_words(wires, size))) for size in sizes]


def _linear(wires: int) -> Circuit:
    """Σ cos θᵢ · xᵢ: the filter of a classical convolution, weights within ±1."""
    total = qml.sum(*(qml.Z(wire) for wire in range(wires))) if wires > 1 else qml.Z(0)
    circuit = Rotations(wires) @ ArccosEncoding(wires)
    return circuit.with_readout(Expectation([total]))
