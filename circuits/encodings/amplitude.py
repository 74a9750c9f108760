"""Amplitude encoding: 2ⁿ numbers as the amplitudes of n wires."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pennylane as qml
from attrs import field, frozen
from pennylane.templates.state_preparations.mottonen import compute_theta

from qml_qdl.circuits.encodings.encoding import Encoding
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.validation import check_count, check_number, checked


@frozen(repr=False)
class AmplitudeEncoding(Encoding):
    """The features, divided by their norm, as amplitudes: `|x⟩ = Σ xₖ|k⟩ / ‖x‖`.

    As the first block on a simulator that takes a state and differentiates by
    backpropagation, the amplitudes are loaded as they are, and gradients are exact.
    Anywhere else, and for adjoint or parameter-shift gradients, they become RY
    rotations and CNOTs (Möttönen et al. 2004, arXiv:quant-ph/0407010), whose angles
    depend on the data like those of any other encoding. There gradients are exact but
    for features that belong to an all-zero part of x, where they are zero.

    A zero vector encodes `|0…0⟩`, with zero gradient.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        num_features: How many numbers are read, 1 … 2ⁿ; None means 2ⁿ. (Written
            `size=` to leave `num_features` for the property all encodings have.)
        pad_with: The amplitude, before normalisation, of the places left over.
        features: Which features of x are read; None for the whole x.
        scaling: Factor on the features; without padding it changes nothing.
        trainable_scaling: Whether each feature's factor is trained.

    Raises:
        ArgumentError: `size` is not within 1 … 2ⁿ, or a number is not finite.
        ArgumentTypeError: An argument is of another type.

    Example:
        >>> AmplitudeEncoding(3, size=6).num_features
        6
    """

    size: int | None = None
    pad_with: float = field(
        default=0.0, validator=checked(check_number, -math.inf, math.inf)
    )

    def __attrs_post_init__(self) -> None:
        most = 2 ** len(self.wires)
        if self.size is not None:
            check_count("size", self.size)
        if self.size is not None and self.size > most:
            raise ArgumentError(
                f"size: {len(self.wires)} wires hold 1 to {most} amplitudes, got "
                f"{self.size}; use {math.ceil(math.log2(self.size))} wires or more"
            )
        Encoding.__attrs_post_init__(self)

    @property
    def num_features(self) -> int:
        """`size`, or 2ⁿ for n wires."""
        return 2 ** len(self.wires) if self.size is None else self.size

    def encode(self, features: Any) -> None:
        """Queues the preparation of the normalised, padded features."""
        missing = 2 ** len(self.wires) - self.num_features
        if missing:
            shape = (*qml.math.shape(features)[:-1], missing)
            padding = qml.math.full_like(features[..., :1], self.pad_with)
            padding = qml.math.broadcast_to(padding, shape)
            features = qml.math.concatenate([features, padding], axis=-1)
        AmplitudePreparation(normalise(features), wires=self.wires)


def normalise(vectors: Any) -> Any:
    """Divides vectors by their norms; zero vectors become (1, 0, …, 0).

    Neither under- nor overflows where the entries are extreme, and never divides by
    zero, so that gradients stay finite.

    Args:
        vectors: Tensor (..., size) of any interface.

    Returns:
        Tensor of the same shape, each vector of norm 1.
    """
    largest = qml.math.max(qml.math.abs(vectors), axis=-1)[..., None]
    zero = largest == 0
    # Scaled to a largest entry of 1; its own gradient cancels in the quotient below.
    scaled = vectors / qml.math.where(zero, qml.math.ones_like(largest), largest)
    squares = qml.math.sum(scaled * scaled, axis=-1)[..., None]
    norms = qml.math.sqrt(qml.math.where(zero, qml.math.ones_like(squares), squares))
    first = qml.math.concatenate(
        [qml.math.ones_like(vectors[..., :1]), qml.math.zeros_like(vectors[..., 1:])],
        axis=-1,
    )
    return qml.math.where(zero, first, scaled / norms)


class AmplitudePreparation(qml.StatePrep):
    """Prepares a real, normalised state: loaded whole, or by RY rotations and CNOTs.

    A PennyLane operation: devices that begin with a state take it as a `StatePrep`,
    all others its decomposition, which is differentiable and takes batches.

    Args:
        state: Real amplitudes, (2ⁿ,) or (rows, 2ⁿ), of norm 1.
        wires: The n wires.

    Example:
        >>> import numpy as np, pennylane as qml
        >>> op = AmplitudePreparation(np.array([0.6, 0.8]), wires=[0])
        >>> op.decomposition()
        [RY(array(1.85459044), wires=[0])]
    """

    name = "AmplitudePreparation"

    @staticmethod
    def compute_decomposition(
        state: Any, wires: Sequence[Hashable], **_: Any
    ) -> list[Any]:
        """Rotations of each wire, controlled by those before it, as RY and CNOT."""
        operations: list[Any] = []
        for position, angles in enumerate(rotation_angles(state)):
            controls = list(wires[:position])
            operations += multiplexed_ry(angles, controls, wires[position])
        return operations


def rotation_angles(state: Any) -> list[Any]:
    """Angles of the uniformly controlled RY that prepare a real state.

    Args:
        state: Real amplitudes (..., 2ⁿ).

    Returns:
        For wire k a tensor (..., 2ᵏ): the angle for each setting of the wires before.
        Where a whole branch is zero its angle is 0, with zero gradient.
    """
    levels = []
    amplitudes = state
    while qml.math.shape(amplitudes)[-1] > 1:
        even, odd = amplitudes[..., 0::2], amplitudes[..., 1::2]
        squares = even * even + odd * odd
        empty = squares == 0
        one, zero = qml.math.ones_like(even), qml.math.zeros_like(even)
        # Values are replaced before arctan2 and sqrt, whose gradients are NaN at 0.
        safe = qml.math.where(empty, one, even)
        levels.append(2 * qml.math.arctan2(qml.math.where(empty, zero, odd), safe))
        norms = qml.math.sqrt(qml.math.where(empty, one, squares))
        amplitudes = qml.math.where(empty, zero, norms)
    return levels[::-1]


def multiplexed_ry(
    angles: Any, controls: Sequence[Hashable], target: Hashable
) -> list[Any]:
    """RY on one wire whose angle depends on other wires, as 2ᵏ RY and 2ᵏ CNOT.

    Args:
        angles: Tensor (..., 2ᵏ): the angle for each setting of the controls.
        controls: k wires, the leading bit first.
        target: The wire that is turned.

    Returns:
        PennyLane operations.
    """
    count = len(controls)
    if not count:
        return [qml.RY(angles[..., 0], wires=target)]
    thetas = compute_theta(angles, num_qubits=count)
    operations = []
    for index in range(2**count):
        # In Gray code neighbouring settings differ in one bit: that wire controls.
        step = (index + 1) & -(index + 1)
        bit = min(int(np.log2(step)), count - 1)
        operations.append(qml.RY(thetas[..., index], wires=target))
        operations.append(qml.CNOT([controls[count - 1 - bit], target]))
    return operations
