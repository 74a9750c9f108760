"""Processings shaped like tensor networks: one small processing, placed many times."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable
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

    PennyLane's template says where; each place has fresh weights. Weights:
    `(places, *weight shape of the small processing)`.

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
    def _template(self) -> Any:
        """PennyLane's template on these wires, with blocks of one parameter."""

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
            places = self._template().hyperparameters["ind_gates"]
        return tuple(tuple(place) for place in places)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """`(places, *weight shape of the block)`."""
        return (len(self.places), *self.block.weight_shape)

    def process(self, weights: Any) -> None:
        """Queues the block's gates at each place."""
        # Not the template itself: the function it holds would be a new one each time,
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

    def _template(self) -> Any:
        size = len(self.block.wires)
        step = self.offset or size // 2
        return qml.MPS(self.wires, size, block=None, offset=step)


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

    def _template(self) -> Any:
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

    def _template(self) -> Any:
        return _tree(qml.MERA, self.wires, len(self.block.wires))


def _check_tree(size: int, block_size: int) -> None:
    ratio, rest = divmod(size, block_size)
    if block_size % 2 or rest or ratio & (ratio - 1):
        raise ArgumentError(
            "wires: a tree needs a block on an even number k of wires, and k, 2k, 4k, "
            f"8k … wires in all, got {size} wires and a block on {block_size}; change "
            "either"
        )


def _tree(template: Any, wires: tuple[Hashable, ...], block_size: int) -> Any:
    # Given no weights the template would sample from NumPy's global generator.
    weights = np.zeros((template.get_n_blocks(wires, block_size), 1))
    return template(wires, block_size, None, 1, weights)
