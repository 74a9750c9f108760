"""The tensor networks against PennyLane's templates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import (
    MERA,
    MPS,
    TTN,
    AngleEncoding,
    ArgumentError,
    ArgumentTypeError,
    BasicEntangler,
    Brickwork,
    HurCircuit,
    Processing,
    StronglyEntangling,
    TensorNetwork,
    share,
)


def original(network: TensorNetwork, weights: Any) -> Any:
    """PennyLane's own template, with the block written as it asks for."""

    def block(weights: Any, wires: Any) -> None:
        network.block.on(wires).process(weights)

    template = getattr(qml, type(network).__name__)
    options = {}
    if isinstance(network, MPS) and network.offset is not None:
        options["offset"] = network.offset
    return template(
        network.wires,
        len(network.block.wires),
        block,
        weights.shape[-1],
        weights,
        **options,
    )


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(MPS(4), id="mps"),
        pytest.param(MPS(["a", "b", "c"], BasicEntangler(2, 2)), id="mps-labels"),
        pytest.param(MPS(6, StronglyEntangling(4)), id="mps-wide"),
        pytest.param(MPS(4, StronglyEntangling(3)), id="mps-odd"),
        pytest.param(MPS(5, StronglyEntangling(4), offset=1), id="mps-offset"),
        pytest.param(TTN(4), id="ttn"),
        pytest.param(TTN(8, BasicEntangler(2)), id="ttn-deep"),
        pytest.param(TTN(8, BasicEntangler(4)), id="ttn-wide"),
        pytest.param(MERA(4), id="mera"),
        pytest.param(MERA(8, BasicEntangler(2)), id="mera-deep"),
    ],
)
def test_it_is_pennylanes_template(
    network: TensorNetwork, unitary: Callable[..., Any]
) -> None:
    weights = np.random.default_rng(0).uniform(0, 6, network.weight_shape)
    expected = qml.matrix(original(network, weights), wire_order=network.wires)
    np.testing.assert_allclose(unitary(network, None, weights), expected, atol=1e-12)


def test_it_leaves_the_global_generator_alone() -> None:
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    assert TTN(4).weight_shape == (3, 1, 2, 3)
    after = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    assert after == before


def test_the_labels_of_the_block_do_not_matter(unitary: Callable[..., Any]) -> None:
    weights = np.random.default_rng(0).uniform(0, 6, MPS(3).weight_shape)
    relabelled = MPS(3, StronglyEntangling(["x", "y"]))
    np.testing.assert_array_equal(
        unitary(relabelled, None, weights), unitary(MPS(3), None, weights)
    )


@pytest.mark.parametrize("kind", [MPS, TTN, MERA])
def test_wrong_blocks_are_refused(kind: type[TensorNetwork]) -> None:
    with pytest.raises(ArgumentError, match="block: expected a processing on 2 to 2"):
        kind(2, BasicEntangler(3))
    with pytest.raises(ArgumentError, match="on 2 to 4 wires, got 1: BasicEntangler"):
        kind(4, BasicEntangler(1))
    with pytest.raises(ArgumentError, match="network itself needs two wires or more"):
        kind(1)
    wrong: list[Any] = [AngleEncoding(2), share("W", BasicEntangler(2)), qml.CNOT]
    for block in wrong:
        with pytest.raises(ArgumentTypeError, match="block: expected a processing"):
            kind(4, block)


@pytest.mark.parametrize("kind", [TTN, MERA])
@pytest.mark.parametrize(
    ("wires", "block"),
    [(6, BasicEntangler(2)), (5, BasicEntangler(2)), (6, BasicEntangler(3))],
)
def test_wires_that_make_no_tree_are_refused(
    kind: type[TensorNetwork], wires: int, block: Processing
) -> None:
    with pytest.raises(ArgumentError, match=f"wires: a tree .* got {wires} wires"):
        kind(wires, block)


def test_bricks_lie_between_those_of_the_layer_before(
    unitary: Callable[..., Any],
) -> None:
    wall = Brickwork([*"abcd"], HurCircuit(9), layers=3)
    assert wall.weight_shape == (5, 15)
    pairs = [*"ab", *"cd", *"bc", *"ab", *"cd"]
    assert [wire for place in wall.places for wire in place] == pairs
    assert Brickwork(2, layers=3).places == ((0, 1),) * 3
    weights = np.random.default_rng(0).uniform(0, 6, wall.weight_shape)
    gates = [
        qml.matrix(HurCircuit(9).process, wire_order=[0, 1])(row) for row in weights
    ]
    first, last = (np.kron(gates[k], gates[k + 1]) for k in (0, 3))
    between = np.kron(np.kron(np.eye(2), gates[2]), np.eye(2))
    found = unitary(wall, None, weights)
    np.testing.assert_allclose(found, last @ between @ first, atol=1e-12)


def test_walls_of_other_bricks_are_refused() -> None:
    with pytest.raises(ArgumentError, match="on two wires, as a brick has, got 3"):
        Brickwork(4, BasicEntangler(3))
    with pytest.raises(ArgumentError, match="layers: expected at least 1, got 0"):
        Brickwork(4, layers=0)


def test_wrong_offsets_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"offset: expected 1 to 1 .* got 2"):
        MPS(4, offset=2)
    with pytest.raises(ArgumentError, match="offset: expected at least 1, got 0"):
        MPS(4, offset=0)
    with pytest.raises(ArgumentError, match="wires: blocks of 4 wires, each 2 below"):
        MPS(5, BasicEntangler(4))
    # Here PennyLane's count of blocks comes out one short of covering the wires.
    with pytest.raises(ArgumentError, match="do not cover 7 wires"):
        MPS(7, BasicEntangler(4), offset=3)
