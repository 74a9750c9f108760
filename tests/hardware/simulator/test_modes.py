"""What a caller has switched on in torch changes neither results nor what is kept."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from threading import Barrier, Event, Thread
from time import sleep
from typing import Any

import pennylane as qml
import pytest
import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.autograd import forward_ad

from qml_qdl.circuits import AngleEncoding, Probabilities, StronglyEntangling
from qml_qdl.hardware.one_run import RECORDING
from qml_qdl.hardware.simulator.modes import made_to_last
from qml_qdl.hardware.simulator.runner import CircuitRunner

CIRCUIT = StronglyEntangling(2, layers=2) @ AngleEncoding(2)
ROWS = pytest.mark.parametrize("rows", [2, 20])
"""Rows first, and a matrix for each run of gates."""


def numbers(rows: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.rand(rows, 2, dtype=dtype, generator=generator)
    return inputs, torch.rand(2, 2, 3, dtype=dtype, generator=generator)


@pytest.fixture
def switching_often() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def gradients(
    run: Callable[..., Tensor], *leaves: Tensor, autocast: bool = False
) -> tuple[Tensor, ...]:
    leaves = tuple(leaf.clone().requires_grad_() for leaf in leaves)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        values = run(*leaves)
    return torch.autograd.grad(values.square().sum(), leaves)


@ROWS
@pytest.mark.parametrize("probabilities", [False, True])
def test_autocast_takes_no_digits(rows: int, probabilities: bool) -> None:
    circuit = CIRCUIT.with_readout(Probabilities()) if probabilities else CIRCUIT
    runner = CircuitRunner(circuit)

    def run(inputs: Tensor, weights: Tensor) -> Tensor:
        return runner(inputs, [weights])

    leaves = numbers(rows, torch.float32)
    expected = gradients(run, *leaves)
    torch.testing.assert_close(gradients(run, *leaves, autocast=True), expected)
    with torch.autocast("cpu", torch.bfloat16):  # torch itself is less exact here
        found = gradients(run, *leaves)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.03)


def test_autocast_takes_no_digits_from_a_qnode() -> None:
    @qml.qnode(qml.device("qdl.simulator", wires=2))
    def run(inputs: Tensor, weights: Tensor) -> Any:
        qml.AngleEmbedding(inputs, range(2))
        qml.StronglyEntanglingLayers(weights, range(2))
        return qml.expval(qml.Z(0) @ qml.Z(1))

    leaves = numbers(3, torch.float32)
    expected = gradients(run, *leaves)
    torch.testing.assert_close(gradients(run, *leaves, autocast=True), expected)
    with torch.autocast("cpu", torch.bfloat16):  # torch itself is less exact here
        found = gradients(run, *leaves)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.03)


@ROWS
def test_training_after_a_first_run_in_inference_mode(rows: int) -> None:
    runner = CircuitRunner(CIRCUIT)

    def run(inputs: Tensor, weights: Tensor) -> Tensor:
        return runner(inputs, [weights])

    leaves = numbers(rows)
    with torch.inference_mode():
        run(*leaves)
    found = gradients(run, *leaves)
    runner = CircuitRunner(CIRCUIT)
    torch.testing.assert_close(found, gradients(run, *leaves))


def test_a_qnode_trains_after_a_first_run_in_inference_mode() -> None:
    @qml.qnode(qml.device("qdl.simulator", wires=1))
    def run(angle: Tensor) -> Any:
        qml.Hadamard(0)
        qml.RZ(angle, 0)
        return qml.expval(qml.X(0))

    with torch.inference_mode():
        run(torch.tensor(0.3))
    (found,) = gradients(run, torch.tensor(0.3))
    torch.testing.assert_close(found, -torch.tensor(0.6).sin())


def test_threads_may_meet_a_circuit_first_together(
    switching_often: None,
) -> None:
    runner = CircuitRunner(CIRCUIT)
    inputs, weights = numbers(3)
    barrier = Barrier(4)
    found: list[Tensor] = []

    def run() -> None:
        barrier.wait()
        found.append(runner(inputs, [weights]))

    threads = [Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = CircuitRunner(CIRCUIT)(inputs, [weights])
    assert len(found) == 4
    for values in found:
        torch.testing.assert_close(values, expected)


# torch.func.jvp compiles a script, of which torch warns.
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
@ROWS
def test_transforms_of_torch_func(rows: int) -> None:
    runner = CircuitRunner(CIRCUIT)
    inputs, weights = numbers(rows)

    def run(weights: Tensor) -> Tensor:
        return runner(inputs, [weights])

    found = torch.func.jacrev(run)(weights)  # the first run: nothing of it may be kept
    expected = torch.autograd.functional.jacobian(run, weights)
    torch.testing.assert_close(found, expected)
    many = torch.stack([weights, 2 * weights])
    each = torch.stack([run(one) for one in many])
    torch.testing.assert_close(torch.func.vmap(run)(many), each)
    turned = torch.func.jvp(run, (weights,), (torch.ones_like(weights),))[1]
    torch.testing.assert_close(turned, expected.sum((2, 3, 4)))


# Tangents compile a script inside of torch, of which torch warns.
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
@ROWS
def test_tangents(rows: int) -> None:
    runner = CircuitRunner(CIRCUIT.with_readout(Probabilities()))
    inputs, weights = numbers(rows)

    def run(weights: Tensor) -> Tensor:
        return runner(inputs, [weights])

    ones = torch.ones_like(weights)
    with forward_ad.dual_level():
        values = run(forward_ad.make_dual(weights, ones))
        found = forward_ad.unpack_dual(values).tangent
    expected = torch.autograd.functional.jvp(run, weights, ones)[1]
    torch.testing.assert_close(found, expected)


def test_a_first_run_under_a_dispatch_mode_keeps_nothing_of_it() -> None:
    runner = CircuitRunner(CIRCUIT)
    inputs, weights = numbers(3)
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert runner(inputs, [weights]).shape == (3, 2)
    expected = CircuitRunner(CIRCUIT)(inputs, [weights])
    torch.testing.assert_close(runner(inputs, [weights]), expected)


@ROWS
def test_many_gradients_at_once(rows: int) -> None:
    runner = CircuitRunner(CIRCUIT)
    inputs, weights = numbers(rows)

    def run(weights: Tensor) -> Tensor:
        return runner(inputs, [weights])

    jacobian: Any = torch.autograd.functional.jacobian
    torch.testing.assert_close(
        jacobian(run, weights, vectorize=True), jacobian(run, weights)
    )


def test_many_gradients_at_once_of_many_wires() -> None:
    runner = CircuitRunner(StronglyEntangling(9) @ AngleEncoding(9))
    inputs, weights = torch.rand(1, 9), torch.rand(1, 9, 3)

    def run(weights: Tensor) -> Tensor:
        return runner(inputs, [weights])

    jacobian: Any = torch.autograd.functional.jacobian
    torch.testing.assert_close(
        jacobian(run, weights, vectorize=True), jacobian(run, weights)
    )


@pytest.mark.parametrize("rows", [(), (3,)])
def test_a_state_that_is_a_conjugated_view(rows: tuple[int, ...]) -> None:
    vectors = torch.rand(*rows, 2, dtype=torch.complex128)
    vectors = vectors / torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)

    @qml.qnode(qml.device("qdl.simulator", wires=1))
    def run(vectors: Tensor) -> Any:
        qml.StatePrep(vectors, [0])
        return qml.expval(qml.Y(0)), qml.probs(wires=[0])

    found = run(vectors.conj())
    torch.testing.assert_close(found, run(vectors.conj().resolve_conj()))


def test_what_records_may_make_and_what_makes_may_record() -> None:
    """Each takes both locks in one order, so that no two threads wait for ever."""
    recording = Event()

    def record() -> None:
        with RECORDING:
            recording.set()
            sleep(0.2)  # while the other makes, or waits
            with made_to_last():
                pass

    def make() -> None:
        recording.wait()
        with made_to_last(), RECORDING:
            pass

    threads = [Thread(target=each, daemon=True) for each in (record, make)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
