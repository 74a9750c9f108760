"""What is particular to quantum convolutions: patches, arguments, circuits."""

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

import qml_qdl.nn
from qml_qdl.circuits import (
    AngleEncoding,
    Circuit,
    Expectation,
    Probabilities,
    RandomLayers,
    Samples,
    State,
    StronglyEntangling,
)
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    QdlError,
    ShapeError,
)
from qml_qdl.nn import QuantumConv1d, QuantumConv2d, QuantumConv3d, set_target
from qml_qdl.nn.geometry import extract_patches

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


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_positional_arguments_are_torchs(dims: int) -> None:
    ours = inspect.signature(getattr(qml_qdl.nn, f"QuantumConv{dims}d")).parameters
    theirs = inspect.signature(getattr(nn, f"Conv{dims}d")).parameters
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
@settings(max_examples=80, deadline=None)
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
            ({"groups": 2}, r"groups: expected a divisor of in_channels=1, got 2; ch"),
            (
                {"in_channels": 3, "groups": 3},
                r"groups: expected a divisor of out_channels=4, got 3; change groups",
            ),
            ({"groups": 0}, r"groups: expected at least 1, got 0"),
            (
                {"encoding": "basis"},
                r"encoding: expected one of 'auto', .* got 'basis'",
            ),
            (
                {"kernel_size": 1, "encoding": "amplitude"},
                r"encoding: 'amplitude' of a single pixel is constant, .* use 'angle'",
            ),
            (
                {"kernel_size": 5, "encoding": "angle"},
                r"kernel_size: .* 25 pixels needs 25 wires, .*encoding='amplitude'",
            ),
            ({"circuit": []}, r"circuit: expected 4 features, .* outputs \[\]"),
            (
                {"circuit": [AngleEncoding(4), AngleEncoding(3)]},
                r"circuit: expected 4 .* got \[4, 3\] features and outputs \[\(4,",
            ),
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

    @pytest.mark.parametrize(
        ("options", "part"),
        [
            ({"in_channels": 2, "groups": 2}, "groups=2"),
            ({"flip": True}, "flip=True"),
            ({"per_channel": True}, "per_channel=True"),
            ({"trainable": False}, "trainable=False"),
        ],
        ids=str,
    )
    def test_repr_of_options(self, options: dict[str, Any], part: str) -> None:
        given = {"in_channels": 1, "out_channels": 2, "kernel_size": 2} | options
        assert part in make(**given).extra_repr()
        assert part.split("=")[0] not in make(1, 2, 2).extra_repr()


def linear(kind: Any, *arguments: Any, **options: Any) -> Any:
    options["generator"] = torch.Generator().manual_seed(3)
    return kind(*arguments, encoding="linear", dtype=torch.float64, **options)


def classical_weights(conv: Any) -> Tensor:
    """cos θ of a layer with linear circuits, in the shape of torch's weights."""
    channels = conv.in_channels // conv.groups
    outputs = conv.out_channels // conv.groups
    angles = torch.stack([layer.weights_0 for layer in conv.kernels])
    if conv.per_channel:
        angles = angles.reshape(conv.groups, channels, outputs, -1).transpose(1, 2)
    shape = (conv.out_channels, channels, *conv.kernel_size)
    return angles.cos().reshape(shape).detach()


LINEAR = [
    pytest.param(QuantumConv1d, (1, 1, 3), (7,), {}, id="1d"),
    pytest.param(
        QuantumConv1d,
        (2, 4, 2, 2, 1, 2, 2, False, "circular"),
        (6,),
        {},
        id="1d-positional",
    ),
    pytest.param(QuantumConv2d, (1, 2, 2), (4, 5), {}, id="2d"),
    pytest.param(
        QuantumConv2d, (2, 1, (2, 3), 1, "same"), (4, 3), {}, id="2d-same-channels"
    ),
    pytest.param(
        QuantumConv2d,
        (4, 2, 2),
        (3, 3),
        {"groups": 2, "stride": (1, 2), "padding": (1, 0)},
        id="2d-groups",
    ),
    pytest.param(
        QuantumConv2d,
        (4, 4, (1, 2)),
        (3, 3),
        {"groups": 2, "per_channel": True, "padding_mode": "reflect", "padding": 1},
        id="2d-groups-per-channel",
    ),
    pytest.param(
        QuantumConv2d, (3, 3, 2), (3, 3), {"groups": 3}, id="2d-one-channel-a-group"
    ),
    pytest.param(QuantumConv3d, (1, 1, 2), (3, 2, 4), {}, id="3d"),
    pytest.param(
        QuantumConv3d,
        (2, 2, (1, 2, 2), (2, 1, 1), (0, 1, 2), (1, 1, 3)),
        (3, 3, 4),
        {"padding_mode": "replicate"},
        id="3d-options",
    ),
]


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("flip", [False, True], ids=["as-torch", "flipped"])
@pytest.mark.parametrize(("kind", "arguments", "size", "options"), LINEAR)
def test_the_linear_kernel_is_torchs_convolution(
    kind: Any,
    arguments: tuple[Any, ...],
    size: tuple[int, ...],
    options: dict[str, Any],
    flip: bool,
) -> None:
    ours = linear(kind, *arguments, flip=flip, **options)
    rest = {name: value for name, value in options.items() if name != "per_channel"}
    theirs = getattr(nn, kind.__name__.removeprefix("Quantum"))(
        *arguments, dtype=torch.float64, **rest
    )
    weights = classical_weights(ours)
    with torch.no_grad():
        theirs.weight.copy_(weights.flip(list(range(2, weights.ndim))))
        if not flip:
            theirs.weight.copy_(weights)
        if ours.bias is not None:
            ours.bias += 0.5 * torch.arange(ours.out_channels)
            theirs.bias.copy_(ours.bias)
    x = 2 * images(2, ours.in_channels, *size) - 1
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-12)
    torch.testing.assert_close(ours(x[0]), theirs(x[0]), rtol=0, atol=1e-12)
    assert ours.output_size(size) == tuple(theirs(x).shape[2:])
    single = ours.float()(x.float())
    rounding = 1e-6 * ours.num_pixels
    torch.testing.assert_close(single.double(), theirs(x), rtol=0, atol=rounding)


def test_the_linear_kernel_has_the_gradients_of_torchs() -> None:
    conv = linear(QuantumConv2d, 2, 2, (1, 2))
    x = (2 * images(2, 2, 2, 3) - 1).requires_grad_()
    conv(x).square().sum().backward()
    (found,) = (x.grad,)
    x.grad = None
    functional.conv2d(x, classical_weights(conv)).square().sum().backward()
    torch.testing.assert_close(found, x.grad)
    assert all(layer.weights_0.grad.abs().max() > 1e-3 for layer in conv.kernels)


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


class TestOptions:
    def test_flipping_turns_the_patch_end_for_end(self) -> None:
        conv = make(1, 4, (2, 3), encoding="angle", dtype=torch.float64)
        flipped = make(1, 4, (2, 3), encoding="angle", dtype=torch.float64, flip=True)
        flipped.load_state_dict(conv.state_dict())
        x = images(1, 1, 2, 3)
        torch.testing.assert_close(flipped(x), conv(x.flip(2, 3)))
        assert not torch.allclose(flipped(x), conv(x))

    def test_channels_of_their_own_are_added_up(self) -> None:
        conv = make(3, 2, (1, 2), per_channel=True, dtype=torch.float64)
        assert len(conv.kernels) == 3
        assert {len(layer.circuit.wires) for layer in conv.kernels} == {2}
        x = images(1, 3, 1, 2)
        expected = sum(layer(x[0, c, 0]) for c, layer in enumerate(conv.kernels))
        torch.testing.assert_close(conv(x)[0, :, 0, 0], expected)

    def test_groups_do_not_mix(self) -> None:
        conv = make(4, 6, (1, 2), groups=2, dtype=torch.float64)
        x = images(1, 4, 1, 2)
        before = conv(x)
        x[:, 2:] += 0.3
        after = conv(x)
        torch.testing.assert_close(after[:, :3], before[:, :3])
        assert (after[:, 3:] - before[:, 3:]).abs().min() > 1e-4

    def test_several_circuits(self) -> None:
        circuits = [
            RandomLayers(4, rotations=6, seed=seed) @ AngleEncoding(4, scaling=math.pi)
            for seed in range(2)
        ]
        conv = make(1, 8, 2, circuit=circuits, trainable=False)
        assert [layer.circuit for layer in conv.kernels] == circuits
        assert conv(images(2, 1, 3, 3)).shape == (2, 8, 2, 2)

    def test_frozen_filters_stay(self) -> None:
        torch.manual_seed(0)
        conv = make(1, 4, 2, trainable=False)
        model = nn.Sequential(conv, nn.Flatten(), nn.Linear(16, 2))
        assert len([w for w in model.parameters() if w.requires_grad]) == 2
        before = {name: w.clone() for name, w in conv.state_dict().items()}
        optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
        model(images(3, 1, 3, 3, dtype=torch.float32)).square().sum().backward()
        optimiser.step()
        torch.testing.assert_close(dict(conv.state_dict()), before)
        first, second = make(1, 4, 2, trainable=False), make(1, 4, 2, trainable=False)
        assert not torch.equal(first.kernels[0].weights_0, second.kernels[0].weights_0)
        first.reset_parameters(torch.Generator().manual_seed(1))
        assert not any(w.requires_grad for w in first.parameters())

    def test_reuploading_has_weights_for_each_layer(self) -> None:
        conv = make(1, 4, 2, encoding="reupload", layers=3)
        shapes = [tuple(w.shape) for w in conv.kernels.parameters()]
        assert shapes == [(1, 4, 3)] * 3

    def test_amplitudes_take_few_wires(self) -> None:
        conv = make(2, 3, 2, encoding="amplitude", dtype=torch.float64)
        (layer,) = conv.quantum_layers()
        assert len(layer.circuit.wires) == 3
        # Amplitudes are normalised: a patch and its double are the same.
        x = images(1, 2, 2, 2)
        torch.testing.assert_close(conv(x), conv(2 * x))


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
