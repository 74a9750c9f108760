"""What is particular to QuantumConv2d."""

from __future__ import annotations

import inspect
import itertools
import math
import pickle
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
    Probabilities,
    Samples,
    StronglyEntangling,
)
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    QdlError,
    ShapeError,
)
from qml_qdl.nn import QuantumConv2d, set_target

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


def test_positional_arguments_are_torchs() -> None:
    ours = inspect.signature(QuantumConv2d).parameters
    theirs = inspect.signature(nn.Conv2d).parameters
    positional = [n for n, p in ours.items() if p.kind == p.POSITIONAL_OR_KEYWORD]
    assert positional == list(theirs)
    for name, parameter in theirs.items():
        assert ours[name].default == parameter.default


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
@settings(max_examples=150, deadline=None)
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


@pytest.mark.parametrize("channels", [1, 2])
def test_it_is_a_loop_over_patches(channels: int) -> None:
    conv = make(channels, 4, (2, 2), (1, 2), 1, dtype=torch.float64)
    (layer,) = conv.quantum_layers()
    with torch.no_grad():
        conv.bias += torch.arange(4)

    @qml.qnode(qml.device("default.qubit", wires=8))
    def naive(pixels: Any, weights: Any) -> Any:
        for wire, pixel in enumerate(pixels):
            qml.RY(math.pi * pixel, wires=wire)
        qml.StronglyEntanglingLayers(weights, wires=range(len(pixels)))
        return [qml.expval(qml.Z(wire)) for wire in range(4)]

    x = images(2, channels, 3, 4)
    padded = functional.pad(x, (1, 1, 1, 1))
    expected = torch.empty(2, 4, 4, 3, dtype=torch.float64)
    for image, i, j in itertools.product(range(2), range(4), range(3)):
        patch = padded[image, :, i : i + 2, 2 * j : 2 * j + 2].flatten()
        values = torch.stack(naive(patch, layer.weights_0.detach()))
        expected[image, :, i, j] = values + torch.arange(4)
    torch.testing.assert_close(conv(x).detach(), expected)


def test_gradients_are_a_loop_over_patches() -> None:
    conv = make(1, 2, (1, 2), circuit=None, dtype=torch.float64)
    (layer,) = conv.quantum_layers()
    x = images(2, 1, 2, 3).requires_grad_()
    conv(x).square().sum().backward()
    found = (x.grad, layer.weights_0.grad, conv.bias.grad)
    x.grad = layer.weights_0.grad = conv.bias.grad = None
    loss: Any = 0.0
    for image, i, j in itertools.product(range(2), range(2), range(2)):
        values = layer(x[image, 0, i, j : j + 2]) + conv.bias
        loss = loss + values.square().sum()
    loss.backward()
    wanted = (x.grad, layer.weights_0.grad, conv.bias.grad)
    torch.testing.assert_close(found, wanted)


class TestDefaultCircuit:
    @pytest.mark.parametrize(
        ("arguments", "wires", "formula"),
        [
            ((1, 1, 1), 1, "AngleEncoding(1, scaling=3.14159"),
            ((1, 4, 2), 4, "AngleEncoding(4, scaling=3.14159"),
            ((2, 4, 2), 8, "AngleEncoding(8, scaling=3.14159"),
            ((1, 4, 3), 4, "AmplitudeEncoding(4, size=9)"),
            ((3, 4, 3), 5, "AmplitudeEncoding(5, size=27)"),
            ((1, 4, 4), 4, "AmplitudeEncoding(4, size=16)"),
            ((16, 4, 4), 8, "AmplitudeEncoding(8, size=256)"),
            ((1, 4, 256), 16, "AmplitudeEncoding(16, size=65536)"),
        ],
    )
    def test_wires(self, arguments: Any, wires: int, formula: str) -> None:
        conv = make(*arguments)
        (first, *_) = conv.quantum_layers()
        assert len(first.circuit.wires) == wires
        assert f"StronglyEntangling({wires}, layers=2) @ {formula}" in conv.extra_repr()

    def test_too_many_wires(self) -> None:
        with pytest.raises(ArgumentError, match=r"kernel_size: a patch of 66049"):
            make(1, 4, 257)

    @pytest.mark.parametrize(
        ("channels", "sizes"),
        [(1, [1]), (2, [2]), (3, [3]), (4, [3, 1]), (7, [3, 3, 1])],
    )
    def test_channels_take_words_then_circuits(
        self, channels: int, sizes: list[int]
    ) -> None:
        conv = make(1, channels, (1, 2), dtype=torch.float64)
        words = [layer.circuit.readout for layer in conv.quantum_layers()]
        assert words == [Expectation(("ZI", "IZ", "ZZ")[:size]) for size in sizes]
        assert f"{len(sizes)} × StronglyEntangling(2" in repr(conv)
        x = images(2, 1, 2, 3)
        result = conv(x)
        assert result.shape == (2, channels, 2, 2)
        patches = torch.stack([x[..., :-1], x[..., 1:]], dim=-1)[:, 0]
        expected = [layer(patches) for layer in conv.quantum_layers()]
        torch.testing.assert_close(
            result, torch.cat(expected, dim=-1).permute(0, 3, 1, 2)
        )

    def test_circuits_have_weights_of_their_own(self) -> None:
        conv = make(1, 6, (1, 2))
        first, second = conv.quantum_layers()
        assert not torch.equal(first.weights_0, second.weights_0)
        assert list(conv.state_dict()) == [
            "bias",
            "kernels.0.weights_0",
            "kernels.1.weights_0",
        ]

    def test_layers(self) -> None:
        (layer,) = make(1, 4, 2, layers=5).quantum_layers()
        assert layer.weights_0.shape == (5, 4, 3)
        with pytest.raises(QdlError, match=r"layers: expected at least 1, got 0"):
            make(1, 4, 2, layers=0)


@pytest.mark.parametrize("target", ["default.qubit", "lightning.qubit"])
def test_all_patches_are_one_batch(target: str) -> None:
    conv = make(1, 4, 2, target=target)
    (layer,) = conv.quantum_layers()
    with qml.Tracker(layer.qnode.device) as tracker:
        conv(images(3, 1, 4, 4))
    assert tracker.totals["batches"] == 1
    assert tracker.totals["executions"] == 27
    if target == "default.qubit":
        assert tracker.totals["simulations"] == 1


class TestArguments:
    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({"groups": 2}, r"groups: only groups=1 is built so far, got 2; use one"),
            ({"in_channels": 0}, r"in_channels: expected at least 1, got 0"),
            ({"out_channels": 1.5}, r"out_channels: expected a whole number, got 1.5"),
            ({"kernel_size": 0}, r"kernel_size: expected a whole number from 1 up"),
            ({"kernel_size": 2.5}, r"kernel_size: expected .* got 2.5"),
            ({"kernel_size": True}, r"kernel_size: expected .* got True"),
            ({"kernel_size": (2, 2, 2)}, r"or two of them, got \(2, 2, 2\)"),
            ({"stride": "2"}, r"stride: expected .* got '2'"),
            ({"stride": 0}, r"stride: expected .* got 0"),
            ({"dilation": (1, 0)}, r"dilation: expected .* got \(1, 0\)"),
            ({"padding": -1}, r"padding: expected a whole number from 0 up"),
            ({"padding": "full"}, r"padding: .*'valid' or 'same', got 'full'"),
            ({"padding": "same", "stride": 2}, r"padding: 'same' needs stride=1"),
            ({"padding_mode": "mirror"}, r"one of zeros, reflect, .* got 'mirror'"),
            ({"circuit": "ansatz"}, r"circuit: expected a circuit, .* got 'ansatz'"),
            ({"target": "nowhere"}, r"target: unknown target 'nowhere'; available"),
        ],
        ids=str,
    )
    def test_errors(self, changes: dict[str, Any], text: str) -> None:
        with pytest.raises(QdlError, match=text):
            make(**{"in_channels": 1, "out_channels": 4, "kernel_size": 2} | changes)

    @pytest.mark.parametrize(
        "circuit",
        [
            StronglyEntangling(3) @ AngleEncoding(3),
            StronglyEntangling(4),
            (StronglyEntangling(4) @ AngleEncoding(4)).with_readout(Probabilities()),
            (StronglyEntangling(4) @ AngleEncoding(4)).with_readout(Samples()),
        ],
        ids=["inputs", "none", "probabilities", "samples"],
    )
    def test_a_circuit_that_does_not_fit(self, circuit: Any) -> None:
        text = r"circuit: expected 4 features, one a pixel .* and 4 outputs, one a"
        with pytest.raises(ArgumentError, match=text):
            make(1, 4, 2, circuit=circuit)

    def test_a_circuit_that_fits(self) -> None:
        circuit = AngleEncoding(2).with_readout(Probabilities())
        conv = make(1, 4, (1, 2), circuit=circuit, bias=False)
        result = conv(images(2, 1, 3, 3))
        torch.testing.assert_close(result.sum(1), torch.ones_like(result[:, 0]))
        block = make(1, 2, (1, 2), circuit=AngleEncoding(2))
        assert block(images(2, 1, 3, 3)).shape == (2, 2, 3, 2)

    def test_numbers_of_numpy(self) -> None:
        conv = make(np.int64(1), np.int64(3), np.int64(2), np.int64(1))
        assert conv.kernel_size == (2, 2)
        assert conv(images(1, 1, 3, 3)).shape == (1, 3, 2, 2)

    def test_wrong_images(self) -> None:
        conv = make(1, 4, 3)
        with pytest.raises(ShapeError, match=r"\(rows, 1, H, W\) or .* got \(5, 5\)"):
            conv(images(5, 5))
        with pytest.raises(ShapeError, match=r"images: expected .* got \(2, 3, 5, 5\)"):
            conv(images(2, 3, 5, 5))
        with pytest.raises(ShapeError, match=r"larger than the padded image \(2, 5\)"):
            conv(images(1, 1, 2, 5))
        with pytest.raises(ShapeError, match=r"add padding or use a smaller kernel"):
            conv.output_size((2, 5))
        with pytest.raises(ArgumentTypeError, match=r"images: .* got torch.int64"):
            conv(torch.ones(1, 1, 5, 5, dtype=torch.int64))

    @pytest.mark.parametrize(("mode", "most"), [("reflect", 3), ("circular", 4)])
    def test_more_padding_than_image(self, mode: str, most: int) -> None:
        conv = make(1, 4, 2, padding=(0, 5), padding_mode=mode)
        with pytest.raises(ShapeError, match=f"at most {most} pixels to a side of 4"):
            conv(images(1, 1, 8, 4))


class TestModule:
    def test_repr(self) -> None:
        conv = make(1, 4, 2, 1, "same", 2, 1, False, "reflect")
        for part in ("padding='same'", "dilation=(2, 2)", "'reflect'", "bias=False"):
            assert part in conv.extra_repr()
        assert "padding" not in make(1, 4, 2, padding="valid").extra_repr()

    def test_where_and_what_the_weights_are(self) -> None:
        conv = make(1, 4, 2, device="meta", dtype=torch.float64)
        for weight in conv.parameters():
            assert weight.dtype == torch.float64
            assert weight.device.type == "meta"

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
    def test_dtype_follows_the_images(self, dtype: torch.dtype) -> None:
        conv = make(1, 4, 2, padding=1, padding_mode="reflect")
        exact = conv(images(2, 1, 3, 3))
        result = conv(images(2, 1, 3, 3, dtype=dtype))
        assert result.dtype == dtype
        torch.testing.assert_close(result.double(), exact, rtol=0, atol=0.05)

    def test_no_images(self) -> None:
        conv = make(1, 20, 2)
        x = torch.zeros(0, 1, 3, 3, requires_grad=True)
        result = conv(x)
        assert result.shape == (0, 20, 2, 2)
        result.sum().backward()
        assert x.grad is not None

    def test_generator_and_reset(self) -> None:
        def twin() -> Any:
            return make(1, 20, 2, generator=torch.Generator().manual_seed(2))

        conv = twin()
        torch.testing.assert_close(dict(conv.state_dict()), dict(twin().state_dict()))
        with torch.no_grad():
            conv.bias += 1
        conv.reset_parameters(torch.Generator().manual_seed(2))
        torch.testing.assert_close(dict(conv.state_dict()), dict(twin().state_dict()))

    def test_target_and_shots_reach_every_circuit(self) -> None:
        conv = make(1, 20, 2, target="lightning.qubit", shots=5)
        assert [x.shots for x in conv.quantum_layers()] == [5, 5]
        set_target(conv, "default.qubit", None)
        assert {x.target for x in conv.quantum_layers()} == {"default.qubit"}
        twin = pickle.loads(pickle.dumps(conv))
        assert torch.equal(twin(images(1, 1, 3, 3)), conv(images(1, 1, 3, 3)))
