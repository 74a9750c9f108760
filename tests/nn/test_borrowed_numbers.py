"""PennyLane's gates and observables whose numbers are particular, on every target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits.errors import TargetError
from qml_qdl.nn import QuantumLayer

TARGETS = ("default.qubit", "qdl.simulator", "lightning.qubit", "aer")
every_target = pytest.mark.parametrize("target", TARGETS)


def numbers(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(*shape, generator=generator, dtype=torch.float64) + 0.1


def layer_of(function: Callable[..., Any], target: str, **shapes: Any) -> Any:
    node = qml.QNode(function, qml.device("default.qubit", wires=2))
    return QuantumLayer(
        node,
        shapes,
        target=target,
        generator=torch.Generator().manual_seed(1),
        dtype=torch.float64,
    )


def assert_as(layer: Any, formula: Callable[..., Tensor], x: Tensor) -> None:
    """Values and gradients for a batch, for one row of a batch and for a row alone."""
    for inputs in (x, x[:1], x[0]):
        found = []
        for run in (layer, lambda data: formula(data, layer.w)):
            data = inputs.clone().requires_grad_()
            result = run(data)
            factors = torch.arange(1.0, 1 + result.numel()).reshape(result.shape)
            gradients = torch.autograd.grad((result * factors).sum(), [data, layer.w])
            found.append([result, *gradients])
        torch.testing.assert_close(*found, atol=1e-8, rtol=0.0)
    single = layer(x.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, formula(x, layer.w).float(), atol=1e-5, rtol=0.0)


def turns(inputs: Any, w: Any) -> None:
    qml.RX(inputs[..., 0], 0)
    qml.RY(w, 1)


def scaled(inputs: Any, w: Any) -> Any:
    turns(inputs, w)
    return qml.expval(inputs[..., 1] * qml.Z(0))


def summed(inputs: Any, w: Any) -> Any:
    turns(inputs, w)
    return qml.expval(
        inputs[..., 1] * qml.Z(0)
        + inputs[..., 0] * (qml.Z(0) @ qml.X(1))
        + 2 * qml.Z(1)
    )


def product(inputs: Any, w: Any) -> Any:
    turns(inputs, w)
    return qml.expval(qml.prod(inputs[..., 1] * qml.Z(0), qml.s_prod(0.5, qml.X(1))))


def several(inputs: Any, w: Any) -> Any:
    turns(inputs, w)
    energy = qml.Hamiltonian([inputs[..., 0], inputs[..., 1]], [qml.Z(0), qml.X(1)])
    return qml.expval(energy), qml.probs(wires=[1])


def trained(inputs: Any, w: Any) -> Any:
    turns(inputs, w)
    return qml.expval(w * qml.Z(0) + qml.X(1))


def nothing_else(inputs: Any, w: Any) -> Any:
    qml.RY(w, 1)
    return qml.expval(inputs[..., 1] * qml.X(1))


FORMULAS: dict[Any, Callable[[Tensor, Tensor], Tensor]] = {
    scaled: lambda x, w: x[..., 1] * x[..., 0].cos() + 0 * w,
    summed: lambda x, w: (
        x[..., 1] * x[..., 0].cos()
        + x[..., 0] * x[..., 0].cos() * w.sin()
        + 2 * w.cos()
    ),
    product: lambda x, w: x[..., 1] * x[..., 0].cos() * 0.5 * w.sin(),
    several: lambda x, w: torch.stack(
        [
            x[..., 0] * x[..., 0].cos() + x[..., 1] * w.sin(),
            (1 + w.cos() + 0 * x[..., 0]) / 2,
            (1 - w.cos() + 0 * x[..., 0]) / 2,
        ],
        -1,
    ),
    trained: lambda x, w: w * x[..., 0].cos() + w.sin(),
    nothing_else: lambda x, w: x[..., 1] * w.sin(),
}


@every_target
@pytest.mark.parametrize("function", FORMULAS)
def test_coefficients_of_each_row(function: Any, target: str) -> None:
    assert_as(layer_of(function, target, w=1), FORMULAS[function], numbers(3, 2))


@pytest.mark.parametrize("name", ["qdl.simulator", "qdl.qiskit"])
def test_coefficients_without_a_layer(name: str) -> None:
    node = qml.QNode(summed, qml.device(name, wires=2), interface="torch")
    x, w = numbers(3, 2), torch.tensor(0.4, dtype=torch.float64)
    torch.testing.assert_close(node(x, w), FORMULAS[summed](x, w))


def test_a_variance_of_such_a_sum_is_refused() -> None:
    def spread(inputs: Any, w: Any) -> Any:
        turns(inputs, w)
        return qml.var(inputs[..., 1] * qml.Z(0) + qml.Z(1))

    with pytest.raises(
        TargetError, match=r"differ from row to row.*expectation values"
    ):
        layer_of(spread, "qdl.simulator", w=1)(numbers(3, 2))


@every_target
def test_marks(target: str) -> None:
    def marked(inputs: Any, w: Any) -> Any:
        qml.fourier.mark(qml.RX(inputs[..., 0], 0), "x0")
        qml.fourier.mark(qml.RY(w, 1), "w")
        return qml.expval(qml.Z(0) @ qml.X(1))

    layer = layer_of(marked, target, w=1)
    assert_as(layer, lambda x, w: x[..., 0].cos() * w.sin(), numbers(3, 1))


@pytest.mark.parametrize("target", ["default.qubit", "qdl.simulator", "aer"])
def test_an_encoded_block(target: str) -> None:
    def encoded(inputs: Any, w: Any) -> Any:
        qml.RX(inputs[..., 0], 0)
        qml.BlockEncode(w, wires=range(2))
        return qml.expval(qml.Z(0)), qml.expval(qml.Z(1))

    eye = torch.eye(2, dtype=torch.float64)

    def formula(x: Tensor, w: Tensor) -> Tensor:
        # From cos|00⟩ − i sin|10⟩: columns 0 and 2 of the unitary.
        def root(matrix: Tensor) -> Tensor:
            # Of 2×2: (M + √det)/√(tr + 2√det)
            det = torch.linalg.det(matrix).sqrt()
            found: Tensor = (matrix + det * eye) / (matrix.trace() + 2 * det).sqrt()
            return found

        first = torch.cat([w, root(eye - w.T @ w)])[:, 0]
        third = torch.cat([root(eye - w @ w.T), -w.T])[:, 0]
        half = x[..., :1] / 2
        chances = (half.cos() * first) ** 2 + (half.sin() * third) ** 2
        # The cross terms are imaginary, since both columns are real.
        signs = torch.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1]], dtype=w.dtype)
        return chances @ signs.T

    layer = layer_of(encoded, target, w=(2, 2))
    for matrix in ([[0.3, 0.1], [-0.2, 0.4]], [[0.5, 0.0], [0.0, 0.5]]):
        with torch.no_grad():
            layer.w.copy_(torch.tensor(matrix))
        assert_as(layer, formula, numbers(3, 1))


@every_target
def test_a_zero_row_spoils_itself_only(target: str) -> None:
    def normalised(inputs: Any, w: Any) -> Any:
        qml.AmplitudeEmbedding(inputs, wires=range(2), normalize=True)
        qml.RY(w, 1)
        return qml.expval(qml.Z(1)), qml.expval(qml.X(0))

    layer = layer_of(normalised, target, w=1)
    x = numbers(3, 4)
    x[1] = 0
    gradients = []
    for rows in ([0, 1, 2], [0, 2]):
        data = x[rows].requires_grad_()
        result = layer(data)
        kept = result[[0, 2]] if len(rows) == 3 else result
        assert result.isnan().any(1).tolist() == [row == 1 for row in rows]
        gradients.append(torch.autograd.grad(kept.sum(), [data, layer.w]))
    (with_it, weight), (without, expected) = gradients
    torch.testing.assert_close(weight, expected)
    torch.testing.assert_close(with_it[[0, 2]], without)
