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
from torch import Tensor, nn
from torch.nn import functional

import qml_qdl.nn
from qml_qdl.circuits import (
    AngleEncoding,
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
from qml_qdl.nn import QuantumConv1d, QuantumConv2d, QuantumConv3d, set_target


def make(*arguments: Any, **options: Any) -> Any:
    """A layer, of which mypy need not know that its parameters are tensors."""
    return QuantumConv2d(*arguments, **options)


def images(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(*shape, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_positional_arguments_are_torchs(dims: int) -> None:
    ours = inspect.signature(getattr(qml_qdl.nn, f"QuantumConv{dims}d")).parameters
    theirs = inspect.signature(getattr(nn, f"Conv{dims}d")).parameters
    positional = [n for n, p in ours.items() if p.kind == p.POSITIONAL_OR_KEYWORD]
    assert positional == list(theirs)
    for name, parameter in theirs.items():
        assert ours[name].default == parameter.default


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
            ({"padding_mode": "mirror"}, r"one of 'zeros', 'reflect', .* got 'mirror'"),
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
@pytest.mark.parametrize(
    ("kind", "arguments", "size", "options", "flip"),
    [
        *(pytest.param(*case.values, False, id=case.id) for case in LINEAR),
        *(
            pytest.param(*case.values, True, id=f"{case.id}-flipped")
            for case in LINEAR
            if case.id in ("1d-positional", "2d-same-channels", "3d-options")
        ),
    ],
)
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


@pytest.mark.parametrize("name", ["bias", "per_channel", "flip", "trainable"])
@pytest.mark.parametrize("value", ["no", None, 1])
def test_flags_are_true_or_false(name: str, value: Any) -> None:
    with pytest.raises(ArgumentTypeError, match=f"{name}: expected True or False, got"):
        QuantumConv2d(1, 1, 2, **{name: value})


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([[[[0.0] * 3] * 3]], "got list; make one with torch.tensor"),
        (np.zeros((1, 1, 3, 3)), "got ndarray; make one with torch.tensor"),
        (torch.zeros(1, 1, 3, 3) + 0j, "complex64; take .real"),
        (
            torch.zeros(1, 1, 3, 3, dtype=torch.long),
            r"int64; convert it with .float\(\)",
        ),
    ],
)
def test_what_are_no_images_is_said_with_its_repair(images: Any, message: str) -> None:
    with pytest.raises(ArgumentTypeError, match=message):
        QuantumConv2d(1, 1, 2)._as_batch(images)
