"""Repaired matrices, beside PennyLane's and a solver's."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ShapeError
from qml_qdl.kernels import mitigate_depolarizing_noise, repaired


def noisy_gram(rows: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(rows, 3, generator=generator, dtype=torch.float64)
    vectors = vectors / vectors.norm(dim=1, keepdim=True)
    noise = 0.2 * torch.randn(rows, rows, generator=generator, dtype=torch.float64)
    gram: Tensor = (vectors @ vectors.T).square() + (noise + noise.T) / 2
    gram.fill_diagonal_(1.0)
    return gram


@pytest.mark.parametrize("method", ["threshold", "flip", "displace", "unit"])
def test_no_negative_eigenvalues(method: str) -> None:
    gram = noisy_gram()
    assert float(torch.linalg.eigvalsh(gram)[0]) < -0.05
    found = repaired(gram, method)
    assert float(torch.linalg.eigvalsh(found)[0]) > -1e-7
    again = repaired(found.float(), method)
    assert torch.allclose(again, found.float(), atol=1e-4)
    assert again.dtype == torch.float32
    assert repaired(gram[:0, :0], method).shape == (0, 0)


def test_nearest_with_ones_is_that_of_a_solver() -> None:
    gram = noisy_gram()
    import cvxpy

    found = repaired(gram, "unit").numpy()
    assert (np.diag(found) == 1).all()
    matrix = cvxpy.Variable(gram.shape, PSD=True)
    distance = cvxpy.norm(matrix - gram.numpy(), "fro")
    problem = cvxpy.Problem(cvxpy.Minimize(distance), [cvxpy.diag(matrix) == 1])
    problem.solve(solver=cvxpy.SCS, eps=1e-7)
    assert np.abs(found - matrix.value).max() < 1e-4
    assert np.linalg.norm(found - gram.numpy()) < problem.value + 1e-5


@pytest.mark.parametrize("method", ["single", "average", "split_channel"])
def test_depolarising_is_undone(method: str) -> None:
    clean = repaired(noisy_gram(), "unit")
    if method == "split_channel":
        own = torch.linspace(0.8, 0.95, 6, dtype=torch.float64)
        kept = own[:, None] * own
    else:
        kept = torch.tensor(0.7, dtype=torch.float64)
    noisy = kept * clean + (1 - kept) / 8
    found = mitigate_depolarizing_noise(noisy, 3, method)
    assert torch.allclose(found, clean, atol=1e-10)
    expected = qml.kernels.mitigate_depolarizing_noise(noisy.numpy(), 3, method)
    assert np.array_equal(found.numpy(), expected)


def test_what_cannot_be_repaired() -> None:
    with pytest.raises(ShapeError, match=r"square matrix, got shape \(2, 3\)"):
        repaired(torch.rand(2, 3))
    with pytest.raises(ArgumentError, match=r"symmetric .* differs from its transpose"):
        repaired(torch.tensor([[1.0, 0.5], [0.0, 1.0]]))
    with pytest.raises(ArgumentError, match="finite"):
        repaired(torch.full((2, 2), torch.nan))
    with pytest.raises(ArgumentError, match="method: expected one of 'threshold'"):
        repaired(torch.eye(2), "clip")
    with pytest.raises(ArgumentError, match=r"above 1/2ⁿ = 0.25, .* got 0.25"):
        mitigate_depolarizing_noise(torch.eye(2) / 4, 2)
