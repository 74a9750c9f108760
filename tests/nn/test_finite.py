"""Rows that are not finite never leave for a machine, and are not paid."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import Tensor

from qml_qdl.circuits import AngleEncoding, Expectation, Samples, StronglyEntangling
from qml_qdl.circuits.errors import ArgumentError
from qml_qdl.hardware.tapes.executor import Pub
from qml_qdl.nn import QuantumConv2d, QuantumLayer
from qml_qdl.nn.jobs import estimated
from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.setting import isolate, use
from tests.hardware.qiskit.requests_for_tests import ry_circuit
from tests.hardware.qiskit.service import without_sync

pytestmark = pytest.mark.usefixtures("fast_disk")
fast_disk = pytest.fixture(without_sync)

TARGET = "ibm:ibm_manila"
CIRCUIT = StronglyEntangling(2, layers=1) @ AngleEncoding(2)
BAD = [math.nan, math.inf, -math.inf]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackServer]:
    """IBM's service in small, as the environment's account."""
    isolate(monkeypatch, tmp_path)
    monkeypatch.setenv("QML_QDL_JOURNAL", str(tmp_path / "jobs.sqlite"))
    with LoopbackServer(["manila"], seed=7) as server:
        use(monkeypatch, server)
        yield server


def some_rows(bad: float = math.nan, features: int = 2) -> Tensor:
    """Five rows, the second and the last not finite."""
    x = torch.linspace(0.1, 2.0, 5 * features).reshape(5, features)
    x[1, 0] = bad
    x[4, -1] = bad
    return x


def lost(result: Tensor) -> list[int]:
    """The rows that are NaN, each as a whole."""
    flat = result.isnan().reshape(len(result), -1)
    assert torch.equal(flat.any(1), flat.all(1))
    return list(flat.any(1).nonzero().flatten().tolist())


def gradient(layer: QuantumLayer) -> Tensor:
    """The gradient of the layer's only weight."""
    (weight,) = layer.parameters()
    assert weight.grad is not None
    return weight.grad


def qnode(*measure: Callable[[], Any], weights: bool = True) -> Any:
    @qml.qnode(qml.device("default.qubit", wires=2))
    def circuit(inputs: Any, weights: Any) -> Any:
        qml.RX(inputs[..., 0], 0)
        qml.RY(inputs[..., 1], 1)
        qml.CNOT([0, 1])
        qml.RY(weights[0], 0)
        return tuple(one() for one in measure) if len(measure) > 1 else measure[0]()

    return circuit


READOUTS: dict[str, list[Callable[[], Any]]] = {
    "expval": [lambda: qml.expval(qml.Z(1))],
    "probs": [lambda: qml.probs(wires=[0, 1])],
    "var": [lambda: qml.var(qml.Z(1))],
    "both": [lambda: qml.expval(qml.Z(1)), lambda: qml.probs(wires=[0])],
}


@pytest.mark.parametrize("bad", BAD)
def test_a_layer_sends_its_finite_rows_only(place: LoopbackServer, bad: float) -> None:
    layer = QuantumLayer(CIRCUIT, target=TARGET, shots=16)
    x = some_rows(bad).requires_grad_()
    result = layer(x)
    assert lost(result.detach()) == [1, 4]
    # Forward and, for six weights and two inputs, two shifts each.
    assert place.rows_paid == 3 * (1 + 2 * 8)
    result.nansum().backward()
    assert gradient(layer).isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert not x.grad[[1, 4]].any()
    assert x.grad[[0, 2, 3]].any()


def test_the_finite_rows_are_what_they_are_without_the_others() -> None:
    """On a noise-free simulator with shots enough, in the right places."""
    exact = QuantumLayer(CIRCUIT)
    layer = QuantumLayer(CIRCUIT, target="aer", shots=20_000)
    layer.load_state_dict(exact.state_dict())
    x = some_rows()
    kept = [0, 2, 3]
    torch.testing.assert_close(layer(x)[kept], exact(x[kept]), atol=0.05, rtol=0)


@pytest.mark.parametrize("resilience_level", [None, 0])
@pytest.mark.parametrize("name", ["rows", "one row", "weights", "a batch of one"])
def test_nothing_finite_is_no_job(
    place: LoopbackServer, name: str, resilience_level: int | None
) -> None:
    layer = QuantumLayer(
        CIRCUIT, target=TARGET, shots=16, resilience_level=resilience_level
    )
    x = {
        "rows": torch.full((4, 3, 2), math.nan),
        "one row": torch.tensor([0.1, math.inf]),
        "weights": torch.rand(4, 2),
        "a batch of one": torch.tensor([[math.nan, 0.2]]),
    }[name]
    if name == "weights":
        with torch.no_grad():
            next(layer.parameters()).view(-1)[0] = math.nan
    result = layer(x.requires_grad_())
    assert result.shape == (*x.shape[:-1], 2)
    assert result.isnan().all()
    result.nansum().backward()
    assert not gradient(layer).any()
    values, errors = layer.with_errors(x)
    assert values.isnan().all()
    assert errors.isnan().all()
    assert not place.jobs
    assert place.count("POST /jobs") == 0


@pytest.mark.parametrize("readout", READOUTS.values(), ids=READOUTS)
def test_a_qnodes_layer(place: LoopbackServer, readout: Any) -> None:
    layer = QuantumLayer(qnode(*readout), {"weights": (1,)}, target=TARGET, shots=16)
    with torch.no_grad():
        result = layer(some_rows())
        assert lost(result) == [1, 4]
        assert place.rows_paid == 3
        everything = layer(torch.full((3, 2), math.nan))
        assert everything.shape == (3, *result.shape[1:])
        assert everything.isnan().all()
    assert place.rows_paid == 3


@pytest.mark.parametrize("readout", READOUTS.values(), ids=READOUTS)
@pytest.mark.parametrize("interface", ["torch", "numpy"])
def test_a_qnode_on_the_device(
    place: LoopbackServer, readout: Any, interface: str
) -> None:
    device = qml.device("qdl.qiskit", wires=2, backend=TARGET)
    node = qml.set_shots(qml.QNode(qnode(*readout).func, device), shots=16)
    x, w = some_rows().double(), torch.tensor([0.3], dtype=torch.float64)
    given: Any = (x, w) if interface == "torch" else (x.numpy(), w.numpy())
    found = node(*given)
    for part in found if isinstance(found, tuple) else (found,):
        assert lost(torch.as_tensor(part)) == [1, 4]
    assert place.rows_paid == 3
    nothing = node(given[0][[1, 4]], given[1])
    for part in nothing if isinstance(nothing, tuple) else (nothing,):
        assert np.isnan(np.asarray(part)).all()
    assert place.rows_paid == 3


def test_a_qnodes_gradient_of_other_rows_is_not_spoilt(place: LoopbackServer) -> None:
    device = qml.device("qdl.qiskit", wires=2, backend=TARGET)
    node = qml.set_shots(qml.QNode(qnode(*READOUTS["expval"]).func, device), shots=16)
    w = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    node(some_rows().double(), w).nansum().backward()
    assert w.grad is not None
    assert w.grad.isfinite().all()
    assert place.rows_paid == 3 * 3


SAMPLES = {
    "circuit": lambda: QuantumLayer(
        CIRCUIT.with_readout(Samples()), target=TARGET, shots=16
    ),
    "QNode": lambda: QuantumLayer(
        qnode(lambda: qml.sample(wires=[0, 1])),
        {"weights": (1,)},
        target=TARGET,
        shots=16,
    ),
}


@pytest.mark.parametrize("make", SAMPLES.values(), ids=SAMPLES)
@pytest.mark.parametrize("x", [some_rows(), torch.full((2, 2), math.nan)])
def test_samples_are_refused_and_nothing_is_paid(
    place: LoopbackServer, make: Callable[[], QuantumLayer], x: Tensor
) -> None:
    with pytest.raises(ArgumentError, match=r"expected finite .* got NaN or infinity"):
        make()(x)
    assert not place.jobs


@pytest.mark.parametrize(
    "measure", [lambda: qml.sample(wires=[0]), lambda: qml.counts(wires=[0])]
)
def test_samples_of_a_qnode_on_the_device_are_refused(
    place: LoopbackServer, measure: Callable[[], Any]
) -> None:
    device = qml.device("qdl.qiskit", wires=2, backend=TARGET)
    node = qml.set_shots(qml.QNode(qnode(measure).func, device), shots=16)
    with pytest.raises(
        ArgumentError, match=r"in rows \[1, 4\], and samples and counts"
    ):
        node(some_rows().double(), torch.tensor([0.3]))
    assert not place.jobs


def test_patches_that_are_not_finite_are_not_sent(place: LoopbackServer) -> None:
    conv = QuantumConv2d(1, 2, 2, stride=2, target=TARGET, shots=16)
    images = torch.rand(2, 1, 4, 4)
    images[0, 0, 0, 0] = math.nan
    with torch.no_grad():
        maps = conv(images)
    assert maps.isnan().sum() == 2
    assert maps[0, :, 0, 0].isnan().all()
    assert place.rows_paid == 7
    with torch.no_grad():
        assert conv(torch.full((1, 1, 4, 4), math.nan)).isnan().all()
    assert place.rows_paid == 7


def test_they_are_not_counted_in_what_it_would_cost(place: LoopbackServer) -> None:
    layer = QuantumLayer(CIRCUIT, target=TARGET, shots=16)
    with estimated(layer) as costs, torch.no_grad():
        layer(some_rows())
        layer(torch.full((2, 2), math.nan))
    assert [cost.rows for cost in costs] == [3]
    assert not place.jobs


def test_the_machine_is_not_even_told_of_them(place: LoopbackServer) -> None:
    """The last gate: what sends jobs takes finite angles only."""
    executor: Any = qml.device("qdl.qiskit", wires=2, backend=TARGET).executor
    with pytest.raises(ArgumentError, match="angles: expected finite numbers"):
        executor.sample([Pub(ry_circuit(), np.full((1, 3), np.nan), "ry")], 10)
    assert not place.jobs


def test_estimated_values_of_a_circuit(place: LoopbackServer) -> None:
    circuit = CIRCUIT.with_readout(Expectation(["ZZ", "XX"]))
    layer = QuantumLayer(circuit, target=TARGET, shots=16, resilience_level=0)
    with torch.no_grad():
        assert lost(layer(some_rows())) == [1, 4]
    rows = [job.rows for job in place.jobs.values()]
    assert rows == [3 * 2]  # two bases
