"""Gates whose expectation values are linear in the data: a circuit that is a filter."""

from __future__ import annotations

import math
from typing import Any

import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.encodings.encoding import Encoding
from qml_qdl.circuits.processings.processing import ROTATIONS, Processing
from qml_qdl.circuits.validation import check_choice


@frozen(repr=False)
class ArccosEncoding(Encoding):
    """One feature a wire, as its ⟨Z⟩: RY(arccos x), so that ⟨Z⟩ = x.

    For features from −1 to 1; what lies beyond counts as −1 or 1, and there, and at ±1
    themselves, the gradient is zero; infinity gives NaN. Inverse functions as angles
    are those of Mitarai et al. 2018, arXiv:1803.00745.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        features: Which features of x are read; None for the whole x.
        scaling: Factor on the features, which brings them between −1 and 1.
        trainable_scaling: Whether each feature's factor is trained.

    Raises:
        ArgumentError: The number of features is not the number of wires.

    Example:
        >>> import numpy as np, pennylane as qml
        >>> from qml_qdl.circuits import Circuit
        >>> dev = qml.device("default.qubit", wires=2)
        >>> circuit = qml.QNode(Circuit([ArccosEncoding(2)]), dev)
        >>> [round(float(z), 6) for z in circuit(np.array([0.3, -0.5]))]
        [0.3, -0.5]
    """

    @property
    def num_features(self) -> int:
        """One for each wire."""
        return len(self.wires)

    def encode(self, features: Any) -> None:
        """Queues one RY for each feature."""
        size = qml.math.abs(features)
        beyond = qml.math.logical_and(size >= 1, size < math.inf)
        zero = qml.math.zeros_like(features)
        # Replaced before arccos, whose gradient is infinite at ±1.
        angles = qml.math.arccos(qml.math.where(beyond, zero, features))
        ends = qml.math.where(features > 0, zero, qml.math.full_like(features, math.pi))
        angles = qml.math.where(beyond, ends, angles)
        qml.AngleEmbedding(angles, wires=self.wires, rotation="Y")


@frozen(repr=False)
class Rotations(Processing):
    """One trained rotation on each wire, and nothing between them.

    RX(θ) after RY(φ) leaves ⟨Z⟩ = cos θ · cos φ: behind an `ArccosEncoding` each ⟨Z⟩ is
    the feature times a weight cos θ. Weights: (n,).

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        rotation: The rotation: "RX", "RY" or "RZ".

    Raises:
        ArgumentError: The rotation is unknown.

    Example:
        >>> print(Rotations(2) @ ArccosEncoding(2))
        0: ──RY──RX─┤  <Z>
        1: ──RY──RX─┤  <Z>
    """

    rotation: str = field(default="RX", kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_choice("rotation", self.rotation, tuple(ROTATIONS))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(n,) for n wires."""
        return (len(self.wires),)

    def process(self, weights: Any) -> None:
        """Queues the rotations."""
        for index, wire in enumerate(self.wires):
            ROTATIONS[self.rotation](weights[index], wires=wire)
