"""Sizes and patches are those of torch's convolutions."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.circuits import (
    AngleEncoding,
    Circuit,
    Expectation,
    State,
)
from qml_qdl.circuits.errors import (
    ArgumentError,
    ShapeError,
)
from qml_qdl.nn import QuantumConv1d, QuantumConv2d, QuantumConv3d
from qml_qdl.nn.patch_sizes import as_sizes, extract_patches, pad, sides_of

PADDING_MODES = ["zeros", "reflect", "replicate", "circular"]


def make(*arguments: Any, **options: Any) -> Any:
    """A layer, of which mypy need not know that its parameters are tensors."""
    return QuantumConv2d(*arguments, **options)


def images(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(*shape, generator=generator, dtype=torch.float64).to(dtype)


def pixel_reader(num_pixels: int, pixel: int) -> Circuit:
    """Its one output is the cosine of one pixel: the layer is a known convolution."""
    encoding = AngleEncoding(1, features=[pixel])
    rest = AngleEncoding(["x"], features=[num_pixels - 1])
    return (rest @ encoding).with_readout(Expectation([qml.Z(0)]))


pairs = st.integers(1, 3) | st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def convolutions(draw: Any) -> tuple[dict[str, Any], tuple[int, int]]:
    options: dict[str, Any] = {
        "kernel_size": draw(pairs),
        "dilation": draw(pairs),
        "padding_mode": draw(st.sampled_from(PADDING_MODES)),
    }
    pixels = st.integers(0, 3)
    options["padding"] = draw(
        st.sampled_from(["same", "valid"]) | pixels | st.tuples(pixels, pixels)
    )
    options["stride"] = 1 if options["padding"] == "same" else draw(pairs)
    return options, (draw(st.integers(1, 8)), draw(st.integers(1, 8)))


# torch says that it copies the image where a side gets more; so do we, always.
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@settings(max_examples=40, deadline=None)
@given(convolutions(), st.integers(1, 2), st.integers(0, 17))
# Where the padding is odd one side gets more, and where only one direction has any.
@example(({"kernel_size": (2, 4), "padding": "same"}, (5, 6)), 1, 6)
@example(
    ({"kernel_size": 2, "padding": "same", "padding_mode": "reflect"}, (3, 4)), 2, 7
)
@example(({"kernel_size": (1, 2), "padding": (0, 1), "dilation": (1, 3)}, (3, 4)), 1, 1)
# Too small to be reflected or wrapped around, or for the kernel.
@example(({"kernel_size": 1, "padding": 2, "padding_mode": "reflect"}, (2, 3)), 1, 0)
@example(({"kernel_size": 1, "padding": 3, "padding_mode": "circular"}, (2, 3)), 1, 0)
@example(({"kernel_size": 3, "dilation": 2}, (4, 5)), 1, 0)
def test_patches_are_torchs(
    convolution: tuple[dict[str, Any], tuple[int, int]], channels: int, place: int
) -> None:
    """For every argument: sizes, padding and the order of pixels, or both refuse."""
    options, size = convolution
    theirs: Any = nn.Conv2d(channels, 1, bias=False, dtype=torch.float64, **options)
    pixels = theirs.weight.numel()
    pixel = place % pixels
    circuit = pixel_reader(pixels, pixel)
    ours: Any = make(channels, 1, bias=False, circuit=circuit, **options)
    with torch.no_grad():
        theirs.weight.zero_().view(-1)[pixel] = 1
    x = images(2, channels, *size)
    try:
        expected = theirs(x).cos()
    except RuntimeError:
        with pytest.raises(ShapeError, match=r"images: "):
            ours(x)
        return
    result = ours(x)
    torch.testing.assert_close(result, expected)
    assert ours.output_size(size) == tuple(expected.shape[-2:])
    torch.testing.assert_close(ours(x[0]), expected[0])


class TestOrderOfPixels:
    """Feature f of a patch is channel f // k², row and column within it last."""

    def wires_of(self, circuit: Any) -> dict[Any, list[float]]:
        pixels = torch.arange(1.0, circuit.num_inputs + 1) / 100
        tape = qml.tape.make_qscript(circuit)(
            pixels, {n: torch.zeros(s) for n, s in circuit.weight_shapes.items()}
        )
        turned: dict[Any, list[float]] = {}
        for template in tape.operations:
            if template.name == "AngleEmbedding":
                for turn in template.decomposition():
                    (wire,) = turn.wires
                    turned.setdefault(wire, []).append(float(turn.data[0]))
        return turned

    @pytest.mark.parametrize(("encoding", "times"), [("angle", 1), ("reupload", 3)])
    def test_each_pixel_turns_its_wire(self, encoding: str, times: int) -> None:
        (layer,) = make(2, 1, (1, 2), encoding=encoding, layers=3).quantum_layers()
        for wire, angles in self.wires_of(layer.circuit).items():
            assert angles == pytest.approx([math.pi * (wire + 1) / 100] * times)

    def test_each_pixel_is_an_amplitude(self) -> None:
        (layer,) = make(1, 1, (2, 3), encoding="amplitude").quantum_layers()
        (first, *_) = layer.circuit.blocks
        state = qml.QNode(
            Circuit([first], readout=State()), qml.device("default.qubit", wires=3)
        )
        pixels = torch.arange(1.0, 7.0).double()
        expected = torch.cat([pixels / pixels.norm(), torch.zeros(2)])
        torch.testing.assert_close(state(pixels).real, expected)

    @pytest.mark.parametrize("flip", [False, True])
    def test_in_a_volume(self, flip: bool) -> None:
        x = torch.arange(2 * 3 * 2 * 4, dtype=torch.float64).reshape(1, 2, 3, 2, 4)
        patches = extract_patches(x, (2, 1, 2), (1, 1, 2), (1, 1, 1), flip=flip)
        assert patches.shape == (1, 2 * 2 * 2, 2, 4)
        # The patch at depth 1, row 0, column 1 is the fifth of eight, but one.
        for channel in range(2):
            cut = x[0, channel, 1:3, 0:1, 1:4:2]
            cut = cut.flip(0, 1, 2) if flip else cut
            torch.testing.assert_close(patches[0, 5, channel], cut.flatten())

    def test_patches_are_those_of_torchs_unfold(self) -> None:
        x = images(2, 3, 7, 6)
        found = extract_patches(x, (2, 3), (2, 1), (1, 2))
        expected = functional.unfold(x, (2, 3), dilation=(2, 1), stride=(1, 2))
        torch.testing.assert_close(found.flatten(2), expected.transpose(1, 2))


@pytest.mark.parametrize(
    ("kind", "size", "text"),
    [
        (QuantumConv1d, (1,), r"kernel_size=\(2,\) .* padded image \(1,\); add"),
        (QuantumConv3d, (3, 1, 3), r"kernel_size=\(2, 2, 2\) .* image \(3, 1, 3\)"),
    ],
)
def test_images_smaller_than_a_patch(
    kind: Any, size: tuple[int, ...], text: str
) -> None:
    conv = kind(1, 1, 2, encoding="amplitude")
    with pytest.raises(ShapeError, match=text):
        conv(images(1, 1, *size))
    with pytest.raises(ShapeError, match=r"images: expected \(rows, 1, "):
        conv(images(*size))


def test_sizes_for_each_direction() -> None:
    assert QuantumConv1d(1, 1, (2,)).kernel_size == (2,)
    with pytest.raises(ArgumentError, match=r"or one of them, got \(2, 2\)"):
        QuantumConv1d(1, 1, (2, 2))
    with pytest.raises(ArgumentError, match=r"or three of them, got \(2, 2\)"):
        QuantumConv3d(1, 1, (2, 2))


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_same_padding_is_torchs(kernel: int, dilation: int) -> None:
    """Where the total is odd, the far side gets more."""
    (sides,) = sides_of("same", [kernel], [dilation])
    assert sum(sides) == dilation * (kernel - 1)
    assert sides[1] - sides[0] in (0, 1)
    signal = torch.arange(1.0, 10.0)[None, None]
    weight = torch.arange(1.0, 1 + kernel)[None, None]
    padded = pad(signal, [sides], "zeros")
    found = functional.conv1d(padded, weight, dilation=dilation)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch copies where the total is odd
        expected = functional.conv1d(signal, weight, padding="same", dilation=dilation)
    torch.testing.assert_close(found, expected)


def test_paddings_for_each_direction() -> None:
    assert sides_of("valid", (2, 3), (1, 1)) == ((0, 0), (0, 0))
    assert sides_of((1, 2), (2, 3), (1, 1)) == ((1, 1), (2, 2))
    image = torch.ones(1, 1, 2, 3)
    assert pad(image, [(1, 0), (0, 2)], "zeros").shape == (1, 1, 3, 5)
    assert pad(image, [(0, 0), (0, 0)], "circular") is image


@pytest.mark.parametrize(
    ("value", "dims", "expected"),
    [(3, 2, (3, 3)), ([1, 2], 2, (1, 2)), (np.int64(2), 1, (2,)), ((4,), 1, (4,))],
)
def test_sizes_are_read(value: Any, dims: int, expected: tuple[int, ...]) -> None:
    found = as_sizes("stride", value, 1, dims)
    assert found == expected
    assert {type(size) for size in found} == {int}


@pytest.mark.parametrize("value", [0, (1, 0), (1, 2, 3), 2.0, True, "3"])
def test_no_sizes(value: Any) -> None:
    text = "stride: expected a whole number from 1 up, or two of them, got"
    with pytest.raises(ArgumentError, match=text):
        as_sizes("stride", value, 1, 2)
