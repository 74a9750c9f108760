"""A block around a block: it has the features and weights of the one inside."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable
from typing import Any, Self

from attrs import evolve

from qml_qdl.circuits.circuit import Block
from qml_qdl.circuits.errors import ArgumentTypeError
from qml_qdl.circuits.validation import WiresLike


def as_block(block: Any) -> Block:
    """Checks that something is a block.

    Args:
        block: What should be one.

    Returns:
        The block.

    Raises:
        ArgumentTypeError: It is none.
    """
    if not isinstance(block, Block):
        raise ArgumentTypeError(
            f"block: expected an encoding or a processing, got {block!r}"
        )
    return block


class Around(Block):
    """Abstract base of blocks that do something else with another's gates.

    A subclass is an attrs value with the field `block`, which its initialiser checks by
    `as_block`, and defines `queue`. All else is the inner block's.
    """

    __slots__ = ()

    block: Block

    # ---- Must be defined. ----

    @abstractmethod
    def queue(self, inputs: Any, weights: Any) -> None:
        """Queues what becomes of the block's gates; see `Block.queue`."""

    # ---- The inner block's. ----

    @property
    def wires(self) -> tuple[Hashable, ...]:  # type: ignore[override]
        """The block's wires."""
        return self.block.wires

    @property
    def num_features(self) -> int:
        """As many as the block reads."""
        return self.block.num_features

    @property
    def features(self) -> tuple[int, ...] | None:
        """What the block reads."""
        return self.block.features

    @property
    def weight_shape(self) -> tuple[int, ...] | None:
        """The shape of the block's weights."""
        return self.block.weight_shape

    @property
    def weight_kind(self) -> str:  # type: ignore[override]
        """The kind of the block's weights."""
        return self.block.weight_kind

    @property
    def tied_name(self) -> str | None:
        """The block's name of its weights where they are shared."""
        return self.block.tied_name

    @property
    def initial_weight(self) -> float | None:
        """What the block's weights start from."""
        return self.block.initial_weight

    def on(self, wires: WiresLike) -> Self:
        """The same around the block on other wires; see `Block.on`."""
        return evolve(self, block=self.block.on(wires))  # type: ignore[misc]
