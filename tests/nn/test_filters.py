"""What all quantum convolutions have: channels, groups, circuits of their own."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from qml_qdl.circuits import (
    AngleEncoding,
    RandomLayers,
)
from qml_qdl.nn import QuantumConv2d


def make(*arguments: Any, **options: Any) -> Any:
    """A layer, of which mypy need not know that its parameters are tensors."""
    return QuantumConv2d(*arguments, **options)


def images(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(*shape, generator=generator, dtype=torch.float64).to(dtype)


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
