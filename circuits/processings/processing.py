"""Processings W(θ): gates whose angles are trained."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.circuit import Block
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.validation import MOST_SEED, as_wires, check_choice, check_count

IMPRIMITIVES: Mapping[str, Any] = MappingProxyType(
    {
        "CNOT": qml.CNOT,
        "CY": qml.CY,
        "CZ": qml.CZ,
        "ECR": qml.ECR,
        "iSWAP": qml.ISWAP,
    }
)
"""The entangling gates without an angle, by name."""

ROTATIONS: Mapping[str, Any] = MappingProxyType(
    {"RX": qml.RX, "RY": qml.RY, "RZ": qml.RZ}
)
"""The rotations of one angle, by name."""


@frozen(repr=False)
class Processing(Block):
    """Gates whose angles are trained: abstract base of all processings.

    A processing of one's own may do anything in `process`, which runs at every call; if
    all it does is to make angles of the weights by tensor operations, always the same
    ones, it may say so by `pure = True` in its own body, as `Encoding` describes.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
    """

    wires: tuple[Hashable, ...] = field(converter=as_wires)

    # ---- Must be defined: these two, and nothing else. ----

    @property
    @abstractmethod
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the trained tensor."""

    @abstractmethod
    def process(self, weights: Any) -> None:
        """Queues the gates.

        Args:
            weights: Tensor of shape `weight_shape`, angles in radians.
        """

    # ---- Defined here for all. ----

    @property
    def num_features(self) -> int:
        """0, as a processing reads no data."""
        return 0

    def queue(self, inputs: Any, weights: Any) -> None:
        """Queues the gates; the inputs are not read."""
        self.process(weights)


def _as_ranges(ranges: Any) -> tuple[int, ...] | None:
    if ranges is None:
        return None
    items = tuple(ranges) if isinstance(ranges, Iterable) else (None,)
    if not all(isinstance(item, Integral) for item in items):
        raise ArgumentTypeError(
            f"ranges: expected None or one whole number for each layer, got {ranges!r}"
        )
    return tuple(int(item) for item in items)


@frozen(repr=False)
class StronglyEntangling(Processing):
    """Rot on every wire, then a ring of entangling gates, which widens with each layer.

    PennyLane's `StronglyEntanglingLayers`, from Schuld et al. 2018, arXiv:1804.00633.
    Weights: (layers, n, 3). On a single wire only the rotations are left.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        layers: Number of layers, 1 or more.
        ranges: For each layer the distance 1 … n−1 between the wires that a gate joins;
            None counts 1, 2, … n−1 and begins again.
        imprimitive: The entangling gate: "CNOT", "CY", "CZ", "ECR" or "iSWAP".

    Raises:
        ArgumentError: `layers` is below 1, the gate is unknown, or the ranges do not
            fit the layers and wires.
        ArgumentTypeError: `ranges` holds anything but whole numbers.

    Example:
        >>> StronglyEntangling(4, layers=2).weight_shape
        (2, 4, 3)
    """

    layers: int = 1
    ranges: tuple[int, ...] | None = field(
        default=None, converter=_as_ranges, kw_only=True
    )
    imprimitive: str = field(default="CNOT", kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_count("layers", self.layers)
        check_choice("imprimitive", self.imprimitive, tuple(IMPRIMITIVES))
        if self.ranges is None:
            return
        most = len(self.wires) - 1
        if len(self.ranges) != self.layers or not all(
            1 <= distance <= most for distance in self.ranges
        ):
            raise ArgumentError(
                f"ranges: expected {self.layers} numbers from 1 to {most}, one for "
                f"each layer, got {list(self.ranges)}; leave ranges=None to let them "
                "be chosen"
            )

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(layers, n, 3) for n wires."""
        return (self.layers, len(self.wires), 3)

    def process(self, weights: Any) -> None:
        """Queues PennyLane's template."""
        qml.StronglyEntanglingLayers(
            weights,
            wires=self.wires,
            ranges=self.ranges,
            imprimitive=IMPRIMITIVES[self.imprimitive],
        )


@frozen(repr=False)
class BasicEntangler(Processing):
    """One rotation on every wire, then a ring of CNOTs.

    PennyLane's `BasicEntanglerLayers`. Weights: (layers, n). Two wires are joined by
    one CNOT a layer, a single wire by none.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        layers: Number of layers, 1 or more.
        rotation: The rotation: "RX", "RY" or "RZ".

    Raises:
        ArgumentError: `layers` is below 1, or the rotation is unknown.

    Example:
        >>> BasicEntangler(4, layers=2).weight_shape
        (2, 4)
    """

    layers: int = 1
    rotation: str = field(default="RX", kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_count("layers", self.layers)
        check_choice("rotation", self.rotation, tuple(ROTATIONS))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(layers, n) for n wires."""
        return (self.layers, len(self.wires))

    def process(self, weights: Any) -> None:
        """Queues PennyLane's template."""
        qml.BasicEntanglerLayers(
            weights, wires=self.wires, rotation=ROTATIONS[self.rotation]
        )


@frozen(repr=False)
class RandomLayers(Processing):
    """Rotations and CNOTs sampled at random, once for all by the seed.

    PennyLane's `RandomLayers`, the filter of Henderson et al. 2019, arXiv:1904.04767.
    Weights: (layers, rotations). The same seed always gives the same circuit.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        layers: Number of layers, 1 or more.
        rotations: Number of rotations in each layer; None means one for each wire.
        ratio_imprimitive: The probability, at least 0 and below 1, that the next gate
            sampled is a CNOT.
        seed: Seed of the sampling, 0 or more.

    Raises:
        ArgumentError: A number is outside its range.
        ArgumentTypeError: A number is of the wrong kind.

    Example:
        >>> RandomLayers(4, rotations=6).weight_shape
        (1, 6)
    """

    layers: int = 1
    rotations: int | None = field(default=None, kw_only=True)
    ratio_imprimitive: float = field(default=0.3, kw_only=True)
    seed: int = field(default=42, kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_count("layers", self.layers)
        check_count("seed", self.seed, 0, MOST_SEED)
        if self.rotations is not None:
            check_count("rotations", self.rotations)
        if not isinstance(self.ratio_imprimitive, Real):
            raise ArgumentTypeError(
                f"ratio_imprimitive: expected a number, got {self.ratio_imprimitive!r}"
            )
        # At 1 the template would sample CNOTs for ever.
        if not 0 <= self.ratio_imprimitive < 1:
            raise ArgumentError(
                "ratio_imprimitive: expected a probability of 0 or more and below 1, "
                f"got {self.ratio_imprimitive}; the template's own choice is 0.3"
            )

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(layers, rotations)."""
        return (self.layers, self.rotations or len(self.wires))

    def process(self, weights: Any) -> None:
        """Queues PennyLane's template."""
        qml.RandomLayers(
            weights,
            wires=self.wires,
            ratio_imprim=self.ratio_imprimitive,
            seed=self.seed,
        )


@frozen(repr=False)
class SimplifiedTwoDesign(Processing):
    """RY on every wire, then layers of CZ and two RY on neighbouring pairs.

    PennyLane's template of this name, from Cerezo et al. 2021, arXiv:2001.00550.
    Weights: one vector of n + 2·layers·(n−1) angles, first the n of the initial
    rotations, then layer by layer those of the pairs.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        layers: Number of layers, 1 or more.

    Raises:
        ArgumentError: `layers` is below 1.

    Example:
        >>> SimplifiedTwoDesign(4, layers=2).weight_shape
        (16,)
    """

    layers: int = 1

    def __attrs_post_init__(self) -> None:
        check_count("layers", self.layers)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(n + 2·layers·(n−1),) for n wires."""
        size = len(self.wires)
        return (size + 2 * self.layers * (size - 1),)

    def process(self, weights: Any) -> None:
        """Queues PennyLane's template."""
        size = len(self.wires)
        pairs = qml.math.reshape(weights[size:], (self.layers, size - 1, 2))
        qml.SimplifiedTwoDesign(weights[:size], pairs, wires=self.wires)
