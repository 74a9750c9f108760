"""The circuits of a `ConvGenerator`: what turns a pixel's channels into a patch."""

from __future__ import annotations

import math

import pennylane as qml

from qml_qdl.circuits import AngleEncoding, Circuit, Expectation, HardwareEfficient
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_choice, check_count
from qml_qdl.nn.default_circuits import ENCODINGS as KERNEL_ENCODINGS
from qml_qdl.nn.default_circuits import MOST_WIRES, kernel_circuits

ENCODINGS = ("sine", *KERNEL_ENCODINGS)
"""How channels enter the circuits of a `ConvGenerator`, by name."""


def pixel_circuits(
    channels: int, outputs: int, encoding: str = "sine", layers: int = 3
) -> list[Circuit]:
    """Circuits that read the channels of one pixel.

    Those of "sine" have a wire for each channel, layers of RY and a ring of CZ, and
    as many outputs as wires, Σ_w h_kw ⟨Z_w⟩ with the orthogonal Hartley matrix
    h_kw = (cos 2πkw/n + sin 2πkw/n) / √n. With angles near 0 they are sums of
    −sin z for data z + π/2.

    Args:
        channels: Numbers that each circuit reads.
        outputs: How many outputs all circuits have together.
        encoding: One of `ENCODINGS`; those but "sine" are of `kernel_circuits`.
        layers: Trained layers of each.

    Returns:
        Circuits of one structure but for the last one's number of outputs.

    Raises:
        ArgumentError: An argument does not fit, or there are too many wires.

    Example:
        >>> [circuit.output_shape for circuit in pixel_circuits(4, 6)]
        [(4,), (2,)]
    """
    check_choice("encoding", encoding, ENCODINGS)
    check_count("layers", layers)
    if encoding != "sine":
        return kernel_circuits(channels, outputs, encoding, layers)
    if channels > MOST_WIRES:
        raise ArgumentError(
            f"channels: expected at most {MOST_WIRES}, one a wire, got {channels}; use "
            "fewer, or encoding='amplitude'"
        )
    processing = HardwareEfficient(
        channels, layers, rotations="RY", entangler="CZ", pattern="ring"
    )
    circuit = processing @ AngleEncoding(channels)
    words = [qml.Z(wire) for wire in range(channels)]
    mixtures = [
        qml.dot([_hartley(k * wire, channels) for wire in range(channels)], words)
        for k in range(channels)
    ]
    return [
        circuit.with_readout(Expectation(mixtures[: outputs - done]))
        for done in range(0, outputs, channels)
    ]


def _hartley(turns: int, size: int) -> float:
    angle = 2 * math.pi * turns / size
    return (math.cos(angle) + math.sin(angle)) / math.sqrt(size)
