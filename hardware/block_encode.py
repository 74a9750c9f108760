"""PennyLane's `BlockEncode` of a torch tensor, with its gradient."""

from __future__ import annotations

from typing import Any

import pennylane as qml
import torch
from torch import Tensor

from qml_qdl.circuits.errors import TargetError


class _Root(torch.autograd.Function):
    """The square root of a positive matrix, smooth where eigenvalues coincide."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(matrix)
        roots = values.clamp(min=0.0).sqrt()
        ctx.save_for_backward(roots, vectors)
        ctx.save_for_forward(roots, vectors)
        root: Tensor = (vectors * roots) @ vectors.mH
        return root

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        # R² = M, hence dR·R + R·dR = dM: a division by sums of roots in R's basis.
        roots, vectors = ctx.saved_tensors
        sums = roots[:, None] + roots
        inner = vectors.mH @ gradient @ vectors
        inner = torch.where(sums > 0, inner / torch.where(sums > 0, sums, 1), 0)
        result: Tensor = vectors @ inner @ vectors.mH
        return result

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        return _Root.backward(ctx, tangent)  # dR by dM is its own adjoint


def _root(matrix: Tensor) -> Tensor:
    root: Tensor = _Root.apply(matrix)  # type: ignore[no-untyped-call]
    return root


def block_encoded(operation: Any) -> Any:
    """The gate as a unitary matrix, which takes gradients and is right at any norm.

    Args:
        operation: A `BlockEncode` of a torch tensor.

    Returns:
        A `QubitUnitary` on its wires.

    Raises:
        TargetError: PennyLane has cut the tensor off from its gradient.
    """
    block = operation.data[0]
    norm = operation.hyperparameters["norm"]
    trained = getattr(norm, "requires_grad", False)  # of an array it is a number
    if torch.is_grad_enabled() and trained and not block.requires_grad:
        raise TargetError(
            "BlockEncode: PennyLane copies its matrix without the gradient, which "
            "would be zero; run the QNode in a QuantumLayer, detach the matrix, or use "
            "qml.QubitUnitary"
        )
    rows, columns = block.shape
    size = 2 ** len(operation.wires)
    across = block @ block.mH
    down = block.mH @ block
    left = torch.eye(rows, dtype=block.dtype, device=block.device)
    right = torch.eye(columns, dtype=block.dtype, device=block.device)
    top = torch.cat([block, _root(left - across)], dim=1)
    bottom = torch.cat([_root(right - down), -block.mH], dim=1)
    corner = torch.cat([top, bottom])
    rest = size - rows - columns
    identity = torch.eye(rest, dtype=block.dtype, device=block.device)
    return qml.QubitUnitary(torch.block_diag(corner, identity), operation.wires)
