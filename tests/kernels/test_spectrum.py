"""Numbers of Gram matrices that are known."""

from __future__ import annotations

import pytest
import torch

from qml_qdl.circuits import ZZFeatureMap
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.kernels import FidelityKernel, describe


def test_extremes() -> None:
    same, apart = describe(torch.ones(5, 5)), describe(torch.eye(5))
    assert same.effective_rank == pytest.approx(1.0)
    assert apart.effective_rank == pytest.approx(5.0)
    assert (same.mean, apart.mean) == (1.0, 0.0)
    assert (same.variance, apart.variance) == (0.0, 0.0)
    assert same.alignment is None
    blocks = torch.block_diag(torch.ones(2, 2), torch.ones(2, 2))
    report = describe(blocks, [0, 0, 1, 1])
    assert report.effective_rank == pytest.approx(2.0)
    assert report.alignment == pytest.approx(1.0)
    assert report.variance == pytest.approx(4 / 12 * 8 / 12)
    assert describe(torch.tensor([[0.0, 1.0], [1.0, 0.0]])).least_eigenvalue == -1.0
    assert describe(torch.zeros(2, 2)).effective_rank == 0.0


def test_wires_and_bandwidth_concentrate() -> None:
    x = torch.rand(30, 8, generator=torch.Generator().manual_seed(0)) * 6
    variances = [
        describe(FidelityKernel(ZZFeatureMap(n), scaling=c)(x[:, :n])).variance
        for n, c in ((2, 1.0), (8, 1.0), (8, 0.01))
    ]
    assert variances[1] < variances[0] / 100
    assert variances[1] < variances[2] / 10


def test_one_row_has_no_spectrum() -> None:
    with pytest.raises(ArgumentError, match="gram: expected two rows or more, got 1"):
        describe(torch.ones(1, 1))
