"""Weighted sums of kernels."""

from __future__ import annotations

import pytest
import torch

from qml_qdl.circuits import AngleEncoding, ZZFeatureMap
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.kernels import FidelityKernel, ProjectedKernel, SumKernel

X = torch.rand(4, 2, generator=torch.Generator().manual_seed(0))
PARTS = [FidelityKernel(ZZFeatureMap(2)), ProjectedKernel(ZZFeatureMap(2))]


def test_it_is_the_weighted_sum() -> None:
    kernel = SumKernel(PARTS, weights=[1, 3])
    expected = PARTS[0](X) / 4 + PARTS[1](X) * 3 / 4
    assert torch.allclose(kernel(X), expected)
    assert torch.allclose(kernel(X, X[:2]), expected[:, :2], atol=1e-6)
    assert kernel.cost(4).rows == 8
    ones = kernel(X.double()).diagonal()
    assert torch.allclose(ones, torch.ones_like(ones), rtol=1e-15)
    assert not kernel(X).requires_grad
    assert SumKernel(PARTS, trainable_weights=True)(X).requires_grad


def test_what_cannot_be_added() -> None:
    with pytest.raises(ArgumentError, match="kernels: expected one or more"):
        SumKernel([])
    with pytest.raises(ArgumentTypeError, match="kernels: expected kernels, got 'a'"):
        SumKernel(["a"])  # type: ignore[list-item]
    with pytest.raises(ArgumentError, match=r"equally many inputs, got \[1, 2\]"):
        SumKernel([*PARTS, FidelityKernel(AngleEncoding(1))])
    with pytest.raises(ArgumentError, match="weights: expected a number above 0"):
        SumKernel(PARTS, weights=[1.0, 0.0])
    with pytest.raises(ArgumentError, match="one for each of 2 kernels, got 1"):
        SumKernel(PARTS, weights=[1.0])
