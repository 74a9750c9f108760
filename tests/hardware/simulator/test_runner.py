"""Circuits run without a tape: values and gradients of default.qubit, row by row."""

from __future__ import annotations

import pennylane as qml
import pytest
import torch
from pytest_mock import MockerFixture
from torch import Tensor

from qml_qdl.circuits import (
    AngleEncoding,
    Circuit,
    Expectation,
    IQPEncoding,
    StronglyEntangling,
)
from qml_qdl.hardware.simulator import runner as module
from qml_qdl.hardware.simulator.runner import CircuitRunner
from tests.hardware.simulator.traced import CIRCUITS, numbers


def reference(circuit: Circuit, inputs: Tensor, weights: list[Tensor]) -> Tensor:
    device = qml.device("default.qubit", wires=circuit.wires)
    node = qml.QNode(circuit, device, interface="torch")
    results = node(inputs, dict(zip(circuit.weight_shapes, weights, strict=True)))
    return torch.stack(
        [torch.as_tensor(r).expand(len(inputs)) for r in results], dim=-1
    )


@pytest.mark.parametrize(
    ("name", "rows"),
    [*((name, rows) for name in CIRCUITS for rows in (3, 40)), ("ZZ", 1), ("words", 1)],
)
def test_runs_as_default_qubit(name: str, rows: int) -> None:
    circuit = CIRCUITS[name]
    found = []
    for run in (CircuitRunner(circuit), lambda x, w: reference(circuit, x, w)):
        inputs, *weights = leaves = numbers(circuit, rows, torch.float64)
        outputs = run(inputs, weights)
        weigh = torch.Generator().manual_seed(1)
        factors = torch.rand(outputs.shape, generator=weigh, dtype=torch.float64)
        gradients = torch.autograd.grad(
            (outputs * factors).sum(), leaves, allow_unused=True
        )
        found.append(
            [
                outputs.detach(),
                *(
                    torch.zeros_like(leaf) if g is None else g
                    for leaf, g in zip(leaves, gradients, strict=True)
                ),
            ]
        )
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-11)


@pytest.mark.parametrize("name", CIRCUITS)
def test_single_precision(name: str) -> None:
    circuit = CIRCUITS[name]
    inputs, *weights = numbers(circuit, 20, torch.float32)
    outputs = CircuitRunner(circuit)(inputs, weights)
    assert outputs.dtype == torch.float32
    expected = reference(circuit, inputs.double(), [w.double() for w in weights])
    torch.testing.assert_close(outputs.double(), expected, atol=1e-5, rtol=0.0)


@pytest.mark.parametrize("name", CIRCUITS)
def test_no_rows_give_no_rows(name: str) -> None:
    circuit = CIRCUITS[name]
    inputs, *weights = numbers(circuit, 0, torch.float32)
    outputs = CircuitRunner(circuit)(inputs, weights)
    one = CircuitRunner(circuit)(torch.zeros(1, circuit.num_inputs), weights)
    assert outputs.shape == (0, one.shape[1])
    assert outputs.dtype == torch.float32


@pytest.mark.parametrize("name", CIRCUITS)
def test_nan_stays_in_its_row(name: str) -> None:
    circuit = CIRCUITS[name]
    inputs, *weights = (n.detach() for n in numbers(circuit, 20, torch.float32))
    spoilt = inputs.clone()
    spoilt[7] = torch.nan
    runner = CircuitRunner(circuit)
    expected, found = runner(inputs, weights), runner(spoilt, weights)
    rest = [row for row in range(20) if row != 7]
    torch.testing.assert_close(found[rest], expected[rest], atol=0.0, rtol=0.0)
    assert found[7].isnan().any()


def test_gradcheck() -> None:
    circuit = StronglyEntangling(2) @ IQPEncoding(2)
    leaves = numbers(circuit, 2, torch.float64)
    runner = CircuitRunner(circuit)

    def run(inputs: Tensor, *weights: Tensor) -> Tensor:
        return runner(inputs, weights)

    assert torch.autograd.gradcheck(run, leaves)
    assert torch.autograd.gradgradcheck(run, leaves)


def test_equal_circuits_are_traced_once(mocker: MockerFixture) -> None:
    """A model of another seed has nothing to trace; its numbers are its own."""
    traced = mocker.spy(module, "trace_circuit")
    for scaling, count in ((0.7, 1), (0.7, 1), (0.8, 2)):
        circuit = StronglyEntangling(2) @ AngleEncoding(2, scaling=scaling)
        inputs, *weights = numbers(circuit, 3, torch.float64)
        weights = [weight + count for weight in weights]
        found = CircuitRunner(circuit)(inputs, weights)
        torch.testing.assert_close(found, reference(circuit, inputs, weights))
        assert traced.call_count == count
    CircuitRunner(circuit)(inputs.float(), [weight.float() for weight in weights])
    assert traced.call_count == 3


def test_circuits_that_may_change_are_traced_again(mocker: MockerFixture) -> None:
    traced = mocker.spy(module, "trace_circuit")
    readout = Expectation([qml.Z(0) @ qml.X(1)])
    circuit = (StronglyEntangling(2) @ IQPEncoding(2)).with_readout(readout)
    for _ in range(2):
        inputs, *weights = numbers(circuit, 3, torch.float64)
        CircuitRunner(circuit)(inputs, weights)
    assert traced.call_count == 2
