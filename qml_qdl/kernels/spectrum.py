"""What a Gram matrix tells of its kernel: concentration, rank, alignment."""

from __future__ import annotations

import math
from typing import Any

import torch
from attrs import frozen
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import validate_call
from qml_qdl.kernels.alignment import target_alignment
from qml_qdl.kernels.repair import check_gram


@frozen
class GramReport:
    """A Gram matrix in a few numbers.

    Args:
        rows: Rows, n.
        mean: Mean of what is off the diagonal.
        variance: Variance of what is off the diagonal. Near 0 all points look alike, or
            all different: the kernel is concentrated (Thanasilp et al. 2022,
            arXiv:2208.11060), and learns nothing.
        effective_rank: From 1 to n, the exponential of the entropy of the eigenvalues
            as shares of their sum (Roy and Vetterli 2007): near n the kernel knows
            points by heart, near 1 it cannot tell them apart.
        least_eigenvalue: The least; below 0 by shots and noise.
        alignment: Centred alignment with the labels; None without labels.
    """

    rows: int
    mean: float
    variance: float
    effective_rank: float
    least_eigenvalue: float
    alignment: float | None = None


@validate_call
def describe(gram: Tensor, labels: Any = None) -> GramReport:
    """Describes a Gram matrix: first of all, whether it is concentrated.

    Args:
        gram: (n, n), symmetric, n ≥ 2.
        labels: (n,), classes as whole numbers, or floating numbers; None for none.

    Returns:
        Its numbers.

    Raises:
        ShapeError: It is no square matrix, or there are more or fewer labels.
        ArgumentError: It has fewer than two rows, is not symmetric, or a number is not
            finite; or there is one class only.

    Example:
        >>> import torch
        >>> report = describe(torch.eye(4))
        >>> report.variance, round(report.effective_rank, 6)
        (0.0, 4.0)
    """
    check_gram(gram)
    rows = len(gram)
    if rows < 2:
        raise ArgumentError(f"gram: expected two rows or more, got {rows}")
    matrix = gram.detach().double()
    others = matrix[~torch.eye(rows, dtype=torch.bool, device=gram.device)]
    eigenvalues = torch.linalg.eigvalsh(matrix)
    shares = eigenvalues.clamp(min=0)
    total = float(shares.sum())
    shares = shares[shares > 0] / total if total else shares
    entropy = -float((shares * shares.log()).sum()) if total else -math.inf
    return GramReport(
        rows=rows,
        mean=float(others.mean()),
        variance=float(others.var(correction=0)),
        effective_rank=math.exp(entropy),
        least_eigenvalue=float(eigenvalues[0]),
        alignment=None if labels is None else float(target_alignment(matrix, labels)),
    )
