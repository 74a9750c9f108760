"""What is particular to the transposed quantum convolution."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from qml_qdl.circuits import AngleEncoding, Probabilities
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    QdlError,
    ShapeError,
)
from qml_qdl.nn import QuantumConvTranspose2d, set_target


def make(*arguments: Any, **options: Any) -> Any:
    return QuantumConvTranspose2d(*arguments, **options)


def images(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def test_positional_arguments_are_torchs() -> None:
    ours = inspect.signature(QuantumConvTranspose2d).parameters
    theirs = inspect.signature(nn.ConvTranspose2d).parameters
    positional = [n for n, p in ours.items() if p.kind == p.POSITIONAL_OR_KEYWORD]
    assert positional == list(theirs)
    for name, parameter in theirs.items():
        assert ours[name].default == parameter.default


CASES = [
    pytest.param((2, 1, 2), (3, 2), id="plain"),
    pytest.param((2, 1, 2, 2), (2, 3), id="stride"),
    pytest.param((1, 2, (1, 2), (2, 1), (0, 1)), (2, 3), id="padding"),
    pytest.param((2, 1, 2, 3, 1, 2), (2, 2), id="output-padding"),
    pytest.param((2, 2, 2, (2, 3), 0, (1, 2), 2), (2, 1), id="groups"),
    pytest.param((1, 1, 2, 1, 1, 1, 1, False, 2), (3, 3), id="dilation"),
    pytest.param((1, 1, 2, 1, 0, (2, 1), 1, True, 3), (1, 2), id="padding-by-dilation"),
    pytest.param((2, 1, 2, 2), (1, 1), id="one-pixel"),
]


def classical(ours: Any, arguments: tuple[Any, ...]) -> Any:
    """torch's layer with the weights cos θ of a layer with linear circuits."""
    kind: Any = nn.ConvTranspose2d
    theirs = kind(*arguments, dtype=torch.float64)
    outputs, channels = theirs.weight.shape[1:2].numel(), theirs.in_channels
    size = channels // ours.groups
    angles = torch.stack([layer.weights_0 for layer in ours.kernels])
    shape = (ours.groups, outputs * theirs.weight[0, 0].numel(), size)
    if ours.per_channel:
        angles = angles.reshape(ours.groups, size, shape[1]).transpose(1, 2)
    # torch has the input channel first.
    weights = angles.reshape(shape).cos().transpose(1, 2)
    with torch.no_grad():
        theirs.weight.copy_(weights.reshape(theirs.weight.shape))
        if ours.bias is not None:
            ours.bias += 0.5 * torch.arange(1, ours.out_channels + 1)
            theirs.bias.copy_(ours.bias)
    return theirs


@pytest.mark.parametrize(
    ("arguments", "size", "per_channel"),
    [
        *(pytest.param(*case.values, False, id=case.id) for case in CASES),
        *(
            pytest.param(*case.values, True, id=f"{case.id}-per-channel")
            for case in CASES
            if case.id in ("plain", "groups", "output-padding")
        ),
    ],
)
def test_the_linear_kernel_is_torchs_transposed_convolution(
    arguments: tuple[Any, ...], size: tuple[int, int], per_channel: bool
) -> None:
    ours = make(
        *arguments, encoding="linear", per_channel=per_channel, dtype=torch.float64
    )
    theirs = classical(ours, arguments)
    x = 2 * images(2, ours.in_channels, *size) - 1
    expected = theirs(x)
    torch.testing.assert_close(ours(x), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(ours(x[0]), expected[0], rtol=0, atol=1e-12)
    assert ours.output_size(size) == tuple(expected.shape[2:])


def test_the_size_that_is_wanted() -> None:
    arguments = (1, 1, 2, 3)
    ours = make(*arguments, encoding="linear", dtype=torch.float64)
    theirs = classical(ours, arguments)
    x = images(2, 1, 2, 2)
    for wanted in ([5, 6], [7, 5], [2, 1, 6, 7]):
        torch.testing.assert_close(ours(x, wanted), theirs(x, wanted))
    text = r"output_size: expected a height and width from \(5, 5\) to \(7, 7\)"
    for wrong in ([8, 5], [4, 5], [5]):
        with pytest.raises(ShapeError, match=text):
            ours(x, wrong)


def test_each_pixel_becomes_a_patch() -> None:
    grow = make(4, 2, (1, 3), (1, 3), bias=False, dtype=torch.float64)
    (layer,) = grow.quantum_layers()
    x = images(1, 4, 2, 2)
    result = grow(x)
    assert result.shape == (1, 2, 2, 6)
    values = layer(x[0, :, 1, 0]).reshape(2, 3)
    torch.testing.assert_close(result[0, :, 1, :3], values)


def test_a_circuit_that_fits() -> None:
    circuit = AngleEncoding(2).with_readout(Probabilities())
    grow = make(2, 1, 2, 2, circuit=circuit, bias=False)
    result = grow(images(1, 2, 1, 1))
    torch.testing.assert_close(result.sum(), torch.ones_like(result.sum()))
    with pytest.raises(ArgumentError, match=r"circuit: expected 3 features, .* and 4 "):
        make(3, 1, 2, circuit=circuit)


def test_gradients_reach_inputs_and_weights() -> None:
    grow = make(2, 1, 2, dtype=torch.float64)
    x = images(1, 2, 2, 2).requires_grad_()
    assert torch.autograd.gradcheck(grow, (x,), fast_mode=True)
    grow(x).square().sum().backward()
    assert all(w.grad.abs().max() > 1e-4 for w in grow.parameters())


def test_no_images() -> None:
    grow = make(2, 3, 2, 2)
    assert grow(torch.zeros(0, 2, 3, 3)).shape == (0, 3, 6, 6)


def test_a_generator_of_images() -> None:
    """Two layers, each twice as large, from four numbers to 4 × 4 pixels."""
    torch.manual_seed(0)
    model = nn.Sequential(make(4, 4, 2, 2), nn.Sigmoid(), make(4, 1, 2, 2))
    wanted = torch.eye(4)[None, None]
    latent = torch.rand(1, 4, 1, 1)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = (model(latent) - wanted).square().mean()
        torch.autograd.backward([loss])
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.4 * losses[0]


def test_repr_targets_and_pickle() -> None:
    grow = make(2, 2, 2, 3, 1, 1, 2, trainable=False)
    parts = ("padding=(1, 1)", "output_padding=(1, 1)", "groups=2", "trainable=False")
    for part in parts:
        assert part in repr(grow)
    assert "padding" not in make(1, 1, 2).extra_repr()
    x = images(1, 2, 2, 2).float()
    expected = grow(x)
    set_target(grow, "default.qubit")
    torch.testing.assert_close(pickle.loads(pickle.dumps(grow))(x), expected)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"padding_mode": "reflect"}, r"padding_mode: .* only 'zeros', .* 'reflect'"),
        ({"output_padding": 1}, r"output_padding: expected fewer .* got \(1, 1\) with"),
        ({"output_padding": -1}, r"output_padding: expected a whole number from 0"),
        ({"padding": "same"}, r"padding: expected a whole number from 0 up, or two"),
        ({"groups": 2}, r"groups: expected a divisor of in_channels=3, got 2"),
        ({"out_channels": 0}, r"out_channels: expected at least 1, got 0"),
    ],
    ids=str,
)
def test_arguments(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make(**{"in_channels": 3, "out_channels": 1, "kernel_size": 2} | changes)


def test_wrong_images() -> None:
    grow = make(2, 1, 2, padding=1)
    with pytest.raises(ShapeError, match=r"images: expected \(rows, 2, H, W\) or"):
        grow(images(1, 3, 2, 2))
    with pytest.raises(ArgumentTypeError, match=r"images: expected a floating tensor"):
        grow(torch.ones(1, 2, 2, 2, dtype=torch.int64))
    with pytest.raises(ShapeError, match=r"padding=\(1, 1\) cuts off all of the res"):
        grow(images(1, 2, 1, 1))
