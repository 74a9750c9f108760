"""Moving models: all layers or none, weights stay."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pennylane as qml
import pytest
import torch
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from torch import nn

from qml_qdl.circuits import AngleEncoding, Samples, State, StronglyEntangling
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    SerializationError,
    TargetError,
)
from qml_qdl.hardware import available_targets
from qml_qdl.nn import QuantumConv2d, QuantumLayer, set_target

U = StronglyEntangling(2) @ AngleEncoding(2)


def network() -> nn.Sequential:
    return nn.Sequential(
        QuantumConv2d(1, 5, (1, 2)),
        nn.Flatten(),
        nn.Linear(10, 2),
        nn.ModuleDict({"inner": QuantumLayer(U)})["inner"],
    )


def where(model: nn.Module) -> list[Any]:
    layers = [part for part in model.modules() if isinstance(part, QuantumLayer)]
    return [(layer.qnode.device.name, layer.shots) for layer in layers]


def test_every_layer_moves_and_keeps_its_weights() -> None:
    model = network()
    x = torch.rand(3, 1, 1, 3)
    expected = model(x)
    weights = {name: id(weight) for name, weight in model.named_parameters()}
    assert where(model) == 3 * [("qdl.simulator", None)]
    assert set_target(model, "lightning.qubit") is model
    assert where(model) == 3 * [("lightning.qubit", None)]
    assert weights == {name: id(weight) for name, weight in model.named_parameters()}
    torch.testing.assert_close(model(x), expected)
    set_target(model, "default.mixed", shots=100)
    assert where(model) == 3 * [("default.mixed", 100)]
    assert model(x).shape == expected.shape
    set_target(model, "auto")
    assert where(model) == 3 * [("qdl.simulator", 100)]
    set_target(model, None, None)
    assert where(model) == 3 * [("qdl.simulator", None)]


@pytest.mark.parametrize(
    ("target", "shots", "text"),
    [
        (
            "nowhere",
            "keep",
            r"unknown target 'nowhere'; available here: auto, .*ligh",
        ),
        ("default.mixed", "keep", r"the state is known only to a state vector"),
        ("lightning.qubit", 10, r"the state is known only to a state vector"),
        ("default.qubit", 0, r"shots: expected at least 1"),
        (
            3,
            "keep",
            r"target: expected a target's name, a PennyLane device or .*, got 3",
        ),
    ],
)
def test_all_or_none(target: Any, shots: Any, text: str) -> None:
    model = nn.ModuleList([QuantumLayer(U), QuantumLayer(U.with_readout(State()))])
    before = [layer.execution for layer in model.children()]
    with pytest.raises((TargetError, ArgumentError, ArgumentTypeError), match=text):
        set_target(model, target, shots)
    assert all(a is b.execution for a, b in zip(before, model.children(), strict=True))
    assert where(model) == 2 * [("qdl.simulator", None)]


def test_one_of_them() -> None:
    model = nn.ModuleList([QuantumLayer(U), QuantumLayer(U)])
    first = model[0]
    assert isinstance(first, QuantumLayer)
    assert first.set_target("lightning.qubit", shots=8) is first
    assert where(model) == [("lightning.qubit", 8), ("qdl.simulator", None)]
    with pytest.raises(TargetError, match="unknown target"):
        first.set_target("nowhere")
    assert where(model) == [("lightning.qubit", 8), ("qdl.simulator", None)]
    # Each keeps its own shots.
    set_target(model, "default.mixed")
    assert where(model) == [("default.mixed", 8), ("default.mixed", None)]


def test_a_model_without_layers() -> None:
    with pytest.raises(ArgumentError, match=r"model: Linear has no quantum layer"):
        set_target(nn.Linear(2, 2), "default.qubit")


def test_a_layer_that_occurs_twice() -> None:
    layer = QuantumLayer(U)
    model = set_target(nn.Sequential(layer, layer), "lightning.qubit")
    assert where(model) == [("lightning.qubit", None)]


def test_a_device_is_taken_as_it_is() -> None:
    device = qml.device("lightning.qubit", wires=3)
    layer = QuantumLayer(U)
    expected = layer(torch.ones(2, 2))
    set_target(layer, device)
    assert layer.target is device
    assert layer.qnode.device is device
    assert "target='lightning.qubit'" in repr(layer)
    torch.testing.assert_close(layer(torch.ones(2, 2)), expected)
    with pytest.raises(TargetError, match=r"needs the wires \[0, 1\], but default.qub"):
        set_target(layer, qml.device("default.qubit", wires=1))


@pytest.mark.parametrize("name", ["default.mixed", "reference.qubit", "null.qubit"])
@pytest.mark.parametrize("shots", [None, 20])
def test_any_device_by_its_name(name: str, shots: int | None) -> None:
    assert name in available_targets()
    layer: Any = QuantumLayer(U, target=name, shots=shots)
    x = torch.rand(3, 2, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad is not None
    assert layer.weights_0.grad is not None
    assert layer.qnode.device.name == name


def test_samples_stay_where_there_are_shots() -> None:
    layer = QuantumLayer(U.with_readout(Samples()), shots=5)
    set_target(layer, "lightning.qubit")
    assert layer(torch.ones(2, 2)).shape == (2, 5, 2)
    with pytest.raises(TargetError, match=r"samples need a number of shots"):
        set_target(layer, None, None)


@pytest.mark.parametrize(
    ("backend", "shots"),
    [
        (AerSimulator(), None),
        (AerSimulator(method="density_matrix"), 1000),
        (AerSimulator.from_backend(FakeManilaV2()), 1000),
        (FakeManilaV2(), 1000),
        (GenericBackendV2(2, noise_info=False, seed=1), 1000),
        (BasicSimulator(), 1000),
    ],
    ids=lambda value: getattr(value, "name", value),
)
@pytest.mark.filterwarnings("ignore")  # Aer wonders at machines without noise
def test_a_backend_is_a_target(backend: Any, shots: int | None) -> None:
    torch.manual_seed(1)
    layer: Any = QuantumLayer(U)
    x = torch.tensor([[0.3, 0.9]], requires_grad=True)
    expected = layer(x)
    (gradient,) = torch.autograd.grad(expected.sum(), x)
    assert set_target(layer, backend, shots).target is backend
    far = 1e-6 if shots is None else 0.3
    torch.testing.assert_close(layer(x), expected, atol=far, rtol=0)
    found = torch.autograd.grad(layer(x).sum(), x)[0]
    torch.testing.assert_close(found, gradient, atol=far, rtol=0)
    twin = copy.deepcopy(layer)
    assert twin.target is backend
    # What is told afterwards reaches it, over the same connection.
    executor = layer.qnode.device.executor
    set_target(layer, None, 10, diff_method="spsa", spsa_directions=2)
    device = layer.qnode.device
    assert device.executor is executor
    assert (device.options.gradient, device.options.spsa_directions) == ("spsa", 2)
    text = f"target: the backend {re.escape(backend.name)} cannot be saved; either move"
    with pytest.raises(SerializationError, match=text):
        pickle.dumps(layer)
    pickle.dumps(set_target(layer, "auto", None))


def test_a_backends_noise_and_seed_are_its_own() -> None:
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[0, 1], [1, 0]]))
    layer: Any = QuantumLayer(AngleEncoding(1), target=AerSimulator(noise_model=model))
    torch.testing.assert_close(layer(torch.zeros(1, 1)), -torch.ones(1, 1))
    x = torch.full((1, 1), 1.5)
    simulators = [AerSimulator(seed_simulator=seed) for seed in (3, 3, 4)]
    circuit = AngleEncoding(1)
    runs = [QuantumLayer(circuit, target=one, shots=50)(x) for one in simulators]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])
