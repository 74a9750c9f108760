"""Processings shaped like tensor networks: one small processing, placed many times."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.circuits.processings.processing import Processing, StronglyEntangling
from qml_qdl.circuits.validation import check_count

BLOCK = StronglyEntangling(2)
"""The block that is placed unless told otherwise."""


@frozen(repr=False)
class TensorNetwork(Processing):
    """A small processing placed many times: abstract base of the tensor networks.

    Each place has fresh weights. Weights: `(places, *weight shape of the small
    processing)`.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        block: The small processing, on k wires, 2 ≤ k ≤ n; its own wire labels do not
            matter, only their number and order.

    Raises:
        ArgumentError: The wires cannot be covered by blocks of k wires.
        ArgumentTypeError: `block` is no processing.
    """

    block: Processing = BLOCK

    # ---- Must be defined: these two, and nothing else. ----

    @abstractmethod
    def _check_sizes(self, size: int, block_size: int) -> None:
        """Checks that n wires can be covered by blocks of k wires.

        Args:
            size: n.
            block_size: k, within 2 … n.
        """

    @abstractmethod
    def _placed(self) -> Iterable[Iterable[Hashable]]:
        """The wires of each block; what this queues is not recorded."""

    # ---- Defined here for all. ----

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.block, Processing):
            raise ArgumentTypeError(
                f"block: expected a processing such as StronglyEntangling(2), got "
                f"{self.block!r}"
            )
        size, block_size = len(self.wires), len(self.block.wires)
        if not 2 <= block_size <= size:
            raise ArgumentError(
                f"block: expected a processing on 2 to {size} wires, got {block_size}: "
                f"{self.block!r}; the network itself needs two wires or more"
            )
        self._check_sizes(size, block_size)

    @property
    def places(self) -> tuple[tuple[Hashable, ...], ...]:
        """The wires of each block, in the order of application."""
        with qml.QueuingManager.stop_recording():
            return tuple(tuple(place) for place in self._placed())

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """`(places, *weight shape of the block)`."""
        return (len(self.places), *self.block.weight_shape)

    def process(self, weights: Any) -> None:
        """Queues the block's gates at each place."""
        # Not PennyLane's template: the function it holds would be a new one each time,
        # so that no two tapes were alike.
        for index, place in enumerate(self.places):
            self.block.on(place).process(weights[index])


@frozen(repr=False)
class MPS(TensorNetwork):
    """Blocks down a staircase, like a matrix product state: PennyLane's `MPS`.

    From Huggins et al. 2019, arXiv:1803.11537. Weights: `(places, *weight shape of
    the block)`.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        block: The processing on k wires that is placed.
        offset: By how many wires each block lies below the one before, 1 … k−1; None
            means ⌊k/2⌋.

    Raises:
        ArgumentError: The block is too small or too large, the offset is not within
            1 … k−1, or some wires would be left over.
        ArgumentTypeError: `block` is no processing.

    Example:
        >>> MPS(4).places
        ((0, 1), (1, 2), (2, 3))
        >>> MPS(4).weight_shape
        (3, 1, 2, 3)
    """

    offset: int | None = field(default=None, kw_only=True)

    def _check_sizes(self, size: int, block_size: int) -> None:
        if self.offset is not None:
            check_count("offset", self.offset)
        step = self.offset or block_size // 2
        if step >= block_size:
            raise ArgumentError(
                f"offset: expected 1 to {block_size - 1} for blocks of {block_size} "
                f"wires, got {self.offset}"
            )
        if set(self.wires) - {wire for place in self.places for wire in place}:
            raise ArgumentError(
                f"wires: blocks of {block_size} wires, each {step} below the one "
                f"before, do not cover {size} wires; change the number of wires, the "
                "block or offset="
            )

    def _placed(self) -> Iterable[Iterable[Hashable]]:
        size = len(self.block.wires)
        step = self.offset or size // 2
        return _places(qml.MPS(self.wires, size, block=None, offset=step))


@frozen(repr=False)
class TTN(TensorNetwork):
    """Blocks in a binary tree, each level half as many: PennyLane's `TTN`.

    From Huggins et al. 2019, arXiv:1803.11537. Weights: `(places, *weight shape of
    the block)`, with 2n/k − 1 places.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        block: The processing on k wires that is placed, k even and n/k a power of two.

    Raises:
        ArgumentError: k is odd, or n/k is no power of two.
        ArgumentTypeError: `block` is no processing.

    Example:
        >>> TTN(4).places
        ((0, 1), (2, 3), (1, 3))
    """

    def _check_sizes(self, size: int, block_size: int) -> None:
        _check_tree(size, block_size)

    def _placed(self) -> Iterable[Iterable[Hashable]]:
        return _tree(qml.TTN, self.wires, len(self.block.wires))


@frozen(repr=False)
class MERA(TensorNetwork):
    """A tree whose branches are disentangled first: PennyLane's `MERA`.

    From Vidal 2008, arXiv:quant-ph/0610099. Weights: `(places, *weight shape of
    the block)`, with 4n/k − 3 places.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels.
        block: The processing on k wires that is placed, k even and n/k a power of two.

    Raises:
        ArgumentError: k is odd, or n/k is no power of two.
        ArgumentTypeError: `block` is no processing.

    Example:
        >>> MERA(4).places
        ((1, 0), (2, 3), (3, 1), (0, 2), (0, 1))
    """

    def _check_sizes(self, size: int, block_size: int) -> None:
        _check_tree(size, block_size)

    def _placed(self) -> Iterable[Iterable[Hashable]]:
        return _tree(qml.MERA, self.wires, len(self.block.wires))


@frozen(repr=False)
class Brickwork(TensorNetwork):
    """Layers of two-wire gates between neighbours, on even and odd pairs by turns.

    Any unitary, when the gates are any of SU(4), `HurCircuit(9)`, and there are enough
    layers. Two wires are one pair, in every layer. Weights: `(places, *weight shape of
    the block)`.

    Args:
        wires: A number of wires, meaning 0 … n−1, or their labels; 2 or more.
        block: The processing on two wires that is placed.
        layers: Number of layers, 1 or more.

    Raises:
        ArgumentError: The block is not on two wires, there is one wire, or `layers` is
            below 1.
        ArgumentTypeError: `block` is no processing.

    Example:
        >>> Brickwork(5, layers=3).places
        ((0, 1), (2, 3), (1, 2), (3, 4), (0, 1), (2, 3))
    """

    layers: int = field(default=1, kw_only=True)

    def _check_sizes(self, size: int, block_size: int) -> None:
        check_count("layers", self.layers)
        if block_size != 2:
            raise ArgumentError(
                "block: expected a processing on two wires, as a brick has, got "
                f"{block_size}: {self.block!r}"
            )

    def _placed(self) -> Iterable[Iterable[Hashable]]:
        chain = tuple(pairwise(self.wires))
        for layer in range(self.layers):
            yield from chain[layer % 2 :: 2] or chain


def _check_tree(size: int, block_size: int) -> None:
    ratio, rest = divmod(size, block_size)
    if block_size % 2 or rest or ratio & (ratio - 1):
        raise ArgumentError(
            "wires: a tree needs a block on an even number k of wires, and k, 2k, 4k, "
            f"8k … wires in all, got {size} wires and a block on {block_size}; change "
            "either"
        )


def _tree(
    template: Any, wires: tuple[Hashable, ...], block_size: int
) -> Iterable[Iterable[Hashable]]:
    # Given no weights the template would sample from NumPy's global generator.
    weights = np.zeros((template.get_n_blocks(wires, block_size), 1))
    return _places(template(wires, block_size, None, 1, weights))


def _places(template: Any) -> Iterable[Iterable[Hashable]]:
    places: Iterable[Iterable[Hashable]] = template.hyperparameters["ind_gates"]
    return places
