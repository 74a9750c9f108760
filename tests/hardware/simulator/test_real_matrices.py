"""Runs of gates whose matrix is real are multiplied as such, with the same results."""

from __future__ import annotations

from typing import Any

import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.hardware.simulator.product_step import Block

WIRES, ROWS = 6, 2**7


def results(device: str, dtype: torch.dtype, fixed: str) -> list[Tensor]:
    """Values, gradients and gradients of gradients, real and trained runs in turn."""

    @qml.qnode(qml.device(device, wires=WIRES), diff_method="best")
    def circuit(inputs: Tensor, weights: Tensor) -> Any:
        for layer in range(3):
            for wire in range(WIRES):
                qml.RX(inputs[:, wire], wire)
                if "H" in fixed and wire != layer:
                    qml.Hadamard(wire)
            for wire in range(WIRES - 1):
                (qml.CZ if "CZ" in fixed else qml.CNOT)([wire, wire + 1])
            if layer == 1:
                qml.IsingZZ(weights[0], [0, 2])
                qml.IsingZZ(weights[1], [1, 3])
        return qml.expval(qml.X(1) @ qml.Y(2)), qml.expval(qml.Z(5))

    generator = torch.Generator().manual_seed(2)
    inputs = torch.rand(ROWS, WIRES, generator=generator, dtype=torch.float64)
    leaves = [inputs.to(dtype), torch.tensor([0.3, 0.8], dtype=dtype)]
    leaves = [leaf.requires_grad_() for leaf in leaves]
    values = torch.stack(circuit(*leaves))
    first = torch.autograd.grad(values.square().mean(), leaves, create_graph=True)
    size = torch.stack([g.square().sum() for g in first]).sum()
    second = torch.autograd.grad(size, leaves)
    return [values, *first, *second]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("fixed", ["CNOT H", "CZ H", "CNOT"])
def test_results_are_the_circuits(
    fixed: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply, real = Block.apply, []

    def seen(self: Block, matrix: Tensor, *others: Any) -> Tensor:
        real.append(not matrix.is_complex())
        return apply(self, matrix, *others)

    monkeypatch.setattr(Block, "apply", seen)
    found = results("qdl.simulator", dtype, fixed)
    assert any(real)
    expected = results("default.qubit", torch.float64, fixed)
    for one, other in zip(found, expected, strict=True):
        tolerance = 1e-5 if dtype == torch.float32 else 1e-12
        torch.testing.assert_close(one.double(), other, rtol=0, atol=tolerance)
