"""Quantum convolutional neural networks: convolve, pool, until few wires are left."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from typing import Any

import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.circuit import Block, Circuit
from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.processings.hur_circuits import HurCircuit
from qml_qdl.circuits.processings.pooling import QuantumPool
from qml_qdl.circuits.processings.processing import Processing
from qml_qdl.circuits.readouts import Expectation
from qml_qdl.circuits.validation import (
    WiresLike,
    as_wires,
    check_choice,
    check_count,
)

PATTERNS = ("ring", "chain", "even", "odd")
"""Which pairs of neighbours a filter slides over, by name."""


def as_filter(convolution: Any) -> Processing:
    """Turns a number of Hur, Kim and Park, or a processing, into a two-wire filter.

    Args:
        convolution: 1 … 9, see `HurCircuit`, or a processing on two wires.

    Returns:
        The filter.

    Raises:
        ArgumentError: The number is unknown, or there are not two wires.
        ArgumentTypeError: It is neither.
    """
    if isinstance(convolution, Processing):
        if len(convolution.wires) != 2:
            raise ArgumentError(
                f"convolution: expected a processing on two wires, got {convolution!r}"
            )
        return convolution
    if isinstance(convolution, int) and not isinstance(convolution, bool):
        check_choice("convolution", convolution, tuple(range(1, 10)))
        return HurCircuit(convolution)
    raise ArgumentTypeError(
        "convolution: expected a number from 1 to 9 or a processing on two wires, got "
        f"{convolution!r}"
    )


@frozen(repr=False)
class ConvolutionLayer(Processing):
    """One small filter, with the same weights, on every pair of neighbouring wires.

    Patterns, for wires 0 … n−1 in the order of application:

    - "ring": (0, n−1), then (0, 1), (2, 3) …, then (1, 2), (3, 4) …, as Hur, Kim and
      Park 2022 have it, arXiv:2108.00661.
    - "chain": the same without (0, n−1).
    - "even": (0, 1), (2, 3) … only: the isometries of a MERA.
    - "odd": (1, 2), (3, 4) …, and (n−1, 0) if n is even: its disentanglers.

    Two wires are one pair. Weights: those of the filter, shared by all pairs.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels; 2 or more.
        convolution: 1 … 9, see `HurCircuit`, or a processing on two wires, whose own
            labels do not matter.
        pattern: "ring", "chain", "even" or "odd".

    Raises:
        ArgumentError: There is one wire only, the filter has not two wires, the pattern
            is unknown, or has no pair on so few wires.
        ArgumentTypeError: The filter is no processing.

    Example:
        >>> layer = ConvolutionLayer(4, convolution=6)
        >>> layer.pairs
        ((0, 3), (0, 1), (2, 3), (1, 2))
        >>> layer.weight_shape
        (6,)
    """

    convolution: Processing = field(default=HurCircuit(9), converter=as_filter)
    pattern: str = field(default="ring", kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_choice("pattern", self.pattern, PATTERNS)
        if not self.pairs:
            raise ArgumentError(
                f"wires: the pattern {self.pattern!r} has no pair on "
                f"{list(self.wires)}; pass more wires"
            )

    @property
    def pairs(self) -> tuple[tuple[Hashable, Hashable], ...]:
        """The wires of each filter, in the order of application."""
        wires = self.wires
        chain = tuple(pairwise(wires))
        even, odd = chain[::2], chain[1::2]
        match self.pattern:
            case "even":
                return even
            case "odd":
                closes = len(wires) > 2 and len(wires) % 2 == 0
                return (*odd, (wires[-1], wires[0])) if closes else odd
            case "ring" if len(wires) > 2:
                return ((wires[0], wires[-1]), *even, *odd)
            case _:
                return even + odd

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """The filter's."""
        return self.convolution.weight_shape

    def process(self, weights: Any) -> None:
        """Queues the filter on each pair."""
        for pair in self.pairs:
            self.convolution.on(pair).process(weights)


def qcnn(
    wires: WiresLike,
    convolution: int | Processing = 9,
    pooling: str = "zx",
    *,
    outputs: int = 1,
    measured: bool = False,
) -> Circuit:
    """A quantum convolutional neural network, to be put behind an encoding.

    From Cong, Choi and Lukin 2019, arXiv:1810.03787, for classical data with the
    filters of Hur, Kim and Park 2022, arXiv:2108.00661: a convolution whose filter is
    shared by all pairs of neighbours, pooling to half the wires, and again on what is
    left, each layer with weights of its own: O(log n) weights on n wires. On quantum
    data it needs no encoding: compose it with the circuit that prepares them, or with
    `AmplitudeEncoding`.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels; 2 or more. Powers
            of two are halved to the end; an odd wire out is kept for the next layer.
        convolution: The filter: 1 … 9, see `HurCircuit`, or a processing on two wires.
        pooling: "zx", "rot" or "trace", see `QuantumPool`.
        outputs: Pooling goes on as long as so many wires are left.
        measured: Whether wires are measured before they are traced out.

    Returns:
        A circuit that reads no data, with ⟨Z⟩ of the wires left as its readout.

    Raises:
        ArgumentError: A number is out of its range, or the filter has not two wires.
        ArgumentTypeError: An argument is of the wrong kind.

    Example:
        >>> from qml_qdl.circuits import AngleEncoding
        >>> U = qcnn(8, convolution=9) @ AngleEncoding(8)
        >>> sum(shape[0] for shape in U.weight_shapes.values())  # 3 · 15 + 3 · 2
        51
        >>> U.output_shape
        (1,)
    """
    kernel = as_filter(convolution)
    return _pooled(
        wires,
        lambda labels: [ConvolutionLayer(labels, kernel)],
        pooling,
        outputs,
        measured,
    )


def reverse_mera(
    wires: WiresLike,
    disentangler: int | Processing = 9,
    isometry: int | Processing = 9,
    pooling: str = "trace",
    *,
    outputs: int = 1,
    measured: bool = False,
) -> Circuit:
    """A quantum convolutional neural network as a MERA run backwards, for quantum data.

    A MERA (Vidal 2008, arXiv:quant-ph/0610099) grows a state from one wire: each step
    adds wires in `|0⟩`, joins each to a neighbour by an isometry, and entangles the
    pairs by disentanglers. Backwards it takes the state apart, and what it traces out
    is `|0⟩` again if the state is of that kind: the network of Cong, Choi and Lukin
    2019, arXiv:1810.03787. All disentanglers of a step share their weights, and so do
    all isometries.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels; 2 or more.
        disentangler: Between the pairs: 1 … 9, see `HurCircuit`, or a processing on two
            wires.
        isometry: Within each pair, likewise.
        pooling: "trace" as in a MERA, or "zx" or "rot", by which a wire that is not
            `|0⟩` corrects its neighbour.
        outputs: Pooling goes on as long as so many wires are left.
        measured: Whether wires are measured before they are traced out.

    Returns:
        A circuit that reads no data, with ⟨Z⟩ of the wires left as its readout.

    Raises:
        ArgumentError: A number is out of its range, or a filter has not two wires.
        ArgumentTypeError: An argument is of the wrong kind.

    Example:
        >>> reverse_mera(4, disentangler=6, isometry=6).weight_shapes
        {'weights_0': (6,), 'weights_1': (6,), 'weights_2': (6,)}
    """
    first, second = as_filter(disentangler), as_filter(isometry)

    def layers(labels: tuple[Hashable, ...]) -> list[Block]:
        pairs = [ConvolutionLayer(labels, second, pattern="even")]
        if len(labels) == 2:
            return [*pairs]
        return [ConvolutionLayer(labels, first, pattern="odd"), *pairs]

    return _pooled(wires, layers, pooling, outputs, measured)


def _pooled(
    wires: WiresLike,
    layers: Callable[[tuple[Hashable, ...]], Sequence[Block]],
    pooling: str,
    outputs: int,
    measured: bool,
) -> Circuit:
    """Layers and pooling by turns, until so many wires are left."""
    labels = as_wires(wires)
    check_count("outputs", outputs)
    blocks: list[Block] = []
    while len(labels) > 1 and (len(labels) + 1) // 2 >= outputs:
        pool = QuantumPool(labels, pooling, measured=measured)
        blocks += [*layers(labels), pool]
        labels = pool.kept
    if not blocks:
        raise ArgumentError(
            f"outputs: {len(labels)} wires cannot be pooled to {outputs} or more; pass "
            "more wires or fewer outputs"
        )
    return Circuit(blocks, readout=Expectation([qml.Z(wire) for wire in labels]))
