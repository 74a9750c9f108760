"""The small simulation of permutation-equivariant circuits, and gradient samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from qml_qdl.circuits import (
    invariant_readout,
    permutation_equivariant,
)
from qml_qdl.circuits.errors import QdlError
from qml_qdl.circuits.symmetry.named_groups import symmetric_group
from qml_qdl.nn import QuantumLayer
from qml_qdl.nn.symmetry.collective import collective_magnetization


@pytest.mark.parametrize("n", [2, 3, 6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_n_plus_one_dimensions_are_enough(n: int, dtype: torch.dtype) -> None:
    readout = invariant_readout(symmetric_group(n), ["Z" + "I" * (n - 1)])
    circuit = permutation_equivariant(n, 3).with_readout(readout)
    layer: Any = QuantumLayer(circuit, dtype=dtype)
    expected = layer()
    found = collective_magnetization(layer.weights_0, n)
    assert found.dtype == dtype
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(found, expected[0], rtol=0, atol=tolerance)
    gradients = [
        torch.autograd.grad(value, layer.weights_0)[0] for value in (found, expected[0])
    ]
    torch.testing.assert_close(*gradients, rtol=0, atol=20 * tolerance)


def test_batches_of_weights() -> None:
    weights = torch.rand(2, 5, 4, 3, dtype=torch.float64)
    found = collective_magnetization(weights, 7)
    assert found.shape == (2, 5)
    torch.testing.assert_close(found[1, 2], collective_magnetization(weights[1, 2], 7))
    big = collective_magnetization(weights[0], 200)
    assert big.abs().max() <= 1 + 1e-10


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: collective_magnetization(torch.zeros(3), 2),
            r"weights: expected \(..., layers, 3\), angles of ΣX, ΣY and ΣZZ, got \(3",
        ),
        (
            lambda: collective_magnetization(torch.zeros(1, 3).long(), 2),
            r"weights: expected a floating tensor, got torch.int64",
        ),
        (
            lambda: collective_magnetization(torch.zeros(1, 3), 0),
            r"num_wires: expected at least 1, got 0",
        ),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
