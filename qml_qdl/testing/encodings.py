"""The contract of encodings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from torch import Tensor

from qml_qdl.circuits import (
    ArgumentError,
    Block,
    Circuit,
    Encoding,
    Probabilities,
    QdlError,
    ShapeError,
    StronglyEntangling,
)
from qml_qdl.testing.blocks import BlockContract
from qml_qdl.testing.running import execute


class EncodingContract(BlockContract):
    """What every encoding S(x) promises.

    `instances` are encodings, of few wires. One that reads other numbers than those
    from 0.1 to 1.1 defines `inputs`.

    Example:
        >>> from qml_qdl.circuits import AngleEncoding
        >>> class TestAngle(EncodingContract):
        ...     instances = [AngleEncoding(2), AngleEncoding(1, features=[3])]
        >>> TestAngle().test_rows_do_not_mix(AngleEncoding(2))
    """

    def surrounded(self, block: Block) -> Circuit:
        """Gates before it, since `|0⟩` is special, and after it, to see its phases."""
        mixing = StronglyEntangling(block.wires)
        circuit = mixing @ block @ mixing
        return circuit.with_readout(Probabilities())

    def weights(self, block: Block) -> Tensor | None:
        """Factors around 1, where the scaling is trained."""
        if block.weight_shape is None:
            return None
        return torch.linspace(0.7, 1.3, block.num_features, dtype=torch.float64)

    def other(self, block: Block) -> Block:
        """A processing."""
        return StronglyEntangling(block.wires)

    def test_only_its_features_are_read(self, block: Encoding) -> None:
        """Other features change nothing."""
        circuit, weights = self.surrounded(block), self._all_weights(block)
        inputs = self.inputs(circuit)
        changed = inputs.clone()
        every = range(len(inputs))
        changed[list(set(every) - set(block.features or every))] += 1.0
        torch.testing.assert_close(
            execute(circuit, changed, weights), execute(circuit, inputs, weights)
        )

    def test_every_feature_is_read(self, block: Encoding) -> None:
        """What is measured has a slope along each of its features."""
        (slopes, *_) = self._slopes(block)
        for feature in block.features or range(block.num_features):
            assert slopes[feature].abs() > 1e-9, (
                f"{block!r}: feature {feature} changes nothing; num_features says that "
                f"{block.num_features} are read"
            )

    def test_a_trained_scaling_multiplies_the_features(self, block: Encoding) -> None:
        """One factor a feature, which scales as `scaling` does."""
        trained = evolve(block, trainable_scaling=True)
        assert trained.weight_shape == (block.num_features,), (
            f"{block!r}: weight_shape with a trained scaling is "
            f"{trained.weight_shape}, expected one factor for each feature, "
            f"({block.num_features},)"
        )
        assert evolve(block, trainable_scaling=False).weight_shape is None
        factors = torch.full(trained.weight_shape, 0.8, dtype=torch.float64)
        fixed = evolve(block, trainable_scaling=False, scaling=0.8)
        weights, name = self._all_weights(trained), "scaling_0"
        circuit = self.surrounded(trained)
        inputs = self.inputs(circuit)
        found = execute(circuit, inputs, {**weights, name: factors})
        weights.pop(name)
        expected = execute(self.surrounded(fixed), inputs, weights)
        torch.testing.assert_close(found, expected)

    def test_wrong_inputs_are_refused(self, block: Encoding) -> None:
        """A feature too many, a dimension too many, and none."""
        circuit, weights = Circuit([block]), self.weights(block)
        size = circuit.num_inputs
        with pytest.raises(ShapeError, match=rf"inputs: .* got \({size + 1},\)"):
            circuit(np.zeros(size + 1), weights)
        with pytest.raises(ShapeError, match=rf"inputs: .* got \(1, 1, {size}\)"):
            circuit(np.zeros((1, 1, size)), weights)
        with pytest.raises(ShapeError, match=f"expected {size} features, got none"):
            circuit(None, weights)

    def test_wrong_features_are_refused(self, block: Encoding) -> None:
        """Too many, the same twice, negative ones, and a word."""
        wrong: list[tuple[Any, type[QdlError], str]] = [
            (
                range(block.num_features + 1),
                ArgumentError,
                f"reads {block.num_features} features",
            ),
            ([0, 0], ArgumentError, "features: .* different indices"),
            ([-1], ArgumentError, "features: .* from 0 up"),
            ("all", QdlError, "features: expected None, a slice or indices"),
        ]
        for features, error, text in wrong:
            with pytest.raises(error, match=text):
                evolve(block, features=features)
