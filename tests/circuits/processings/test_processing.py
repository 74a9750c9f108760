"""The processings against PennyLane's templates, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import (
    ArgumentError,
    ArgumentTypeError,
    BasicEntangler,
    HardwareEfficient,
    IsingLayers,
    Processing,
    RandomLayers,
    SimCircuit,
    SimplifiedTwoDesign,
    StronglyEntangling,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("processing", "template"),
    [
        pytest.param(
            StronglyEntangling(3, layers=2),
            lambda w: qml.StronglyEntanglingLayers(w, range(3)),
            id="strongly",
        ),
        pytest.param(
            StronglyEntangling(4, layers=2, ranges=(3, 2), imprimitive="iSWAP"),
            lambda w: qml.StronglyEntanglingLayers(
                w, range(4), ranges=(3, 2), imprimitive=qml.ISWAP
            ),
            id="strongly-options",
        ),
        pytest.param(
            BasicEntangler(3, layers=2, rotation="RY"),
            lambda w: qml.BasicEntanglerLayers(w, range(3), rotation=qml.RY),
            id="basic",
        ),
        pytest.param(
            RandomLayers(3, layers=2),
            lambda w: qml.RandomLayers(w, range(3)),
            id="random",
        ),
        pytest.param(
            RandomLayers(3, rotations=7, ratio_imprimitive=0.6, seed=3),
            lambda w: qml.RandomLayers(w, range(3), ratio_imprim=0.6, seed=3),
            id="random-options",
        ),
        pytest.param(
            SimplifiedTwoDesign(3, layers=2),
            lambda w: qml.SimplifiedTwoDesign(w[:3], w[3:].reshape(2, 2, 2), range(3)),
            id="two-design",
        ),
    ],
)
def test_it_is_pennylanes_template(
    processing: Processing,
    template: Callable[[Any], Any],
    unitary: Callable[..., Any],
) -> None:
    weights = RNG.uniform(0, 6, processing.weight_shape)
    expected = qml.matrix(template(weights), wire_order=processing.wires)
    np.testing.assert_allclose(unitary(processing, None, weights), expected, atol=1e-12)


def test_the_seed_makes_the_random_circuit(unitary: Callable[..., Any]) -> None:
    weights = RNG.uniform(0, 6, (2, 4))
    first, again, other = (
        unitary(RandomLayers(4, layers=2, seed=seed), None, weights)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.parametrize(
    "kind",
    [
        StronglyEntangling,
        BasicEntangler,
        RandomLayers,
        SimplifiedTwoDesign,
        HardwareEfficient,
        IsingLayers,
        lambda wires, layers: SimCircuit(1, wires, layers),
    ],
)
def test_wrong_layers_are_refused(kind: Callable[[int, Any], Processing]) -> None:
    with pytest.raises(ArgumentError, match="layers: expected at least 1, got 0"):
        kind(2, 0)
    for layers in (1.5, True, "2"):
        with pytest.raises(ArgumentTypeError, match="layers: expected a whole number"):
            kind(2, layers)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: StronglyEntangling(2, imprimitive="CNO"),
            "imprimitive: expected one of 'CNOT', .* got 'CNO'",
        ),
        (
            lambda: StronglyEntangling(3, layers=2, ranges=[1]),
            "ranges: expected 2 numbers from 1 to 2, .* got .1.; leave ranges=None",
        ),
        (
            lambda: StronglyEntangling(3, ranges=[3]),
            "ranges: expected 1 numbers from 1 to 2",
        ),
        (
            lambda: StronglyEntangling(3, ranges=1),
            "ranges: expected None or one whole number for each layer, got 1",
        ),
        (
            lambda: StronglyEntangling(3, ranges=["1"]),
            "ranges: expected None or one whole number",
        ),
        (
            lambda: BasicEntangler(2, rotation="X"),
            "rotation: expected one of 'RX', 'RY', 'RZ', got 'X'",
        ),
        (lambda: RandomLayers(2, rotations=0), "rotations: expected at least 1, got 0"),
        (lambda: RandomLayers(2, seed=-1), "seed: expected at least 0, got -1"),
        (
            lambda: RandomLayers(2, ratio_imprimitive=1.0),
            r"ratio_imprimitive: .* below 1, got 1\.0",
        ),
        (
            lambda: RandomLayers(2, ratio_imprimitive="a"),  # type: ignore[arg-type]
            "ratio_imprimitive: expected a number, got 'a'",
        ),
    ],
)
def test_wrong_options_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        make()
