"""The adjoint of a block: its gates undone."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pennylane as qml
from attrs import Factory, evolve, field, frozen

from qml_qdl.circuits.circuit import Block
from qml_qdl.circuits.errors import ArgumentTypeError
from qml_qdl.circuits.validation import WiresLike


def _as_block(block: Any) -> Block:
    if not isinstance(block, Block):
        raise ArgumentTypeError(
            f"block: expected an encoding or a processing, got {block!r}"
        )
    return block


@frozen(repr=False)
class Adjoint(Block):
    """A block backwards: B†, with the features and weights of B.

    To undo a processing with its own weights, share them: `share("W", Adjoint(W)) @ …
    @ share("W", W)`.

    Args:
        block: An encoding or a processing.

    Raises:
        ArgumentTypeError: It is no block.

    Example:
        >>> import numpy as np, pennylane as qml
        >>> from qml_qdl.circuits import Adjoint, BasicEntangler, share
        >>> W = BasicEntangler(2)
        >>> nothing = share("W", Adjoint(W)) @ share("W", W)
        >>> qnode = qml.QNode(nothing, qml.device("default.qubit"))
        >>> np.round(qnode(weights=np.array([[0.3, 0.7]])), 6).tolist()
        [1.0, 1.0]
    """

    block: Block = field(converter=_as_block)
    wires: tuple[Hashable, ...] = field(
        init=False,
        eq=False,
        default=Factory(lambda self: self.block.wires, takes_self=True),
    )

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
    def initial_weight(self) -> float | None:
        """What the block's weights start from."""
        return self.block.initial_weight

    def on(self, wires: WiresLike) -> Adjoint:
        """Returns the same on other wires."""
        return evolve(self, block=self.block.on(wires))

    def queue(self, inputs: Any, weights: Any) -> None:
        """Queues the block's gates, undone, in reverse order."""
        qml.adjoint(self.block.queue)(inputs, weights)
