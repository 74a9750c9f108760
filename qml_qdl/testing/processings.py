"""The contract of processings."""

from __future__ import annotations

import math

import numpy as np
import pytest
from torch import Tensor

from qml_qdl.circuits import (
    AngleEncoding,
    Block,
    Circuit,
    Probabilities,
    Processing,
    ShapeError,
    StronglyEntangling,
)
from qml_qdl.testing.blocks import BlockContract
from qml_qdl.testing.running import random_tensor


class ProcessingContract(BlockContract):
    """What every processing W(θ) promises.

    `instances` are processings, of few wires.

    Example:
        >>> from qml_qdl.circuits import StronglyEntangling
        >>> class TestRings(ProcessingContract):
        ...     instances = [StronglyEntangling(2), StronglyEntangling(["b", "a"], 2)]
        >>> TestRings().test_every_weight_is_used(StronglyEntangling(2))
    """

    def surrounded(self, block: Block) -> Circuit:
        """Data before it, and gates by which its phases become probabilities after."""
        circuit = StronglyEntangling(block.wires) @ block @ AngleEncoding(block.wires)
        return circuit.with_readout(Probabilities())

    def weights(self, block: Block) -> Tensor | None:
        """Angles from 0 to 6."""
        return 6 * random_tensor(block.weight_shape or (), 1)

    def other(self, block: Block) -> Block:
        """An encoding."""
        return AngleEncoding(block.wires)

    def test_no_feature_is_read(self, block: Processing) -> None:
        """Data enter by encodings."""
        assert block.num_features == 0

    def test_every_weight_is_used(self, block: Processing) -> None:
        """What is measured has a slope along each number of `weight_shape`."""
        (_, slopes) = self._slopes(block)
        for index in np.ndindex(*block.weight_shape):
            assert slopes[index].abs() > 1e-9, (
                f"{block!r}: weight {index} changes nothing; weight_shape is "
                f"{block.weight_shape}, {math.prod(block.weight_shape)} numbers"
            )

    def test_wrong_weights_are_refused(self, block: Processing) -> None:
        """Another shape, another name, and none."""
        circuit = Circuit([block])
        shape = tuple(size + 1 for size in block.weight_shape)
        expected = r"weights: expected the names \['weights_0'"
        with pytest.raises(ShapeError, match="weights: expected 'weights_0' of shape"):
            circuit(None, np.zeros(shape))
        with pytest.raises(ShapeError, match=expected):
            circuit(None, {"theta": np.zeros(block.weight_shape)})
        with pytest.raises(ShapeError, match=expected):
            circuit()
