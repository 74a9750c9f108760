"""Group convolutions, quantum and classical: exact where they say so, or refused."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from qml_qdl.circuits import AngleEncoding, Expectation, StronglyEntangling
from qml_qdl.circuits.errors import QdlError
from qml_qdl.nn import (
    EquivariantQuantumConv2d,
    GroupConv2d,
    GroupLinear,
    GroupPool,
    check_equivariance,
    set_target,
)

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
@pytest.mark.parametrize("lifting", [True, False], ids=["lifting", "group"])
@pytest.mark.parametrize(("arguments", "options", "size"), OPTIONS)
def test_it_turns_with_its_input(
    group: str,
    lifting: bool,
    arguments: tuple[int, ...],
    options: dict[str, Any],
    size: int,
) -> None:
    """The patches are the same for all; what is done with them is in the next test."""
    turns_with_its_input(
        "classical", group, lifting, arguments, options, size, torch.float64
    )


@in_both_dtypes
@pytest.mark.parametrize("kind", ["quantum", "classical"])
@pytest.mark.parametrize(
    ("group", "lifting", "case"), [("p4m", True, 0), ("p4", False, 1), ("p4m", True, 2)]
)
def test_whatever_reads_the_patches_turns(
    kind: str, group: str, lifting: bool, case: int, dtype: torch.dtype
) -> None:
    arguments, options, size = OPTIONS[case].values
    turns_with_its_input(kind, group, lifting, arguments, options, size, dtype)


def turns_with_its_input(
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


@pytest.mark.parametrize(
    ("group", "dtype"), [("p4", torch.float64), ("p4m", torch.float32)], ids=str
)
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


@pytest.mark.parametrize("sampling", ["pixels", "rings"])
@pytest.mark.parametrize("lifting", [True, False], ids=["lifting", "group"])
@pytest.mark.parametrize("kind", ["quantum", "classical"])
def test_c8_is_exact_for_quarters_and_nears_the_rest(
    kind: str, lifting: bool, sampling: str
) -> None:
    options: dict[str, Any] = {"padding": 1, "lifting": lifting, "dtype": torch.float64}
    options["sampling"] = sampling
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


def test_it_is_a_module() -> None:
    conv: Any = EquivariantQuantumConv2d(1, 2, 2, "c8")
    assert "sampling='rings'" in repr(conv)
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
            r"images: padding_mode='reflect' can add at most 1 pixels to a side of 2",
        ),
        (
            lambda: lift(group="p6"),
            r"group: expected one of 'p4', 'p4m', 'c8', 'c16', got 'p6'",
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
    ],
)
def test_errors(act: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        act()
