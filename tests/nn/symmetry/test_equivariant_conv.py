"""What is particular to the equivariant quantum convolution."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.nn import (
    EquivariantQuantumConv2d,
    QuantumConv2d,
)


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


def lift(**options: Any) -> Any:
    return EquivariantQuantumConv2d(1, 2, **{"kernel_size": 2, **options})
