"""Circuits run without a tape: values and gradients of default.qubit, row by row."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from weakref import ref

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
from qml_qdl.hardware.simulator.symbols import Symbol
from qml_qdl.hardware.simulator.tracing import trace_circuit
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


@pytest.mark.parametrize("wires", [3, 11])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_equal_circuits_share_what_is_compiled(
    wires: int, dtype: torch.dtype, mocker: MockerFixture
) -> None:
    """In each precision, but for the bound of memory; on many wires while one lives."""
    assembled = mocker.spy(module, "assemble")

    def make(memory: int | None = None) -> CircuitRunner:
        # Another number in each test: what is on few wires is kept.
        encoding = AngleEncoding(wires, scaling=0.5 + len(str(dtype)) / wires)
        return CircuitRunner(StronglyEntangling(wires) @ encoding, memory)

    first, second = make(), make(2**22)
    inputs, *weights = numbers(first._circuit, 3, dtype)
    torch.testing.assert_close(first(inputs, weights), second(inputs, weights))
    one, other = first.direct(inputs), second.direct(inputs)
    if one is None or other is None:
        pytest.skip("the kernel was not built")
    assert assembled.call_count == 1
    assert one.program is other.program
    assert one.most_kept != other.most_kept
    values = first._run(first._bind(inputs), inputs, weights, natively=False)
    torch.testing.assert_close(values, first(inputs, weights), atol=4e-6, rtol=0.0)

    program = ref(one.program)
    del first, second, one, other
    gc.collect()
    assert (program() is None) == (wires > module.FEW_WIRES)


@pytest.mark.parametrize("wires", [4, 11])
def test_threads_compile_what_they_share_once(
    wires: int, mocker: MockerFixture
) -> None:
    assembled = mocker.spy(module, "assemble")
    circuit = StronglyEntangling(wires) @ AngleEncoding(wires, scaling=0.123)
    inputs, *weights = numbers(circuit, 3, torch.float64)

    def run(_: int) -> tuple[CircuitRunner, Tensor]:
        runner = CircuitRunner(circuit)
        return runner, runner(inputs, weights)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(run, range(16)))
    assert assembled.call_count <= 1  # 0 where the kernel was not built
    for _, values in found:
        torch.testing.assert_close(values, found[0][1], atol=0.0, rtol=0.0)


def test_tracing_leaves_no_symbol_for_every_angle() -> None:
    def count() -> int:
        return sum(type(each) is Symbol for each in gc.get_objects())

    gc.disable()
    try:
        before = count()
        circuit = StronglyEntangling(4, layers=20) @ AngleEncoding(4)
        traced = trace_circuit(circuit, torch.empty(0))
        assert traced.plan.structure.num_slots == 244
        assert count() - before < 12
    finally:
        gc.enable()


def test_circuits_that_may_change_are_traced_again(mocker: MockerFixture) -> None:
    traced = mocker.spy(module, "trace_circuit")
    readout = Expectation([qml.Z(0) @ qml.X(1)])
    circuit = (StronglyEntangling(2) @ IQPEncoding(2)).with_readout(readout)
    for _ in range(2):
        inputs, *weights = numbers(circuit, 3, torch.float64)
        CircuitRunner(circuit)(inputs, weights)
    assert traced.call_count == 2
