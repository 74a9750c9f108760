"""The adjoint of a block: its gates undone."""

from __future__ import annotations

from typing import Any

import pennylane as qml
from attrs import field, frozen

from qml_qdl.circuits.around import Around, as_block
from qml_qdl.circuits.circuit import Block


@frozen(repr=False)
class Adjoint(Around):
    """A block backwards: B†, with the features and weights of B.

    To undo a processing with its own weights, share them: `share("W", Adjoint(W)) @ …
    @ share("W", W)`; the adjoint of a shared block shares its weights, too.

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

    block: Block = field(converter=as_block)

    def queue(self, inputs: Any, weights: Any) -> None:
        """Queues the block's gates, undone, in reverse order."""
        qml.adjoint(self.block.queue)(inputs, weights)
