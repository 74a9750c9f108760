"""Spin-rotation equivariance: under random rotations of space."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from qml_qdl.circuits import (
    AngleEncoding,
    Circuit,
    DirectionEncoding,
    Expectation,
    HeisenbergExchange,
    RotationEncoding,
    Singlets,
    State,
    exchange_readout,
)
from qml_qdl.circuits.errors import QdlError

POINTS = 4
CIRCUITS = [
    pytest.param(
        HeisenbergExchange(POINTS) @ DirectionEncoding(POINTS), id="directions"
    ),
    pytest.param(
        HeisenbergExchange(POINTS, pattern="ring")
        @ RotationEncoding(POINTS, scaling=0.7)
        @ HeisenbergExchange(POINTS, layers=2, pattern="brick")
        @ DirectionEncoding(POINTS),
        id="both",
    ),
    pytest.param(
        HeisenbergExchange(POINTS) @ RotationEncoding(POINTS) @ Singlets(POINTS),
        id="singlets",
    ),
]


def spinor(rotation: Any) -> NDArray[np.complex128]:
    """The unitary of one spin for a rotation of space."""
    x, y, z, w = rotation.as_quat()
    return np.array([[w - 1j * z, -1j * x - y], [-1j * x + y, w + 1j * z]])


def turned(points: torch.Tensor, rotation: Any) -> torch.Tensor:
    matrix = torch.tensor(rotation.as_matrix(), dtype=points.dtype)
    return (points.reshape(*points.shape[:-1], -1, 3) @ matrix.T).flatten(-2)


def rotations(count: int = 5) -> list[Any]:
    return list(Rotation.random(count, rng=np.random.default_rng(0)))


def cloud(rows: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(rows, 3 * POINTS, generator=generator).to(dtype)


def weights_of(circuit: Circuit, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return {
        name: (6 * torch.rand(shape, generator=generator)).to(dtype)
        for name, shape in circuit.weight_shapes.items()
    }


@pytest.mark.parametrize("circuit", CIRCUITS)
@pytest.mark.parametrize(
    ("device", "dtype"),
    [("default.qubit", torch.float64), ("qdl.simulator", torch.float32)],
    ids=str,
)
def test_results_do_not_turn(
    circuit: Circuit,
    dtype: torch.dtype,
    device: str,
    execute: Callable[..., torch.Tensor],
) -> None:
    points, weights = cloud(2, dtype), weights_of(circuit, dtype)
    invariant = circuit.with_readout(exchange_readout(POINTS))
    broken = circuit.with_readout(Expectation(["ZIII", "ZZII"]))
    result = execute(invariant, points, weights, device=device)
    assert result.shape == (2, 6)
    assert result.std() > 0.05
    before = execute(broken, points, weights, device=device)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    for rotation in rotations():
        y = turned(points, rotation)
        found = execute(invariant, y, weights, device=device)
        assert (found - result).abs().max() < tolerance
        change = (execute(broken, y, weights, device=device) - before).abs().max()
        if "Singlets" not in repr(circuit):
            assert change > 0.05


@pytest.mark.parametrize("circuit", CIRCUITS)
def test_states_turn_as_spins(
    circuit: Circuit, execute: Callable[..., torch.Tensor]
) -> None:
    circuit = circuit.with_readout(State())
    points, weights = cloud(1), weights_of(circuit, torch.float64)
    state = execute(circuit, points[0], weights).numpy()
    for rotation in rotations(3):
        one = spinor(rotation)
        every = np.array([[1.0]])
        for _ in range(POINTS):
            every = np.kron(every, one)
        found = execute(circuit, turned(points, rotation)[0], weights).numpy()
        assert abs(np.vdot(every @ state, found)) == pytest.approx(1, abs=1e-12)


def test_the_wrong_encoding_and_gates_are_seen(
    execute: Callable[..., torch.Tensor],
) -> None:
    """Angle encoding of coordinates, or anything but exchange, breaks the symmetry."""
    points, readout = cloud(1)[:, :6], exchange_readout(2)
    wrong_gate = AngleEncoding(2, features=[0, 3]) @ DirectionEncoding(2)
    wrong_start = Circuit([RotationEncoding(2)])  # |00⟩ points somewhere
    wrong_order = DirectionEncoding(2) @ RotationEncoding(2) @ DirectionEncoding(2)
    for wrong in (wrong_gate, wrong_start, wrong_order):
        circuit = wrong.with_readout(readout)
        result = execute(circuit, points)
        changes = [
            (execute(circuit, turned(points, r)) - result).abs().max()
            for r in rotations()
        ]
        assert max(changes) > 1e-2


def test_exchange_is_a_swap(unitary: Callable[..., Any]) -> None:
    swap = np.eye(4)[[0, 2, 1, 3]]
    found = unitary(HeisenbergExchange(2), None, np.array([[0.7]]))
    expected = np.cos(0.7) * np.eye(4) - 1j * np.sin(0.7) * swap
    phase = found[0, 0] / expected[0, 0]
    assert abs(phase) == pytest.approx(1)
    np.testing.assert_allclose(found, phase * expected, atol=1e-12)


def test_the_rotation_is_about_the_point(unitary: Callable[..., Any]) -> None:
    vector = np.array([0.3, -0.8, 0.4])
    expected = spinor(Rotation.from_rotvec(vector))
    np.testing.assert_allclose(
        unitary(RotationEncoding(1), vector), expected, atol=1e-12
    )


def test_directions_are_bloch_vectors(execute: Callable[..., torch.Tensor]) -> None:
    vector = torch.tensor([0.6, -2.0, 0.9], dtype=torch.float64)
    circuit = DirectionEncoding(1).with_readout(Expectation(["X", "Y", "Z"]))
    found = execute(circuit, vector)
    torch.testing.assert_close(found, vector / vector.norm())


def test_singlets_and_triplets(execute: Callable[..., torch.Tensor]) -> None:
    swaps = execute(Singlets(4).with_readout(exchange_readout(4, [(0, 1), (1, 2)])))
    np.testing.assert_allclose(swaps, [-1, 0.5], atol=1e-12)
    alike = torch.tensor([0.1, 0.2, 0.3] * 2, dtype=torch.float64)
    circuit = DirectionEncoding(2).with_readout(exchange_readout(2))
    np.testing.assert_allclose(execute(circuit, alike), [1], atol=1e-12)


@pytest.mark.parametrize("kind", [DirectionEncoding, RotationEncoding])
@pytest.mark.parametrize("device", ["default.qubit", "qdl.simulator"])
def test_gradients(
    kind: Any, device: str, execute: Callable[..., torch.Tensor]
) -> None:
    encoding = kind(2, features=range(6))
    circuit = HeisenbergExchange(2) @ encoding @ AngleEncoding(2, features=[6, 7])
    circuit = circuit.with_readout(Expectation(["ZI", "XY", "IX"]))
    theta = torch.tensor([[0.4]], dtype=torch.float64)

    def loss(x: torch.Tensor) -> torch.Tensor:
        return execute(circuit, x, theta, device=device).sum()

    x = torch.tensor([0.3, -0.2, 0.5, 1.0, 0.4, -0.6, 0.1, 0.2], dtype=torch.float64)
    torch.autograd.gradcheck(loss, x.requires_grad_(), eps=1e-6, atol=1e-6)
    # On the axis and at the origin they are finite.
    x = torch.tensor([0.0, 0, -1, 0, 0, 0, 0.1, 0.2], dtype=torch.float64)
    (gradient,) = torch.autograd.grad(loss(x.requires_grad_()), x)
    assert gradient.isfinite().all()
    assert loss(x).isfinite()


@pytest.mark.parametrize(
    "block",
    [
        DirectionEncoding(2, scaling=2.0),
        RotationEncoding(["b", "a"]),
        Singlets(4),
        HeisenbergExchange(3, layers=2, pattern="ring"),
    ],
    ids=repr,
)
def test_blocks_are_values(block: Any, rebuild: Callable[[object], Any]) -> None:
    for twin in (
        pickle.loads(pickle.dumps(block)),
        copy.deepcopy(block),
        rebuild(block),
    ):
        assert twin == block
        assert hash(twin) == hash(block)
    assert block.on(list("wxyz")[: len(block.wires)]).on(block.wires) == block


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Singlets(3),
            r"wires: singlets are made of pairs, got 3 wires; use an",
        ),
        (
            lambda: HeisenbergExchange(1),
            r"wires: an exchange is between two spins, got",
        ),
        (lambda: HeisenbergExchange(2, 0), r"layers: expected at least 1, got 0"),
        (lambda: HeisenbergExchange(2, pattern="star"), r"pattern: expected one of"),
        (
            lambda: exchange_readout(2, [(0, 0)]),
            r"pairs: expected pairs of different po",
        ),
        (
            lambda: exchange_readout(1),
            r"pairs: expected pairs of different positions 0",
        ),
        (lambda: DirectionEncoding(2, features=[0, 1]), r"reads 6 features, got 2"),
    ],
)
def test_errors(make: Callable[[], object], text: str) -> None:
    with pytest.raises(QdlError, match=text):
        make()
