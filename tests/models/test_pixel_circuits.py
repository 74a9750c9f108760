"""Circuits that turn a pixel's channels into a patch."""

from __future__ import annotations

import math

import pytest
import torch

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.models import ConvGenerator
from qml_qdl.models.pixel_circuits import pixel_circuits
from qml_qdl.nn import QuantumConvTranspose2d
from qml_qdl.nn.default_circuits import kernel_circuits

DOUBLE = torch.float64


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
def test_sine_circuits_begin_as_orthogonal_mixtures_of_sines(channels: int) -> None:
    """At zero angles an output is a row of an orthogonal matrix times −sin z."""
    model = ConvGenerator(
        (4, 4), 3, channels=(channels,), image_channels=3, generator=seeded()
    )
    (layer,) = (m for m in model.modules() if isinstance(m, QuantumConvTranspose2d))
    assert max(p.detach().abs().max().item() for p in layer.parameters()) < 1
    inputs = torch.empty(6, channels, 2, 2, dtype=DOUBLE).normal_(generator=seeded())
    with torch.no_grad():
        for weight in layer.parameters():
            weight.zero_()
        values = layer(inputs + math.pi / 2)
    sines = -inputs.sin()
    first, second = values[:, :channels], values[:, channels : 2 * channels]
    torch.testing.assert_close(first.square().sum(1), sines.square().sum(1))
    torch.testing.assert_close(first[:, 0], sines.sum(1) / math.sqrt(channels))
    torch.testing.assert_close(first, second)


def test_outputs_are_shared_out_over_circuits_of_one_structure() -> None:
    circuits = pixel_circuits(3, 7)
    assert [circuit.output_shape for circuit in circuits] == [(3,), (3,), (1,)]
    assert len({str(circuit.weight_shapes) for circuit in circuits}) == 1
    shapes = [circuit.output_shape for circuit in kernel_circuits(3, 9, "angle", 3)]
    others = pixel_circuits(3, 9, "angle")
    assert [circuit.output_shape for circuit in others] == shapes


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ArgumentError, match="at most 16, one a wire, got 17; use few"):
        pixel_circuits(17, 1)
    with pytest.raises(ArgumentError, match="encoding: expected one of 'sine', 'auto'"):
        pixel_circuits(2, 1, "cosine")
    with pytest.raises(ArgumentError, match="layers: expected at least 1, got 0"):
        pixel_circuits(2, 1, layers=0)
