"""A classifier of points in space that does not mind how space is turned."""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor, nn

from qml_qdl.circuits import Circuit
from qml_qdl.circuits.composition import reupload
from qml_qdl.circuits.errors import ShapeError
from qml_qdl.circuits.symmetry.spin import (
    DirectionEncoding,
    HeisenbergExchange,
    RotationEncoding,
    exchange_readout,
)
from qml_qdl.circuits.validation import check_choice, check_count, validate_call
from qml_qdl.hardware.targets import Target
from qml_qdl.models.spin_e3nn import E3nnPointNetwork, twin_width
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.options import Shots


def spin_circuit(num_points: int, layers: int = 2) -> Circuit:
    """Points as spins: their directions, then exchanges and turns, layer by layer.

    Args:
        num_points: Number of points, 2 or more; one wire for each. Of two points the
            last exchange changes no result.
        layers: Layers of `RotationEncoding` and exchanges after the first exchange.

    Returns:
        A circuit that reads x, y, z of one point after the other, with ⟨SWAP⟩ of all
        pairs as outputs, which no rotation of the points changes.

    Raises:
        ArgumentError: There are fewer than two points, or no layer.

    Example:
        >>> U = spin_circuit(3)
        >>> U.num_inputs, U.output_shape
        (9, (3,))
    """
    check_count("num_points", num_points, 2)
    exchange = HeisenbergExchange(num_points)
    again = reupload(exchange, RotationEncoding(num_points), layers)
    circuit = again @ exchange @ DirectionEncoding(num_points)
    return circuit.with_readout(exchange_readout(num_points))


@validate_call
class SpinClassifier(nn.Module):
    """An SU(2)-equivariant circuit on a few points in space, then one linear layer.

    Each point turns a spin ½, exchange interactions mix them, and what is read out
    does not change when all points are turned about the origin (East et al. 2023,
    arXiv:2309.07250). Points are told apart by their order. Between the exchanges the
    handedness of three points counts, which inner products alone do not tell.

    Args:
        num_points: Number of points, 2 or more; one wire for each.
        num_classes: Number of classes.
        layers: How often distances from the origin are encoded.
        target: Where the circuit runs; None means "auto".
        shots: Number of shots; None or "keep" for exact results.
        diff_method: How gradients are computed, as in `QuantumLayer`.

    Shape:
        - Input: (rows, num_points, 3).
        - Output: (rows, num_classes), logits.

    Raises:
        ArgumentError: An argument does not fit.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.models.spin import SpinClassifier
        >>> model = SpinClassifier(4, 2)
        >>> points = torch.randn(5, 4, 3)
        >>> turned = points[..., [1, 2, 0]]  # about the diagonal
        >>> torch.allclose(model(points), model(turned), atol=1e-5)
        True
    """

    def __init__(
        self,
        num_points: int,
        num_classes: int,
        *,
        layers: int = 2,
        target: Target | None = None,
        shots: Shots = "keep",
        diff_method: str = "best",
    ) -> None:
        super().__init__()
        check_count("num_classes", num_classes)
        self.quantum = QuantumLayer(
            spin_circuit(num_points, layers),
            target=target,
            shots=shots,
            diff_method=diff_method,
        )
        self.num_points = int(num_points)
        pairs = num_points * (num_points - 1) // 2
        self.head = nn.Linear(pairs, num_classes)

    def forward(self, points: Tensor) -> Tensor:
        """Classifies clouds of points.

        Args:
            points: (rows, num_points, 3).

        Returns:
            (rows, num_classes), logits.

        Raises:
            ShapeError: The points have another shape.
        """
        _check_points(points, self.num_points)
        logits: Tensor = self.head(self.quantum(points.flatten(1)))
        return logits

    def quantum_layers(self) -> list[QuantumLayer]:
        """The layers that run circuits."""
        return [self.quantum]

    def classical_twin(self, kind: str = "invariants") -> nn.Module:
        """A network on what no rotation changes, of about as many weights.

        Args:
            kind: "invariants" for all inner and triple products and a hidden layer, or
                "e3nn" for e3nn's tensor products.

        Returns:
            A new, untrained `InvariantPointNetwork` or `E3nnPointNetwork`.

        Raises:
            ArgumentError: The kind is unknown.
            MissingPackageError: e3nn is not installed.
        """
        check_choice("kind", kind, ("invariants", "e3nn"))
        weights = sum(weight.numel() for weight in self.parameters())
        classes = self.head.out_features
        if kind == "e3nn":
            width = twin_width(self.num_points, classes, weights)
            return E3nnPointNetwork(self.num_points, classes, width)
        features = len(invariants(torch.zeros(1, self.num_points, 3))[0])
        hidden = max(1, round((weights - classes) / (features + 1 + classes)))
        return InvariantPointNetwork(self.num_points, classes, hidden)


class InvariantPointNetwork(nn.Module):
    """A small network on inner and triple products of points: SO(3) invariant.

    Every function that no rotation changes is one of these numbers (Weyl 1939; Villar
    et al. 2021, arXiv:2106.06610).

    Args:
        num_points: Number of points.
        num_classes: Number of classes.
        hidden: Width of the hidden layer.

    Shape:
        - Input: (rows, num_points, 3).
        - Output: (rows, num_classes), logits.

    Raises:
        ArgumentError: A number is below 1.

    Example:
        >>> import torch
        >>> from qml_qdl.models.spin import InvariantPointNetwork
        >>> InvariantPointNetwork(4, 2)(torch.randn(5, 4, 3)).shape
        torch.Size([5, 2])
    """

    def __init__(self, num_points: int, num_classes: int, hidden: int = 8) -> None:
        super().__init__()
        check_count("num_points", num_points)
        check_count("num_classes", num_classes)
        check_count("hidden", hidden)
        self.num_points = int(num_points)
        features = len(invariants(torch.zeros(1, num_points, 3))[0])
        self.network = nn.Sequential(
            nn.Linear(features, hidden), nn.Tanh(), nn.Linear(hidden, num_classes)
        )

    def forward(self, points: Tensor) -> Tensor:
        """Classifies clouds of points.

        Args:
            points: (rows, num_points, 3).

        Returns:
            (rows, num_classes), logits.

        Raises:
            ShapeError: The points have another shape.
        """
        _check_points(points, self.num_points)
        logits: Tensor = self.network(invariants(points))
        return logits


def invariants(points: Tensor) -> Tensor:
    """The inner products of all pairs and the triple products of all triples.

    Args:
        points: (rows, n, 3).

    Returns:
        (rows, n(n + 1)/2 + n(n − 1)(n − 2)/6); a mirror image changes the signs of the
        triple products, a rotation nothing.

    Example:
        >>> invariants(torch.eye(3)[None]).tolist()
        [[1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0]]
    """
    count = points.shape[1]
    first, second = torch.triu_indices(count, count, device=points.device)
    inner = (points[:, first] * points[:, second]).sum(-1)
    triples = list(combinations(range(count), 3))
    if not triples:
        return inner
    a, b, c = (points[:, list(places)] for places in zip(*triples, strict=True))
    triple = (torch.linalg.cross(a, b) * c).sum(-1)
    return torch.cat([inner, triple], dim=1)


def _check_points(points: Tensor, count: int) -> None:
    if points.ndim != 3 or tuple(points.shape[1:]) != (count, 3):
        raise ShapeError(
            f"points: expected (rows, {count}, 3), x, y, z of each point, got "
            f"{tuple(points.shape)}"
        )
