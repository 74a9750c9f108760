"""A classifier of point clouds that minds neither rotations nor order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import torch
from torch import Tensor, nn

from qml_qdl.circuits.errors import ShapeError
from qml_qdl.circuits.symmetry.inner_products import EUCLIDEAN, point_cloud_circuit
from qml_qdl.circuits.validation import check_count, check_number, validate_call
from qml_qdl.hardware.targets import Target
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.options import Shots


@validate_call
class PointCloudClassifier(nn.Module):
    """A circuit on the inner products of points, then one linear layer.

    Exactly invariant under rotations, mirror images and permutations of the points (Li,
    Nagano and Terashi 2024, arXiv:2405.11150), or, with another metric, under what
    leaves that alone. Unlike `SpinClassifier` it tells neither the order of the points
    nor their handedness. One trained number scales all coordinates, since angles are
    periodic: points a few units apart would be taken for near ones.

    Args:
        num_points: Number of points, 2 or more; one wire for each.
        num_classes: Number of classes.
        layers: How often the inner products are encoded.
        metric: The factor of each coordinate's product; (1, 1, 1) for space,
            (1, −1, −1, −1) for energy and momentum.
        scale: What coordinates are multiplied by before training.
        target: Where the circuit runs; None means "auto".
        shots: Number of shots; None or "keep" for exact results.
        diff_method: How gradients are computed, as in `QuantumLayer`.

    Shape:
        - Input: (rows, num_points, len(metric)).
        - Output: (rows, num_classes), logits.

    Raises:
        ArgumentError: An argument does not fit.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.models import PointCloudClassifier
        >>> model = PointCloudClassifier(4, 2)
        >>> points = torch.randn(5, 4, 3)
        >>> turned = points[..., [1, 2, 0]]  # about the diagonal
        >>> mixed = turned[:, [3, 0, 1, 2]]
        >>> torch.allclose(model(points), model(mixed), atol=1e-4)
        True
    """

    def __init__(
        self,
        num_points: int,
        num_classes: int,
        *,
        layers: int = 2,
        metric: Sequence[float] = EUCLIDEAN,
        scale: float = 0.5,
        target: Target | None = None,
        shots: Shots = "keep",
        diff_method: str = "best",
    ) -> None:
        super().__init__()
        check_count("num_classes", num_classes)
        circuit = point_cloud_circuit(num_points, layers, metric)
        self.quantum = QuantumLayer(
            circuit, target=target, shots=shots, diff_method=diff_method
        )
        self.num_points = int(num_points)
        self.metric = tuple(float(number) for number in metric)
        check_number("scale", scale, -torch.inf, torch.inf)
        self.scale = nn.Parameter(torch.tensor(float(scale)))
        (size,) = circuit.output_shape
        self.head = nn.Linear(size or 1, num_classes)

    def forward(self, points: Tensor) -> Tensor:
        """Classifies clouds of points.

        Args:
            points: (rows, num_points, len(metric)).

        Returns:
            (rows, num_classes), logits.

        Raises:
            ShapeError: The points have another shape.
        """
        _check_points(points, self.num_points, len(self.metric))
        logits: Tensor = self.head(self.quantum((self.scale * points).flatten(1)))
        return logits

    def quantum_layers(self) -> list[QuantumLayer]:
        """The layers that run circuits."""
        return [self.quantum]

    def classical_twin(self) -> nn.Module:
        """A network of the same symmetries and about as many weights.

        Returns:
            A new, untrained `PairNetwork`.
        """
        weights = sum(weight.numel() for weight in self.parameters())
        classes = self.head.out_features
        hidden = max(1, round((weights - classes) / (4 + classes)))
        return PairNetwork(self.num_points, classes, hidden, metric=self.metric)


class PairNetwork(nn.Module):
    """The mean over all pairs of a function of their inner products, then one layer.

    No rotation and no permutation changes it (Villar et al. 2021, arXiv:2106.06610;
    Zaheer et al. 2017, arXiv:1703.06114).

    Args:
        num_points: Number of points, 2 or more.
        num_classes: Number of classes.
        hidden: How many functions of a pair there are.
        metric: The factor of each coordinate's product.

    Shape:
        - Input: (rows, num_points, len(metric)).
        - Output: (rows, num_classes), logits.

    Raises:
        ArgumentError: A number is too small.

    Example:
        >>> import torch
        >>> from qml_qdl.models.point_cloud import PairNetwork
        >>> PairNetwork(4, 2)(torch.randn(5, 4, 3)).shape
        torch.Size([5, 2])
    """

    signs: Tensor
    first: Tensor
    second: Tensor

    def __init__(
        self,
        num_points: int,
        num_classes: int,
        hidden: int = 4,
        *,
        metric: Sequence[float] = EUCLIDEAN,
    ) -> None:
        super().__init__()
        check_count("num_points", num_points, 2)
        check_count("num_classes", num_classes)
        check_count("hidden", hidden)
        self.num_points = int(num_points)
        pairs = torch.tensor(list(permutations(range(num_points), 2))).T
        self.register_buffer("first", pairs[0], persistent=False)
        self.register_buffer("second", pairs[1], persistent=False)
        self.register_buffer("signs", torch.tensor(metric).float(), persistent=False)
        self.pair = nn.Sequential(nn.Linear(3, hidden), nn.Tanh())
        self.head = nn.Linear(hidden, num_classes)

    def forward(self, points: Tensor) -> Tensor:
        """Classifies clouds of points.

        Args:
            points: (rows, num_points, len(metric)).

        Returns:
            (rows, num_classes), logits.

        Raises:
            ShapeError: The points have another shape.
        """
        _check_points(points, self.num_points, len(self.signs))
        products = (points * self.signs) @ points.mT
        squares = products.diagonal(dim1=-2, dim2=-1)
        first, second = self.first, self.second
        parts = [squares[:, first], squares[:, second], products[:, first, second]]
        pairs = self.pair(torch.stack(parts, dim=-1))
        logits: Tensor = self.head(pairs.mean(1))
        return logits


def _check_points(points: Tensor, count: int, size: int) -> None:
    if points.ndim != 3 or tuple(points.shape[1:]) != (count, size):
        raise ShapeError(
            f"points: expected (rows, {count}, {size}), all coordinates of each point, "
            f"got {tuple(points.shape)}"
        )
