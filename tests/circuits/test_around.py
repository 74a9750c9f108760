"""Blocks around a block: all that is not their own is the inner block's."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from attrs import field, frozen

from qml_qdl.circuits import (
    Adjoint,
    AngleEncoding,
    ArgumentTypeError,
    Block,
    StronglyEntangling,
    share,
)
from qml_qdl.circuits.around import Around, as_block

BLOCKS = [
    StronglyEntangling(["b", "a"]),
    AngleEncoding(2, features=[2, 0], scaling=0.5, trainable_scaling=True),
    AngleEncoding(3),
]
INNER = (
    "wires",
    "num_features",
    "features",
    "weight_shape",
    "weight_kind",
    "tied_name",
    "initial_weight",
)


@frozen(repr=False)
class Twice(Around):
    """The block's gates, twice."""

    block: Block = field(converter=as_block)

    def queue(self, inputs: Any, weights: Any) -> None:
        for _ in range(2):
            self.block.queue(inputs, weights)


@pytest.mark.parametrize("around", [Twice, Adjoint], ids=["own", "adjoint"])
@pytest.mark.parametrize("block", [*BLOCKS, share("W", BLOCKS[0])], ids=repr)
def test_what_is_not_its_own_is_the_inner_blocks(
    around: Callable[[Block], Any], block: Block
) -> None:
    made = around(block)
    for name in INNER:
        assert getattr(made, name) == getattr(block, name), name


def test_it_is_a_value(rebuild: Callable[[object], Any]) -> None:
    made = Twice(BLOCKS[0])
    assert pickle.loads(pickle.dumps(made)) == made
    assert made != Twice(BLOCKS[1])
    assert len({made, Twice(BLOCKS[0]), Twice(BLOCKS[1])}) == 2
    assert repr(made) == "Twice(StronglyEntangling(['b', 'a']))"
    assert rebuild(Adjoint(BLOCKS[0])) == Adjoint(BLOCKS[0])


def test_it_moves_with_its_block(unitary: Callable[..., Any]) -> None:
    moved = Twice(BLOCKS[0]).on(2)
    assert moved == Twice(StronglyEntangling(2))
    weights = np.random.default_rng(0).uniform(0, 6, (1, 2, 3))
    once = unitary(StronglyEntangling(2), None, weights)
    np.testing.assert_allclose(unitary(moved, None, weights), once @ once)


def test_what_is_no_block_is_refused() -> None:
    with pytest.raises(
        ArgumentTypeError, match="block: expected an encoding or a processing, got 'W'"
    ):
        Twice("W")


def test_the_adjoint_of_a_shared_block_undoes_it(unitary: Callable[..., Any]) -> None:
    shared = share("W", BLOCKS[0])
    circuit = Adjoint(shared) @ shared
    assert circuit.weight_shapes == {"W": (1, 2, 3)}
    weights = np.random.default_rng(0).uniform(0, 6, (1, 2, 3))
    np.testing.assert_allclose(unitary(circuit, None, weights), np.eye(4), atol=1e-12)
    assert share("V", Adjoint(shared)).tied_name == "V"
