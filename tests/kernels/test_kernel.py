"""What a kernel of one's own has to say, and has from the base."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, MemoryBoundError
from qml_qdl.hardware.jobs.cost import Cost
from qml_qdl.kernels import Kernel, NystroemFeatures, SumKernel


class Linear(Kernel):
    """x·y."""

    @property
    def num_inputs(self) -> int:
        return 2

    def gram(self, x: Tensor, y: Tensor | None) -> Tensor:
        return x @ (x if y is None else y).T

    def cost(self, rows: int, columns: int | None = None) -> Cost:
        return Cost(rows=rows + (columns or 0))


def test_a_kernel_of_ones_own() -> None:
    kernel, x = Linear(), torch.rand(4, 2)
    assert torch.equal(kernel(x), x @ x.T)
    assert kernel(x.half(), x.numpy()).dtype == torch.float32
    features = NystroemFeatures(kernel, x[:3])
    assert torch.allclose(features(x) @ features(x).T, x @ x.T, atol=1e-5)
    assert torch.allclose(SumKernel([kernel, kernel])(x), x @ x.T)
    kernel.memory = 60
    with pytest.raises(MemoryBoundError, match=r"4 × 4 rows takes 256 bytes .* but 60"):
        kernel(x)


def test_rows_that_are_not_finite_are_named() -> None:
    x = torch.rand(5, 2)
    x[[1, 4], 0] = torch.inf
    with pytest.raises(ArgumentError, match=r"y: .* in rows \[1, 4\]; take these rows"):
        Linear()(torch.rand(1, 2), x)
