"""The circuits of convolutions that were given none."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import (
    Expectation,
)
from qml_qdl.circuits.errors import (
    ArgumentError,
    QdlError,
)
from qml_qdl.nn import QuantumConv2d


def make(*arguments: Any, **options: Any) -> Any:
    """A layer, of which mypy need not know that its parameters are tensors."""
    return QuantumConv2d(*arguments, **options)


def images(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(*shape, generator=generator, dtype=torch.float64).to(dtype)


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
