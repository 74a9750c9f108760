"""Alignment of kernels with labels: how it is measured, and trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError, ShapeError
from qml_qdl.circuits.validation import (
    check_count,
    check_flag,
    check_number,
    check_seed,
    check_type,
    validate_call,
)
from qml_qdl.kernels.kernel import Kernel, as_rows
from qml_qdl.kernels.repair import check_gram


@validate_call
def target_alignment(
    gram: Tensor, labels: Any, *, center: bool = True, balance: bool = True
) -> Tensor:
    r"""How much a Gram matrix K is like the one that labels ask for, T.

    The cosine :math:`\langle K, T\rangle / \left(\|K\| \|T\|\right)` (Frobenius) of
    both. For classes T is 1 for rows of one class and −1/(C − 1) for others; for
    numbers it is the product of their differences from the mean.

    Args:
        gram: (n, n), symmetric.
        labels: (n,), classes as whole numbers, or floating numbers to fit.
        center: Whether both are centred first, as features around their mean (Cortes,
            Mohri and Rostamizadeh 2012, arXiv:1203.0550). Without it, two classes give
            the number of PennyLane's `target_alignment`.
        balance: Whether all classes count alike, however many rows they have.

    Returns:
        A number from −1 to 1, differentiable in the matrix.

    Raises:
        ShapeError: The matrix is not square, or has another number of rows.
        ArgumentError: There is one class only, or a number is not finite.
        ArgumentTypeError: The matrix or the labels are no numbers.

    Example:
        >>> import torch
        >>> labels = torch.tensor([0, 0, 1])
        >>> target_alignment((labels[:, None] == labels).float(), labels)
        tensor(1.)
    """
    check_gram(gram)
    wanted = as_labels(labels, len(gram))
    target = ideal_gram(wanted, balance=balance).to(gram)
    if center:
        gram, target = _centred(gram), _centred(target)
    size = gram.norm() * target.norm()
    # A matrix that is 0 once it is centred is like none.
    return (gram * target).sum() / torch.where(size > 0, size, 1.0)


@validate_call
def ideal_gram(labels: Any, *, balance: bool = True) -> Tensor:
    """The Gram matrix that labels ask for.

    Args:
        labels: (n,), classes as whole numbers, or floating numbers, of which only
            ratios of differences matter.
        balance: Whether entries of classes are divided by the numbers of rows of both.

    Returns:
        (n, n), floating.

    Raises:
        ShapeError: Labels are no single row of numbers.
        ArgumentError: All are the same, or one is not finite.
        ArgumentTypeError: They are no numbers.

    Example:
        >>> ideal_gram([0, 1, 1], balance=False)
        tensor([[ 1., -1., -1.],
                [-1.,  1.,  1.],
                [-1.,  1.,  1.]])
    """
    values = as_labels(labels)
    if values.is_floating_point():
        shares = values / values.abs().max()  # whose sums and products stay finite
        differences = shares - shares.mean()
        return differences[:, None] * differences
    _, classes, counts = values.unique(return_inverse=True, return_counts=True)
    same = classes[:, None] == classes
    target = torch.where(same, 1.0, -1 / (len(counts) - 1))
    if balance:
        weights = counts.to(target)[classes].reciprocal()
        target = weights[:, None] * target * weights
    return target


def as_labels(labels: Any, rows: int | None = None) -> Tensor:
    """Labels as a tensor.

    Args:
        labels: A tensor or an array of numbers.
        rows: How many there must be; None for any number.

    Returns:
        (rows,), whole numbers or floating.

    Raises:
        ShapeError: There are more or fewer.
        ArgumentError: All are the same, or one is not finite.
        ArgumentTypeError: They are no numbers.
    """
    try:
        # Arrays are copied, since they may be read-only.
        given = isinstance(labels, Tensor)
        found = labels if given else torch.tensor(np.asarray(labels))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentTypeError(
            f"labels: expected numbers, got {type(labels).__name__}; number the "
            "classes: numpy.unique(labels, return_inverse=True)"
        ) from error
    if found.is_complex():
        raise ArgumentTypeError("labels: expected real numbers, got complex ones")
    if found.ndim != 1 or len(found) != (len(found) if rows is None else rows):
        each = "" if rows is None else f" of {rows} rows"
        raise ShapeError(
            f"labels: expected one for each{each or ' row'}, got shape "
            f"{tuple(found.shape)}"
        )
    if not bool(found.isfinite().all()):
        raise ArgumentError("labels: expected finite numbers, got NaN or infinity")
    if bool((found == found[:1]).all()):
        raise ArgumentError(
            "labels: expected two classes or more, or numbers that differ, got one "
            "class only; alignment has no meaning there"
        )
    return found


def _centred(matrix: Tensor) -> Tensor:
    rows = matrix - matrix.mean(0, keepdim=True)
    return rows - rows.mean(1, keepdim=True)


@validate_call
def align(
    kernel: Kernel,
    x: Any,
    labels: Any,
    *,
    steps: int = 100,
    batch_size: int | None = None,
    lr: float = 0.05,
    optimizer: Callable[[Iterable[Tensor]], torch.optim.Optimizer] | None = None,
    seed: int | None = None,
    center: bool = True,
) -> list[float]:
    """Trains what a kernel has to train, so that it is more like its labels' ideal.

    Steps up the gradient of `target_alignment` (Hubregtsen et al. 2021,
    arXiv:2105.02276).

    Args:
        kernel: One with parameters: weights of its circuit before or between
            encodings, trained scalings, or weights of a sum.
        x: (n, num_inputs), a tensor or an array of floating numbers.
        labels: (n,), classes as whole numbers, or floating numbers.
        steps: How many.
        batch_size: Rows of a step, 2 or more; None for all.
        lr: Learning rate of Adam, above 0.
        optimizer: Makes another optimiser of the parameters.
        seed: Seed of the batches; None follows torch's own.
        center: Whether alignment is centred.

    Returns:
        The alignment before each step, on the rows of that step.

    Raises:
        ArgumentError: The kernel has no parameters, there is one class only, or an
            argument does not fit.
        ShapeError: Rows or labels do not fit.

    Example:
        >>> import torch
        >>> from qml_qdl.circuits import AngleEncoding
        >>> from qml_qdl.kernels import FidelityKernel
        >>> x = torch.linspace(0.0, 1.0, 8)[:, None]
        >>> kernel = FidelityKernel(AngleEncoding(1, trainable_scaling=True))
        >>> history = align(kernel, x, (x[:, 0] > 0.5).long(), steps=20)
        >>> history[-1] > history[0]
        True
    """
    check_count("steps", steps)
    check_number("lr", lr)
    check_seed(seed)
    check_flag("center", center)
    rows = as_rows("x", x, kernel.num_inputs)
    wanted = as_labels(labels, len(rows)).to(rows.device)
    if batch_size is not None:
        check_count("batch_size", batch_size, 2)
    trained = [one for one in kernel.parameters() if one.requires_grad]
    if not trained:
        raise ArgumentError(
            f"kernel: expected one with parameters, got {type(kernel).__name__} "
            "without; put a processing before an encoding, S @ W @ S, or take "
            "trainable_scaling=True"
        )
    if optimizer is None:
        descent: torch.optim.Optimizer = torch.optim.Adam(trained, lr=lr)
    else:
        descent = optimizer(trained)
        check_type("optimizer", descent, torch.optim.Optimizer)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    history = []
    for _ in range(steps):
        chosen = _batch(wanted, batch_size, generator)
        descent.zero_grad()
        reached = target_alignment(kernel(rows[chosen]), wanted[chosen], center=center)
        torch.autograd.backward([-reached])
        descent.step()
        history.append(float(reached.detach()))
    return history


def _batch(
    labels: Tensor, size: int | None, generator: torch.Generator | None
) -> Tensor:
    """Rows of a step, among which are two of different labels."""
    if size is None or size >= len(labels):
        return torch.arange(len(labels), device=labels.device)
    order = torch.randperm(len(labels), generator=generator).to(labels.device)
    other = int((labels[order] != labels[order[0]]).nonzero()[0])
    if other >= size:
        order[[size - 1, other]] = order[[other, size - 1]]
    return order[:size]
