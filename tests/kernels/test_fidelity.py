"""Overlaps against PennyLane's kernels, on every way there is to them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import (
    Adjoint,
    AngleEncoding,
    BasicEntangler,
    Circuit,
    IQPEncoding,
    QuantumPool,
    StronglyEntangling,
    ZZFeatureMap,
    share,
)
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    MemoryBoundError,
    ShapeError,
    TargetError,
)
from qml_qdl.hardware.jobs.cost import Limits
from qml_qdl.kernels import FidelityKernel
from qml_qdl.kernels.fidelity import squared_overlaps, up_to_last_encoding
from qml_qdl.nn import record_jobs, set_target
from tests.hardware.jobs.service import without_sync
from tests.hardware.qiskit.service import FakeClient, replace_ibm

DOUBLE = torch.float64
fast_disk = pytest.fixture(without_sync)


def points(rows: int, features: int, dtype: torch.dtype = DOUBLE) -> Tensor:
    generator = torch.Generator().manual_seed(rows)
    x = torch.rand(rows, features, generator=generator, dtype=DOUBLE)
    return (2 * x - 1).to(dtype)


def by_pennylane(
    circuit: Circuit, x: Tensor, y: Tensor, weights: dict[str, Tensor] | None = None
) -> Any:
    """`qml.kernels` over the inversion test, pair by pair."""
    wires = circuit.wires
    fixed = {name: w.detach().double().numpy() for name, w in (weights or {}).items()}

    def gates(x: Any) -> None:
        for block, name in zip(circuit.blocks, circuit.weight_names, strict=True):
            block.queue(x, fixed.get(name or ""))

    @qml.qnode(qml.device("default.qubit", wires=wires))
    def test(a: Any, b: Any) -> Any:
        gates(a)
        qml.adjoint(gates)(b)
        return qml.probs(wires=wires)

    numbers = [p.double().numpy() for p in (x, y)]
    return qml.kernels.kernel_matrix(*numbers, lambda a, b: test(a, b)[0])


def counted(
    function: Callable[[Tensor], Tensor],
) -> tuple[list[int], Callable[[Tensor], Tensor]]:
    """The same function, and how many rows each call of it had."""
    calls: list[int] = []

    def counting(rows: Tensor) -> Tensor:
        calls.append(len(rows))
        return function(rows)

    return calls, counting


def differ(found: Tensor, expected: Any) -> float:
    return float(np.abs(found.detach().double().numpy() - np.asarray(expected)).max())


@pytest.mark.parametrize("rows", [7, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("dtype", "most"), [(DOUBLE, 1e-12), (torch.float32, 1e-5)])
def test_as_pennylane_has_them(dtype: torch.dtype, most: float, rows: int) -> None:
    x = points(rows, 3, dtype)
    circuit = Circuit((ZZFeatureMap(3),))
    kernel = FidelityKernel(circuit)
    gram = kernel(x)
    assert gram.dtype == dtype
    assert torch.equal(gram, gram.T)
    assert torch.equal(gram.diagonal(), torch.ones(rows, dtype=dtype))
    expected = by_pennylane(circuit, x, x)
    assert differ(gram, expected) < most
    assert differ(kernel(x[:3], x), expected[:3]) < most


@pytest.mark.parametrize(
    ("target", "shots", "most"),
    [
        ("lightning.qubit", None, 1e-6),
        ("default.mixed", None, 1e-6),
        ("aer", None, 1e-6),
        ("qdl.simulator", 20_000, 0.02),
        ("aer", 20_000, 0.02),
    ],
)
def test_every_target(target: str, shots: int | None, most: float) -> None:
    x, y = points(4, 2, torch.float32), points(3, 2, torch.float32)
    kernel = FidelityKernel(ZZFeatureMap(2), target=target, shots=shots, seed=1)
    exact = FidelityKernel(ZZFeatureMap(2))
    for pair in ((x,), (x, y), (x, x[2:]), (x[:1],), (x[:0],), (x[:0], y), (x, y[:0])):
        found, expected = kernel(*pair), exact(*pair)
        assert found.shape == expected.shape
        assert differ(found, expected) < most if found.numel() else True
    gram = kernel(x)
    assert torch.equal(gram, gram.T)
    assert torch.equal(gram.diagonal(), torch.ones(4))


def trained_circuit() -> Circuit:
    return (
        BasicEntangler(2)
        @ IQPEncoding(2)
        @ share("W", StronglyEntangling(2))
        @ Adjoint(AngleEncoding(2, features=[1, 0], trainable_scaling=True))
        @ share("W", StronglyEntangling(2))
    )


def test_weights_are_trained_and_what_comes_last_cancels() -> None:
    x = points(5, 2)
    kernel = FidelityKernel(trained_circuit(), dtype=DOUBLE)
    weights = dict(kernel.layer.qnode_weights)
    assert {name: tuple(w.shape) for name, w in weights.items()} == {
        "W": (1, 2, 3),
        "scaling_0": (2,),
    }
    assert torch.equal(weights["scaling_0"], torch.ones(2, dtype=DOUBLE))
    whole = dict(weights, weights_0=torch.rand(1, 2))
    expected = by_pennylane(trained_circuit(), x, x, whole)
    assert differ(kernel(x), expected) < 1e-12
    tested = copy.deepcopy(kernel)
    set_target(tested, "default.mixed")
    assert differ(tested(x), expected) < 1e-12


def test_gradients_are_those_of_the_test() -> None:
    x = points(3, 2).requires_grad_()
    states = FidelityKernel(trained_circuit(), dtype=DOUBLE)
    tested = copy.deepcopy(states)
    tested.measure_diagonal = True  # which takes the test, and is exact
    factors = points(3, 3)
    found = []
    for kernel in (states, tested):
        loss = (kernel(x) * factors).sum()
        found.append(torch.autograd.grad(loss, [x, *kernel.parameters()]))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-10)
    for kernel in (states, FidelityKernel(ZZFeatureMap(2))):
        y = points(2, 2)
        x = points(3, 2).requires_grad_()
        assert torch.autograd.gradcheck(partial(kernel, y=y), x)
        assert torch.autograd.gradcheck(kernel, x)


@pytest.mark.parametrize("rows", [1, 127, 128, 129, 300])
def test_triangles_of_any_size(rows: int) -> None:
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(rows, 8, dtype=torch.complex128, generator=generator)
    states = states / states.norm(dim=1, keepdim=True)
    found = squared_overlaps(states)
    expected = (states @ states.mH).abs().square()
    assert torch.allclose(found, expected, atol=1e-14)
    assert torch.equal(found, found.T)
    assert bool((found.diagonal() == 1).all())


def test_states_beyond_the_memory_are_made_block_by_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, y = points(21, 4), points(10, 4)
    kernel = FidelityKernel(ZZFeatureMap(4))
    whole = kernel(x), kernel(x, y)
    small = FidelityKernel(ZZFeatureMap(4), memory=20_000)
    made, run = counted(small._run_states)
    monkeypatch.setattr(small, "_run_states", run)
    found = small(x), small(x, y)
    assert max(made) == 9
    for one, other in zip(found, whole, strict=True):
        assert torch.allclose(one, other, atol=1e-14)
    assert torch.equal(found[0], found[0].T)
    with pytest.raises(MemoryBoundError, match=r"x: a Gram matrix of 30 × 30 rows tak"):
        small(points(30, 4))
    with pytest.raises(MemoryBoundError, match=r"1,225 pairs .* use ProjectedKernel"):
        FidelityKernel(ZZFeatureMap(4), memory=100_000, shots=10)(points(50, 4))


def test_rows_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = FidelityKernel(ZZFeatureMap(2), shots=100, seed=0)
    run, test = counted(kernel._run_test)
    monkeypatch.setattr(kernel, "_run_test", test)
    x = points(4, 2)
    doubled = torch.cat([x, x[:2]])
    gram = kernel(doubled)
    assert run == [6]  # pairs of different rows
    assert torch.equal(gram[4:, :4], gram[:2, :4])
    assert torch.equal(kernel(x[2:], x), gram[2:4, :4])  # of which all are known
    assert run == [6]
    kernel.clear()
    kernel(x[:2])
    assert run == [6, 1]
    set_target(kernel, None, shots=50)
    kernel(x[:2])
    assert run == [6, 1, 1]


def test_costs_are_told() -> None:
    states = FidelityKernel(ZZFeatureMap(2))
    assert (states.cost(500).rows, states.cost(5, 3).rows) == (500, 8)
    test = FidelityKernel(ZZFeatureMap(2), shots=10)
    assert (test.cost(500).rows, test.cost(500).executions) == (124_750, 1_247_500)
    assert (test.cost(5, 3).rows, test.cost(0).rows, test.cost(1).rows) == (15, 0, 0)
    diagonal = FidelityKernel(ZZFeatureMap(2), shots=10, measure_diagonal=True)
    assert diagonal.cost(500).rows == 125_250
    machine = FidelityKernel(ZZFeatureMap(2), target="aer:fake_manila", shots=1024)
    cost = machine.cost(150)
    assert (cost.jobs, cost.rows, cost.executions) == (2, 11_175, 11_443_200)
    assert machine.cost(140).jobs == 1


@pytest.mark.usefixtures("fast_disk")
def test_one_job_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = FakeClient(tmp_path / "service", limits_=Limits(executions=10_000_000))
    replace_ibm(monkeypatch, client)
    monkeypatch.setenv("QML_QDL_JOURNAL", str(tmp_path / "user.sqlite"))
    kernel = FidelityKernel(ZZFeatureMap(2), target="ibm:fake", shots=1000)
    kernel.eval()
    record_jobs(kernel, tmp_path / "jobs.sqlite", "it")
    x = points(5, 2)
    kernel(x)
    kernel(x)
    assert len(client.jobs()) == 1
    with pytest.raises(
        TargetError,
        match=r"x: 12,720 pairs .* in 2 jobs, .*ProjectedKernel.*max_jobs=2",
    ):
        kernel(points(160, 2))
    assert len(client.jobs()) == 1


def test_noise_shows_on_a_diagonal_that_is_measured() -> None:
    x = points(3, 2)
    noisy = FidelityKernel(
        ZZFeatureMap(2),
        target="aer:fake_manila",
        shots=4000,
        measure_diagonal=True,
        seed=1,
    )
    gram = noisy(x)
    assert torch.equal(gram, gram.T)
    assert bool((gram.diagonal() < 0.99).all())


def test_bandwidth_is_a_factor() -> None:
    x = points(4, 2)
    wide = FidelityKernel(ZZFeatureMap(2))
    assert torch.equal(FidelityKernel(ZZFeatureMap(2), scaling=0.3)(x), wide(x * 0.3))


def test_copies() -> None:
    kernel = FidelityKernel(trained_circuit())
    x = points(3, 2, torch.float32)
    with torch.no_grad():
        expected = kernel(x)
        for twin in (copy.deepcopy(kernel), pickle.loads(pickle.dumps(kernel))):
            assert torch.equal(twin(x), expected)


@pytest.mark.parametrize(
    ("x", "error", "text"),
    [
        (
            torch.tensor([[0.0, 1.0], [torch.nan, 1.0]]),
            ArgumentError,
            r"rows \[1\]; t",
        ),
        (torch.rand(3, 3), ShapeError, r"x: expected shape \(rows, 2\), got \(3, 3\)"),
        (torch.rand(2), ShapeError, r"got \(2,\)"),
        (torch.ones(2, 2, dtype=torch.int64), ArgumentTypeError, "x: expected a floa"),
        ([[0.1, 0.2]], ArgumentTypeError, "got list; make one with torch.tensor"),
    ],
)
def test_wrong_rows(x: Any, error: type[Exception], text: str) -> None:
    kernel = FidelityKernel(ZZFeatureMap(2))
    with pytest.raises(error, match=text):
        kernel(x)
    with pytest.raises(error, match=text.replace("x:", "y:")):
        kernel(torch.rand(1, 2), x)


def test_arrays_will_do() -> None:
    x = points(3, 2)
    kernel = FidelityKernel(ZZFeatureMap(2))
    fixed = x.numpy().copy()
    fixed.flags.writeable = False
    assert torch.equal(kernel(fixed, x.numpy()), kernel(x, x))
    with pytest.raises(ArgumentTypeError, match="got an array of object; convert it"):
        kernel(fixed.astype(object))


def test_wrong_circuits() -> None:
    with pytest.raises(ArgumentError, match="circuit: expected an encoding"):
        FidelityKernel(BasicEntangler(2))
    measured = QuantumPool(2, measured=True) @ AngleEncoding(2)
    with pytest.raises(ArgumentError, match=r"gates that can be undone, got .*easure"):
        FidelityKernel(measured)
    pooled = AngleEncoding(2) @ QuantumPool(2) @ AngleEncoding(2)
    assert up_to_last_encoding(QuantumPool(2) @ pooled) == pooled
