"""Inner products as angles: under rotations, boosts and permutations of points."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from qml_qdl.circuits import (
    AngleEncoding,
    Circuit,
    EquivariantProcessing,
    Expectation,
    InnerProductEncoding,
    StronglyEntangling,
    encoding_error,
    invariance_error,
    invariant_readout,
    point_cloud_circuit,
)
from qml_qdl.circuits.errors import QdlError
from qml_qdl.circuits.symmetry.inner_products import LORENTZ
from qml_qdl.circuits.symmetry.named_groups import symmetric_group

POINTS = 4


def rotations(count: int = 3) -> list[Any]:
    found = Rotation.random(count, rng=np.random.default_rng(0)).as_matrix()
    return [*found, np.diag([1.0, 1.0, -1.0])]  # and a mirror image


def boosts(count: int = 3) -> list[Any]:
    """Lorentz transformations: exponentials of what leaves the metric alone."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(count):
        generator = np.zeros((4, 4))
        generator[0, 1:] = generator[1:, 0] = rng.normal(size=3) / 2
        turn = rng.normal(size=(3, 3))
        generator[1:, 1:] = turn - turn.T
        found.append(expm(generator))
    return found


def cloud(size: int, dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    points = torch.randn(2, POINTS, size, generator=generator, dtype=torch.float64)
    return (0.7 * points).to(dtype)


def moved(points: torch.Tensor, matrix: Any, order: Any) -> torch.Tensor:
    turned = points.double() @ torch.tensor(matrix).T
    return turned[:, order].to(points.dtype).flatten(1)


def weights_of(circuit: Circuit, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return {
        name: (6 * torch.rand(shape, generator=generator)).to(dtype)
        for name, shape in circuit.weight_shapes.items()
    }


@pytest.mark.parametrize(
    ("device", "dtype"),
    [("default.qubit", torch.float64), ("qdl.simulator", torch.float32)],
    ids=str,
)
@pytest.mark.parametrize("space", ["euclidean", "lorentz"])
def test_neither_rotations_nor_order_count(
    dtype: torch.dtype, device: str, space: str, execute: Callable[..., torch.Tensor]
) -> None:
    matrices = rotations() if space == "euclidean" else boosts()
    metric = (1, 1, 1) if space == "euclidean" else LORENTZ
    circuit = point_cloud_circuit(POINTS, layers=2, metric=metric)
    points, weights = cloud(len(metric), dtype), weights_of(circuit, dtype)
    result = execute(circuit, points.flatten(1), weights, device=device)
    assert result.shape == (2, 6)
    assert (result[0] - result[1]).abs().max() > 0.05
    # Other metrics, readouts of one point, and coordinates of one's own are seen.
    broken = [
        point_cloud_circuit(POINTS, 2, (1.0, 2.0, 1.0, 1.0)[: len(metric)]),
        circuit.with_readout(Expectation(["XIII", "ZIII"])),
    ]
    before = [execute(c, points.flatten(1), weights, device=device) for c in broken]
    tolerance = 5e-5 if dtype == torch.float32 else 1e-12
    changes = np.zeros(2)
    for matrix, order in zip(
        matrices, ([1, 2, 3, 0], [3, 2, 1, 0], [0, 2, 1, 3], [1, 0, 2, 3]), strict=False
    ):
        x = moved(points, matrix, order)
        found = execute(circuit, x, weights, device=device)
        assert (found - result).abs().max() < tolerance
        for k, wrong in enumerate(broken):
            found = execute(wrong, x, weights, device=device)
            changes[k] = max(changes[k], float((found - before[k]).abs().max()))
    assert changes.min() > 0.05


def test_angles_are_inner_products(unitary: Callable[..., Any]) -> None:
    v, w = np.array([0.3, -0.8, 0.4]), np.array([1.0, 0.5, -0.2])
    x = np.array([[0, 1], [1, 0]])
    one, other, both = np.kron(x, np.eye(2)), np.kron(np.eye(2), x), np.kron(x, x)
    generator = v @ v * one + w @ w * other + v @ w * both
    found = unitary(InnerProductEncoding(2), np.concatenate([v, w]))
    np.testing.assert_allclose(found, expm(-0.5j * generator), atol=1e-12)
    found = unitary(InnerProductEncoding(2, scaling=2.0), np.concatenate([v, w]))
    np.testing.assert_allclose(found, expm(-2j * generator), atol=1e-12)


def test_measured_equivariance_under_permutations() -> None:
    """Coordinates move with their points; a factor for each of them breaks it."""
    group = symmetric_group(3)
    actions = [
        lambda x, g=g: g.permute(x.reshape(3, 3).T).T.ravel() for g in group.generators
    ]
    encoding = InnerProductEncoding(3)
    assert encoding_error(encoding, group, actions) < 1e-12
    trained = InnerProductEncoding(3, trainable_scaling=True)
    factors = np.linspace(0.5, 2, 9)
    assert encoding_error(trained, group, actions, weights=factors) > 0.05
    one_each = AngleEncoding(3, features=[0, 1, 2]) @ AngleEncoding(
        3, features=[6, 7, 8]
    )
    assert encoding_error(one_each, group, actions) > 0.05

    readout = invariant_readout(group, ["ZII", "XXI"])
    processing = EquivariantProcessing(3, group, ["ZII", "XYI"])
    good = (processing @ encoding).with_readout(readout)
    weights = np.array([[0.4, 0.9]])
    assert invariance_error(good, group, actions, weights=weights) < 1e-12
    bad = (StronglyEntangling(3) @ encoding).with_readout(readout)
    weights = np.linspace(0, 2, 9).reshape(1, 3, 3)
    assert invariance_error(bad, group, actions, weights=weights) > 0.01


@pytest.mark.parametrize(
    "block",
    [
        InnerProductEncoding(2, "Y", scaling=2.0),
        InnerProductEncoding(["b", "a"], metric=LORENTZ),
    ],
    ids=repr,
)
def test_it_is_a_value(block: Any, rebuild: Callable[[object], Any]) -> None:
    for twin in (
        pickle.loads(pickle.dumps(block)),
        copy.deepcopy(block),
        rebuild(block),
    ):
        assert twin == block
        assert hash(twin) == hash(block)
    assert block.on(["x", "y"]).on(block.wires) == block


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: InnerProductEncoding(2, "W"),
            r"rotation: expected one of 'X', 'Y', 'Z'",
        ),
        (
            lambda: InnerProductEncoding(2, metric=()),
            r"metric: expected a number other than 0 for each coordinate, got \(\)",
        ),
        (
            lambda: InnerProductEncoding(2, metric=(1, 0)),
            r"metric: expected a number other than 0 for each coordinate, got \(1, 0\)",
        ),
        (
            lambda: InnerProductEncoding(2, metric="xyz"),
            r"metric: expected a sign for each coordinate, such as \(1, 1, 1\), got",
        ),
        (
            lambda: InnerProductEncoding(2, features=[0, 1]),
            r"features: InnerProductEncoding on 2 wires reads 6 features, got 2",
        ),
        (lambda: point_cloud_circuit(1), r"num_points: expected at least 2, got 1"),
        (lambda: point_cloud_circuit(2, 0), r"layers: expected at least 1, got 0"),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
