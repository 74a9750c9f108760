"""Features against the matrices that they stand for."""

from __future__ import annotations

import pytest
import torch

from qml_qdl.circuits import ZZFeatureMap
from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.kernels import (
    FidelityKernel,
    NystroemFeatures,
    ProjectedKernel,
    RandomFourierFeatures,
)

X = torch.rand(40, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_nystroem_is_exact_between_landmarks() -> None:
    kernel = FidelityKernel(ZZFeatureMap(2))
    features = NystroemFeatures(kernel, X[:9], cutoff=1e-12)
    own = features(X[:9])
    assert torch.allclose(own @ own.T, kernel(X[:9]), atol=1e-8)
    # States of two wires span 16 products, so that as many landmarks are enough.
    enough = NystroemFeatures(kernel, X[:20], cutoff=1e-10)(X)
    assert enough.shape[1] <= 16
    assert torch.allclose(enough @ enough.T, kernel(X), atol=1e-5)
    assert features(X[:0].float()).shape == (0, own.shape[1])
    assert features(X.float()).dtype == torch.float32


def test_nystroem_costs_columns_only() -> None:
    kernel = FidelityKernel(ZZFeatureMap(2), shots=10)
    features = NystroemFeatures(kernel, X[:5])
    assert features.cost(1000).rows == 5000
    assert features(X).shape[0] == 40


def test_random_features_come_nearer_with_their_number() -> None:
    kernel = ProjectedKernel(ZZFeatureMap(2), gamma=0.8, size=2)
    errors = []
    for count in (20, 20_000):
        features = RandomFourierFeatures(kernel, count, seed=0)(X)
        assert torch.allclose(features.square().sum(1), torch.ones(40).double())
        errors.append(float((features @ features.T - kernel(X)).abs().max()))
    assert errors[1] < 0.04 < errors[0]
    same = RandomFourierFeatures(kernel, 20, seed=0)
    assert torch.equal(same(X), RandomFourierFeatures(kernel, 20, seed=0)(X))
    assert same.cost(1000).rows == 1000


def test_what_does_not_fit() -> None:
    kernel = ProjectedKernel(ZZFeatureMap(2))
    with pytest.raises(ArgumentError, match="landmarks: expected one row or more"):
        NystroemFeatures(kernel, X[:0])
    with pytest.raises(ShapeError, match=r"landmarks: expected shape \(rows, 2\)"):
        NystroemFeatures(kernel, X[:, :1])
    with pytest.raises(ArgumentError, match="cutoff: expected a share from 0 to 1"):
        NystroemFeatures(kernel, X, cutoff=1.0)
    with pytest.raises(ArgumentError, match=r"even number, got 7: .* pass 8"):
        RandomFourierFeatures(kernel, 7)
