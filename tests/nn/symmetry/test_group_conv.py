"""Group convolutions, quantum and classical: exact where they say so, or refused."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from qml_qdl.circuits import AngleEncoding, Expectation, StronglyEntangling
from qml_qdl.circuits.errors import QdlError
from qml_qdl.nn import (
    EquivariantQuantumConv2d,
    GroupConv2d,
    GroupLinear,
    GroupPool,
    ImageGroup,
    QuantumConv2d,
    check_equivariance,
    set_target,
)
from qml_qdl.nn.symmetry.group_conv import GroupConvolution
from qml_qdl.nn.symmetry.group_patches import GroupPatches

EXACT = {torch.float32: 1e-5, torch.float64: 1e-12}
in_both_dtypes = pytest.mark.parametrize("dtype", list(EXACT), ids=str)
exact_groups = pytest.mark.parametrize("group", ["p4", "p4m"])


def make(kind: str, *arguments: Any, **options: Any) -> Any:
    if kind == "quantum":
        generator = torch.Generator().manual_seed(1)
        return EquivariantQuantumConv2d(*arguments, generator=generator, **options)
    torch.manual_seed(1)
    return GroupConv2d(*arguments, **options)


OPTIONS: list[Any] = [
    pytest.param((1, 3, 2), {}, 6, id="plain"),
    pytest.param((2, 2, 2), {"stride": 2}, 6, id="stride"),
    pytest.param((1, 2, 3), {"padding": 1}, 5, id="padding"),
    pytest.param((1, 2, 2), {"padding": 1, "padding_mode": "circular"}, 4, id="circle"),
    pytest.param((1, 2, 2), {"padding": 1, "padding_mode": "reflect"}, 4, id="reflect"),
    pytest.param(
        (1, 2, 3), {"padding": 1, "padding_mode": "replicate"}, 4, id="replicate"
    ),
    pytest.param((1, 2, 1), {"bias": False}, 3, id="one-pixel"),
]


@exact_groups
@in_both_dtypes
@pytest.mark.parametrize("kind", ["quantum", "classical"])
@pytest.mark.parametrize("lifting", [True, False], ids=["lifting", "group"])
@pytest.mark.parametrize(("arguments", "options", "size"), OPTIONS)
def test_it_turns_with_its_input(
    kind: str,
    group: str,
    lifting: bool,
    arguments: tuple[int, ...],
    options: dict[str, Any],
    size: int,
    dtype: torch.dtype,
) -> None:
    conv = make(kind, *arguments, group, lifting=lifting, dtype=dtype, **options)
    if conv.bias is not None:
        nn.init.normal_(conv.bias)
    found = conv.check_equivariance(size, dtype=dtype)
    assert len(found.by_element) == conv.group.order
    assert found.largest < EXACT[dtype]
    assert found.scale > 1e-2
    # Also where height and width differ.
    stride = options.get("stride", 1)
    places = () if lifting else (conv.group.order,)
    inputs = torch.rand(1, arguments[0], *places, size, size + stride, dtype=dtype)
    assert check_equivariance(conv, conv.group, inputs).largest < EXACT[dtype]


class Unturned(nn.Module):
    """A group convolution that forgets to turn its patches."""

    def __init__(self, conv: GroupConvolution) -> None:
        super().__init__()
        self.conv = copy.deepcopy(conv)
        ((_, index),) = self.conv.patches.named_buffers()
        index.copy_(index[:1].expand_as(index).clone())

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv(x)
        return result


@exact_groups
@in_both_dtypes
@pytest.mark.parametrize("lifting", [True, False], ids=["lifting", "group"])
def test_broken_versions_are_seen(
    group: str, lifting: bool, dtype: torch.dtype
) -> None:
    conv = make("quantum", 1, 2, 2, group, lifting=lifting, dtype=dtype)
    order = conv.group.order
    places = () if lifting else (order,)
    inputs = torch.rand(2, 1, *places, 4, 4, dtype=dtype)
    assert check_equivariance(conv, conv.group, inputs).largest < EXACT[dtype]
    assert check_equivariance(Unturned(conv), conv.group, inputs).largest > 0.05
    wrong = ImageGroup("p4m" if group == "p4" else "p4")
    if lifting and group == "p4":  # not equivariant under mirror images
        pooled = nn.Sequential(conv, GroupPool())
        assert check_equivariance(pooled, conv.group, inputs).largest < EXACT[dtype]
        found = check_equivariance(pooled, wrong, inputs)
        assert max(found.by_element[:4]) < EXACT[dtype]
        assert max(found.by_element[4:]) > 0.05
    plain = QuantumConv2d(1, 2, 2, dtype=dtype)
    images = torch.rand(2, 1, 4, 4, dtype=dtype)
    assert check_equivariance(plain, ImageGroup(group), images).largest > 0.05


@in_both_dtypes
@pytest.mark.parametrize("lifting", [True, False], ids=["lifting", "group"])
def test_eighth_turns_hold_to_the_pixels_and_break(
    lifting: bool, dtype: torch.dtype
) -> None:
    """Quarter turns of c8 are exact; forgotten turns are seen at all of them."""
    conv = make("quantum", 1, 1, 3, "c8", lifting=lifting, padding=1, dtype=dtype)
    places = () if lifting else (8,)
    inputs = torch.rand(1, 1, *places, 5, 5, dtype=dtype)
    found = check_equivariance(conv, conv.group, inputs)
    assert max(found.by_element[::2]) < EXACT[dtype]
    broken = check_equivariance(Unturned(conv), conv.group, inputs)
    assert min(broken.by_element[1:]) > 0.05


@exact_groups
@in_both_dtypes
def test_a_network_is_invariant(group: str, dtype: torch.dtype) -> None:
    """Lifting, group to group, a whole-map layer and pooling; each part in turn."""
    torch.manual_seed(0)
    lift = EquivariantQuantumConv2d(1, 2, 2, group, stride=2, dtype=dtype)
    conv = EquivariantQuantumConv2d(2, 3, 2, group, lifting=False, dtype=dtype)
    maps = nn.Sequential(lift, conv)
    images = torch.rand(3, 1, 8, 8, dtype=dtype)
    images[0] = 0  # a blank image is nothing special
    assert maps(images).shape == (3, 3, lift.group.order, 3, 3)
    whole = GroupLinear((3, 3, 3), 5, group, dtype=dtype)
    for mode in ("max", "mean"):
        pool = GroupPool(mode)
        images_out = nn.Sequential(maps, pool)
        assert check_equivariance(images_out, lift.group, images).largest < EXACT[dtype]
        network = nn.Sequential(maps, whole, nn.ReLU(), pool)
        found = check_equivariance(network, lift.group, images)
        assert network(images).shape == (3, 5)
        assert found.largest < EXACT[dtype]
        assert found.scale > 0.01
    unpooled = nn.Sequential(maps, whole, nn.Flatten())
    assert check_equivariance(unpooled, lift.group, images).largest > 1e-2


@exact_groups
@pytest.mark.parametrize("channels", [1, 2])
def test_the_classical_layer_is_torchs_convolution(group: str, channels: int) -> None:
    """Each element's map is torch's conv2d with the kernel turned alike."""
    conv: Any = GroupConv2d(channels, 3, 3, group, padding=1, dtype=torch.float64)
    images = torch.rand(2, channels, 6, 6, dtype=torch.float64)
    kernel = conv.kernel.weight.reshape(3, channels, 3, 3)
    maps = conv(images)
    for g in range(conv.group.order):
        turned = conv.group.act_on_images(g, kernel)
        expected = functional.conv2d(images, turned, conv.bias, padding=1)
        torch.testing.assert_close(maps[:, :, g], expected)
    deep: Any = GroupConv2d(channels, 2, 3, group, lifting=False, dtype=torch.float64)
    inputs = torch.rand(2, channels, conv.group.order, 5, 5, dtype=torch.float64)
    kernel = deep.kernel.weight.reshape(2, channels, -1, 3, 3)
    for g in range(conv.group.order):
        turned = conv.group.act_on_maps(g, kernel).flatten(1, 2)
        expected = functional.conv2d(inputs.flatten(1, 2), turned, deep.bias)
        torch.testing.assert_close(deep(inputs)[:, :, g], expected)


def test_the_first_element_is_the_plain_quantum_convolution() -> None:
    circuit = StronglyEntangling(4) @ AngleEncoding(4, scaling=math.pi)
    plain: Any = QuantumConv2d(1, 4, 2, circuit=circuit, padding=1)
    lift: Any = EquivariantQuantumConv2d(1, 4, 2, "p4m", circuit=circuit, padding=1)
    (quantum,) = lift.quantum_layers()
    quantum.load_state_dict(plain.kernels[0].state_dict())
    x = torch.rand(2, 1, 5, 5)
    torch.testing.assert_close(lift(x)[:, :, 0], plain(x))
    for g in range(8):
        back = lift.group.act_on_images(lift.group.inverse(g), x)
        expected = lift.group.act_on_images(g, plain(back))
        torch.testing.assert_close(lift(x)[:, :, g], expected)


@pytest.mark.parametrize("lifting", [True, False], ids=["lifting", "group"])
@pytest.mark.parametrize("kind", ["quantum", "classical"])
def test_c8_is_exact_for_quarters_and_nears_the_rest(kind: str, lifting: bool) -> None:
    options: dict[str, Any] = {"padding": 1, "lifting": lifting, "dtype": torch.float64}
    if kind == "quantum":  # a circuit that reads two corners of the patch
        last = 9 * (1 if lifting else 8) - 1
        circuit = StronglyEntangling(2) @ AngleEncoding(2, features=[0, last])
        options["circuit"] = circuit.with_readout(Expectation(["ZI", "ZZ"]))
    conv = make(kind, 1, 2, 3, "c8", **options)
    errors = []
    for size in (13, 25, 49):
        generator = torch.Generator().manual_seed(0)
        found = conv.check_equivariance(
            size, dtype=torch.float64, generator=generator, rows=1
        )
        assert max(found.by_element[::2]) < 1e-12
        errors.append(found.relative)
    assert errors[0] > 1.5 * errors[1] > 3 * errors[2]
    assert 1e-6 < errors[2] < 0.1


def test_defaults_of_the_check() -> None:
    for options in ({}, {"stride": 2}, {"padding": 1, "stride": 3}):
        conv = EquivariantQuantumConv2d(1, 1, 2, layers=1, **options)  # type: ignore[arg-type]
        assert conv.check_equivariance(rows=1).largest < 1e-5
    c8 = GroupConv2d(1, 1, 3, "c8", dtype=torch.float64)
    assert c8.check_equivariance(dtype=torch.float64).relative < 0.1


def test_all_patches_are_one_batch() -> None:
    conv: Any = EquivariantQuantumConv2d(1, 2, 2, "p4m")
    (layer,) = conv.quantum_layers()
    seen: list[torch.Size] = []
    layer.register_forward_pre_hook(lambda _, x: seen.append(x[0].shape))
    conv(torch.rand(3, 1, 6, 6))
    assert seen == [(3, 25, 8, 4)]


def test_gradients_reach_weights_and_images() -> None:
    conv: Any = EquivariantQuantumConv2d(1, 2, 2, dtype=torch.float64, layers=1)
    (name, weight), *_ = conv.quantum_layers()[0].named_parameters()
    images = torch.rand(1, 1, 3, 3, dtype=torch.float64, requires_grad=True)

    def loss(x: Tensor, w: Tensor) -> Tensor:
        values = {f"kernels.0.{name}": w, "bias": conv.bias.detach()}
        result: Tensor = torch.func.functional_call(conv, values, (x,))
        return (result * torch.linspace(-1, 2, result.numel()).view_as(result)).sum()

    theta = weight.detach().clone().requires_grad_()
    torch.autograd.gradcheck(loss, (images, theta), eps=1e-6, atol=1e-6)


def test_it_is_a_module() -> None:
    conv: Any = EquivariantQuantumConv2d(1, 2, 2, "c8")
    x = torch.rand(1, 1, 4, 4)
    fresh: Any = EquivariantQuantumConv2d(1, 2, 2, "c8")
    fresh.load_state_dict(conv.state_dict(), strict=True)
    for twin in (fresh, copy.deepcopy(conv), pickle.loads(pickle.dumps(conv))):
        assert torch.equal(twin(x), conv(x))
    assert set(conv.state_dict()) == {"bias", "kernels.0.weights_0"}
    before = conv.kernels[0].weights_0.clone()
    conv.reset_parameters(torch.Generator().manual_seed(5))
    assert not torch.equal(before, conv.kernels[0].weights_0)
    set_target(conv, None, shots=100)
    assert conv(x).shape == (1, 2, 8, 3, 3)
    assert "group='c8'" in repr(conv)
    assert conv.double()(x.double()).dtype == torch.float64
    assert "lifting=False" in repr(GroupConv2d(1, 1, 3, lifting=False, padding=1))
    assert "padding_mode='circular'" in repr(
        GroupConv2d(1, 1, 3, padding_mode="circular")
    )
    assert repr(GroupPool("mean")) == "GroupPool(mode='mean')"


def lift(**options: Any) -> Any:
    return EquivariantQuantumConv2d(1, 2, **{"kernel_size": 2, **options})


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (
            lambda: lift(stride=2)(torch.rand(1, 1, 7, 7)),
            r"images: not equivariant, since \(n \+ 2·padding − kernel_size\) mod "
            r"stride = \(7 \+ 2·0 − 2\) mod 2 = 1 is not 0: patches begin at one edge",
        ),
        (
            lambda: lift(stride=2)(torch.rand(1, 1, 8, 7)),
            r"images: not equivariant, since .* \(7 \+ 2·0 − 2\) mod 2 = 1",
        ),
        (
            lambda: lift()(torch.rand(1, 1, 1, 1)),
            r"images: a patch of kernel_size=2 is la",
        ),
        (
            lambda: lift()(torch.rand(1, 2, 4, 4)),
            r"images: expected images, \(rows, 1, H",
        ),
        (
            lambda: lift()(torch.rand(1, 4, 4)),
            r"images: expected images, \(rows, 1, H, W",
        ),
        (
            lambda: lift(lifting=False)(torch.rand(1, 1, 4, 4)),
            r"images: expected feature maps of a group convolution, \(rows, 1, 4, H, "
            r"W\), got \(1, 1, 4, 4\); lifting=True reads images",
        ),
        (
            lambda: lift(lifting=False)(torch.rand(1, 1, 8, 4, 4)),
            r"images: expected feature maps .* got \(1, 1, 8, 4, 4\)",
        ),
        (
            lambda: lift()(torch.zeros(1, 1, 4, 4, dtype=torch.int64)),
            r"images: expected a floating tensor, got torch.int64",
        ),
        (
            lambda: lift(padding=2, padding_mode="reflect")(torch.rand(1, 1, 2, 2)),
            r"images: padding_mode='reflect' can add at most 1 pixels to images of",
        ),
        (
            lambda: lift(group="p6"),
            r"group: expected one of 'p4', 'p4m', 'c8', got 'p6'",
        ),
        (
            lambda: lift(kernel_size=(2, 2)),
            r"kernel_size: expected a whole number, got",
        ),
        (lambda: lift(stride=0), r"stride: expected at least 1, got 0"),
        (lambda: lift(padding=-1), r"padding: expected at least 0, got -1"),
        (lambda: lift(padding="same"), r"padding: expected a whole number, got 'same'"),
        (lambda: lift(padding_mode="none"), r"padding_mode: expected one of 'zeros'"),
        (
            lambda: lift(circuit=AngleEncoding(4)),
            r"circuit: expected 4 features, one for each number of a patch, and 2 out",
        ),
        (lambda: lift(target="nowhere"), r"target: unknown target 'nowhere'"),
        (lambda: GroupPool("min"), r"mode: expected one of 'max', 'mean', got 'min'"),
        (
            lambda: GroupPool()(torch.rand(2, 3)),
            r"maps: expected \(rows, channels, order",
        ),
        (
            lambda: GroupLinear((1, 2, 3), 4),
            r"map_shape: expected \(channels, size, size",
        ),
        (
            lambda: GroupLinear((1, 2, 2), 4)(torch.rand(1, 1, 4, 3, 3)),
            r"maps: expected \(rows, 1, 4, 2, 2\), got \(1, 1, 4, 3, 3\)",
        ),
        (
            lambda: check_equivariance(
                lambda x: x[0], ImageGroup("p4"), torch.rand(1, 1, 2, 2)
            ),
            r"values: expected logits .*, images .* or feature maps .*got \(1, 2, 2\)",
        ),
        (
            lambda: check_equivariance(
                lambda x: x[..., :1], ImageGroup("p4"), torch.rand(1, 1, 2, 2)
            ),
            r"outputs: expected those of a turned input to have the shape \(1, 1, 1, 2",
        ),
        (
            lambda: GroupPatches(ImageGroup("p4"), 0, 2),
            r"in_channels: expected at least",
        ),
    ],
)
def test_errors(act: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        act()
