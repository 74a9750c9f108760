"""PennyLane's BlockEncode of tensors, as a matrix with its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.block_encode import block_encoded
from qml_qdl.hardware.precision import KeptNumbers
from tests.hardware.formulas import assert_as, layer_of, numbers


@pytest.mark.parametrize("target", ["default.qubit", "qdl.simulator", "aer"])
def test_an_encoded_block(target: str) -> None:
    def encoded(inputs: Any, w: Any) -> Any:
        qml.RX(inputs[..., 0], 0)
        qml.BlockEncode(w, wires=range(2))
        return qml.expval(qml.Z(0)), qml.expval(qml.Z(1))

    eye = torch.eye(2, dtype=torch.float64)

    def formula(x: Tensor, w: Tensor) -> Tensor:
        # From cos|00⟩ − i sin|10⟩: columns 0 and 2 of the unitary.
        def root(matrix: Tensor) -> Tensor:
            # Of 2×2: (M + √det)/√(tr + 2√det)
            det = torch.linalg.det(matrix).sqrt()
            found: Tensor = (matrix + det * eye) / (matrix.trace() + 2 * det).sqrt()
            return found

        first = torch.cat([w, root(eye - w.T @ w)])[:, 0]
        third = torch.cat([root(eye - w @ w.T), -w.T])[:, 0]
        half = x[..., :1] / 2
        chances = (half.cos() * first) ** 2 + (half.sin() * third) ** 2
        # The cross terms are imaginary, since both columns are real.
        signs = torch.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1]], dtype=w.dtype)
        return chances @ signs.T

    layer = layer_of(encoded, target, w=(2, 2))
    for matrix in ([[0.3, 0.1], [-0.2, 0.4]], [[0.5, 0.0], [0.0, 0.5]]):
        with torch.no_grad():
            layer.w.copy_(torch.tensor(matrix))
        assert_as(layer, formula, numbers(3, 1))


@pytest.mark.parametrize("shape", [(2, 2), (1, 3), (3, 2), (1, 1)], ids=str)
@pytest.mark.parametrize("scale", [0.3, 1.0, 2.5])
def test_it_is_pennylanes_matrix(shape: tuple[int, int], scale: float) -> None:
    block = scale * torch.arange(1.0, 1 + shape[0] * shape[1], dtype=torch.float64)
    with KeptNumbers(double=True):
        operation = qml.BlockEncode(block.reshape(shape), wires=range(3))
        matrix = block_encoded(operation).matrix()
    torch.testing.assert_close(matrix @ matrix.mH, torch.eye(8, dtype=matrix.dtype))
    known = operation.matrix().to(matrix.dtype)
    torch.testing.assert_close(matrix, known, atol=1e-7, rtol=0.0)


# Tangents compile a script inside of torch, of which torch warns.
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_gradients_are_finite_where_singular_values_coincide() -> None:
    block = (0.5 * torch.eye(2, dtype=torch.float64)).requires_grad_()

    def encoded(block: Tensor) -> Any:
        with KeptNumbers(double=True):
            return block_encoded(qml.BlockEncode(block, wires=range(2))).matrix()

    assert torch.autograd.gradcheck(encoded, block, check_forward_ad=True)


def test_a_block_that_pennylane_has_cut_off_is_refused() -> None:
    operation = qml.BlockEncode(np.diag([0.5, 0.3]), wires=range(2))
    operation.data = (torch.diag(torch.tensor([0.5, 0.3])),)
    operation.hyperparameters["norm"] = torch.tensor(0.25, requires_grad=True)
    with pytest.raises(TargetError, match="copies its matrix without the gradient"):
        block_encoded(operation)
    with torch.no_grad():
        assert block_encoded(operation).matrix().shape == (4, 4)
