"""A circuit alone as a model: rows are its features, a linear layer reads it out."""

from __future__ import annotations

from torch import Tensor, nn

from qml_qdl.circuits import Block, Circuit
from qml_qdl.circuits.validation import check_count, validate_call
from qml_qdl.nn import QuantumLayer
from qml_qdl.sklearn.circuits import circuit_for, outputs_of


@validate_call
class CircuitModel(nn.Module):
    """A circuit whose inputs are the features themselves, and a linear layer.

    Args:
        circuit: U(x, θ); it reads `num_features` angles in radians.
        num_features: Columns of the table.
        num_outputs: Classes, or numbers to fit.

    Shape:
        - Input: (rows, num_features).
        - Output: (rows, num_outputs).

    Raises:
        ArgumentError: The circuit reads another number of features, or states.

    Example:
        >>> import torch
        >>> from qml_qdl.circuits import AngleEncoding, StronglyEntangling
        >>> from qml_qdl.sklearn.circuit_model import CircuitModel
        >>> model = CircuitModel(StronglyEntangling(2) @ AngleEncoding(2), 2, 3)
        >>> model(torch.rand(5, 2)).shape
        torch.Size([5, 3])
    """

    def __init__(
        self, circuit: Circuit | Block, num_features: int, num_outputs: int
    ) -> None:
        super().__init__()
        check_count("num_features", num_features)
        check_count("num_outputs", num_outputs)
        whole = circuit_for(circuit, num_features)
        self.quantum = QuantumLayer(whole)
        self.leave = nn.Linear(outputs_of(whole), num_outputs)

    def forward(self, rows: Tensor) -> Tensor:
        """Reads rows.

        Args:
            rows: (rows, num_features).

        Returns:
            (rows, num_outputs).
        """
        outputs: Tensor = self.leave(self.quantum(rows).flatten(1))
        return outputs
