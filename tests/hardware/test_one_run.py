"""Layers called from many threads at once: devices that keep a state run alone."""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.hardware.device import Traits
from qml_qdl.hardware.one_run import one_run_at_a_time, recorded_alone
from qml_qdl.nn import QuantumLayer

U = StronglyEntangling(3) @ AngleEncoding(3)
DATA = torch.rand(
    8, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64
)


def made(target: Any, **options: Any) -> Any:
    generator = torch.Generator().manual_seed(1)
    return QuantumLayer(
        U, target=target, generator=generator, dtype=torch.float64, **options
    )


def forward_and_back(layer: Any, data: Tensor) -> list[Tensor]:
    x = data.clone().requires_grad_()
    result = layer(x)
    return [result.detach(), *torch.autograd.grad(result.sum(), [x, layer.weights_0])]


def assert_right(
    layers: Sequence[Any], run: Callable[..., Any] = forward_and_back, times: int = 3
) -> None:
    """Runs all data on all layers in as many threads, several times."""
    expected = [forward_and_back(made("default.qubit"), data) for data in DATA]
    start = threading.Barrier(len(DATA))

    def one(number: int) -> list[list[Tensor]]:
        start.wait()
        layer = layers[number % len(layers)]
        return [run(layer, DATA[number]) for _ in range(times)]

    with ThreadPoolExecutor(len(DATA)) as pool:
        for found, right in zip(pool.map(one, range(len(DATA))), expected, strict=True):
            for each in found:
                torch.testing.assert_close(each, right, atol=1e-10, rtol=0.0)


@pytest.mark.parametrize(
    ("target", "times"),
    [("lightning.qubit", 3), ("default.qubit", 1), ("default.mixed", 1)],
)
def test_one_layer(target: str, times: int) -> None:
    assert_right([made(target)], times=times)


def test_layers_and_qnodes_that_share_a_device() -> None:
    device = qml.device("lightning.qubit", wires=3)
    layers = [made(device), made(device)]
    assert layers[0].qnode.device is device
    node = qml.QNode(lambda inputs, weights_0: U(inputs, weights_0), device)
    layer = QuantumLayer(node, {"weights_0": (1, 3, 3)}, dtype=torch.float64)
    layer.load_state_dict(layers[0].state_dict())
    assert layer.qnode.device is device
    assert_right([*layers, layer])


def test_copies() -> None:
    layer = made("lightning.qubit")
    assert_right([layer, *(copy.deepcopy(layer) for _ in range(3))])


def test_the_way_back_in_another_thread() -> None:
    def apart(layer: Any, data: Tensor) -> list[Tensor]:
        x = data.clone().requires_grad_()
        result = layer(x)
        with ThreadPoolExecutor(1) as other:
            gradients = other.submit(
                torch.autograd.grad, result.sum(), [x, layer.weights_0]
            )
            return [result.detach(), *gradients.result()]

    assert_right([made("lightning.qubit")], apart)


def test_other_ways_to_gradients() -> None:
    assert_right([made("lightning.qubit", diff_method="parameter-shift")], times=1)
    assert_right([made("lightning.qubit", diff_method="adjoint")])


def test_a_layer_that_is_moved_meanwhile() -> None:
    layer, x = made("lightning.qubit"), DATA[0].clone()
    x[1] = torch.nan
    expected, done = made("default.qubit")(DATA[0]), threading.Event()

    def move() -> None:
        while not done.is_set():
            layer.set_target("qdl.simulator", shots=2000)
            layer.set_target("lightning.qubit", shots=None)

    mover = threading.Thread(target=move)
    mover.start()
    try:
        for _ in range(10):
            found = layer(x)
            assert found[1].isnan().all()
            torch.testing.assert_close(found[0], expected[0], atol=0.15, rtol=0.0)
    finally:
        done.set()
        mover.join()


@qml.QueuingManager.stop_recording()
def unrecorded(inside: threading.Event, go_on: threading.Event) -> None:
    qml.Y(0)
    inside.set()
    assert go_on.wait(10)


def test_each_thread_records_for_itself() -> None:
    """Neither gates of other threads are recorded, nor is the queue taken away."""
    made("default.qubit")
    inside, go_on = threading.Event(), threading.Event()

    def meanwhile() -> None:
        qml.T(0)
        assert not qml.QueuingManager.recording()
        unrecorded(inside, go_on)
        qml.S(0)

    with ThreadPoolExecutor(1) as other, qml.queuing.AnnotatedQueue() as queue:
        qml.X(0)
        done = other.submit(meanwhile)
        assert inside.wait(10)
        qml.Z(0)
        go_on.set()
        done.result()
        qml.X(1)
    assert list(queue.queue) == [qml.X(0), qml.Z(0), qml.X(1)]


def test_a_device_is_still_itself() -> None:
    device = qml.device("lightning.qubit", wires=3)
    kind = type(device)
    layer = made(device)
    assert layer.qnode.device is device
    assert isinstance(device, kind)
    assert device.name == "lightning.qubit"
    with qml.Tracker(device) as tracker:
        layer(DATA[0])
    assert tracker.totals["executions"] == 2
    other = copy.copy(device)
    assert_right([made(other), made(other)], times=1)


def test_only_devices_that_keep_a_state_wait() -> None:
    stateless = qml.device("default.qubit")
    kind = type(stateless)
    assert type(one_run_at_a_time(stateless)) is kind
    keeping = qml.device("lightning.qubit", wires=1)
    waiting = type(one_run_at_a_time(keeping))
    assert waiting is not kind
    assert type(one_run_at_a_time(keeping)) is waiting  # once is enough
    again = one_run_at_a_time(qml.device("lightning.qubit", wires=1))
    assert type(again) is waiting  # one class for all devices of a kind


@pytest.mark.parametrize("target", ["lightning.qubit", "default.qubit"])
def test_none_runs_while_another_thread_records(target: str) -> None:
    """What PennyLane does to its queue in a run would take away the other's gates."""
    layer = made(target)
    with ThreadPoolExecutor(1) as other:
        with qml.queuing.AnnotatedQueue() as queue:
            qml.X(0)
            run = other.submit(forward_and_back, layer, DATA[0])
            with pytest.raises(TimeoutError):
                run.result(0.2)
            qml.Z(0)
        assert len(queue) == 2
        torch.testing.assert_close(
            run.result(60)[0], forward_and_back(layer, DATA[0])[0]
        )


def test_who_waits_for_jobs_lets_others_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = qml.device("default.qubit")
    assert recorded_alone(device) is qml.queuing.AnnotatedQueue._lock
    paid = Traits(costs_jobs=True)
    monkeypatch.setattr("qml_qdl.hardware.one_run.traits_of", lambda device: paid)
    assert isinstance(recorded_alone(device), contextlib.nullcontext)
    # Nor does it wait for another thread that records.
    with ThreadPoolExecutor(1) as other, qml.queuing.AnnotatedQueue():
        found = other.submit(recorded_alone, device).result(10)
    assert isinstance(found, contextlib.nullcontext)
