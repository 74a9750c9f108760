"""A classifier of tables: a circuit between two linear layers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from qml_qdl.circuits import AngleEncoding, StronglyEntangling, reupload
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.hardware.targets import Target
from qml_qdl.nn.execution import Shots
from qml_qdl.nn.layer import QuantumLayer


@validate_call
class DressedClassifier(nn.Module):
    """A dressed quantum circuit: linear layer, circuit, linear layer.

    From Mari et al. 2020 (arXiv:1912.08278); the circuit re-uploads its inputs
    (Pérez-Salinas et al. 2020, arXiv:1907.02085).

    Args:
        num_features: Columns of the table.
        num_classes: Number of classes.
        num_wires: Wires of the circuit.
        layers: How often the inputs are encoded and processed.
        target: Where the circuit runs; None means "auto".
        shots: Number of shots; None or "keep" for exact results.
        diff_method: How gradients are computed, as in `QuantumLayer`.

    Shape:
        - Input: (rows, num_features), standardised.
        - Output: (rows, num_classes), logits.

    Raises:
        ArgumentError: An argument does not fit.
        TargetError: The target is unknown or cannot run the circuit.

    Example:
        >>> import torch
        >>> from qml_qdl.models import DressedClassifier
        >>> DressedClassifier(13, 3)(torch.rand(5, 13)).shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        num_features: int,
        num_classes: int,
        *,
        num_wires: int = 4,
        layers: int = 3,
        target: Target | None = None,
        shots: Shots = "keep",
        diff_method: str = "best",
    ) -> None:
        super().__init__()
        check_count("num_features", num_features)
        check_count("num_classes", num_classes)
        check_count("num_wires", num_wires)
        check_count("layers", layers)
        self.enter = nn.Linear(num_features, num_wires)
        circuit = reupload(
            StronglyEntangling(num_wires), AngleEncoding(num_wires), layers
        )
        self.quantum = QuantumLayer(
            circuit, target=target, shots=shots, diff_method=diff_method
        )
        self.leave = nn.Linear(num_wires, num_classes)

    def forward(self, rows: Tensor) -> Tensor:
        """Classifies rows of a table.

        Args:
            rows: (rows, num_features), standardised.

        Returns:
            (rows, num_classes), logits.
        """
        angles = torch.tanh(self.enter(rows)) * (math.pi / 2)
        logits: Tensor = self.leave(self.quantum(angles))
        return logits

    def quantum_layers(self) -> list[QuantumLayer]:
        """The layers that run circuits."""
        return [self.quantum]

    def classical_twin(self) -> nn.Module:
        """The same network with linear layers and tanh for the circuit.

        Returns:
            A new, untrained module; as many square layers as come nearest to the
            circuit's number of weights.
        """
        width = self.leave.in_features
        weights = sum(weight.numel() for weight in self.quantum.parameters())
        depth = max(1, round(weights / (width * width + width)))
        square = [
            part for _ in range(depth) for part in (nn.Linear(width, width), nn.Tanh())
        ]
        return nn.Sequential(
            nn.Linear(self.enter.in_features, width),
            nn.Tanh(),
            *square,
            nn.Linear(width, self.leave.out_features),
        )
