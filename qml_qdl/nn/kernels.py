"""The circuits of a quantum convolution that was given none."""

from __future__ import annotations

import math

from qml_qdl.circuits import (
    AmplitudeEncoding,
    AngleEncoding,
    Circuit,
    Encoding,
    Expectation,
    Processing,
    StronglyEntangling,
    z_words,
)
from qml_qdl.circuits.errors import ArgumentError

MOST_ANGLE_PIXELS = 8
"""Up to here a patch has one wire for each pixel; above, its pixels are amplitudes."""

MOST_WIRES = 16
"""No patch is put on more wires."""


def default_circuits(
    num_pixels: int, out_channels: int, layers: int = 2
) -> list[Circuit]:
    """The circuits of a quantum convolution that was given none.

    Args:
        num_pixels: Pixels of a patch, all channels together.
        out_channels: How many outputs all circuits have together.
        layers: Strongly entangling layers of each.

    Returns:
        Circuits of one structure but for the last one's number of outputs.

    Raises:
        ArgumentError: The patch needs more than 16 wires.
    """
    wires = num_pixels
    if num_pixels > MOST_ANGLE_PIXELS:
        wires = math.ceil(math.log2(num_pixels))
    if wires > MOST_WIRES:
        raise ArgumentError(
            f"kernel_size: a patch of {num_pixels} pixels needs {wires} wires, more "
            f"than {MOST_WIRES}; use a smaller kernel or fewer channels"
        )
    encoding: Encoding = (
        AngleEncoding(wires, scaling=math.pi)
        if num_pixels <= MOST_ANGLE_PIXELS
        else AmplitudeEncoding(wires, size=num_pixels)
    )
    processing: Processing = StronglyEntangling(wires, layers=layers)
    most = 2**wires - 1
    sizes = [min(most, out_channels - done) for done in range(0, out_channels, most)]
    return [
        (processing @ encoding).with_readout(Expectation(z_words(wires, size)))
        for size in sizes
    ]
