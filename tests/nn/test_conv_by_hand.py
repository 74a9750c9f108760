"""Convolutions small enough for paper: by hand, by torch, and by a circuit.

The kernel of a convolution in mathematics is flipped; torch's is not. The numbers are
those of a lecture on convolutional networks, which prints only the first six of the
seven values of the full convolution and calls them the "same" size: that has five.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.nn import QuantumConv1d, QuantumConv2d

COUNTING = [1.0, 2, 3, 4, 5]
EDGE = [1.0, 0, -1]
STEPS = [3.0, 2, 1, 7, 1, 2, 5, 4]
UNEVEN = [0.5, 0.75, 1, 0.25]


def circuit(kind: Any, signal: Tensor, kernel: Tensor, **options: Any) -> Tensor:
    """By a circuit whose weights are cos θ, its pixels scaled to within ±1."""
    conv = kind(1, 1, tuple(kernel.shape), bias=False, encoding="linear", **options)
    conv = conv.double()
    with torch.no_grad():
        conv.kernels[0].weights_0.copy_(kernel.flatten().arccos())
        scale = signal.abs().max()
        values: Tensor = conv(signal[None] / scale)[0] * scale
    return values


CASES = [
    pytest.param(COUNTING, EDGE, 1, 0, [2, 2, 2], id="valid"),
    pytest.param(COUNTING, EDGE, 1, 2, [1, 2, 2, 2, 2, -4, -5], id="full"),
    pytest.param(COUNTING, EDGE, 1, 1, [2, 2, 2, 2, -4], id="same"),
    pytest.param(STEPS, UNEVEN, 2, 0, [7, 9, 8], id="stride"),
    pytest.param(STEPS, UNEVEN, 2, 2, [3.25, 7, 9, 8, 5.25], id="stride-padding"),
]


@pytest.mark.parametrize(("signal", "kernel", "stride", "padding", "expected"), CASES)
def test_signals(
    signal: list[float],
    kernel: list[float],
    stride: int,
    padding: int,
    expected: list[float],
) -> None:
    x, w = torch.tensor(signal).double(), torch.tensor(kernel).double()
    wanted = torch.tensor(expected).double()
    assert len(expected) == (len(x) + 2 * padding - len(w)) // stride + 1
    options: Any = {"stride": stride, "padding": padding}
    classical = functional.conv1d(x[None], w.flip(0)[None, None], **options)[0]
    torch.testing.assert_close(classical, wanted)
    quantum = circuit(QuantumConv1d, x, w, flip=True, **options)
    torch.testing.assert_close(quantum, wanted, rtol=0, atol=1e-6)
    # Not flipped, as in torch, it is the cross-correlation.
    quantum = circuit(QuantumConv1d, x, w.flip(0), **options)
    torch.testing.assert_close(quantum, wanted, rtol=0, atol=1e-6)


def test_full_convolution_is_numpys() -> None:
    x, w = torch.tensor(COUNTING).double(), torch.tensor(EDGE).double()
    quantum = circuit(QuantumConv1d, x, w, flip=True, padding=2)
    np.testing.assert_allclose(quantum, np.convolve(COUNTING, EDGE), atol=1e-6)


@pytest.mark.parametrize(
    ("n", "m", "padding", "stride", "size"),
    [(10, 3, 2, 2, 6), (5, 3, 2, 1, 7), (5, 3, 0, 1, 3), (8, 4, 0, 2, 3)],
)
def test_sizes(n: int, m: int, padding: int, stride: int, size: int) -> None:
    conv = QuantumConv1d(1, 1, m, stride, padding)
    assert conv.output_size([n]) == (size,)
    assert conv(torch.rand(1, n)).shape == (1, size)
    classical: Any = nn.Conv1d(1, 1, m, stride, padding)
    assert classical(torch.rand(1, n)).shape == (1, size)


def test_kernels_of_images_are_turned_by_half_a_turn() -> None:
    x = torch.arange(12.0).double().reshape(3, 4).sin()
    w = torch.tensor([[0.25, 0.5], [-0.75, 1.0]]).double()
    turned = w.rot90(2)
    assert turned.tolist() == [[1.0, -0.75], [0.5, 0.25]]
    expected = functional.conv2d(x[None, None], turned[None, None])[0, 0]
    torch.testing.assert_close(circuit(QuantumConv2d, x, w, flip=True), expected)
    torch.testing.assert_close(circuit(QuantumConv2d, x, turned), expected)


def test_pooling_of_feature_maps() -> None:
    """The largest of each square of the map, and its mean, by circuit and by torch."""
    x = torch.arange(25.0).double().reshape(5, 5)
    w = torch.tensor([[0.0, 0], [0, 1]]).double()
    maps = circuit(QuantumConv2d, x, w)[None, None]
    torch.testing.assert_close(maps[0, 0], x[1:, 1:])
    largest = functional.max_pool2d(maps, 2)[0, 0]
    torch.testing.assert_close(largest, torch.tensor([[12.0, 14], [22, 24]]).double())
    mean = functional.avg_pool2d(maps, 2)[0, 0]
    torch.testing.assert_close(mean, torch.tensor([[9.0, 11], [19, 21]]).double())


def test_shifted_signals_have_shifted_maps() -> None:
    """Equivariance under translation: with circular padding exactly."""
    torch.manual_seed(0)
    conv = QuantumConv1d(1, 3, 3, padding=1, padding_mode="circular").double()
    x = torch.rand(1, 1, 8).double()
    torch.testing.assert_close(conv(x.roll(3, -1)), conv(x).roll(3, -1))
