"""Reduced states against partial traces of density matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from qml_qdl.circuits import AngleEncoding, BasicEntangler, Circuit, ZZFeatureMap
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.kernels import LocalKernel, ProjectedKernel
from qml_qdl.kernels.projected import gaussian

CIRCUIT = Circuit((ZZFeatureMap(3),))
X = torch.rand(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.rand(4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def reduced(x: Tensor, wires: Sequence[int]) -> NDArray[Any]:
    @qml.qnode(qml.device("default.qubit", wires=3))
    def state(row: Any) -> Any:
        CIRCUIT.blocks[0].queue(row, None)
        return qml.density_matrix(list(wires))

    return np.stack([state(row.numpy()) for row in x])


def windows(size: int) -> list[range]:
    return [range(start, start + size) for start in range(4 - size)]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_gaussians_of_distances(size: int) -> None:
    distances = np.zeros((6, 4))
    for wires in windows(size):
        difference = reduced(X, wires)[:, None] - reduced(Y, wires)
        distances += np.square(np.abs(difference)).sum((2, 3))
    kernel = ProjectedKernel(CIRCUIT, gamma=0.7, size=size)
    assert np.allclose(kernel(X, Y).numpy(), np.exp(-0.7 * distances), atol=1e-12)
    gram = kernel(X)
    assert torch.equal(gram, gram.T)
    assert bool((gram.diagonal() == 1).all())
    assert kernel.num_words == kernel.features(X).shape[1] == {1: 9, 2: 27, 3: 63}[size]


@pytest.mark.parametrize("sizes", [1, (2,), (1, 3), (3, 2, 1)])
@pytest.mark.parametrize("combine", ["mean", "product"])
def test_local_fidelities(sizes: Any, combine: str) -> None:
    each = (sizes,) if isinstance(sizes, int) else sizes
    scales = [
        [
            np.einsum("aij,bji->ab", reduced(X, wires), reduced(Y, wires)).real
            for wires in windows(size)
        ]
        for size in each
    ]
    if combine == "mean":
        expected = np.mean([np.mean(scale, 0) for scale in scales], 0)
    else:
        expected = np.prod([one for scale in scales for one in scale], 0)
    kernel = LocalKernel(CIRCUIT, sizes=sizes, combine=combine)
    assert np.allclose(kernel(X, Y).numpy(), expected, atol=1e-12)
    assert torch.equal(kernel(X), kernel(X).T)


def test_all_wires_are_the_fidelity() -> None:
    from qml_qdl.kernels import FidelityKernel

    found = LocalKernel(CIRCUIT, sizes=3)(X)
    assert torch.allclose(found, FidelityKernel(CIRCUIT)(X), atol=1e-12)


@pytest.mark.parametrize("kind", [ProjectedKernel, LocalKernel])
def test_shots_rows_and_settings(kind: Any) -> None:
    x = X.float()
    exact = kind(CIRCUIT)
    for target in ("qdl.simulator", "aer"):
        kernel = kind(CIRCUIT, target=target, shots=20_000, seed=3)
        assert float((kernel(x, Y.float()) - exact(x, Y.float())).abs().max()) < 0.03
        assert kernel(x[:0], x).shape == (0, 6)
        assert kernel(x[:1]).shape == (1, 1)
    assert exact.cost(500).rows == 500
    assert exact.cost(500, 20).rows == 520
    machine = kind(CIRCUIT, target="aer:fake_manila", shots=1024)
    cost = machine.cost(500)
    assert (cost.jobs, cost.rows, cost.circuits) == (1, 500 * 3, 3) or cost.jobs == 1
    assert cost.executions == 500 * 3 * 1024


def test_points_are_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = ProjectedKernel(CIRCUIT, shots=50)
    gram = kernel(X)
    assert torch.equal(kernel(X[3:], X), kernel(X[3:], X))
    assert torch.allclose(kernel(X[3:], X), gram[3:], atol=1e-12)
    kernel.features(X).zero_()  # which is not what is kept
    assert torch.equal(kernel(X), gram)


def test_weights_after_the_encoding_count() -> None:
    circuit = BasicEntangler(2) @ AngleEncoding(2)
    kernel = ProjectedKernel(circuit, dtype=torch.float64)
    x = X[:, :2].clone().requires_grad_()
    kernel(x).square().sum().backward()
    (weight,) = kernel.parameters()
    assert weight.grad is not None
    assert bool((weight.grad != 0).any())
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())


def test_points_that_nearly_agree() -> None:
    near = 3 + 1e-4 * torch.rand(5, 4, generator=torch.Generator().manual_seed(0))
    expected = (-1e8 * torch.cdist(near.double(), near.double()).square()).exp()
    found = gaussian(near, None, 1e8).double()
    assert torch.allclose(found, expected, atol=1e-3)
    assert gaussian(near[:0], None, 1.0).shape == (0, 0)
    assert gaussian(near, near[:0], 1.0).shape == (5, 0)


@pytest.mark.parametrize(
    ("kind", "options", "text"),
    [
        (ProjectedKernel, {"size": 4}, "size: expected at most 3, got 4"),
        (ProjectedKernel, {"size": 0}, "size: expected at least 1"),
        (ProjectedKernel, {"gamma": 0.0}, "gamma: expected a number above 0"),
        (LocalKernel, {"sizes": ()}, "sizes: expected different numbers of wires"),
        (LocalKernel, {"sizes": (1, 1)}, "sizes: expected different numbers of wires"),
        (LocalKernel, {"combine": "sum"}, "combine: expected one of 'mean', 'product'"),
    ],
)
def test_wrong_options(kind: Any, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        kind(CIRCUIT, **options)
