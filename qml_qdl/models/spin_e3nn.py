"""The classical twin of the spin classifier, of e3nn's layers."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ShapeError
from qml_qdl.circuits.validation import check_count


class E3nnPointNetwork(nn.Module):
    """Tensor products of points: rotation invariant by e3nn (2022, arXiv:2207.09453).

    `width` trained mixtures of the points are multiplied with one another, which gives
    numbers (inner products) and a vector (cross products); the vector is multiplied
    with the points, which gives the handedness. The numbers, through tanh, are what the
    last layer reads. Unlike `InvariantPointNetwork`, which is given all products, it
    trains which of them there are, as the exchanges of a `SpinClassifier` do.

    Needs the package e3nn: `pip install 'qml-qdl[symmetry]'`.

    Args:
        num_points: Number of points, which are told apart by their order.
        num_classes: Number of classes.
        width: How many mixtures of the points, and numbers, there are; 2 or more, since
            a vector's cross product with itself vanishes.

    Shape:
        - Input: (rows, num_points, 3).
        - Output: (rows, num_classes), logits.

    Raises:
        ArgumentError: A number is too small.
        MissingPackageError: e3nn is not installed.
    """

    def __init__(self, num_points: int, num_classes: int, width: int = 2) -> None:
        super().__init__()
        check_count("num_points", num_points)
        check_count("num_classes", num_classes)
        check_count("width", width, 2)
        o3 = import_module("e3nn.o3")
        self.num_points = int(num_points)
        points, mixed = f"{num_points}x1o", f"{width}x1o"
        self.mix: Any = o3.Linear(points, mixed)
        self.products: Any = o3.FullyConnectedTensorProduct(
            mixed, mixed, f"{width}x0e + 1x1e"
        )
        self.handedness: Any = o3.FullyConnectedTensorProduct("1x1e", points, "1x0o")
        self.width = int(width)
        self.head = nn.Linear(width + 1, num_classes)

    def forward(self, points: Tensor) -> Tensor:
        """Classifies clouds of points.

        Args:
            points: (rows, num_points, 3).

        Returns:
            (rows, num_classes), logits.

        Raises:
            ShapeError: The points have another shape.
        """
        if points.ndim != 3 or tuple(points.shape[1:]) != (self.num_points, 3):
            raise ShapeError(
                f"points: expected (rows, {self.num_points}, 3), x, y, z of each "
                f"point, got {tuple(points.shape)}"
            )
        flat = points.flatten(1)
        mixed = self.mix(flat)
        numbers, vector = self.products(mixed, mixed).split([self.width, 3], dim=1)
        found = torch.cat([numbers, self.handedness(vector, flat)], dim=1)
        logits: Tensor = self.head(found.tanh())
        return logits


def twin_width(num_points: int, num_classes: int, weights: int) -> int:
    """The width with which an `E3nnPointNetwork` has about as many weights.

    Args:
        num_points: Number of points, n.
        num_classes: Number of classes, c.
        weights: How many weights it shall have.

    Returns:
        w, 2 or more, of which nw + w²(w + 1) + n + (w + 2)c is the nearest.

    Example:
        >>> twin_width(4, 2, weights=32)
        2
    """

    def count(w: int) -> int:
        return num_points * w + w**2 * (w + 1) + num_points + (w + 2) * num_classes

    width = 2
    while abs(count(width + 1) - weights) < abs(count(width) - weights):
        width += 1
    return width
