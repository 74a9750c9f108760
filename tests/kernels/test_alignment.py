"""Alignment beside PennyLane's, and trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import AngleEncoding, StronglyEntangling, ZZFeatureMap
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.kernels import (
    FidelityKernel,
    SumKernel,
    align,
    ideal_gram,
    target_alignment,
)

X = torch.rand(12, 2, generator=torch.Generator().manual_seed(0))
LABELS = ((X[:, 0] > 0.5) ^ (X[:, 1] > 0.5)).long()


@pytest.mark.parametrize("balance", [True, False])
def test_pennylanes_number(balance: bool) -> None:
    gram = FidelityKernel(ZZFeatureMap(2))(X).double()
    places = {tuple(row): i for i, row in enumerate(X.numpy().tolist())}
    signs = (2 * LABELS - 1).numpy()

    def entry(a: Any, b: Any) -> Any:
        return gram[places[tuple(a)], places[tuple(b)]].item()

    rows = X.numpy().tolist()
    expected = qml.kernels.target_alignment(
        rows, signs, entry, rescale_class_labels=balance
    )
    found = target_alignment(gram, LABELS, center=False, balance=balance)
    assert float(found) == pytest.approx(float(expected), abs=1e-12)


def test_centred_alignment_is_that_of_centred_features() -> None:
    features = torch.rand(12, 5, dtype=torch.float64)
    centred = features - features.mean(0)
    values = torch.rand(12, dtype=torch.float64)
    wanted = values - values.mean()
    gram, target = centred @ centred.T, torch.outer(wanted, wanted)
    expected = (gram * target).sum() / (gram.norm() * target.norm())
    assert torch.isclose(target_alignment(features @ features.T, values), expected)
    shifted = target_alignment(features @ features.T + 3.0, values * 1e200)
    assert torch.isclose(shifted, expected)


def test_ideals() -> None:
    three = ideal_gram([0, 1, 2, 2], balance=False)
    assert torch.equal(three[2], torch.tensor([-0.5, -0.5, 1.0, 1.0]))
    gram = (torch.tensor([0, 1, 1])[:, None] == torch.tensor([0, 1, 1])).float()
    assert float(target_alignment(gram, [5, 2, 2], balance=False)) == pytest.approx(1)
    fixed = np.array([0, 1, 1])
    fixed.flags.writeable = False
    assert float(target_alignment(torch.ones(3, 3), fixed)) == 0.0


def test_training_raises_the_alignment() -> None:
    torch.manual_seed(0)
    circuit = AngleEncoding(2) @ StronglyEntangling(2) @ AngleEncoding(2)
    kernel = FidelityKernel(circuit)
    history = align(kernel, X, LABELS, steps=30, lr=0.1)
    assert history[-1] > history[0] + 0.05
    with torch.no_grad():
        reached = float(target_alignment(kernel(X), LABELS))
    assert reached >= history[-1] - 0.02
    other = FidelityKernel(AngleEncoding(2, trainable_scaling=True))
    batches = [
        align(other, X.numpy(), np.asarray(LABELS), steps=3, batch_size=2, seed=4)
        for _ in range(1)
    ]
    assert all(np.isfinite(batches).ravel())


def test_weights_of_a_sum_mix_the_scales() -> None:
    scales = [FidelityKernel(ZZFeatureMap(2), scaling=c) for c in (0.2, 1.0, 3.0)]
    alone = [float(target_alignment(scale(X), LABELS)) for scale in scales]
    kernel = SumKernel(scales, trainable_weights=True)
    align(kernel, X, LABELS, steps=100, lr=0.3)
    with torch.no_grad():
        assert float(target_alignment(kernel(X), LABELS)) > max(alone) - 1e-3
        assert float(kernel.weights.sum()) == pytest.approx(1.0)


def test_rare_classes_are_in_each_batch() -> None:
    labels = torch.zeros(12, dtype=torch.int64)
    labels[3] = 1
    kernel = FidelityKernel(AngleEncoding(2, trainable_scaling=True))
    assert len(align(kernel, X, labels, steps=10, batch_size=2, seed=0)) == 10


def test_an_optimiser_of_ones_own() -> None:
    kernel = FidelityKernel(AngleEncoding(2, trainable_scaling=True))
    align(kernel, X, LABELS, steps=1, optimizer=lambda p: torch.optim.SGD(p, lr=0.0))
    (weight,) = kernel.parameters()
    assert torch.equal(weight.detach(), torch.ones(2))


def test_what_cannot_be_aligned() -> None:
    kernel = FidelityKernel(AngleEncoding(2, trainable_scaling=True))
    with pytest.raises(ArgumentError, match=r"labels: expected two classes .* one cla"):
        align(kernel, X, torch.zeros(12))
    with pytest.raises(ShapeError, match=r"one for each of 12 rows, got shape \(5,\)"):
        align(kernel, X, torch.arange(5))
    with pytest.raises(ArgumentTypeError, match="labels: expected numbers, got list"):
        align(kernel, X, ["a", "b"])
    with pytest.raises(ArgumentError, match="kernel: expected one with parameters"):
        align(FidelityKernel(AngleEncoding(2)), X, LABELS)
    with pytest.raises(ArgumentTypeError, match="optimizer: expected a Optimizer"):
        align(kernel, X, LABELS, optimizer=lambda _: None)  # type: ignore[arg-type,return-value]
