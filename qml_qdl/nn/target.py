"""Moving a whole model to another target."""

from __future__ import annotations

from typing import TypeVar

from torch import nn

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.hardware.targets import Target
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.program import Shots

Model = TypeVar("Model", bound=nn.Module)


def set_target(model: Model, target: Target | None, shots: Shots = "keep") -> Model:
    """Runs every quantum layer of a model elsewhere from now on; weights stay.

    Either all layers move or, on an error, none.

    Args:
        model: Any torch module.
        target: A target's name or a PennyLane device; None keeps each layer's own.
        shots: Number of shots, None for exact results, "keep" for each layer's own.

    Returns:
        The model itself.

    Raises:
        ArgumentError: The model has no quantum layer.
        TargetError: The target is unknown or cannot run a layer's circuit.

    Example:
        >>> from torch import nn
        >>> from qml_qdl.circuits import AngleEncoding, BasicEntangler
        >>> from qml_qdl.nn import QuantumLayer, set_target
        >>> model = nn.Sequential(QuantumLayer(BasicEntangler(2) @ AngleEncoding(2)))
        >>> set_target(model, "lightning.qubit", shots=1000)[0].shots
        1000
    """
    layers = [module for module in model.modules() if isinstance(module, QuantumLayer)]
    if not layers:
        raise ArgumentError(
            f"model: {type(model).__name__} has no quantum layer that could move"
        )
    moved = [layer.program.moved(target, shots) for layer in layers]
    for layer, program in zip(layers, moved, strict=True):
        layer.program = program
    return model
