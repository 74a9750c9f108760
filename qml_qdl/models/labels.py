"""Labels that a conditional model is given beside its inputs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from qml_qdl.circuits.errors import DataError, ShapeError


def check_labels(labels: Tensor, rows: int, num_classes: int) -> None:
    """Checks that labels are classes, one a row.

    Args:
        labels: What came.
        rows: How many there must be.
        num_classes: Classes 0 … num_classes − 1.

    Raises:
        DataError: They are no whole numbers, or one is no class.
        ShapeError: The shape is not (rows,).
    """
    if labels.is_floating_point() or labels.is_complex():
        raise DataError(
            f"labels: expected whole numbers, got {labels.dtype}; convert them "
            "with .long()"
        )
    if labels.shape != (rows,):
        raise ShapeError(f"labels: expected ({rows},), got {tuple(labels.shape)}")
    if rows and not 0 <= int(labels.min()) <= int(labels.max()) < num_classes:
        raise DataError(
            f"labels: expected 0 to {num_classes - 1}, got {int(labels.min())} to "
            f"{int(labels.max())}"
        )


def with_labels(rows: Tensor, labels: Tensor | None, num_classes: int) -> Tensor:
    """Rows with their labels as further columns, a column for each class.

    Args:
        rows: (rows, columns).
        labels: Whole numbers 0 … num_classes − 1, (rows,); None where there are no
            classes.
        num_classes: Classes, 0 for none.

    Returns:
        (rows, columns + num_classes); the rows themselves where there are no classes.

    Raises:
        DataError: There are labels without classes, or none with them, or a label is
            no class.
        ShapeError: There is not one label for each row.

    Example:
        >>> with_labels(torch.zeros(2, 1), torch.tensor([0, 2]), num_classes=3)
        tensor([[0., 1., 0., 0.],
                [0., 0., 0., 1.]])
    """
    if (labels is None) != (num_classes == 0):
        wanted = f"{num_classes} classes" if num_classes else "no labels"
        raise DataError(f"labels: the model has {wanted}, got labels={labels!r}")
    if labels is None:
        return rows
    check_labels(labels, len(rows), num_classes)
    return torch.cat([rows, one_hot(labels.long(), num_classes).to(rows)], -1)
