"""Points in space by their inner products: neither rotations nor order count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from math import isfinite
from typing import Any

import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.circuit import Circuit
from qml_qdl.circuits.composition import reupload
from qml_qdl.circuits.encodings.encoding import Encoding
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.symmetry.collective import permutation_equivariant
from qml_qdl.circuits.symmetry.equivariant import invariant_readout
from qml_qdl.circuits.symmetry.named_groups import symmetric_group
from qml_qdl.circuits.validation import check_choice, check_count, validate_call

EUCLIDEAN = (1.0, 1.0, 1.0)
"""Space: x, y and z count alike."""

LORENTZ = (1.0, -1.0, -1.0, -1.0)
"""Space-time: the time, or energy, comes first."""


def _as_metric(metric: Iterable[Any]) -> tuple[float, ...]:
    try:
        numbers = tuple(float(number) for number in metric)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"metric: expected a sign for each coordinate, such as (1, 1, 1), got "
            f"{metric!r}"
        ) from error
    if not numbers or not all(isfinite(number) and number for number in numbers):
        raise ArgumentError(
            f"metric: expected a number other than 0 for each coordinate, got "
            f"{metric!r}; leave out coordinates that do not count"
        )
    return numbers


@frozen(repr=False)
class InnerProductEncoding(Encoding):
    """Points by their inner products: RX(vᵢ·vᵢ) and RXX(vᵢ·vⱼ) for each pair.

    All that rotations leave alone of some vectors are their inner products, and what
    those say (Li, Nagano and Terashi 2024, arXiv:2405.11150). So no rotation and no
    mirror image of the points changes a gate, and a permutation of the points is one
    of the wires, exactly: the gates of all pairs commute. Between processings that
    commute with all permutations it may be repeated, see `point_cloud_circuit`.

    With another metric it is invariant under what leaves that alone: `LORENTZ` for
    energies and momenta and the Lorentz group SO(1, 3).

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels; one for each point.
        rotation: "X", "Y" or "Z", the axis of all rotations; Z does nothing to `|0⟩`.
        metric: The factor of each coordinate's product in v·w; as many as a point has
            coordinates.
        features: Which features of x are read, all coordinates of one point after the
            other; None for the whole x.
        scaling: Factor on the coordinates; angles grow with its square.
        trainable_scaling: Whether each feature's factor is trained, which breaks the
            symmetry.

    Raises:
        ArgumentError: The rotation is unknown, the metric is empty or has a 0, or the
            number of features is not one for each coordinate of each wire.
        ArgumentTypeError: The metric is not made of numbers.

    Example:
        >>> S = InnerProductEncoding(2)
        >>> S.num_features
        6
        >>> print(S @ S)
        0: ──RX─╭IsingXX──RX─╭IsingXX─┤  <Z>
        1: ──RX─╰IsingXX──RX─╰IsingXX─┤  <Z>
    """

    rotation: str = "X"
    metric: tuple[float, ...] = field(
        default=EUCLIDEAN, converter=_as_metric, kw_only=True
    )

    def __attrs_post_init__(self) -> None:
        check_choice("rotation", self.rotation, ("X", "Y", "Z"))
        Encoding.__attrs_post_init__(self)

    @property
    def num_features(self) -> int:
        """One for each coordinate of each wire's point."""
        return len(self.metric) * len(self.wires)

    def encode(self, features: Any) -> None:
        """Queues one rotation for each point and one for each pair."""
        single = getattr(qml, f"R{self.rotation}")
        double = getattr(qml, f"Ising{2 * self.rotation}")
        for i, wire in enumerate(self.wires):
            single(self._product(features, i, i), wires=wire)
        for (i, first), (j, second) in combinations(enumerate(self.wires), 2):
            double(self._product(features, i, j), wires=[first, second])

    def _product(self, features: Any, i: int, j: int) -> Any:
        size = len(self.metric)
        return sum(
            factor * features[..., size * i + k] * features[..., size * j + k]
            for k, factor in enumerate(self.metric)
        )


@validate_call
def point_cloud_circuit(
    num_points: int, layers: int = 2, metric: Sequence[float] = EUCLIDEAN
) -> Circuit:
    """Inner products and permutation-equivariant layers in turn (Li et al. 2024).

    Args:
        num_points: Number of points, 2 or more; one wire for each.
        layers: How often the inner products are encoded, 1 or more.
        metric: The factor of each coordinate's product, as in `InnerProductEncoding`.

    Returns:
        A circuit that reads all coordinates of one point after the other, with the
        means of ⟨X⟩, ⟨Y⟩ and ⟨Z⟩ over the wires and of ⟨XX⟩, ⟨YY⟩ and ⟨ZZ⟩ over the
        pairs as outputs. Neither rotations nor permutations of the points change them.

    Raises:
        ArgumentError: There are fewer than two points, no layer, or the metric cannot
            be used.

    Example:
        >>> U = point_cloud_circuit(4)
        >>> U.num_inputs, U.weight_shapes, U.output_shape
        (12, {'weights_0': (1, 3), 'weights_1': (1, 3)}, (6,))
    """
    check_count("num_points", num_points, 2)
    encoding = InnerProductEncoding(num_points, metric=tuple(metric))
    circuit = reupload(permutation_equivariant(num_points), encoding, layers)
    words = [
        word + "I" * (num_points - len(word))
        for word in ("X", "Y", "Z", "XX", "YY", "ZZ")
    ]
    return circuit.with_readout(invariant_readout(symmetric_group(num_points), words))
