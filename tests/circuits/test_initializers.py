"""Where weights start from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qml_qdl.circuits import (
    INITIALIZERS,
    AngleEncoding,
    ArgumentError,
    ArgumentTypeError,
    BasicEntangler,
    Circuit,
    Expectation,
    Probabilities,
    StronglyEntangling,
    initial_weights,
    reupload,
    share,
)
from qml_qdl.circuits.initializers import gaussian_std, initial_angles

# 30,000 angles, enough for statistics.
LARGE = StronglyEntangling(10, layers=1000) @ AngleEncoding(10)
SMALL = reupload(BasicEntangler(2), AngleEncoding(2), layers=2)


@pytest.mark.parametrize("method", INITIALIZERS)
def test_shapes_and_seeds(method: str) -> None:
    weights = initial_weights(SMALL, method, seed=1)
    assert {name: w.shape for name, w in weights.items()} == SMALL.weight_shapes
    assert all(w.dtype == np.float64 for w in weights.values())
    for seed in (1, np.random.default_rng(1)):
        again = initial_weights(SMALL, method, seed=seed)
        for name, expected in weights.items():
            np.testing.assert_array_equal(again[name], expected)
    if method != "zeros":
        other = initial_weights(SMALL, method, seed=2)
        assert not np.array_equal(other["weights_0"], weights["weights_0"])
        assert not np.array_equal(weights["weights_0"], weights["weights_1"])
        unseeded = initial_weights(SMALL, method)
        assert not np.array_equal(unseeded["weights_0"], weights["weights_0"])


def test_a_generator_moves_on() -> None:
    rng = np.random.default_rng(1)
    first, second = (initial_weights(SMALL, seed=rng) for _ in range(2))
    assert not np.array_equal(first["weights_0"], second["weights_0"])


@pytest.mark.parametrize(
    ("method", "mean", "std"),
    [
        ("uniform", math.pi, math.pi / math.sqrt(3)),
        ("normal", 0, 1),
        ("zeros", 0, 0),
        ("near_identity", 0, 0.1),
        ("gaussian", 0, 1 / math.sqrt(4 * 3000)),
    ],
)
def test_distributions(method: str, mean: float, std: float) -> None:
    (weights,) = initial_weights(LARGE, method, seed=0).values()
    # Five standard errors of the mean of 30,000 numbers.
    assert weights.mean() == pytest.approx(mean, abs=0.03 * std + 1e-12)
    assert weights.std() == pytest.approx(std, rel=0.03)
    if method == "uniform":
        assert weights.min() >= 0
        assert weights.max() < 2 * math.pi


def test_uniform_is_the_default() -> None:
    left, right = (
        initial_weights(SMALL, seed=0),
        initial_weights(SMALL, "uniform", seed=0),
    )
    np.testing.assert_array_equal(left["weights_0"], right["weights_0"])


@pytest.mark.parametrize("method", INITIALIZERS)
def test_scaling_starts_from_its_number(method: str) -> None:
    trained = AngleEncoding(2, scaling=0.5, trainable_scaling=True)
    circuit = BasicEntangler(2) @ trained @ share("common", trained)
    weights = initial_weights(circuit, method, seed=0)
    for name in ("scaling_0", "common"):
        assert weights[name].tolist() == [0.5, 0.5]


def test_shared_weights_are_one_tensor() -> None:
    tied = share("w", BasicEntangler(2))
    assert list(initial_weights(tied @ AngleEncoding(2) @ tied, seed=0)) == ["w"]


@pytest.mark.parametrize(
    ("readout", "locality"),
    [
        (Expectation(), 1),
        (Expectation(["ZIX", "ZII"]), 2),
        (Expectation("III"), 1),
        (Expectation([qml.X(0) @ qml.Y(1) @ qml.Z(2) + qml.X(1)]), 3),
        (Expectation([qml.Projector([0, 1], [0, 1])]), 2),
        (Probabilities(), 3),
    ],
)
def test_gaussian_width_follows_depth_and_locality(readout: Any, locality: int) -> None:
    encoding = AngleEncoding(3, trainable_scaling=True)
    circuit = reupload(BasicEntangler(3), encoding, layers=4).with_readout(readout)
    assert gaussian_std(circuit) == pytest.approx(1 / math.sqrt(4 * locality * 4))
    tied = reupload(share("w", BasicEntangler(3)), encoding, 4).with_readout(readout)
    assert gaussian_std(tied) == gaussian_std(circuit)


def test_angles_without_a_circuit() -> None:
    for method in set(INITIALIZERS) - {"gaussian"}:
        weights = initial_weights(BasicEntangler(3) @ AngleEncoding(3), method, seed=4)
        angles = initial_angles((1, 3), method, np.random.default_rng(4))
        np.testing.assert_array_equal(angles, weights["weights_0"])
    with pytest.raises(ArgumentError, match="method: 'gaussian' depends on the depth"):
        initial_angles((1, 3), "gaussian", np.random.default_rng(4))


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(
        ArgumentError, match=r"method: expected one of 'uniform', .* 'x'"
    ):
        initial_weights(SMALL, "x")
    with pytest.raises(ArgumentError, match="seed: expected at least 0, got -1"):
        initial_weights(SMALL, seed=-1)
    with pytest.raises(ArgumentTypeError, match="seed: expected a whole number"):
        initial_weights(SMALL, seed="a")  # type: ignore[arg-type]


def test_a_block_has_initial_weights_too() -> None:
    block = BasicEntangler(2)
    found = initial_weights(block, seed=0)
    expected = initial_weights(Circuit([block]), seed=0)
    np.testing.assert_array_equal(found["weights_0"], expected["weights_0"])
    with pytest.raises(ArgumentTypeError, match="circuit: expected a circuit"):
        initial_weights("BasicEntangler")  # type: ignore[arg-type]
