"""Moving a whole model to another target."""

from __future__ import annotations

from typing import Any, TypeVar

from torch import nn

from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.hardware.targets import Target
from qml_qdl.nn.layer import QuantumLayer
from qml_qdl.nn.shots import Shots

Model = TypeVar("Model", bound=nn.Module)


def set_target(
    model: Model, target: Target | None, shots: Shots = "keep", **options: Any
) -> Model:
    """Runs every quantum layer of a model elsewhere from now on; weights stay.

    Either all layers move or, on an error, none.

    Args:
        model: Any torch module.
        target: A target's name ("auto", "aer", "aer:fake_torino", "ibm:least_busy",
            "lightning.qubit", ...) or a PennyLane device; None keeps each layer's own.
        shots: Number of shots, None for exact results, "keep" for each layer's own.
        **options: Any of `diff_method`, `spsa_directions`, `fuse_gradient` and
            `resilience_level`, as `QuantumLayer` takes them; the others are kept.

    Returns:
        The model itself.

    Raises:
        ArgumentError: The model has no quantum layer.
        TargetError: The target is unknown or cannot run a layer's circuit.
        ArgumentError: It has no such `diff_method`.

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
    moved = [layer.program.moved(target, shots, **options) for layer in layers]
    for layer, program in zip(layers, moved, strict=True):
        layer.program = program
    return model
