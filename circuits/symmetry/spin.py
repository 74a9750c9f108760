"""Spin-rotation equivariant circuits: SU(2) from exchange interactions.

Each wire is a spin ½ and stands for a point. When all points are turned about the
origin, every spin turns along, and whatever is made of exchanges of spins turns too.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Any

import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.encodings.encoding import Encoding
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.circuits.fixed_gates import FixedBlock
from qml_qdl.circuits.processings.hardware_efficient import PATTERNS, pattern_pairs
from qml_qdl.circuits.processings.processing import Processing
from qml_qdl.circuits.readouts import Expectation
from qml_qdl.circuits.validation import (
    WiresLike,
    as_wires,
    check_choice,
    check_count,
    validate_call,
)


@frozen(repr=False)
class DirectionEncoding(Encoding):
    """Points on a sphere: each spin is turned from `|0⟩` into its point's direction.

    RY(polar angle), then RZ(azimuth). A rotation of the points turns the state by the
    rotation of all spins, up to a phase. That holds for the state only, so that this
    encoding comes first and once; `RotationEncoding` may follow. Distances from the
    origin are not read. Gradients are exact but on the z axis, where those across it
    are zero.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels; one for each point.
        features: Which features of x are read, x, y, z of one point after the other;
            None for the whole x.
        scaling: Factor on the features; a positive one changes nothing.
        trainable_scaling: Whether each feature's factor is trained, which breaks the
            symmetry.

    Raises:
        ArgumentError: The number of features is not three for each wire.

    Example:
        >>> print(DirectionEncoding(2) @ DirectionEncoding(2))
        0: ──RY──RZ──RY──RZ─┤  <Z>
        1: ──RY──RZ──RY──RZ─┤  <Z>
    """

    @property
    def num_features(self) -> int:
        """Three for each wire."""
        return 3 * len(self.wires)

    def encode(self, features: Any) -> None:
        """Queues two rotations for each point."""
        for index, wire in enumerate(self.wires):
            polar, azimuth, _ = _polar(features, index)
            qml.RY(polar, wires=wire)
            qml.RZ(azimuth, wires=wire)


@frozen(repr=False)
class RotationEncoding(Encoding):
    """Points in space: each spin is turned about its point's direction v by `|v|`.

    exp(−i v·σ/2), the field of East et al. 2023, arXiv:2309.07250, as five rotations.
    Where the points turn by R, the gate becomes U(R)·S·U(R)†, so that it may stand
    anywhere after an equivariant state, and be repeated: `DirectionEncoding` makes such
    a state, or `Singlets`. Gradients are exact but on the z axis, where those across it
    are zero.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels; one for each point.
        features: Which features of x are read, x, y, z of one point after the other;
            None for the whole x.
        scaling: Factor on the coordinates.
        trainable_scaling: Whether each feature's factor is trained, which breaks the
            symmetry.

    Raises:
        ArgumentError: The number of features is not three for each wire.

    Example:
        >>> print(RotationEncoding(1) @ DirectionEncoding(1))
        0: ──RY──RZ──RZ──RY──RZ──RY──RZ─┤  <Z>
    """

    @property
    def num_features(self) -> int:
        """Three for each wire."""
        return 3 * len(self.wires)

    def encode(self, features: Any) -> None:
        """Queues five rotations for each point."""
        for index, wire in enumerate(self.wires):
            polar, azimuth, radius = _polar(features, index)
            qml.RZ(-azimuth, wires=wire)
            qml.RY(-polar, wires=wire)
            qml.RZ(radius, wires=wire)
            qml.RY(polar, wires=wire)
            qml.RZ(azimuth, wires=wire)


def _polar(features: Any, index: int) -> tuple[Any, Any, Any]:
    """Polar angle, azimuth and radius of one point, with gradients that are finite."""
    x, y, z = (features[..., 3 * index + k] for k in range(3))
    across, azimuth = plane_polar(x, y)
    radius, polar = plane_polar(z, across)
    return polar, azimuth, radius


def plane_polar(x: Any, y: Any) -> tuple[Any, Any]:
    """Radius and angle of points in a plane, with gradients that are finite.

    Args:
        x: Any tensor.
        y: Another.

    Returns:
        √(x² + y²), and the angle from −π to π. At the origin both are 0, and so are
        their gradients, which do not exist there.
    """
    square = x * x + y * y
    one, zero = qml.math.ones_like(square), qml.math.zeros_like(square)
    origin = square == 0
    # Values are replaced before arctan2 and sqrt, whose gradients are NaN at 0.
    radius = qml.math.sqrt(qml.math.where(origin, one, square))
    angle = qml.math.arctan2(
        qml.math.where(origin, zero, y), qml.math.where(origin, one, x)
    )
    return qml.math.where(origin, zero, radius), angle


@frozen(repr=False)
class Singlets(FixedBlock):
    """Neighbouring wires as singlets `(|01⟩ − |10⟩)/√2`, which no rotation changes.

    A fixed block without features or weights: the first of a circuit that goes on with
    `RotationEncoding`.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels; an even number.

    Raises:
        ArgumentError: The number of wires is odd.

    Example:
        >>> print(RotationEncoding(2) @ Singlets(2))
        0: ──X──H─╭●──RZ──RY──RZ──RY──RZ─┤  <Z>
        1: ──X────╰X──RZ──RY──RZ──RY──RZ─┤  <Z>
    """

    def __attrs_post_init__(self) -> None:
        if len(self.wires) % 2:
            raise ArgumentError(
                f"wires: singlets are made of pairs, got {len(self.wires)} wires; use "
                "an even number, or begin with DirectionEncoding"
            )

    def queue(self, inputs: Any, weights: Any) -> None:
        """Queues the gates; neither inputs nor weights are read."""
        for first, second in zip(self.wires[::2], self.wires[1::2], strict=True):
            qml.X(first)
            qml.X(second)
            qml.Hadamard(first)
            qml.CNOT([first, second])


@frozen(repr=False)
class HeisenbergExchange(Processing):
    """Exchange interactions exp(−iθ·SWAP) between pairs of spins, up to a phase.

    The same as the Heisenberg coupling exp(−iθ(XX + YY + ZZ)/2), which commutes with
    every rotation of all spins at once (East et al. 2023, arXiv:2309.07250). Weights:
    (layers, pairs).

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels; two or more.
        layers: Number of layers, 1 or more.
        pattern: Which pairs are coupled: "linear", "ring", "full" or "brick".

    Raises:
        ArgumentError: `layers` is below 1, there is a single wire, or the pattern is
            unknown.

    Example:
        >>> W = HeisenbergExchange(3, layers=2)
        >>> W.pairs, W.weight_shape
        (((0, 1), (0, 2), (1, 2)), (2, 3))
    """

    layers: int = 1
    pattern: str = field(default="full", kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_count("layers", self.layers)
        check_choice("pattern", self.pattern, PATTERNS)
        if len(self.wires) < 2:
            raise ArgumentError(
                "wires: an exchange is between two spins, got 1 wire; use 2 or more"
            )

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The coupled pairs, as positions of wires, in order."""
        return pattern_pairs(self.pattern, len(self.wires))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(layers, pairs)."""
        return (self.layers, len(self.pairs))

    def process(self, weights: Any) -> None:
        """Queues three Ising gates of one angle for each pair."""
        for layer in range(self.layers):
            for index, (i, j) in enumerate(self.pairs):
                ends = [self.wires[i], self.wires[j]]
                for gate in (qml.IsingXX, qml.IsingYY, qml.IsingZZ):
                    gate(weights[layer, index], wires=ends)


@validate_call
def exchange_readout(
    wires: WiresLike, pairs: Iterable[tuple[int, int]] | None = None
) -> Expectation:
    """⟨SWAP⟩ of pairs of spins: −1 for a singlet, 1 for spins that point alike.

    No rotation of all spins changes it. SWAP = (1 + XX + YY + ZZ)/2.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        pairs: Pairs of positions of wires; None for all.

    Returns:
        The readout, one output for each pair.

    Raises:
        ArgumentError: A pair is not of two different positions, or there is none.

    Example:
        >>> exchange_readout(3).output_shape((0, 1, 2))
        (3,)
    """
    labels = as_wires(wires)
    chosen = check_pairs(len(labels), pairs)
    observables = []
    for i, j in chosen:
        a, b = labels[i], labels[j]
        words = (qml.X(a) @ qml.X(b), qml.Y(a) @ qml.Y(b), qml.Z(a) @ qml.Z(b))
        observables.append(qml.dot([0.5] * 4, [qml.Identity(a), *words]))
    return Expectation(observables)


def check_pairs(
    count: int, pairs: Iterable[tuple[int, int]] | None
) -> tuple[tuple[int, int], ...]:
    """Checks pairs of positions.

    Args:
        count: How many positions there are.
        pairs: Pairs; None for all.

    Returns:
        The pairs.

    Raises:
        ArgumentError: A pair is not of two different positions, or there is none.
    """
    places = range(count)
    chosen = tuple(combinations(places, 2)) if pairs is None else tuple(pairs)
    if not chosen or any(
        i == j or i not in places or j not in places for i, j in chosen
    ):
        raise ArgumentError(
            f"pairs: expected pairs of different positions 0 to {count - 1}, got "
            f"{list(chosen)}"
        )
    return chosen
