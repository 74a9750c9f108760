"""Pooling: controlled or measured, the same state of what is kept."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch

from qml_qdl.circuits import (
    AngleEncoding,
    ArgumentError,
    Circuit,
    Expectation,
    QuantumPool,
    StronglyEntangling,
)
from qml_qdl.circuits.processings.pooling import POOLINGS

KINDS = pytest.mark.parametrize("kind", POOLINGS)
WIRES = [4, 3, 2, ["c", "a", "b", "x"]]


def kept_state(pool: QuantumPool) -> Circuit:
    """Reads all there is to know about the wires that are kept."""
    before = StronglyEntangling(pool.wires, layers=2) @ AngleEncoding(pool.wires)
    words = []
    for wire in pool.kept:
        words += [qml.X(wire), qml.Y(wire), qml.Z(wire)]
    if len(pool.kept) > 1:
        first, second = pool.kept
        words += [p(first) @ q(second) for p in (qml.X, qml.Y) for q in (qml.Y, qml.Z)]
    return (pool @ before).with_readout(Expectation(words))


def weights(circuit: Circuit) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        name: 6 * torch.rand(shape, generator=generator, dtype=torch.float64)
        for name, shape in circuit.weight_shapes.items()
    }


@KINDS
@pytest.mark.parametrize("wires", WIRES, ids=str)
@pytest.mark.parametrize("device", ["default.qubit", "qdl.simulator"])
def test_measured_is_the_controlled_form(
    kind: str, wires: Any, device: str, execute: Callable[..., torch.Tensor]
) -> None:
    controlled = kept_state(QuantumPool(wires, kind))
    measured = kept_state(QuantumPool(wires, kind, measured=True))
    theta = weights(controlled)
    rows = torch.linspace(-1, 2, 2 * len(controlled.wires), dtype=torch.float64)
    x = rows.reshape(2, -1)
    expected = execute(controlled, x, theta, device)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(execute(measured, x, theta, device), expected)


@KINDS
def test_measured_shot_by_shot(kind: str) -> None:
    """Measured in earnest, branch by branch, with classical feed-forward."""
    pool = QuantumPool(2, kind, measured=True)
    circuit = (pool @ AngleEncoding(2)).with_readout(Expectation([qml.Z(0)]))
    exact = (QuantumPool(2, kind) @ AngleEncoding(2)).with_readout(circuit.readout)
    theta = {name: w.numpy() for name, w in weights(circuit).items()}
    x = np.array([0.4, 1.3])
    device = qml.device("default.qubit", wires=2, seed=1)
    node = qml.set_shots(
        qml.QNode(circuit, device, mcm_method="tree-traversal", diff_method=None), 20000
    )
    (found,) = node(x, theta)
    (expected,) = qml.QNode(exact, device)(x, theta)
    assert abs(found - expected) < 5 / np.sqrt(20000)


def test_zx_by_hand(unitary: Callable[..., Any]) -> None:
    """If the second wire is 1 RZ(0.3), else RX(0.7), on the first."""
    matrix = unitary(QuantumPool(2), None, np.array([0.3, 0.7]))
    one, zero = np.diag([0, 1]), np.diag([1, 0])
    expected = np.kron(qml.RZ(0.3, 0).matrix(), one)
    expected = expected + np.kron(qml.RX(0.7, 0).matrix(), zero)
    np.testing.assert_allclose(matrix, expected, atol=1e-12)


def test_rot_by_hand(unitary: Callable[..., Any]) -> None:
    matrix = unitary(QuantumPool(2, "rot"), None, np.array([0.3, 0.7, 1.1]))
    expected = qml.CRot(0.3, 0.7, 1.1, wires=[1, 0]).matrix(wire_order=[0, 1])
    np.testing.assert_allclose(matrix, expected, atol=1e-12)


def test_pairs_share_their_angles() -> None:
    pool = QuantumPool(["a", "b", "c", "d", "e"])
    assert pool.pairs == (("a", "b"), ("c", "d"))
    assert pool.kept == ("a", "c", "e")
    assert pool.weight_shape == (2,)
    assert QuantumPool(4, "rot").weight_shape == (3,)
    assert QuantumPool(4, "trace").weight_shape is None
    assert Circuit([QuantumPool(4, "trace")]).weight_shapes == {}


@KINDS
@pytest.mark.parametrize("measured", [False, True])
def test_gradients(
    kind: str, measured: bool, execute: Callable[..., torch.Tensor]
) -> None:
    circuit = kept_state(QuantumPool(3, kind, measured=measured))
    theta = weights(circuit)
    x = torch.linspace(-1, 2, 3, dtype=torch.float64).requires_grad_()
    names = list(theta)

    def run(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        return execute(circuit, x, dict(zip(names, values, strict=True)))

    values = [theta[name].requires_grad_() for name in names]
    assert torch.autograd.gradcheck(run, (x, *values), fast_mode=True)


def test_it_is_a_value(rebuild: Callable[[object], Any]) -> None:
    for pool in (QuantumPool(3), QuantumPool(["a", "b"], "rot", measured=True)):
        copies = (pickle.loads(pickle.dumps(pool)), copy.deepcopy(pool), rebuild(pool))
        for twin in copies:
            assert twin == pool
            assert hash(twin) == hash(pool)
        assert pool.on([f"w{i}" for i in range(len(pool.wires))]).kept[0] == "w0"


def test_wrong_arguments() -> None:
    with pytest.raises(ArgumentError, match=r"wires: pooling joins pairs of wires, go"):
        QuantumPool(1)
    with pytest.raises(
        ArgumentError, match=r"kind: expected one of 'zx', .* got 'max'"
    ):
        QuantumPool(2, "max")
